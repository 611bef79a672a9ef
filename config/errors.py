"""The one place where a refusal becomes an HTTP answer."""

from collections import defaultdict
from collections.abc import Iterable

from django.core.exceptions import TooManyFieldsSent
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from drf_standardized_errors.formatter import ExceptionFormatter as StandardizedFormatter
from drf_standardized_errors.handler import ExceptionHandler as StandardizedHandler
from drf_standardized_errors.types import Error
from rest_framework import exceptions, status

from consumers.exceptions import Problem, Refused
from consumers.services.upsert import validation_problems

# Codes that are no fault of the body; every other refusal is a 400 that names the path.
STATUS_BY_CODE = {
    "already_published": status.HTTP_409_CONFLICT,
    "decision_changed": status.HTTP_409_CONFLICT,
    "in_use": status.HTTP_409_CONFLICT,
    "insufficient_points": status.HTTP_409_CONFLICT,
    "offer_unavailable": status.HTTP_409_CONFLICT,
    "reference_reused": status.HTTP_409_CONFLICT,
    "selection_locked": status.HTTP_409_CONFLICT,
    "voided": status.HTTP_409_CONFLICT,
    "stopped": status.HTTP_409_CONFLICT,
    "not_published": status.HTTP_409_CONFLICT,
    "not_found": status.HTTP_404_NOT_FOUND,
    "permission_denied": status.HTTP_403_FORBIDDEN,
    "too_large": status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
}


class RefusedByCode(exceptions.APIException):
    """A refusal whose code has a status of its own."""

    def __init__(self, problem: Problem, status_code: int) -> None:
        self.status_code = status_code
        super().__init__(detail=problem.detail, code=problem.code)


def validation_answer(problems: Iterable[Problem]) -> exceptions.ValidationError:
    """Every problem under its path; those of the whole body under the empty path, which renders as null."""
    details: dict[str, list[exceptions.ErrorDetail]] = defaultdict(list)
    for problem in problems:
        details[problem.attr or ""].append(exceptions.ErrorDetail(problem.detail, problem.code))
    return exceptions.ValidationError(details)


def refusal_answer(refused: Refused) -> exceptions.APIException:
    """The DRF exception that renders ``refused``: its first problem's status, or every problem as a 400."""
    first = refused.problems[0]
    if own_status := STATUS_BY_CODE.get(first.code):
        return RefusedByCode(first, own_status)
    return validation_answer(refused.problems)


class ExceptionFormatter(StandardizedFormatter):
    """drf-standardized-errors' document, with null for what belongs to no one field."""

    def get_errors(self) -> list[Error]:
        return [
            Error(error.code, error.detail, (error.attr or "").removesuffix(".") or None)
            for error in super().get_errors()
        ]


class Unavailable(exceptions.APIException):
    """The database does not answer, or is too busy to: nothing was written, and the caller may try again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The service is not available at the moment. Try again."
    default_code = "unavailable"
    wait = 1


class ExceptionHandler(StandardizedHandler):
    """drf-standardized-errors, told of this project's refusals."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refused):
            return refusal_answer(exc)
        if isinstance(exc, ModelValidationError):
            return validation_answer(validation_problems(exc))
        if isinstance(exc, TooManyFieldsSent):
            return exceptions.ParseError("The address has more parameters than are taken.")
        if isinstance(exc, InterfaceError | OperationalError):
            return Unavailable()
        return super().convert_known_exceptions(exc)


def error_body(*, kind: str, code: str, detail: str) -> dict[str, object]:
    """The error document of an answer that no REST view made."""
    return {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that Django itself refused, before any view."""
    if request.path_info.startswith("/api/"):
        return JsonResponse(error_body(kind="client_error", code="bad_request", detail="Bad request."), status=400)
    return defaults.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No such path: JSON below /api/, a page elsewhere."""
    if request.path_info.startswith("/api/"):
        return JsonResponse(error_body(kind="client_error", code="not_found", detail="Not found."), status=404)
    return defaults.page_not_found(request, exception)


def not_offered(request: HttpRequest) -> HttpResponse:
    """A page of a library that this project does not offer."""
    raise Http404("There is no such page.")


@csrf_exempt
def unknown_path(request: HttpRequest) -> JsonResponse:
    """Any path below /api/ that nothing else answers; in JSON also while debugging."""
    return JsonResponse(error_body(kind="client_error", code="not_found", detail="Not found."), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """A fault of ours: JSON below /api/, a page elsewhere; the details are in the log."""
    if request.path_info.startswith("/api/"):
        return JsonResponse(error_body(kind="server_error", code="error", detail="Server error."), status=500)
    return defaults.server_error(request)
