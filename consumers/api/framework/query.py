"""Query strings: each view declares its parameters once; the calls and the OpenAPI document both read them.

A parameter that a path does not have, one without a value, and one that is given twice are refused before anything is
done: a misspelt ``?preview=true`` must not take goods back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from consumers.api.framework.components import FLAG, array, text
from consumers.types import JsonMapping, JsonObject

SWITCH_VALUES = {"true": True, "false": False}
MAX_NAME_LENGTH = 100
"""Characters of an unknown parameter's name that its refusal repeats."""
MAX_VALUE_LENGTH = 2_000
"""Characters of a value, as far as the OpenAPI document says: longer ones match no row."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter: its schema in the OpenAPI document, and whether it may be given more than once."""

    name: str
    schema: JsonMapping = field(default_factory=lambda: text(min_length=1, max_length=MAX_VALUE_LENGTH))
    description: str = ""
    is_repeatable: bool = False
    is_switch: bool = False
    """Whether its only values are ``true`` and ``false``."""
    may_be_blank: bool = False
    """Whether blanks alone are a value, as they are of a row's key."""

    def described(self) -> JsonObject:
        """Return the parameter for the OpenAPI document."""
        return {
            "in": "query",
            "name": self.name,
            **({"description": self.description} if self.description else {}),
            "schema": array(self.schema) if self.is_repeatable else dict(self.schema),
        }


def switch(name: str, description: str) -> Parameter:
    """Return a parameter that is ``true`` or ``false``."""
    return Parameter(name=name, schema=FLAG, description=description, is_switch=True)


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
        return "unknown_parameter", f"This call takes {names}." if names else "This call has no parameters."
    if len(values) > 1 and not parameter.is_repeatable:
        return "invalid", "Send this parameter only once."
    if any(not (value if parameter.may_be_blank else value.strip()) for value in values):
        return "invalid", "Send a value, or leave the parameter out."
    if parameter.is_switch and values[0] not in SWITCH_VALUES:
        return "invalid", "Must be true or false."
    if any("\x00" in value for value in values):
        return "invalid", "NUL characters are not allowed."
    return "", ""


class DeclaredParameters(APIView):
    """A view that refuses query parameters which it does not declare, once the caller may make the call."""

    parameters: ClassVar[Mapping[str, tuple[Parameter, ...]]] = {}
    """By HTTP method. Those of a list come from its filters, search and pages."""

    @classmethod
    def declared_parameters(cls, method: str, *, is_list: bool) -> Sequence[Parameter]:  # noqa: ARG003 - lists have more
        """Return the parameters of a method; ``is_list`` says that it answers a page of rows."""
        return cls.parameters.get(method, ())

    def query_parameters(self) -> Mapping[str, Parameter]:
        """Return the parameters of this call by name."""
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        declared = self.declared_parameters(method, is_list=self.answers_list)
        return {parameter.name: parameter for parameter in declared}

    @property
    def answers_list(self) -> bool:
        """Return whether this call answers a page of rows."""
        return False

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
