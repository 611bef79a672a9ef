"""The tab Results of a campaign: what its members gave and sold together in a period."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from consumers.admin.framework.pages import account_of
from consumers.selectors import row_by_id
from consumers.types import Context
from loyalty.admin.calendar import KIND_LABELS
from loyalty.admin.results.figures import FILES, cells_of, may_download
from loyalty.admin.results.limits import campaign_budget_used_so_far
from loyalty.admin.results.period import ALL_TIME, ChosenPeriod, PeriodForm, address_with, period_links, period_of
from loyalty.admin.results.report import ReportSubject, Table, TableRow, report_context, sites_file
from loyalty.selectors.results import results_by_promotion
from promotions.admin.visibility import SEE_CAMPAIGNS, families_seen
from promotions.choices import Family
from promotions.models import Campaign, Promotion
from promotions.selectors.campaign import campaign_members, campaigns_of

MAX_MEMBERS = 200
"""Members that the table shows, those that cost most first."""

_TABS = (("General", "general"), ("Members", "members"))


def campaign_results(request: HttpRequest) -> HttpResponse:
    """Show the results of the members of the campaign that ``?campaign=`` names; with ``file``, all sites as a file.

    Only members of families that the user may see, and in the account's currency, are counted; the page says what is
    left out.
    """
    families = families_seen(request)
    if not families or not request.user.has_perm(SEE_CAMPAIGNS):
        raise PermissionDenied
    account = account_of(request)
    campaign = row_by_id(campaigns_of(account_id=account.pk), request.GET.get("campaign"))
    if campaign is None:
        raise Http404("This campaign does not exist.")
    now = timezone.now()
    is_over = campaign.ends_at is not None and campaign.ends_at <= now
    chosen = period_of(request, today=timezone.localdate(now), default=ALL_TIME if is_over else "28")
    members = list(campaign_members(campaign=campaign, families=families))
    counted = [member for member in members if member.currency == account.currency]
    subject = ReportSubject(
        account_id=account.pk,
        promotion_ids=[member.pk for member in counted],
        currency=account.currency,
        families=frozenset(member.family for member in counted),
    )
    if request.GET.get("file") in FILES and may_download(request):
        return sites_file(request.GET["file"], subject, chosen.days, name=slugify(campaign.code) or str(campaign.pk))
    report = report_context(request, subject, chosen, today=timezone.localdate(now))
    if report["has_results"]:
        report["tables"] = [_members_table(counted, subject, chosen, report, campaign)]
    form_url = reverse("admin:promotions_campaign_change", args=[campaign.pk])
    context = {
        **admin.site.each_context(request),
        "title": campaign.name,
        "campaign": campaign,
        "tabs": [(name, f"{form_url}#{part}") for name, part in _TABS],
        "period": chosen,
        "period_form": PeriodForm(request.GET if not chosen.name or chosen.problem else None),
        "links": period_links(request, chosen, all_label="Since its start"),
        "kept": {"campaign": campaign.pk},
        "all_time": address_with(request, period=ALL_TIME, first="", last="", page=""),
        "has_members": bool(members),
        "limits": campaign_budget_used_so_far(campaign, account, at=now),
        "left_out": _left_out(families, members, counted, account.currency),
        "files": [(name.upper(), address_with(request, file=name, page="")) for name in FILES if may_download(request)],
        **report,
    }
    return TemplateResponse(request, "admin/loyalty/results/campaign.html", context)


def _left_out(
    families: Sequence[Family], members: Sequence[Promotion], counted: Sequence[Promotion], currency: str
) -> list[str]:
    """Say which members are not counted."""
    notes = []
    others = len(members) - len(counted)
    if others:
        noun = "member" if others == 1 else "members"
        notes.append(f"Without {others:,} {noun} in other currencies than {currency}.")
    if Family.DISCOUNT not in families:
        notes.append("Without discounts, which you may not see.")
    if Family.LOYALTY not in families:
        notes.append("Without loyalty promotions, which you may not see.")
    return notes


def _members_table(
    members: Sequence[Promotion], subject: ReportSubject, chosen: ChosenPeriod, report: Context, campaign: Campaign
) -> Table:
    """Return the members with results, those that cost most first, each with its own results."""
    by_promotion = results_by_promotion(promotion_ids=subject.promotion_ids, period=chosen.days)
    with_results = [member for member in members if member.pk in by_promotion]
    with_results.sort(key=lambda member: (-by_promotion[member.pk].sold.cost, member.code, member.family))
    days = {"period": chosen.name, "first": chosen.days.first or "", "last": chosen.days.last or ""}
    days = {name: value for name, value in days.items() if value and (name == "period") == bool(chosen.name)}
    rows = [
        TableRow(
            label=member.name,
            note=f"{member.code} · {KIND_LABELS[member.type]}",
            address=f"{reverse('promotion_results')}?{urlencode({'promotion': member.pk, **days})}",
            cells=cells_of(by_promotion[member.pk], report["column_names"], subject.currency),
        )
        for member in with_results[:MAX_MEMBERS]
    ]
    none = len(members) - len(with_results)
    note = f"{len(with_results):,} of {len(members):,}, highest cost first" if none else "highest cost first"
    ranking = f"{reverse('results_ranking')}?{urlencode({'campaign': campaign.code, **days})}"
    return Table(
        title="By promotion and discount",
        heading="Member",
        columns=report["columns"],
        rows=rows,
        note=note if len(members) > 1 else "",
        link=("Sort and download the members", ranking),
    )
