"""Figures of results in words and in files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from tablib import Dataset

from consumers.admin.files.formats import CSV, XLSX, FileFormat
from consumers.admin.files.pages import EXPORT
from loyalty.models.results import COUNTS
from loyalty.selectors.results import FIGURE_NAMES, ResultFigures, ResultRow, amount_rounded

FIGURE_LABELS: Mapping[str, str] = {
    "baskets": "Baskets",
    "redemptions": "Redemptions",
    "cost": "Cost",
    "promoted_sales": "Sales with it",
    "discount": "Discount",
    "points": "Points",
    "vouchers_issued": "Vouchers issued",
    "vouchers_paid": "Vouchers used",
    "vouchers_discount": "Off by vouchers",
    "basket_sales": "Sales of whole baskets",
    "margin": "Margin",
}
"""The figures that pages show, and what they call them."""

FILES: Mapping[str, type[FileFormat]] = {"csv": CSV, "xlsx": XLSX}
"""The formats in which results can be downloaded."""


def describe_figure(name: str, value: Decimal | int, currency: str) -> str:
    """Format a figure: a number, or an amount with its currency."""
    if name in COUNTS:
        return f"{int(value):,}"
    return f"{amount_rounded(Decimal(value), currency):,f} {currency}"


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure of a period in words, what came back of it, and the figure of the period before; empty: not shown."""

    label: str
    text: str
    returned: str = ""
    before: str = ""
    note: str = ""


def tile_of(name: str, row: ResultRow, *, currency: str, before: ResultRow | None, note: str = "") -> Tile:
    """Return the tile of a figure."""
    returned = getattr(row.returned, name)
    return Tile(
        label=FIGURE_LABELS[name],
        text=describe_figure(name, getattr(row.sold, name), currency),
        returned=describe_figure(name, returned, currency) if returned else "",
        before=describe_figure(name, getattr(before.sold, name), currency) if before is not None else "",
        note=note,
    )


def cells_of(row: ResultRow, names: Sequence[str], currency: str) -> list[str]:
    """Return the figures of a row of a table in words."""
    return [describe_figure(name, getattr(row.sold, name), currency) for name in names]


FIGURE_HEADINGS = (*FIGURE_NAMES, *(f"returned_{name}" for name in FIGURE_NAMES))
"""The columns of a file: the figures in the contract's names."""


def file_cells(row: ResultRow, currency: str) -> list[Decimal | int]:
    """Return the figures of a row for a file, amounts with the currency's decimals."""
    return [_file_cell(figures, name, currency) for figures in (row.sold, row.returned) for name in FIGURE_NAMES]


def _file_cell(figures: ResultFigures, name: str, currency: str) -> Decimal | int:
    value: Decimal | int = getattr(figures, name)
    return value if name in COUNTS else amount_rounded(Decimal(value), currency)


def may_download(request: HttpRequest) -> bool:
    """Return whether the user may download what the page shows."""
    return request.user.has_perm(EXPORT)


def file_response(file: str, *, name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Return rows as a file to download, in a format of ``FILES``."""
    file_format = FILES[file]()
    content = file_format.export_data(Dataset(*rows, headers=list(headings)))
    response = HttpResponse(content, content_type=file_format.get_content_type())
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_format.get_extension()}"'
    return response
