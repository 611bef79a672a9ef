"""The one place where a refusal becomes an HTTP answer."""

from collections import defaultdict

from django.core.exceptions import ValidationError as ModelValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from drf_standardized_errors.handler import ExceptionHandler as StandardizedHandler
from rest_framework import exceptions, status

from consumers.exceptions import Problem, Refused

# Codes that are no fault of the body; every other refusal is a 400 that names the path.
STATUS_BY_CODE = {
    "already_published": status.HTTP_409_CONFLICT,
    "decision_changed": status.HTTP_409_CONFLICT,
    "in_use": status.HTTP_409_CONFLICT,
    "insufficient_points": status.HTTP_409_CONFLICT,
    "reference_reused": status.HTTP_409_CONFLICT,
    "selection_locked": status.HTTP_409_CONFLICT,
    "stopped": status.HTTP_409_CONFLICT,
    "not_found": status.HTTP_404_NOT_FOUND,
    "permission_denied": status.HTTP_403_FORBIDDEN,
    "too_large": status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
}


class RefusedByCode(exceptions.APIException):
    """A refusal whose code has a status of its own."""

    def __init__(self, problem: Problem, status_code: int) -> None:
        self.status_code = status_code
        super().__init__(detail=problem.detail, code=problem.code)


def refusal_answer(refused: Refused) -> exceptions.APIException:
    """The DRF exception that renders ``refused``: its first problem's status, or every problem as a 400."""
    first = refused.problems[0]
    if own_status := STATUS_BY_CODE.get(first.code):
        return RefusedByCode(first, own_status)
    details: dict[str | None, list[exceptions.ErrorDetail]] = defaultdict(list)
    for problem in refused.problems:
        details[problem.attr].append(exceptions.ErrorDetail(problem.detail, problem.code))
    return exceptions.ValidationError(details)


def model_error_answer(error: ModelValidationError) -> exceptions.ValidationError:
    """The DRF exception that renders what a model's own validation found."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {"__all__": error.error_list}
    return exceptions.ValidationError(
        {
            None if field == "__all__" else field: [
                exceptions.ErrorDetail(message, one.code or "invalid") for one in errors for message in one.messages
            ]
            for field, errors in by_field.items()
        }
    )


class ExceptionHandler(StandardizedHandler):
    """drf-standardized-errors, told of this project's refusals."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refused):
            return refusal_answer(exc)
        if isinstance(exc, ModelValidationError):
            return model_error_answer(exc)
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


def server_error(request: HttpRequest) -> HttpResponse:
    """A fault of ours: JSON below /api/, a page elsewhere; the details are in the log."""
    if request.path_info.startswith("/api/"):
        return JsonResponse(error_body(kind="server_error", code="error", detail="Server error."), status=500)
    return defaults.server_error(request)
