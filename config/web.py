"""What a process that answers requests may wait for.

Workers, commands and migrations do long work and are not bound by this: only ``config/wsgi.py`` and ``config/asgi.py``
call it.
"""

from typing import Any

from django.conf import settings
from django.db import connections

from config.celery import app

BROKER_SECONDS = 0.5


def bound_waits() -> None:
    """Bound what a request waits for the database and the broker; call it before the first request."""
    if settings.STATEMENT_TIMEOUT:
        bound_statements(connections.settings["default"]["OPTIONS"], seconds=settings.STATEMENT_TIMEOUT)
    if settings.REDIS_URL:
        timeouts = {"socket_connect_timeout": BROKER_SECONDS, "socket_timeout": BROKER_SECONDS}
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, **timeouts}


def bound_statements(options: dict[str, Any], *, seconds: float) -> None:
    """Let every new connection with these options end a statement that runs longer.

    PostgreSQL is told when the connection is opened, so that no call takes a round trip more.
    """
    if settings.DATABASES["default"]["ENGINE"] == "config.sqlite":
        options["statement_seconds"] = seconds
    else:
        options["options"] = f"{options.get('options', '')} -c statement_timeout={round(seconds * 1000)}".strip()
