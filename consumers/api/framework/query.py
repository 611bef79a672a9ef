"""Query strings: each view declares its parameters once; the calls and the OpenAPI document both read them.

A parameter that a path does not have, one without a value, and one that is given twice are refused before anything is
done: a misspelt ``?preview=true`` must not take goods back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

SWITCH_VALUES = {"true": True, "false": False}
MAX_NAME_LENGTH = 100
"""Characters of an unknown parameter's name that its refusal repeats."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter: its type for the OpenAPI document, and whether it may be given more than once."""

    name: str
    type: type = str
    description: str = ""
    is_repeatable: bool = False
    may_be_blank: bool = False
    """Whether blanks alone are a value, as they are of a row's key."""

    @property
    def is_switch(self) -> bool:
        """Return whether its only values are ``true`` and ``false``."""
        return self.type is bool

    def described(self) -> OpenApiParameter:
        """Return the parameter for the OpenAPI document."""
        return OpenApiParameter(self.name, self.type, description=self.description)


def switch(name: str, description: str) -> Parameter:
    """Return a parameter that is ``true`` or ``false``."""
    return Parameter(name=name, type=bool, description=description)


def parameter_problems(query: QueryDict, known: Mapping[str, Parameter]) -> dict[str, list[ErrorDetail]]:
    """Return what is wrong with a query string, by the name of the parameter."""
    problems: dict[str, list[ErrorDetail]] = {}
    for name, values in query.lists():
        code, detail = _problem_of(values, known.get(name), known)
        if code:
            problems[name.replace("\x00", "")[:MAX_NAME_LENGTH]] = [ErrorDetail(detail, code=code)]
    return problems


def _problem_of(values: list[Any], parameter: Parameter | None, known: Iterable[str]) -> tuple[str, str]:
    if parameter is None:
        names = ", ".join(sorted(known))
        return "unknown_parameter", f"This call takes {names}." if names else "This call takes no parameters."
    if len(values) > 1 and not parameter.is_repeatable:
        return "invalid", "A parameter is given once."
    if any(not (value if parameter.may_be_blank else value.strip()) for value in values):
        return "invalid", "A value is expected. Leave the parameter out instead."
    if parameter.is_switch and values[0] not in SWITCH_VALUES:
        return "invalid", "true or false is expected."
    if any("\x00" in value for value in values):
        return "invalid", "NUL characters are not taken."
    return "", ""


class DeclaredParameters(APIView):
    """A view that refuses query parameters which it does not declare, once the caller may make the call."""

    parameters: ClassVar[Mapping[str, tuple[Parameter, ...]]] = {}
    """By HTTP method. Those of a list come from its filters, search and pages."""

    def query_parameters(self) -> Mapping[str, Parameter]:
        """Return the parameters of this call by name."""
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        return {parameter.name: parameter for parameter in self.parameters.get(method, ())}

    def check_path(self) -> None:
        """Raise ``NotFound`` where the path names a row that this call needs and the account does not have.

        Asked only before a query string is refused: an unknown row is told first.
        """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.META.get("QUERY_STRING"):
            problems = parameter_problems(request.query_params, self.query_parameters())
            if problems:
                self.check_path()
                raise ValidationError(problems)
