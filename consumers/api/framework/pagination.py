"""Lists by cursor: ``?limit=&cursor=&ordering=``."""

from collections.abc import Sequence
from typing import Any

from django.core import signing
from django.db.models import Field, Model, Q
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from consumers.api.framework.components import described, enum, whole
from consumers.api.framework.query import Parameter
from consumers.types import JsonObject, Rows

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_SALT = "consumers.api.cursor"

PAGE_PARAMETERS = (
    Parameter(
        name="limit",
        schema={**whole(1, MAX_LIMIT), "default": DEFAULT_LIMIT},
        description="The most rows on a page.",
    ),
    Parameter(name="cursor", description="Where the page begins; copy it from `next` or `previous`."),
)
"""The parameters of every list."""


def ordering_parameter(fields: Sequence[str]) -> Parameter:
    """Return the parameter that orders a list by one of some fields."""
    return Parameter(
        name="ordering",
        schema=enum(*(f"{sign}{name}" for name in fields for sign in ("", "-"))),
        description="The field to sort by; with `-` before it, in descending order.",
    )


def _refused(name: str, detail: str) -> ValidationError:
    return ValidationError({name: [ErrorDetail(detail, code="invalid")]})


class KeysetPagination(BasePagination):
    """Pages of a query in the order of one column and the primary key.

    A page continues behind the last row seen, so rows that come or go meanwhile neither repeat nor hide others, and
    the thousandth page costs what the first does. The view names its ``ordering_fields`` (never nullable) and its
    ``default_ordering``. Cursors are signed: none can be made up.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        self.request = request
        self.limit = self._limit()
        self.ordering = self._ordering(view)
        backwards, place = self._cursor()
        rows_left: Rows = queryset
        name = self.ordering.removeprefix("-")
        descending = self.ordering.startswith("-") != backwards
        if place is not None:
            value, pk = place
            beyond = "lt" if descending else "gt"
            rows_left = rows_left.filter(Q(**{f"{name}__{beyond}": value}) | Q(**{name: value, f"pk__{beyond}": pk}))
        sign = "-" if descending else ""
        rows = list(rows_left.order_by(f"{sign}{name}", f"{sign}pk")[: self.limit + 1])
        more = len(rows) > self.limit
        del rows[self.limit :]
        if backwards:
            rows.reverse()
        self.next_place = rows[-1] if rows and (more or backwards) else None
        self.previous_place = rows[0] if rows and (more if backwards else place is not None) else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "results": data,
                "next": self._link(self.next_place, backwards=False),
                "previous": self._link(self.previous_place, backwards=True),
            }
        )

    def _limit(self) -> int:
        text = self.request.query_params.get("limit", "")
        if not text:
            return DEFAULT_LIMIT
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
            raise _refused("limit", f"Must be a whole number from 1 to {MAX_LIMIT}.")
        return int(text)

    def _ordering(self, view: APIView | None) -> str:
        allowed: tuple[str, ...] = getattr(view, "ordering_fields", ())
        ordering = self.request.query_params.get("ordering", "")
        if not ordering:
            return str(getattr(view, "default_ordering", "pk"))
        if ordering.removeprefix("-") not in allowed:
            raise _refused("ordering", f"Must be one of {', '.join(allowed)}, with - before it for descending order.")
        return ordering

    def _cursor(self) -> tuple[bool, tuple[Any, Any] | None]:
        text = self.request.query_params.get("cursor", "")
        if not text:
            return False, None
        try:
            ordering, backwards, value, pk = signing.loads(text, salt=_SALT)
        except signing.BadSignature as error:
            raise _refused("cursor", "This is not a cursor of this list.") from error
        if ordering != self.ordering:
            raise _refused("cursor", "This cursor belongs to another ordering.")
        return backwards, (value, pk)

    def _link(self, place: Model | None, *, backwards: bool) -> str | None:
        if place is None:
            return None
        field = place._meta.get_field(self.ordering.removeprefix("-"))
        assert isinstance(field, Field)  # noqa: S101 - a fault of the view, not of the caller
        value = field.value_to_string(place)
        cursor = signing.dumps([self.ordering, backwards, value, place.pk], salt=_SALT)
        url = remove_query_param(self.request.build_absolute_uri(), "cursor")
        return str(replace_query_param(url, "cursor", cursor))

    def get_paginated_response_schema(self, schema: JsonObject) -> JsonObject:
        link: JsonObject = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "description": "A page of a list.",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": described(link, "The address of the next page; null on the last."),
                "previous": described(link, "The address of the page before; null on the first."),
            },
        }
