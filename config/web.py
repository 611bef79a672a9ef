"""What a process that answers requests may wait for.

Workers, commands and migrations do long work and are not bound by this: only ``config/wsgi.py`` and ``config/asgi.py``
call it.
"""

from django.conf import settings

from config.celery import app

BROKER_SECONDS = 0.5


def bound_waits() -> None:
    """Bound what a request waits for the broker; call it before the first request."""
    if settings.REDIS_URL:
        timeouts = {"socket_connect_timeout": BROKER_SECONDS, "socket_timeout": BROKER_SECONDS}
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, **timeouts}
