"""Show what a promotion, or the whole programme, changed, against those who were held out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import ceil, isfinite

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import account_of
from consumers.models import Account
from loyalty.admin.page_urls import promotion_page_url
from loyalty.choices import UpliftMetric
from loyalty.exceptions import NoControlGroup, NotMeasuredYet, NoUniversalHoldout
from loyalty.selectors.uplift import programme_years
from loyalty.selectors.uplift_report import MetricUplift, UpliftReport, programme_report, uplift_report
from loyalty.uplift.verdict import Estimate, Verdict
from promotions.admin.editor.step_forms import promotion_of
from promotions.choices import Family


@dataclass(frozen=True, kw_only=True)
class Subject:
    """How the page speaks of what is measured.

    ``advice`` is what to do, by the verdict on contribution; ``consumer`` is one of those compared.
    """

    advice: Mapping[Verdict, str]
    consumer: str
    had: str
    redeemed: str
    joined: str


PROMOTION = Subject(
    advice={Verdict.BETTER: "keep it", Verdict.WORSE: "stop"},
    consumer="member",
    had="could have the promotion",
    redeemed="redeemed it",
    joined="the group",
)
PROGRAMME = Subject(
    advice={Verdict.BETTER: "it pays", Verdict.WORSE: "it costs more than it brings"},
    consumer="customer",
    had="could have promotions",
    redeemed="redeemed a promotion",
    joined="the account",
)

_LABELS = {
    Verdict.BETTER: ("Better", "success"),
    Verdict.WORSE: ("Worse", "danger"),
    Verdict.UNKNOWN: ("Not known yet", "default"),
    Verdict.UNTRUSTED: ("No verdict", "warning"),
}
"""The label of a verdict, and the label's colour."""

_NOTES = {
    UpliftMetric.CONTRIBUTION: "net sales without tax, less cost prices and the expected cost of points",
    UpliftMetric.SALES: "net sales with tax",
    UpliftMetric.VISITS: "",
    UpliftMetric.UNITS: "",
}
_MONEY = (UpliftMetric.CONTRIBUTION, UpliftMetric.SALES)
UNCOSTED_WARNING_SHARE = 0.01
"""The page says so where more of the sales has no known cost price."""

LATE_FREEZE = timedelta(days=1)
"""A population that was listed later than this after the start may differ from that of the start."""


@dataclass(frozen=True, kw_only=True)
class UpliftRow:
    """A metric, as a row of the table."""

    metric: str
    note: str
    treated: str
    control: str
    difference: str
    interval: str
    verdict: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """An interval of the chart, in its units: 0 to 400 across, with the row's middle at ``y``."""

    label: str
    y: int
    low: float
    high: float
    middle: float

    @property
    def width(self) -> float:
        """How wide the interval is."""
        return self.high - self.low


CHART_WIDTH, CHART_ROW = 400, 34


def uplift_page(request: HttpRequest) -> HttpResponse:
    """Show the uplift of the promotion that ``?promotion=`` names."""
    account = _checked_account(request)
    promotion = promotion_of(request, request.GET.get("promotion"))
    if promotion.family != Family.LOYALTY:
        raise Http404("Discounts have no control group.")
    promotion_url = promotion_page_url(request, family=promotion.family, promotion_id=promotion.pk)
    context = {
        "title": f"Uplift of “{promotion.name}”",
        "promotion": promotion,
        "promotion_url": promotion_url,
        "way_on": ("Open the Eligibility tab", f"{promotion_url}#eligibility") if promotion_url else None,
        "how": "A control group is set on the Eligibility tab: a share of a group that does not get the promotion, so "
        "that you can see what it changed.",
    }
    report = partial(uplift_report, promotion=promotion, at=timezone.now())
    return _page(request, context, report, subject=PROMOTION, account=account)


def programme_uplift_page(request: HttpRequest) -> HttpResponse:
    """Show what a year of the account's programme brought; ``?year=`` names one that is not the current."""
    account, at = _checked_account(request), timezone.now()
    this_year = at.astimezone(account.zone).year
    text = request.GET.get("year", "")
    year = int(text) if len(text) == 4 and text.isascii() and text.isdigit() and text[0] != "0" else this_year
    context = {
        "title": f"Uplift of the programme in {year}",
        "years": sorted({*programme_years(account_id=account.pk), this_year}, reverse=True),
        "year": year,
        "way_on": ("Open account settings", reverse("admin:consumers_account_changelist"))
        if request.user.has_perm("consumers.view_account")
        else None,
        "how": "A universal holdout is set in the account's settings: a share of all customers who get no promotion, "
        "so that you can see what the whole programme brings.",
    }
    report = partial(programme_report, account=account, year=year, at=at)
    return _page(request, context, report, subject=PROGRAMME, account=account)


def _checked_account(request: HttpRequest) -> Account:
    if not request.user.has_perm("loyalty.view_loyaltypromotion"):
        raise PermissionDenied
    return account_of(request)


def _page(
    request: HttpRequest,
    context: Mapping[str, object],
    report: Callable[[], UpliftReport],
    *,
    subject: Subject,
    account: Account,
) -> HttpResponse:
    shown = {**admin.site.each_context(request), **context, "subject": subject}
    try:
        shown |= report_context(report(), subject=subject, currency=account.currency)
    except (NoControlGroup, NoUniversalHoldout, NotMeasuredYet) as refusal:
        shown["empty"] = refusal.detail
    return TemplateResponse(request, "admin/loyalty/uplift.html", shown)


def report_context(report: UpliftReport, *, subject: Subject, currency: str) -> Mapping[str, object]:
    """Return a report as the template shows it."""
    population, contribution = report.population, report.metrics[UpliftMetric.CONTRIBUTION]
    treated, control = contribution.assigned.treated.n, contribution.assigned.control.n
    return {
        "population": population,
        "headline": headline_of(report, subject=subject, currency=currency),
        "colour": _LABELS[contribution.verdict][1],
        "note": _note(report, subject),
        "smallest": _smallest(contribution.assigned, subject, currency=currency),
        "untrusted": not report.ratio.is_plausible,
        "expected_share": f"{population.percentage.normalize():f}",
        "control_share": f"{100 * control / (treated + control):.1f}" if treated + control else "0",
        "treated": treated,
        "control": control,
        "assigned": rows_of(report, currency=currency, is_triggered=False),
        "triggered": rows_of(report, currency=currency, is_triggered=True),
        "triggered_counts": (contribution.triggered.treated.n, contribution.triggered.control.n),
        "bars": bars_of(report),
        "chart_height": CHART_ROW * len(UpliftMetric),
        "interval_note": _interval_note(contribution.assigned),
        "measured_from": format_moment(population.measured_from),
        "measured_to": format_moment(population.measured_to) if report.is_over else "",
        "frozen_at": format_moment(population.frozen_at),
        "is_late": population.frozen_at > population.measured_from + LATE_FREEZE,
        "is_changed": report.is_changed,
        "uncosted": f"{report.uncosted_share:.0%}" if report.uncosted_share >= UNCOSTED_WARNING_SHARE else "",
    }


def headline_of(report: UpliftReport, *, subject: Subject = PROMOTION, currency: str) -> str:
    """Say what happened and what to do, such as “Sales +5.6%, contribution -0.21 GBP per member: stop.”"""
    contribution, sales = report.metrics[UpliftMetric.CONTRIBUTION], report.metrics[UpliftMetric.SALES]
    if contribution.verdict == Verdict.UNTRUSTED:
        return "No verdict: the control group does not have the size that it should have."
    if contribution.assigned.best is None:
        return "Not known yet: too few customers have been measured."
    figures = []
    if sales.assigned.relative is not None:
        figures.append(f"Sales {100 * sales.assigned.relative:+.1f}%")
    difference = contribution.assigned.best.difference.value
    figures.append(f"contribution {_amount(difference, currency)} per {subject.consumer}")
    text = ", ".join(figures)
    advice = subject.advice.get(contribution.verdict) or ("not proved" if report.is_over else "not known yet")
    return f"{text[0].upper()}{text[1:]}: {advice}."


def _note(report: UpliftReport, subject: Subject) -> str:
    """Say how long a verdict would take, or what it rests on."""
    contribution = report.metrics[UpliftMetric.CONTRIBUTION]
    match contribution.verdict:
        case Verdict.BETTER:
            return f"{_who(subject)} brought more contribution than the control group, beyond chance."
        case Verdict.WORSE:
            return f"{_who(subject)} brought less contribution than the control group, beyond chance."
        case Verdict.UNTRUSTED:
            return ""
    if contribution.assigned.best is None:
        return "At least 50 customers in each group are needed."
    if report.is_over:
        return "It ended before a difference in contribution could be told from chance."
    if contribution.days_more is None:
        return "At this difference, a verdict would take years: the effect is too small for this control group."
    return f"If the difference stays the same, a verdict will take about {_duration(contribution.days_more)} more."


def _who(subject: Subject) -> str:
    return f"{subject.consumer.capitalize()}s who {subject.had}"


def _duration(days: int) -> str:
    if days < 14:
        return "1 day" if days == 1 else f"{days} days"
    return f"{ceil(days / 7)} weeks"


def _smallest(estimate: Estimate, subject: Subject, *, currency: str) -> str:
    """Say which effect this control group can show."""
    if estimate.plain is None or estimate.best is None:
        return ""
    plain, best = (f"{compared.smallest_effect:,.2f} {currency}" for compared in (estimate.plain, estimate.best))
    before = f" ({plain} without the eight weeks before)" if estimate.adjusted else ""
    return f"So far, a difference of {best} contribution per {subject.consumer} or more would show{before}."


def _interval_note(estimate: Estimate) -> str:
    before = "Differences take account of what each bought in the eight weeks before. " if estimate.adjusted else ""
    if estimate.is_fixed:
        return f"{before}The 95% intervals are for one look at the planned end."
    return f"{before}The 95% intervals stay right however often you look while it runs."


def rows_of(report: UpliftReport, *, currency: str, is_triggered: bool) -> Sequence[UpliftRow]:
    """Return the rows of one table: all members as assigned, or those whom the promotion reached."""
    return [_row(uplift, currency=currency, is_triggered=is_triggered) for uplift in report.metrics.values()]


def _row(uplift: MetricUplift, *, currency: str, is_triggered: bool) -> UpliftRow:
    estimate = uplift.triggered if is_triggered else uplift.assigned
    label, colour = ("", "") if is_triggered else _LABELS[uplift.verdict]
    best = estimate.best
    return UpliftRow(
        metric=f"{uplift.metric.label} ({currency})" if uplift.metric in _MONEY else str(uplift.metric.label),
        note=_NOTES[uplift.metric],
        treated=f"{estimate.treated.mean:,.2f}" if estimate.treated.n else "–",
        control=f"{estimate.control.mean:,.2f}" if estimate.control.n else "–",
        difference=f"{_signed(best.difference.value)}{_percent(estimate)}" if best else "–",
        interval=f"{_signed(best.interval.low)} to {_signed(best.interval.high)}" if best else "–",
        verdict=label,
        colour=colour,
    )


def _percent(estimate: Estimate) -> str:
    return f" ({100 * estimate.relative:+.1f}%)" if estimate.relative is not None else ""


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+,.2f}"


def _amount(value: float, currency: str) -> str:
    return f"{_signed(value)} {currency}"


def bars_of(report: UpliftReport) -> Sequence[Bar]:
    """Return the chart's intervals: differences as shares of the control group's means, with 0 in the middle."""
    shares = {}
    for metric, uplift in report.metrics.items():
        best, mean = uplift.assigned.best, uplift.assigned.control.mean
        if best is not None and mean > 0 and uplift.verdict != Verdict.UNTRUSTED:
            shares[metric] = tuple(v / mean for v in (best.interval.low, best.difference.value, best.interval.high))
    greatest = max((abs(share) for ends in shares.values() for share in ends), default=0)
    if not greatest or not isfinite(greatest):
        return []
    half = CHART_WIDTH / 2
    return [
        Bar(
            label=metric.label,
            y=CHART_ROW * row + CHART_ROW // 2,
            low=round(half + half * low / greatest, 1),
            middle=round(half + half * value / greatest, 1),
            high=round(half + half * high / greatest, 1),
        )
        for row, (metric, (low, value, high)) in enumerate(shares.items())
    ]
