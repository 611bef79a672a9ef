"""The project as a ASGI application."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()

# What requests find to do reaches the workers by this project's broker.
from config.celery import app as celery_app  # noqa: E402, F401
