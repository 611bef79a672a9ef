"""The calendar: promotions of every family by day, as a timeline and as a month."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Least
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from consumers.admin.framework.fields import DateInput
from consumers.admin.framework.pages import account_of
from loyalty.admin.page_urls import promotion_page_url
from loyalty.choices import PromotionType
from promotions.admin.editor.filters import NO_CAMPAIGN
from promotions.admin.visibility import SEE_CAMPAIGNS, families_seen
from promotions.choices import DiscountType, Family, Status
from promotions.models import Campaign, Promotion
from promotions.selectors.campaign import campaigns_of
from promotions.selectors.life import promotions_between, promotions_with_status

WEEK_DAYS = 7
TIMELINE_DAYS = 6 * WEEK_DAYS
MAX_PROMOTIONS = 1_000
"""Promotions that the page shows; it says when there are more."""

MAX_OPEN_BARS = 8
"""Promotions that a week of the month shows without asking for more."""

MIN_LABEL_DAYS = 10
"""Days of the timeline that a label needs; beside a shorter bar it is written next to it."""

_FIRST_DAY, _LAST_DAY = date(1000, 2, 1), date(9998, 10, 1)
"""Days between which every period that the page computes is a valid date."""

_COLUMNS = (
    "family",
    "type",
    "code",
    "name",
    "starts_at",
    "ends_at",
    "stopped_at",
    "draft",
    "archived",
    "campaign__name",
)
"""What the calendar reads of a promotion: it shows hundreds, and leaves their documents in the database."""

_VIEWS = [("timeline", "Timeline"), ("month", "Month")]
_GROUPS = [("", "None"), ("campaign", "Campaign")]
_SORTS = [("start", "Start date"), ("end", "End date")]
KIND_CHOICES = [
    ("", "All"),
    ("Loyalty promotions", [(Family.LOYALTY.value, "All loyalty promotions"), *PromotionType.choices]),
    ("Discounts", [(Family.DISCOUNT.value, "All discounts"), *DiscountType.choices]),
]


KIND_LABELS = dict([*PromotionType.choices, *DiscountType.choices])

_FILTER_FIELDS = {"kind": "kind", "status": "status", "campaign": "campaign", "text": "q"}
"""The fields of the form that hold the filters."""


class CalendarForm(forms.Form):
    """The view, the day and the filters of the calendar. An invalid value counts as none."""

    view = forms.ChoiceField(choices=_VIEWS, required=False, widget=forms.HiddenInput())
    day = forms.DateField(label="Date", required=False, widget=DateInput())
    kind = forms.ChoiceField(label="Kind", choices=KIND_CHOICES, required=False, widget=UnfoldAdminSelectWidget())
    status = forms.ChoiceField(
        label="Status", choices=[("", "All"), *Status.choices], required=False, widget=UnfoldAdminSelectWidget()
    )
    campaign = forms.ChoiceField(label="Campaign", required=False, widget=UnfoldAdminSelectWidget())
    q = forms.CharField(label="Name or code", required=False, max_length=100, widget=UnfoldAdminTextInputWidget())
    sort = forms.ChoiceField(label="Sort by", choices=_SORTS, required=False, widget=UnfoldAdminSelectWidget())
    group = forms.ChoiceField(label="Group by", choices=_GROUPS, required=False, widget=UnfoldAdminSelectWidget())

    def __init__(self, data: QueryDict, *, campaigns: Sequence[Campaign] | None) -> None:
        """``campaigns`` are those to filter by; None for a user who may not see campaigns."""
        super().__init__(data)
        if campaigns is None:
            del self.fields["campaign"], self.fields["group"]
            return
        field = self.fields["campaign"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        named = [(campaign.code, campaign.name) for campaign in campaigns]
        field.choices = [("", "All"), (NO_CAMPAIGN, "No campaign"), *named]


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The kind (a family or a type), status, campaign and text that the promotions shown have; empty for any."""

    kind: str
    status: str
    campaign: str
    text: str

    def apply(self, promotions: QuerySet[Promotion], *, at: datetime) -> QuerySet[Promotion]:
        """Return those of the promotions that pass the filters at a moment."""
        if self.kind in Family.values:
            promotions = promotions.filter(family=self.kind)
        elif self.kind:
            promotions = promotions.filter(type=self.kind)
        if self.campaign:
            code = None if self.campaign == NO_CAMPAIGN else self.campaign
            promotions = promotions.filter(campaign__code=code) if code else promotions.filter(campaign=None)
        if self.text:
            promotions = promotions.filter(Q(name__icontains=self.text) | Q(code__icontains=self.text))
        return promotions_with_status(promotions, statuses=[self.status], at=at) if self.status else promotions


_NO_FILTERS = Filters(kind="", status="", campaign="", text="")


@dataclass(frozen=True, kw_only=True)
class Period:
    """The days that the page shows from ``start`` on, and the days around which its neighbours are shown."""

    start: date
    days: int
    earlier: date
    later: date

    @property
    def after(self) -> date:
        """The first day that is not shown."""
        return self.start + timedelta(days=self.days)


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day in the head of the calendar."""

    date: date
    is_today: bool
    is_month_start: bool

    @property
    def is_weekend(self) -> bool:
        """Whether it is a Saturday or Sunday."""
        return self.date.weekday() >= WEEK_DAYS - 2


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A promotion over some days of a row: from ``column``, counted from 1, up to the column before ``past``.

    ``kind`` is its type: it decides the colour. ``changes`` says that it starts or ends within the row.
    """

    name: str
    code: str
    url: str
    kind: str
    kind_label: str
    status: str
    status_label: str
    dates: str
    column: int
    past: int
    changes: bool
    campaign: str = ""

    @property
    def label_place(self) -> str:
        """Where a timeline writes the label: in the bar, or after or before one that is too short for it."""
        if self.past - self.column >= MIN_LABEL_DAYS:
            return "inside"
        return "after" if TIMELINE_DAYS + 1 - self.past >= MIN_LABEL_DAYS else "before"


@dataclass(frozen=True, kw_only=True)
class Week:
    """A week of the month: its days, the bars that are shown at once, and the others."""

    days: Sequence[Day]
    bars: Sequence[Bar]
    more: Sequence[Bar]


@dataclass(frozen=True, kw_only=True)
class CalendarEntry:
    """A promotion with the days of the account's zone on which it runs; ``last`` is None without an end."""

    promotion: Promotion
    url: str
    status: Status
    first: date
    last: date | None

    def bar(self, start: date, days: int) -> Bar | None:
        """Return its bar in a row of days; None where it runs on none of them."""
        end = start + timedelta(days=days - 1)
        last = end if self.last is None else min(self.last, end)
        first = max(self.first, start)
        if first > last:
            return None
        return Bar(
            name=self.promotion.name,
            code=self.promotion.code,
            url=self.url,
            kind=self.promotion.type,
            kind_label=KIND_LABELS[self.promotion.type],
            status=self.status.value,
            status_label=self.status.label,
            dates=describe_days(self.first, self.last),
            column=(first - start).days + 1,
            past=(last - start).days + 2,
            changes=self.changes_in(start, days),
            campaign=self.promotion.campaign.name if self.promotion.campaign is not None else "",
        )

    def changes_in(self, start: date, days: int) -> bool:
        """Return whether it starts or ends on one of the days, rather than running through all of them."""
        return self.first >= start or (self.last is not None and self.last < start + timedelta(days=days))


def calendar(request: HttpRequest) -> HttpResponse:
    """Show the page to users who may see promotions."""
    if not request.user.has_perm("promotions.view_promotion"):
        raise PermissionDenied
    account, now = account_of(request), timezone.now()
    may_see = request.user.has_perm(SEE_CAMPAIGNS)
    campaigns = list(campaigns_of(account_id=account.pk).filter(archived=False)) if may_see else None
    form = CalendarForm(request.GET, campaigns=campaigns)
    form.is_valid()
    view = form.cleaned_data.get("view") or "timeline"
    day = min(max(form.cleaned_data.get("day") or timezone.localdate(now), _FIRST_DAY), _LAST_DAY)
    period = month_period(day) if view == "month" else timeline_period(day)
    filters = Filters(**{name: form.cleaned_data.get(key) or "" for name, key in _FILTER_FIELDS.items()})
    promotions = filters.apply(_promotions_in(period, account_id=account.pk, families=families_seen(request)), at=now)
    matching = list(sorted_by(promotions, form.cleaned_data.get("sort") or "start")[: MAX_PROMOTIONS + 1])
    entries = [_entry(request, promotion, now) for promotion in matching[:MAX_PROMOTIONS]]
    days = days_of(period, today=timezone.localdate(now))
    bars = [bar for entry in entries if (bar := entry.bar(period.start, period.days)) is not None]
    context = {
        **admin.site.each_context(request),
        "title": "Calendar",
        "form": form,
        "view": view,
        "views": [(label, _query(request, view=name), name == view) for name, label in _VIEWS],
        "period": date_format(day, "F Y") if view == "month" else describe_days(period.start, days[-1].date),
        "earlier": _query(request, day=period.earlier.isoformat()),
        "later": _query(request, day=period.later.isoformat()),
        "now": _query(request, day=""),
        "clear": _query(request, **dict.fromkeys(_FILTER_FIELDS.values(), "")),
        "is_filtered": filters != _NO_FILTERS,
        "count": len(entries),
        "has_more": len(matching) > MAX_PROMOTIONS,
        "max_promotions": MAX_PROMOTIONS,
        "days": days,
        "month": day.replace(day=1),
        "bars": bars,
        "changing": [bar for bar in bars if bar.changes],
        "constant": [bar for bar in bars if not bar.changes],
        "weeks": weeks_of(entries, days) if view == "month" else [],
        "kinds": kinds_of(bars),
        "groups": groups_of(bars) if form.cleaned_data.get("group") == "campaign" else [],
    }
    return TemplateResponse(request, "admin/loyalty/calendar.html", context)


# --- days -----------------------------------------------------------------------------------------------------------


def month_period(day: date) -> Period:
    """Return the whole weeks that cover the month of a day."""
    month = day.replace(day=1)
    next_month = (month + timedelta(days=32)).replace(day=1)
    start = monday_of(month)
    weeks = -(-(next_month - start).days // WEEK_DAYS)
    previous_month = (month - timedelta(days=1)).replace(day=1)
    return Period(start=start, days=weeks * WEEK_DAYS, earlier=previous_month, later=next_month)


def timeline_period(day: date) -> Period:
    """Return six weeks, of which the second has the day in it."""
    step = timedelta(days=4 * WEEK_DAYS)
    start = monday_of(day - timedelta(days=WEEK_DAYS))
    return Period(start=start, days=TIMELINE_DAYS, earlier=day - step, later=day + step)


def days_of(period: Period, *, today: date) -> list[Day]:
    """Return the days of a period; the first is labelled with its month, as is each month's first."""
    dates = [period.start + timedelta(days=number) for number in range(period.days)]
    return [Day(date=day, is_today=day == today, is_month_start=day.day == 1 or day == period.start) for day in dates]


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


# --- promotions -----------------------------------------------------------------------------------------------------


def _promotions_in(period: Period, *, account_id: int, families: Collection[Family]) -> QuerySet[Promotion]:
    """Return promotions of families that run in a period, with their ends and whether they run through all of it."""
    start, after = _midnight(period.start), _midnight(period.after)
    promotions = (
        Promotion.objects.filter(account_id=account_id, family__in=families).only(*_COLUMNS).select_related("campaign")
    )
    # SQLite's least of a null is null, PostgreSQL's leaves it out.
    final_end = Coalesce(Least("ends_at", "stopped_at"), "ends_at", "stopped_at")
    endless = Q(final_end__isnull=True) | Q(final_end__gt=after)
    return promotions_between(promotions, start=start, end=after).annotate(
        final_end=final_end,
        runs_through=Case(When(Q(starts_at__lt=start) & endless, then=Value(1)), default=Value(0)),
    )


def sorted_by(promotions: QuerySet[Promotion], sort: str) -> QuerySet[Promotion]:
    """Return promotions by start or end; those that run through all of the period come last."""
    first = F("final_end").asc(nulls_last=True) if sort == "end" else F("starts_at").asc()
    return promotions.order_by(F("runs_through").asc(), first, "starts_at", "name", "code")


# --- entries and bars -----------------------------------------------------------------------------------------------


def _entry(request: HttpRequest, promotion: Promotion, now: datetime) -> CalendarEntry:
    ends = [moment for moment in (promotion.ends_at, promotion.stopped_at) if moment is not None]
    # A promotion no longer applies at its end: one that ends at midnight has the day before for its last.
    last = timezone.localdate(min(ends) - timedelta(microseconds=1)) if ends else None
    return CalendarEntry(
        promotion=promotion,
        url=promotion_page_url(request, family=promotion.family, promotion_id=promotion.pk),
        status=promotion.status_at(now),
        first=timezone.localdate(promotion.starts_at),
        last=last,
    )


def weeks_of(entries: Sequence[CalendarEntry], days: Sequence[Day]) -> list[Week]:
    """Return the weeks of a month with the promotions that start or end in it; those of the week itself come first."""
    changing = [entry for entry in entries if entry.changes_in(days[0].date, len(days))]
    weeks = []
    for index in range(0, len(days), WEEK_DAYS):
        bars = [bar for entry in changing if (bar := entry.bar(days[index].date, WEEK_DAYS)) is not None]
        bars.sort(key=lambda bar: not bar.changes)
        week_days = days[index : index + WEEK_DAYS]
        weeks.append(Week(days=week_days, bars=bars[:MAX_OPEN_BARS], more=bars[MAX_OPEN_BARS:]))
    return weeks


def kinds_of(bars: Sequence[Bar]) -> list[tuple[str, str]]:
    """Return the kinds that bars have, with their labels, for the legend."""
    shown = {bar.kind for bar in bars}
    return [(kind, label) for kind, label in KIND_LABELS.items() if kind in shown]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The bars of a campaign; those of none come last."""

    title: str
    bars: Sequence[Bar]


def groups_of(bars: Sequence[Bar]) -> list[Group]:
    """Return the bars by the campaign that they belong to, the campaigns by name and their bars in the given order."""
    names = sorted({bar.campaign for bar in bars}, key=lambda name: (not name, name.casefold()))
    return [Group(title=name or "No campaign", bars=[bar for bar in bars if bar.campaign == name]) for name in names]


def describe_days(first: date, last: date | None) -> str:
    """Describe the days from one to another, or from one on without an end."""
    if last is None:
        return f"from {date_format(first, 'j M Y')}, no end date"
    if first == last:
        return date_format(first, "j M Y")
    same_year = first.year == last.year
    return f"{date_format(first, 'j M' if same_year else 'j M Y')} – {date_format(last, 'j M Y')}"


def _query(request: HttpRequest, **changes: str) -> str:
    """Return the page's own URL with some parameters changed."""
    parameters = {name: request.GET.get(name, "") for name in CalendarForm.base_fields} | changes
    return f"{reverse('promotion_calendar')}?{urlencode({name: value for name, value in parameters.items() if value})}"
