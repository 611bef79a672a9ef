"""Pages of rows within a page that shows more than them, such as the sections of a consumer's Loyalty tab."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from consumers.selectors import parse_id
from consumers.types import Rows

ROWS_PER_PAGE = 50

MAX_COUNT = 10_000
"""Rows are counted, and paged through, up to this number."""


@dataclass(frozen=True, kw_only=True)
class RowsPage:
    """A page of rows, numbered from 1 as ``number``; ``count`` is of all rows, ``more`` says that there are more.

    ``query`` is the rest of the address that leads to another page, whose number is named ``parameter``.
    """

    rows: Sequence[Any]
    number: int
    count: int
    more: bool
    parameter: str
    query: str = ""
    per_page: int = ROWS_PER_PAGE

    @property
    def first(self) -> int:
        """Return the position of the first row, counted from 1."""
        return (self.number - 1) * self.per_page + 1

    @property
    def last(self) -> int:
        """Return the position of the last row."""
        return self.first + len(self.rows) - 1

    @property
    def is_all(self) -> bool:
        """Return whether there is no other page."""
        return self.number == 1 and len(self.rows) == self.count

    @property
    def previous_address(self) -> str:
        """Return the address of the page before; empty on the first."""
        return self._address(self.number - 1) if self.number > 1 else ""

    @property
    def next_address(self) -> str:
        """Return the address of the next page; empty on the last."""
        return self._address(self.number + 1) if self.last < self.count else ""

    def _address(self, number: int) -> str:
        other = f"&{self.query}" if self.query else ""
        return f"?{urlencode({self.parameter: number})}{other}"


def rows_page(request: HttpRequest, rows: Rows, *, parameter: str, per_page: int = ROWS_PER_PAGE) -> RowsPage:
    """Return the page of rows that the address names by ``parameter``: the first without, the last beyond it.

    One SQL statement where all rows are on the first page, two otherwise.
    """
    number = max(parse_id(request.GET.get(parameter, "")) or 1, 1)
    query = request.GET.copy()
    query.pop(parameter, None)
    first_rows = list(rows[: per_page + 1]) if number == 1 else []
    if number == 1 and len(first_rows) <= per_page:
        return RowsPage(rows=first_rows, number=1, count=len(first_rows), more=False, parameter=parameter)
    counted = rows.order_by()[: MAX_COUNT + 1].count()
    count = min(counted, MAX_COUNT)
    number = min(number, max(-(-count // per_page), 1))
    start = (number - 1) * per_page
    return RowsPage(
        rows=first_rows[:per_page] if first_rows else list(rows[start : min(start + per_page, count)]),
        number=number,
        count=count,
        more=counted > MAX_COUNT,
        parameter=parameter,
        query=query.urlencode(),
        per_page=per_page,
    )
