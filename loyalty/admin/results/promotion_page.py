"""The tab Results of a promotion of any family: what it gave and sold in a period."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import slugify

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import account_of
from consumers.types import Context
from loyalty.admin.page_urls import promotion_page_url
from loyalty.admin.results.figures import FILES, cells_of, may_download
from loyalty.admin.results.limits import limits_used
from loyalty.admin.results.period import ALL_TIME, ChosenPeriod, PeriodForm, address_with, period_links, period_of
from loyalty.admin.results.report import ReportSubject, Table, TableRow, report_context, sites_file
from loyalty.admin.wording import describe_type
from loyalty.models import LoyaltyPromotion
from loyalty.selectors.results import ResultsBy, results_rows
from promotions.admin.editor.header import header_of
from promotions.admin.editor.step_forms import promotion_of
from promotions.choices import Family, Status
from promotions.models import Discount, Promotion

_MODELS = {Family.LOYALTY: LoyaltyPromotion, Family.DISCOUNT: Discount}
_FINISHED = (Status.ENDED, Status.STOPPED)


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
        name = slugify(promotion.code) or str(promotion.pk)
        return sites_file(request.GET["file"], _subject(promotion), chosen.days, name=name)
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


def _subject(promotion: Promotion) -> ReportSubject:
    return ReportSubject(
        account_id=promotion.account_id,
        promotion_ids=[promotion.pk],
        currency=promotion.currency,
        families=frozenset({promotion.family}),
    )


def _results_context(request: HttpRequest, promotion: Promotion, chosen: ChosenPeriod, *, is_running: bool) -> Context:
    today = timezone.localdate()
    context = report_context(request, _subject(promotion), chosen, today=today)
    context["limits"] = limits_used(promotion, today=today, zone=account_of(request).zone, is_running=is_running)
    if context["has_results"]:
        context["tables"] = _version_tables(promotion, chosen, context)
    return context


def _version_tables(promotion: Promotion, chosen: ChosenPeriod, context: Context) -> list[Table]:
    """Return the versions with results, the newest first; none where there is only one."""
    if promotion.version <= 1:
        return []
    rows = results_rows(promotion_ids=[promotion.pk], period=chosen.days, by=ResultsBy.VERSION)
    names = context["column_names"]
    shown = [
        TableRow(label=f"Version {row.key}", cells=cells_of(row, names, promotion.currency)) for row in reversed(rows)
    ]
    if len(shown) <= 1:
        return []
    return [Table(title="By version", heading="Version", columns=context["columns"], rows=shown)]
