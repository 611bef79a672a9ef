"""The tab Results of a promotion of any family: what it gave and sold in a period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import slugify

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import account_of
from consumers.models import Site
from consumers.types import Context
from loyalty.admin.page_urls import promotion_page_url
from loyalty.admin.results.chart import Chart, Step, chart_by, chart_of, chart_steps
from loyalty.admin.results.figures import (
    FIGURE_HEADINGS,
    FIGURE_LABELS,
    FILES,
    Tile,
    cells_of,
    describe_figure,
    file_cells,
    file_response,
    may_download,
    tile_of,
)
from loyalty.admin.results.limits import limits_used
from loyalty.admin.results.period import ALL_TIME, ChosenPeriod, PeriodForm, address_with, period_links, period_of
from loyalty.admin.wording import describe_type
from loyalty.models import LoyaltyPromotion
from loyalty.selectors.results import ResultRow, Results, ResultsBy, ResultsPeriod, results_of, results_rows
from promotions.admin.editor.header import header_of
from promotions.admin.editor.step_forms import promotion_of
from promotions.choices import Family, Status
from promotions.models import Discount, Promotion

SITES_PER_PAGE = 50
_MODELS = {Family.LOYALTY: LoyaltyPromotion, Family.DISCOUNT: Discount}
_FINISHED = (Status.ENDED, Status.STOPPED)

_LOYALTY_TILES = ("points", "vouchers_issued", "vouchers_paid", "vouchers_discount")
"""Tiles that a discount has only where it is not 0."""


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A row of a table: what it is of, a note below that, and figures in words."""

    label: str
    note: str = ""
    cells: Sequence[str]


def promotion_results(request: HttpRequest) -> HttpResponse:
    """Show the results of the promotion that ``?promotion=`` names; with ``file``, all sites as a file."""
    promotion = promotion_of(request, request.GET.get("promotion"))
    page_url = promotion_page_url(request, family=promotion.family, promotion_id=promotion.pk)
    if not page_url:
        raise PermissionDenied
    now = timezone.now()
    status = promotion.status_at(now)
    default = ALL_TIME if status in _FINISHED else "28"
    chosen = period_of(request, today=timezone.localdate(now), default=default)
    if request.GET.get("file") in FILES and may_download(request):
        return _sites_file(request, promotion, chosen)
    context = {
        **admin.site.each_context(request),
        "title": promotion.name,
        "promotion": promotion,
        "header": header_of(promotion, status, type_label=describe_type(promotion.type)),
        "tabs": [(name, f"{page_url}#{slugify(name)}") for name in _tab_names(promotion)],
        "period": chosen,
        "period_form": PeriodForm(request.GET if not chosen.name or chosen.problem else None),
        "links": period_links(request, chosen, all_label="Since its start"),
        "kept": {"promotion": promotion.pk},
        "all_time": address_with(request, period=ALL_TIME, first="", last="", page=""),
        "waits": _what_it_waits_for(promotion, status),
        "files": [(name.upper(), address_with(request, file=name, page="")) for name in FILES if may_download(request)],
        **_results_context(request, promotion, chosen, is_running=status == Status.ACTIVE and not promotion.archived),
    }
    return TemplateResponse(request, "admin/loyalty/results/promotion.html", context)


def _tab_names(promotion: Promotion) -> list[str]:
    """Return the names of the tabs of the promotion's form."""
    page: Any = admin.site.get_model_admin(_MODELS[Family(promotion.family)])
    return [name for name, options in page.fieldsets_of(promotion.type) if "tab" in options.get("classes", ())]


def _what_it_waits_for(promotion: Promotion, status: Status) -> str:
    """Say when the first results come; empty once there are redemptions."""
    if promotion.redemptions:
        return ""
    match status:
        case Status.DRAFT:
            return "Publish it first. Results appear here within a minute of the first sale with it."
        case Status.SCHEDULED:
            starts = format_moment(promotion.starts_at)
            return f"It starts on {starts}. Results appear here within a minute of the first sale with it."
        case Status.ACTIVE if not promotion.archived:
            return "No one has redeemed it yet. Results appear here within a minute of the first sale with it."
        case _:
            return "It was never redeemed."


def _results_context(request: HttpRequest, promotion: Promotion, chosen: ChosenPeriod, *, is_running: bool) -> Context:
    ids, today = [promotion.pk], timezone.localdate()
    period = chosen.days
    # A period without ends may be of many years: then weeks are enough.
    is_long = period.first is None or period.last is None or chart_by(period.first, period.last) == ResultsBy.WEEK
    by = ResultsBy.WEEK if is_long else ResultsBy.DAY
    results = results_of(promotion_ids=ids, period=period, by=by)
    if is_long and results.rows and not _is_long(results, by):
        by = ResultsBy.DAY
        results = results_of(promotion_ids=ids, period=period, by=by)
    before = results_of(promotion_ids=ids, period=chosen.before).totals if chosen.before is not None else None
    context: Context = {
        "as_of": format_moment(results.as_of) if results.as_of else "",
        "has_results": bool(results.rows),
        "limits": limits_used(promotion, today=today, zone=account_of(request).zone, is_running=is_running),
    }
    if not results.rows:
        return context
    names = _column_names(promotion, results.totals)
    steps = _steps(results, period, by=by, today=today)
    return context | {
        "tiles": _tiles(promotion, results.totals, before=before),
        "is_weekly": by == ResultsBy.WEEK,
        "charts": _charts(steps, promotion.currency),
        "first_label": steps[0].label,
        "last_label": steps[-1].label,
        "columns": [FIGURE_LABELS[name] for name in names],
        "steps": [
            TableRow(label=step.label, cells=cells_of(step.row, names, promotion.currency))
            for step in reversed(steps)
            if step.row is not None
        ],
        **_sites(request, promotion, period, names),
        "versions": _versions(promotion, period, names),
    }


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


def _column_names(promotion: Promotion, totals: ResultRow) -> list[str]:
    """Return the figures of the tables: those that the family gives, and others that are not 0."""
    optional = {"points": promotion.family == Family.LOYALTY, "discount": promotion.family == Family.DISCOUNT}
    names = ["baskets", "redemptions", "cost", "promoted_sales", "discount", "points", "vouchers_discount"]
    return [
        name
        for name in names
        if name not in ("discount", *_LOYALTY_TILES) or optional.get(name) or getattr(totals.sold, name)
    ]


def _tiles(promotion: Promotion, totals: ResultRow, *, before: ResultRow | None) -> list[Tile]:
    currency = promotion.currency

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
    cost_note = "discount, points by expected redemption, vouchers" if promotion.family == Family.LOYALTY else ""
    shown = [name for name in _LOYALTY_TILES if name in _column_names(promotion, totals) or getattr(totals.sold, name)]
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


def _sites(request: HttpRequest, promotion: Promotion, period: ResultsPeriod, names: Sequence[str]) -> Context:
    """Return the page of sites that the address names, those that cost most first."""
    rows = results_rows(promotion_ids=[promotion.pk], period=period, by=ResultsBy.SITE)
    rows.sort(key=lambda row: (-row.sold.cost, -row.sold.redemptions, row.key))
    page = Paginator(rows, SITES_PER_PAGE).get_page(request.GET.get("page"))
    site_names = _site_names(promotion, [row.key for row in page])
    return {
        "sites": [
            TableRow(
                label=site_names.get(row.key, row.key), note=row.key, cells=cells_of(row, names, promotion.currency)
            )
            for row in page
        ],
        "page": page,
        "previous": address_with(request, page=str(page.number - 1)) if page.has_previous() else "",
        "next": address_with(request, page=str(page.number + 1)) if page.has_next() else "",
    }


def _site_names(promotion: Promotion, numbers: Sequence[str]) -> dict[str, str]:
    sites = Site.objects.filter(account_id=promotion.account_id, number__in=numbers)
    return dict(sites.values_list("number", "name"))


def _versions(promotion: Promotion, period: ResultsPeriod, names: Sequence[str]) -> list[TableRow]:
    """Return the versions with results, the newest first; none where there is only one."""
    if promotion.version <= 1:
        return []
    rows = results_rows(promotion_ids=[promotion.pk], period=period, by=ResultsBy.VERSION)
    shown = [
        TableRow(label=f"Version {row.key}", cells=cells_of(row, names, promotion.currency)) for row in reversed(rows)
    ]
    return shown if len(shown) > 1 else []


def _sites_file(request: HttpRequest, promotion: Promotion, chosen: ChosenPeriod) -> HttpResponse:
    rows = results_rows(promotion_ids=[promotion.pk], period=chosen.days, by=ResultsBy.SITE)
    names = _site_names(promotion, [row.key for row in rows])
    return file_response(
        request.GET["file"],
        name=f"results-{slugify(promotion.code) or promotion.pk}-by-site",
        headings=("site", "site_name", "currency", *FIGURE_HEADINGS),
        rows=(
            (row.key, names.get(row.key, ""), promotion.currency, *file_cells(row, promotion.currency)) for row in rows
        ),
    )
