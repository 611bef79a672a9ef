"""What a page of results shows of promotions of one currency together: tiles, charts, tables, and who pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from consumers.admin.framework.formatting import format_moment
from consumers.models import Site
from consumers.types import Context
from loyalty.admin.results.chart import Chart, Step, chart_by, chart_of, chart_steps
from loyalty.admin.results.figures import (
    FIGURE_HEADINGS,
    FIGURE_LABELS,
    Tile,
    cells_of,
    describe_figure,
    file_cells,
    file_response,
    tile_of,
)
from loyalty.admin.results.period import ChosenPeriod, address_with
from loyalty.selectors.results import ResultRow, Results, ResultsBy, ResultsPeriod, results_of, results_rows
from loyalty.selectors.results_funding import WhoPays, results_who_pays
from promotions.choices import Family

SITES_PER_PAGE = 50

_LOYALTY_TILES = ("points", "vouchers_issued", "vouchers_paid", "vouchers_discount")
"""Tiles that discounts have only where they are not 0."""


@dataclass(frozen=True, kw_only=True)
class ReportSubject:
    """What a report is about: promotions of an account and of one currency, added up.

    ``families`` are those whose own figures are shown even where they are 0.
    """

    account_id: int
    promotion_ids: Sequence[int]
    currency: str
    families: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A row of a table: what it is of, a note below that, the page of it, and figures in words."""

    label: str
    note: str = ""
    address: str = ""
    cells: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a report; ``note`` says how it is sorted or what it leaves out."""

    title: str
    heading: str
    columns: Sequence[str]
    rows: Sequence[TableRow]
    note: str = ""
    link: tuple[str, str] | None = None


def report_context(request: HttpRequest, subject: ReportSubject, chosen: ChosenPeriod, *, today: date) -> Context:
    """Return what the template of a report shows; ``has_results`` is False where nothing was sold in the period."""
    results, by = _results(subject, chosen.days)
    context: Context = {
        "as_of": format_moment(results.as_of) if results.as_of else "",
        "has_results": bool(results.rows),
    }
    if not results.rows:
        return context
    before = None
    if chosen.before is not None:
        before = results_of(promotion_ids=subject.promotion_ids, period=chosen.before).totals
    names = column_names(subject, results.totals)
    steps = _steps(results, chosen.days, by=by, today=today)
    return context | {
        "tiles": _tiles(subject, results.totals, before=before),
        "is_weekly": by == ResultsBy.WEEK,
        "charts": _charts(steps, subject.currency),
        "first_label": steps[0].label,
        "last_label": steps[-1].label,
        "columns": [FIGURE_LABELS[name] for name in names],
        "column_names": names,
        "who_pays": _who_pays_tables(subject, chosen.days),
        "steps": [
            TableRow(label=step.label, cells=cells_of(step.row, names, subject.currency))
            for step in reversed(steps)
            if step.row is not None
        ],
        **_sites(request, subject, chosen.days, names),
    }


def _results(subject: ReportSubject, period: ResultsPeriod) -> tuple[Results, ResultsBy]:
    """Return the results by day; by week where these are many."""
    # A period without ends may be of many years: then weeks are enough.
    is_long = period.first is None or period.last is None or chart_by(period.first, period.last) == ResultsBy.WEEK
    by = ResultsBy.WEEK if is_long else ResultsBy.DAY
    results = results_of(promotion_ids=subject.promotion_ids, period=period, by=by)
    if is_long and results.rows and not _is_long(results, by):
        by = ResultsBy.DAY
        results = results_of(promotion_ids=subject.promotion_ids, period=period, by=by)
    return results, by


def _is_long(results: Results, by: ResultsBy) -> bool:
    return chart_by(date.fromisoformat(results.rows[0].key), date.fromisoformat(results.rows[-1].key)) == by


def _steps(results: Results, period: ResultsPeriod, *, by: ResultsBy, today: date) -> list[Step]:
    """Return the days or weeks that are charted: those of the period, but not before the first or after the last sale.

    A period of a few weeks is charted whole, up to today.
    """
    keys = [date.fromisoformat(row.key) for row in results.rows]
    first, last = keys[0], keys[-1]
    if by == ResultsBy.DAY and period.first is not None and period.last is not None:
        first, last = min(period.first, first), max(min(period.last, today), last)
    return chart_steps(results.rows, first=first, last=last, by=by)


def _charts(steps: Sequence[Step], currency: str) -> list[Chart]:
    return [
        chart_of(name, FIGURE_LABELS[name], steps, text=partial(describe_figure, name, currency=currency))
        for name in ("cost", "redemptions")
    ]


def column_names(subject: ReportSubject, totals: ResultRow) -> list[str]:
    """Return the figures of the tables: those that the families give, and others that are not 0."""
    optional = {"points": Family.LOYALTY in subject.families, "discount": Family.DISCOUNT in subject.families}
    names = ["baskets", "redemptions", "cost", "promoted_sales", "discount", "points", "vouchers_discount"]
    return [
        name
        for name in names
        if name not in ("discount", *_LOYALTY_TILES) or optional.get(name) or getattr(totals.sold, name)
    ]


def _tiles(subject: ReportSubject, totals: ResultRow, *, before: ResultRow | None) -> list[Tile]:
    currency = subject.currency

    def tile(name: str, note: str = "") -> Tile:
        return tile_of(name, totals, currency=currency, before=before, note=note)

    customers = Tile(
        label="Customers",
        text=f"{totals.consumers or 0:,}",
        before=f"{before.consumers or 0:,}" if before is not None else "",
        note="each counted once",
    )
    unknown = totals.sold.margin_unknown_sales
    margin_note = f"without {describe_figure('margin', unknown, currency)} of sales that have no cost price"
    cost_note = "discount, points by expected redemption, vouchers" if Family.LOYALTY in subject.families else ""
    shown = [name for name in _LOYALTY_TILES if name in column_names(subject, totals) or getattr(totals.sold, name)]
    return [
        tile("baskets"),
        tile("redemptions"),
        customers,
        tile("cost", cost_note),
        tile("promoted_sales", "after discounts, with tax"),
        tile("discount"),
        *([tile("points")] if "points" not in shown else []),
        *(tile(name) for name in shown),
        tile("margin", margin_note if unknown else "of the sales with it"),
        tile("basket_sales"),
    ]


# --- who pays ---------------------------------------------------------------------------------------------------------


def _who_pays_tables(subject: ReportSubject, period: ResultsPeriod) -> list[Table]:
    """Return the cost by party, and by ledger class where any has been given."""
    who_pays = results_who_pays(promotion_ids=subject.promotion_ids, period=period, currency=subject.currency)
    tables = [_parties_table(who_pays, subject.currency)]
    if any(part.ledger_class for part in who_pays.ledger_classes):
        tables.append(
            Table(
                title="By ledger class",
                heading="Ledger class",
                columns=("Cost", "Returned"),
                rows=[
                    TableRow(
                        label=part.ledger_class or "No ledger class",
                        cells=_costs(part.cost, part.returned_cost, subject.currency),
                    )
                    for part in who_pays.ledger_classes
                ],
            )
        )
    return tables


def _parties_table(who_pays: WhoPays, currency: str) -> Table:
    return Table(
        title="Who pays",
        heading="Party",
        columns=("Cost", "Returned"),
        rows=[
            TableRow(label=part.party or "You", cells=_costs(part.cost, part.returned_cost, currency))
            for part in who_pays.parties
        ],
    )


def _costs(cost: object, returned_cost: object, currency: str) -> list[str]:
    return [f"{amount:,f} {currency}" for amount in (cost, returned_cost)]


# --- sites ------------------------------------------------------------------------------------------------------------


def _sites(request: HttpRequest, subject: ReportSubject, period: ResultsPeriod, names: Sequence[str]) -> Context:
    """Return the page of sites that the address names, those that cost most first."""
    rows = results_rows(promotion_ids=subject.promotion_ids, period=period, by=ResultsBy.SITE)
    rows.sort(key=lambda row: (-row.sold.cost, -row.sold.redemptions, row.key))
    page = Paginator(rows, SITES_PER_PAGE).get_page(request.GET.get("page"))
    site_names = _site_names(subject, [row.key for row in page])
    return {
        "sites": [
            TableRow(label=site_names.get(row.key, row.key), note=row.key, cells=cells_of(row, names, subject.currency))
            for row in page
        ],
        "page": page,
        "previous": address_with(request, page=str(page.number - 1)) if page.has_previous() else "",
        "next": address_with(request, page=str(page.number + 1)) if page.has_next() else "",
    }


def _site_names(subject: ReportSubject, numbers: Sequence[str]) -> dict[str, str]:
    sites = Site.objects.filter(account_id=subject.account_id, number__in=numbers)
    return dict(sites.values_list("number", "name"))


def sites_file(file: str, subject: ReportSubject, period: ResultsPeriod, *, name: str) -> HttpResponse:
    """Return all sites as a file in a format of ``FILES``; ``name`` is of what it is about."""
    rows = results_rows(promotion_ids=subject.promotion_ids, period=period, by=ResultsBy.SITE)
    names = _site_names(subject, [row.key for row in rows])
    return file_response(
        file,
        name=f"results-{name}-by-site",
        headings=("site", "site_name", "currency", *FIGURE_HEADINGS),
        rows=((row.key, names.get(row.key, ""), subject.currency, *file_cells(row, subject.currency)) for row in rows),
    )
