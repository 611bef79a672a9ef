"""The page Results: all promotions and discounts by what they cost and sold in a period."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import account_of
from loyalty.admin.calendar import KIND_CHOICES, KIND_LABELS
from loyalty.admin.results.figures import (
    FIGURE_HEADINGS,
    FIGURE_LABELS,
    FILES,
    cells_of,
    describe_figure,
    file_cells,
    file_response,
    may_download,
)
from loyalty.admin.results.period import PeriodForm, address_with, period_links, period_of
from loyalty.selectors.results import RankedPromotion, results_as_of, results_ranked
from promotions.admin.visibility import SEE_CAMPAIGNS, families_seen
from promotions.choices import Family
from promotions.models import Campaign
from promotions.selectors.campaign import campaigns_of

ROWS_PER_PAGE = 50
MAX_BARS = 10
COLUMNS = ("redemptions", "baskets", "cost", "promoted_sales", "discount", "points")
DEFAULT_SORT = "-cost"
_SORTS = ("name", *COLUMNS)


class RankingForm(forms.Form):
    """The filters of the page. An invalid value counts as none."""

    kind = forms.ChoiceField(label="Kind", choices=KIND_CHOICES, required=False, widget=UnfoldAdminSelectWidget())
    campaign = forms.ChoiceField(label="Campaign", required=False, widget=UnfoldAdminSelectWidget())
    q = forms.CharField(label="Name or code", required=False, max_length=100, widget=UnfoldAdminTextInputWidget())

    def __init__(self, data: QueryDict, *, campaigns: Iterable[Campaign] | None) -> None:
        """``campaigns`` are those to filter by; None for a user who may not see campaigns."""
        super().__init__(data)
        if campaigns is None:
            del self.fields["campaign"]
            return
        field = self.fields["campaign"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        named = [(campaign.archived, (campaign.code, campaign.name)) for campaign in campaigns]
        current = [choice for is_archived, choice in named if not is_archived]
        archived = [choice for is_archived, choice in named if is_archived]
        # Those of the past are compared with those of now.
        field.choices = [("", "All"), *current, *([("Archived", archived)] if archived else [])]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column that sorts the table; ``order`` is ``ascending``, ``descending`` or ``none``, as ARIA says it."""

    label: str
    address: str
    order: str
    is_number: bool


@dataclass(frozen=True, kw_only=True)
class RankingRow:
    """A promotion of the table, with figures in words."""

    name: str
    code: str
    kind: str
    address: str
    cells: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ShareBar:
    """A promotion of the chart: a figure in words, and its part of the largest in percent."""

    name: str
    text: str
    width: float


def results_ranking(request: HttpRequest) -> HttpResponse:
    """Show the results of all promotions that the user may see; with ``file``, all of them as a file."""
    families = families_seen(request)
    if not families:
        raise PermissionDenied
    account = account_of(request)
    chosen = period_of(request, today=timezone.localdate())
    may_see_campaigns = request.user.has_perm(SEE_CAMPAIGNS)
    form = RankingForm(request.GET, campaigns=campaigns_of(account_id=account.pk) if may_see_campaigns else None)
    form.is_valid()
    filters = {name: form.cleaned_data.get(name) or "" for name in form.fields}
    sort = request.GET.get("sort", "")
    sort = sort if sort.removeprefix("-") in _SORTS else DEFAULT_SORT
    ranked = results_ranked(account_id=account.pk, period=chosen.days, campaign=filters.get("campaign", ""))
    rows = [row for row in ranked if row.promotion.family in families and _fits(row, filters)]
    rows = _sorted(rows, sort)
    if request.GET.get("file") in FILES and may_download(request):
        return _file(request.GET["file"], rows)
    page = Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    as_of = results_as_of()
    context = {
        **admin.site.each_context(request),
        "title": "Results",
        "form": form,
        "period": chosen,
        "period_form": PeriodForm(request.GET if not chosen.name or chosen.problem else None),
        "links": period_links(request, chosen, all_label="All time"),
        "kept": {**filters, "sort": request.GET.get("sort", "")},
        "kept_by_filters": {name: request.GET.get(name, "") for name in ("period", "first", "last", "sort")},
        "is_filtered": any(filters.values()),
        "clear": address_with(request, page="", **dict.fromkeys(filters, "")),
        "as_of": format_moment(as_of) if as_of else "",
        "columns": _columns(request, sort),
        "rows": [_row(row) for row in page],
        "page": page,
        "previous": address_with(request, page=str(page.number - 1)) if page.has_previous() else "",
        "next": address_with(request, page=str(page.number + 1)) if page.has_next() else "",
        "bars_title": FIGURE_LABELS[_charted(sort)],
        "bars": _bars(rows, _charted(sort), account.currency),
        "files": [(name.upper(), address_with(request, file=name, page="")) for name in FILES if may_download(request)],
    }
    return TemplateResponse(request, "admin/loyalty/results/ranking.html", context)


def _fits(row: RankedPromotion, filters: Mapping[str, str]) -> bool:
    promotion, kind, q = row.promotion, filters["kind"], filters["q"]
    if kind and kind not in (promotion.family, promotion.type):
        return False
    return q.casefold() in promotion.name.casefold() or q.casefold() in promotion.code.casefold()


def _sorted(rows: list[RankedPromotion], sort: str) -> list[RankedPromotion]:
    name, is_descending = sort.removeprefix("-"), sort.startswith("-")
    if name == "name":
        return sorted(rows, key=lambda row: row.promotion.name.casefold(), reverse=is_descending)
    # The selector's order decides between equals.
    return sorted(rows, key=lambda row: Decimal(getattr(row.result.sold, name)), reverse=is_descending)


def _charted(sort: str) -> str:
    name = sort.removeprefix("-")
    return name if name in COLUMNS else "cost"


def _columns(request: HttpRequest, sort: str) -> list[Column]:
    """Return the columns; a click sorts by one, largest first, and the next the other way round."""
    labels: Mapping[str, str] = {"name": "Name", **{name: FIGURE_LABELS[name] for name in COLUMNS}}
    columns = []
    for name, label in labels.items():
        first = name if name == "name" else f"-{name}"
        other = f"-{name}" if name == "name" else name
        order = "none"
        if sort.removeprefix("-") == name:
            order = "descending" if sort.startswith("-") else "ascending"
        address = address_with(request, sort=other if sort == first else first, page="")
        columns.append(Column(label=label, address=address, order=order, is_number=name != "name"))
    return columns


def _row(row: RankedPromotion) -> RankingRow:
    promotion = row.promotion
    family = "Discount" if promotion.family == Family.DISCOUNT else "Loyalty promotion"
    return RankingRow(
        name=promotion.name,
        code=promotion.code,
        kind=f"{family}: {KIND_LABELS[promotion.type]}",
        address=f"{reverse('promotion_results')}?promotion={promotion.pk}",
        cells=cells_of(row.result, COLUMNS, promotion.currency),
    )


def _bars(rows: Sequence[RankedPromotion], name: str, currency: str) -> list[ShareBar]:
    """Return the promotions with the largest figure, of those in the account's currency."""
    own = [row for row in rows if row.promotion.currency == currency and getattr(row.result.sold, name) > 0]
    largest = sorted(own, key=lambda row: Decimal(getattr(row.result.sold, name)), reverse=True)[:MAX_BARS]
    return [
        ShareBar(
            name=row.promotion.name,
            text=describe_figure(name, getattr(row.result.sold, name), currency),
            width=round(
                float(100 * Decimal(getattr(row.result.sold, name)) / Decimal(getattr(largest[0].result.sold, name))), 1
            ),
        )
        for row in largest
    ]


def _file(file: str, rows: Sequence[RankedPromotion]) -> HttpResponse:
    return file_response(
        file,
        name="results",
        headings=("code", "name", "family", "type", "currency", *FIGURE_HEADINGS),
        rows=(
            (
                row.promotion.code,
                row.promotion.name,
                row.promotion.family,
                row.promotion.type,
                row.promotion.currency,
                *file_cells(row.result, row.promotion.currency),
            )
            for row in rows
        ),
    )
