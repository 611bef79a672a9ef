"""Every request has an id, which its answer and its log lines carry; what is personal is stored nowhere on its way."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

logger = structlog.getLogger(__name__)

REQUEST_ID = "HTTP_X_REQUEST_ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")
_PERSONAL = ("/api/", "/admin/")


class RequestIdMiddleware:
    """Gives each request an id, and each answer the header ``X-Request-Id``: the caller's own, if it sent a usable one.

    Answers of the API and pages of the admin name people, so that no cache on their way may keep them. Place it first:
    answers that no view makes have an id too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_identify(request)
        response = self.get_response(request)
        response_identify(request, response)
        return response


def request_identify(request: HttpRequest) -> None:
    """Give a request its id, where ``RequestLogMiddleware`` and ``response_identify`` take it from."""
    sent = request.META.get(REQUEST_ID, "")
    if not sent or not _REQUEST_ID.fullmatch(sent):
        request.META[REQUEST_ID] = str(uuid.uuid4())


def response_identify(request: HttpRequest, response: HttpResponse) -> None:
    """Give an answer the id of its request, and keep it out of caches if it names people."""
    headers = response.headers
    headers["X-Request-Id"] = request.META[REQUEST_ID]
    if request.path_info.startswith(_PERSONAL) and "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"


class RequestLogMiddleware(RequestMiddleware):
    """Logs requests without their query strings, which name people, and errors with the status that the client sees."""

    def prepare(self, request: HttpRequest) -> None:
        # Without the line that a request has begun, and without the mapping of all headers, which costs as much as the
        # rest of the middleware.
        structlog.contextvars.bind_contextvars(request_id=request.META[REQUEST_ID])
        self.bind_user_id(request)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

    def _process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if not isinstance(exception, Http404 | PermissionDenied):
            # Logged with its answer, whose status is not known yet.
            request._raised_exception = exception  # type: ignore[attr-defined]  # noqa: SLF001 - as its base class does

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        exception = getattr(request, "_raised_exception", None)
        if exception is not None:
            self.bind_user_id(request)
            logger.error(
                "request_failed", code=response.status_code, request=self.format_request(request), exc_info=exception
            )
        super().handle_response(request, response)


def without_personal_data(event: Any, _: Any) -> Any:
    """Take out of an error report what its request names people with: query strings, also those of the page before."""
    request = event.get("request")
    if isinstance(request, dict):
        request.pop("query_string", None)
        headers = request.get("headers")
        if isinstance(headers, dict):
            request["headers"] = {
                name: _without_query(value) if name.casefold() == "referer" else value
                for name, value in headers.items()
            }
        if isinstance(url := request.get("url"), str):
            request["url"] = _without_query(url)
    return event


def _without_query(url: Any) -> str:
    return str(url).partition("?")[0]
