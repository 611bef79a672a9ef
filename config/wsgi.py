"""The project as a WSGI application."""

import os
from collections.abc import Iterable
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config.unread_body import counted_body

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_wsgi_application()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Handle a request; requests to the API may be chunked.

    Django treats a body without a length as empty, and some tills' HTTP clients send no length.
    """
    body = counted_body(environ)
    if _is_chunked(environ):
        content = _read_body(environ["wsgi.input"], max_bytes=settings.API_MAX_BODY_BYTES + 1)
        environ |= {"wsgi.input": BytesIO(content), "CONTENT_LENGTH": str(len(content))}
    response = django_application(environ, start_response)
    if body is not None:
        body.discard()
    return response


def _is_chunked(environ: WSGIEnvironment) -> bool:
    return (
        not environ.get("CONTENT_LENGTH")
        and "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        and environ.get("wsgi.input_terminated", False)  # otherwise reading would block for ever
        and environ.get("PATH_INFO", "").startswith("/api/")
    )


def _read_body(stream: Any, *, max_bytes: int) -> bytes:
    """Return up to ``max_bytes`` of ``stream``."""
    parts: list[bytes] = []
    left = max_bytes
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


# Web processes send tasks to the workers through Celery's app, which this imports.
from config.web import bound_waits  # noqa: E402

bound_waits()
