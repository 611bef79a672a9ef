"""Turn refusals and errors into HTTP responses: the only place where that happens."""

import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable

from django.core.exceptions import TooManyFieldsSent
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from drf_standardized_errors.formatter import ExceptionFormatter as StandardizedFormatter
from drf_standardized_errors.handler import ExceptionHandler as StandardizedHandler
from drf_standardized_errors.types import Error
from redis.exceptions import RedisError
from rest_framework import exceptions, status

from consumers.circuit_breaker import CircuitOpen
from consumers.error_codes import status_of_code
from consumers.exceptions import Problem, Refused
from consumers.services.upsert import validation_problems

logger = logging.getLogger(__name__)


class RefusedByCode(exceptions.APIException):
    """A refusal whose code has a status of its own."""

    def __init__(self, problem: Problem, status_code: int) -> None:
        self.status_code = status_code
        super().__init__(detail=problem.detail, code=problem.code)


def validation_answer(problems: Iterable[Problem]) -> exceptions.ValidationError:
    """Return an error with every problem under its path; the empty path, for the whole body, renders as null."""
    details: dict[str, list[exceptions.ErrorDetail]] = defaultdict(list)
    for problem in problems:
        details[problem.attr or ""].append(exceptions.ErrorDetail(problem.detail, problem.code))
    return exceptions.ValidationError(details)


def refusal_answer(refused: Refused) -> exceptions.APIException:
    """Return the DRF exception for ``refused``: the status of its first problem, or all problems as a 400."""
    first = refused.problems[0]
    # A code with a status of its own; every other refusal is a 400 that names the path.
    own_status = status_of_code(first.code)
    if own_status != status.HTTP_400_BAD_REQUEST:
        return RefusedByCode(first, own_status)
    return validation_answer(refused.problems)


class ExceptionFormatter(StandardizedFormatter):
    """drf-standardized-errors' document, with null for problems without a field."""

    def get_errors(self) -> list[Error]:
        return [
            Error(error.code, error.detail, (error.attr or "").removesuffix(".") or None)
            for error in super().get_errors()
        ]


class Unavailable(exceptions.APIException):
    """The database does not answer, or is too busy to: nothing was written, and the caller may try again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The service is not available at the moment. Try again in a moment."
    default_code = "unavailable"
    wait = 1


class TooSlow(exceptions.APIException):
    """The database was not done with a statement in time: the same question would take as long again.

    Without ``Retry-After``, and with a code of its own.
    """

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "This took too long, so we stopped. Add filters, shorten the period or search for fewer words."
    default_code = "too_slow"


def outage_of(error: Exception, method: str | None) -> Unavailable | TooSlow | None:
    """Return what an error of the database or the cache means for the caller; None if it is no outage.

    What only reads is too slow by itself. A write is ended when it waited too long for the lock of another one, and is
    tried again.
    """
    if isinstance(error, OperationalError) and is_statement_timeout(error) and method in ("GET", "HEAD"):
        return TooSlow()
    if isinstance(error, InterfaceError | OperationalError | RedisError | CircuitOpen):
        return Unavailable()
    return None


def is_statement_timeout(error: OperationalError) -> bool:
    """Return whether the database ended a statement because it took too long, and log it."""
    cause = error.__cause__
    is_timeout = (
        getattr(cause, "sqlstate", None) == "57014" or getattr(cause, "sqlite_errorname", None) == "SQLITE_INTERRUPT"
    )
    if is_timeout:
        logger.warning("A statement was ended: it took longer than STATEMENT_TIMEOUT.")
    return is_timeout


class UnavailableMiddleware:
    """Responds with a page to outages in a view of the admin. REST has ``ExceptionHandler``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        outage = outage_of(exception, request.method)
        if outage is None:
            return None
        logger.error("Answered 503 to %s %s.", request.method, request.path, exc_info=exception)
        return outage_page(outage)


def outage_page(outage: Unavailable | TooSlow) -> HttpResponse:
    """Return the page that says what to do about an outage; it needs no database."""
    context = {"is_too_slow": isinstance(outage, TooSlow)}
    return HttpResponse(render_to_string("503.html", context), status=outage.status_code)


class ExceptionHandler(StandardizedHandler):
    """drf-standardized-errors, with this project's refusals."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refused):
            return refusal_answer(exc)
        if isinstance(exc, ModelValidationError):
            return validation_answer(validation_problems(exc))
        if isinstance(exc, TooManyFieldsSent):
            return exceptions.ParseError("The address has too many parameters.")
        request = self.context["request"]
        return outage_of(exc, request.method if request else None) or super().convert_known_exceptions(exc)


def error_body(*, kind: str, code: str, detail: str) -> dict[str, object]:
    """Return the error document of a response that no REST view renders."""
    return {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond to a request that Django refused before any view."""
    if request.path_info.startswith("/api/"):
        return JsonResponse(error_body(kind="client_error", code="bad_request", detail="Bad request."), status=400)
    return defaults.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond to an unknown path: JSON below /api/, a page elsewhere."""
    if request.path_info.startswith("/api/"):
        return JsonResponse(error_body(kind="client_error", code="not_found", detail="Not found."), status=404)
    return defaults.page_not_found(request, exception)


@csrf_exempt
def unknown_path(request: HttpRequest) -> JsonResponse:
    """Respond in JSON to an unknown path below /api/, in debug mode too."""
    return JsonResponse(error_body(kind="client_error", code="not_found", detail="Not found."), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Respond to an unexpected error: JSON below /api/, a page elsewhere; the log has the details.

    An outage before any view comes here too: who is logged in is read from the database.
    """
    error = sys.exception()
    outage = outage_of(error, request.method) if isinstance(error, Exception) else None
    if request.path_info.startswith("/api/"):
        code, detail = (outage.default_code, outage.default_detail) if outage else ("error", "Server error.")
        status_code = outage.status_code if outage else status.HTTP_500_INTERNAL_SERVER_ERROR
        headers = {"Retry-After": str(outage.wait)} if isinstance(outage, Unavailable) else {}
        body = error_body(kind="server_error", code=code, detail=detail)
        return JsonResponse(body, status=status_code, headers=headers)
    return outage_page(outage) if outage else defaults.server_error(request)
