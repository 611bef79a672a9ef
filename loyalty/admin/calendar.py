"""The calendar: promotions of every family by day, as a timeline and as a month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from consumers.admin.framework.fields import DateInput
from consumers.admin.framework.pages import account_of
from loyalty.admin.page_urls import promotion_page_url
from loyalty.choices import PromotionType
from promotions.admin.visibility import families_seen
from promotions.choices import DiscountType, Family, Status
from promotions.models import Promotion
from promotions.selectors.life import promotions_between, promotions_with_status

WEEK_DAYS = 7
TIMELINE_DAYS = 6 * WEEK_DAYS
MAX_PROMOTIONS = 1_000
"""Promotions that the page shows; it says when there are more."""

MAX_OPEN_BARS = 8
"""Promotions that a week of the month shows without asking for more."""

_FIRST_DAY, _LAST_DAY = date(1000, 2, 1), date(9998, 10, 1)
"""Days between which every period that the page computes is a valid date."""

_COLUMNS = ("family", "type", "code", "name", "starts_at", "ends_at", "stopped_at", "draft", "archived")
"""What the calendar reads of a promotion: it shows hundreds, and leaves their documents in the database."""

_VIEWS = [("timeline", "Timeline"), ("month", "Month")]
_KINDS = [
    ("", "All"),
    ("Loyalty promotions", [(Family.LOYALTY.value, "All loyalty promotions"), *PromotionType.choices]),
    ("Discounts", [(Family.DISCOUNT.value, "All discounts"), *DiscountType.choices]),
]


_FILTER_FIELDS = {"kind": "kind", "status": "status", "text": "q"}
"""The fields of the form that hold the filters."""


class CalendarForm(forms.Form):
    """The view, the day and the filters of the calendar. An invalid value counts as none."""

    view = forms.ChoiceField(choices=_VIEWS, required=False, widget=forms.HiddenInput())
    day = forms.DateField(label="Around", required=False, widget=DateInput())
    kind = forms.ChoiceField(label="Kind", choices=_KINDS, required=False, widget=UnfoldAdminSelectWidget())
    status = forms.ChoiceField(
        label="Status", choices=[("", "All"), *Status.choices], required=False, widget=UnfoldAdminSelectWidget()
    )
    q = forms.CharField(label="Name or code", required=False, max_length=100, widget=UnfoldAdminTextInputWidget())


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The kind (a family or a type), status and text that the promotions shown have; empty for any."""

    kind: str
    status: str
    text: str

    def apply(self, promotions: QuerySet[Promotion], *, at: datetime) -> QuerySet[Promotion]:
        """Return those of the promotions that pass the filters at a moment."""
        if self.kind in Family.values:
            promotions = promotions.filter(family=self.kind)
        elif self.kind:
            promotions = promotions.filter(type=self.kind)
        if self.text:
            promotions = promotions.filter(Q(name__icontains=self.text) | Q(code__icontains=self.text))
        return promotions_with_status(promotions, statuses=[self.status], at=at) if self.status else promotions


_NO_FILTERS = Filters(kind="", status="", text="")


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
    """A promotion over some days of a row: from ``column``, counted from 1, up to the column before ``past``."""

    name: str
    code: str
    url: str
    status: str
    status_label: str
    dates: str
    column: int
    past: int


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
            status=self.status.value,
            status_label=self.status.label,
            dates=describe_days(self.first, self.last),
            column=(first - start).days + 1,
            past=(last - start).days + 2,
        )


def calendar(request: HttpRequest) -> HttpResponse:
    """Show the page to users who may see promotions."""
    if not request.user.has_perm("promotions.view_promotion"):
        raise PermissionDenied
    account, now = account_of(request), timezone.now()
    form = CalendarForm(request.GET)
    form.is_valid()
    view = form.cleaned_data.get("view") or "timeline"
    day = min(max(form.cleaned_data.get("day") or timezone.localdate(now), _FIRST_DAY), _LAST_DAY)
    period = month_period(day) if view == "month" else timeline_period(day)
    filters = Filters(**{name: form.cleaned_data.get(key) or "" for name, key in _FILTER_FIELDS.items()})
    promotions = promotions_between(
        Promotion.objects.filter(account_id=account.pk, family__in=families_seen(request)).only(*_COLUMNS),
        start=_midnight(period.start),
        end=_midnight(period.after),
    ).order_by("starts_at", "name", "code")
    matching = list(filters.apply(promotions, at=now)[: MAX_PROMOTIONS + 1])
    entries = [_entry(request, promotion, now) for promotion in matching[:MAX_PROMOTIONS]]
    days = days_of(period, today=timezone.localdate(now))
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
        "bars": [entry.bar(period.start, period.days) for entry in entries] if view == "timeline" else [],
        "weeks": weeks_of(entries, days) if view == "month" else [],
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
    """Return the weeks of a month, each with the bars of the promotions that run in it."""
    weeks = []
    for index in range(0, len(days), WEEK_DAYS):
        bars = [bar for entry in entries if (bar := entry.bar(days[index].date, WEEK_DAYS)) is not None]
        week_days = days[index : index + WEEK_DAYS]
        weeks.append(Week(days=week_days, bars=bars[:MAX_OPEN_BARS], more=bars[MAX_OPEN_BARS:]))
    return weeks


def describe_days(first: date, last: date | None) -> str:
    """Describe the days from one to another, or from one on without an end."""
    if last is None:
        return f"from {date_format(first, 'j M Y')}, no end"
    if first == last:
        return date_format(first, "j M Y")
    same_year = first.year == last.year
    return f"{date_format(first, 'j M' if same_year else 'j M Y')} – {date_format(last, 'j M Y')}"


def _query(request: HttpRequest, **changes: str) -> str:
    """Return the page's own URL with some parameters changed."""
    parameters = {name: request.GET.get(name, "") for name in CalendarForm.base_fields} | changes
    return f"{reverse('promotion_calendar')}?{urlencode({name: value for name, value in parameters.items() if value})}"
