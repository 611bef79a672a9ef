"""The project as an ASGI application."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()

# Web processes send tasks to the workers through Celery's app, which this imports.
from config.web import bound_waits  # noqa: E402

bound_waits()
