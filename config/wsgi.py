"""The project as a WSGI application."""

import os
from collections.abc import Iterable
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_wsgi_application()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request; one to the API may come in chunks.

    Django takes a body without a length for none, and some clients of tills say none.
    """
    if _comes_in_chunks(environ):
        body = _body(environ["wsgi.input"], most=settings.API_MAX_BODY_BYTES + 1)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return django_application(environ, start_response)


def _comes_in_chunks(environ: WSGIEnvironment) -> bool:
    return (
        not environ.get("CONTENT_LENGTH")
        and "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        and environ.get("wsgi.input_terminated", False)  # else reading on would wait for ever
        and environ.get("PATH_INFO", "").startswith("/api/")
    )


def _body(stream: Any, *, most: int) -> bytes:
    """What comes from ``stream``; of more than is taken, enough to see that it is."""
    parts: list[bytes] = []
    left = most
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


# What requests find to do reaches the workers by this project's broker.
from config.celery import app as celery_app  # noqa: E402, F401
