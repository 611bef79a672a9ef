"""The calendar: promotions of every family by day, as a timeline and as a month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
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
from loyalty.admin.page_urls import promotion_address
from loyalty.choices import PromotionType
from promotions.choices import DiscountType, Family, Status
from promotions.models import Promotion
from promotions.selectors.life import promotions_between, promotions_with_status

WEEK = 7
TIMELINE_DAYS = 6 * WEEK
MOST = 1_000
"""Promotions shown at most; the page says when there are more."""

OPEN_IN_A_WEEK = 8
"""Promotions of a week of the month that are shown without asking for more."""

_FIRST, _LAST = date(1000, 2, 1), date(9998, 10, 1)
_COLUMNS = ("family", "type", "code", "name", "starts_at", "ends_at", "stopped_at", "draft", "archived")
"""What the calendar reads of a promotion: it shows hundreds, and leaves their documents in the database."""

_VIEWS = [("timeline", "Timeline"), ("month", "Month")]
_KINDS = [
    ("", "All"),
    ("Loyalty promotions", [(Family.LOYALTY.value, "All loyalty promotions"), *PromotionType.choices]),
    ("Discounts", [(Family.DISCOUNT.value, "All discounts"), *DiscountType.choices]),
]


class CalendarForm(forms.Form):
    """What the calendar shows. What is wrong is passed over: the rest of the page stands."""

    view = forms.ChoiceField(choices=_VIEWS, required=False, widget=forms.HiddenInput())
    day = forms.DateField(label="Around", required=False, widget=DateInput())
    kind = forms.ChoiceField(label="Kind", choices=_KINDS, required=False, widget=UnfoldAdminSelectWidget())
    status = forms.ChoiceField(
        label="Status", choices=[("", "All"), *Status.choices], required=False, widget=UnfoldAdminSelectWidget()
    )
    q = forms.CharField(label="Name or code", required=False, max_length=100, widget=UnfoldAdminTextInputWidget())


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day as the calendar's head shows it."""

    date: date
    is_today: bool
    is_month_start: bool

    @property
    def is_weekend(self) -> bool:
        """Whether it is a Saturday or Sunday."""
        return self.date.weekday() >= WEEK - 2


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A promotion over some days of a row, columns counted from 1; ``past`` is the column behind its last."""

    name: str
    code: str
    address: str
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
class Shown:
    """A promotion with the days of the account's zone on which it runs; without a last day it goes on."""

    promotion: Promotion
    address: str
    status: Status
    first: date
    last: date | None

    def bar(self, start: date, days: int) -> Bar | None:
        """Its bar in a row of days; None where it does not run on any."""
        end = start + timedelta(days=days - 1)
        last = end if self.last is None else min(self.last, end)
        first = max(self.first, start)
        if first > last:
            return None
        return Bar(
            name=self.promotion.name,
            code=self.promotion.code,
            address=self.address,
            status=self.status.value,
            status_label=self.status.label,
            dates=describe_days(self.first, self.last),
            column=(first - start).days + 1,
            past=(last - start).days + 2,
        )


def calendar(request: HttpRequest) -> HttpResponse:
    """The page, for one who may see promotions."""
    if not request.user.has_perm("promotions.view_promotion"):
        raise PermissionDenied
    account, now = account_of(request), timezone.now()
    today = timezone.localdate(now)
    form = CalendarForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    view = asked.get("view") or "timeline"
    day = min(max(asked.get("day") or today, _FIRST), _LAST)
    month = day.replace(day=1)
    if view == "month":
        start = monday_of(month)
        days = -(-((_next_month(month) - start).days) // WEEK) * WEEK
        earlier, later = (month - timedelta(days=1)).replace(day=1), _next_month(month)
    else:
        start, days = monday_of(day - timedelta(days=WEEK)), TIMELINE_DAYS
        earlier, later = day - timedelta(days=4 * WEEK), day + timedelta(days=4 * WEEK)
    rows = promotions_between(
        Promotion.objects.filter(account_id=account.pk).only(*_COLUMNS),
        start=_midnight(start),
        end=_midnight(start + timedelta(days=days)),
    ).order_by("starts_at", "name", "code")
    found = list(_narrowed(rows, asked, now)[: MOST + 1])
    shown = [_shown(request, promotion, now) for promotion in found[:MOST]]
    heads = [
        Day(date=one, is_today=one == today, is_month_start=one.day == 1 or one == start)
        for one in (start + timedelta(days=n) for n in range(days))
    ]
    context = {
        **admin.site.each_context(request),
        "title": "Calendar",
        "form": form,
        "view": view,
        "views": [(label, _query(request, view=name), name == view) for name, label in _VIEWS],
        "period": date_format(month, "F Y") if view == "month" else describe_days(start, heads[-1].date),
        "earlier": _query(request, day=earlier.isoformat()),
        "later": _query(request, day=later.isoformat()),
        "now": _query(request, day=""),
        "clear": _query(request, kind="", status="", q=""),
        "is_narrowed": any(asked.get(name) for name in ("kind", "status", "q")),
        "count": len(shown),
        "has_more": len(found) > MOST,
        "most": MOST,
        "days": heads,
        "month": month,
        "bars": [one.bar(start, days) for one in shown] if view == "timeline" else [],
        "weeks": weeks_of(shown, heads) if view == "month" else [],
    }
    return TemplateResponse(request, "admin/loyalty/calendar.html", context)


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def _next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _narrowed(rows: QuerySet[Promotion], asked: dict[str, Any], now: datetime) -> QuerySet[Promotion]:
    kind, status, text = asked.get("kind"), asked.get("status"), asked.get("q")
    if kind:
        rows = rows.filter(family=kind) if kind in Family.values else rows.filter(type=kind)
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(code__icontains=text))
    return promotions_with_status(rows, statuses=[status], at=now) if status else rows


def _shown(request: HttpRequest, promotion: Promotion, now: datetime) -> Shown:
    ends = [moment for moment in (promotion.ends_at, promotion.stopped_at) if moment is not None]
    # The end itself belongs to the promotion no more.
    last = timezone.localdate(min(ends) - timedelta(microseconds=1)) if ends else None
    return Shown(
        promotion=promotion,
        address=promotion_address(request, family=promotion.family, promotion_id=promotion.pk),
        status=promotion.status_at(now),
        first=timezone.localdate(promotion.starts_at),
        last=last,
    )


def weeks_of(shown: Sequence[Shown], days: Sequence[Day]) -> list[Week]:
    """The weeks of a month, each with the bars of the promotions that run in it."""
    weeks = []
    for at in range(0, len(days), WEEK):
        found = [one.bar(days[at].date, WEEK) for one in shown]
        bars = [bar for bar in found if bar is not None]
        weeks.append(Week(days=days[at : at + WEEK], bars=bars[:OPEN_IN_A_WEEK], more=bars[OPEN_IN_A_WEEK:]))
    return weeks


def describe_days(first: date, last: date | None) -> str:
    """From one day to another, or on without an end."""
    if last is None:
        return f"from {date_format(first, 'j M Y')}, no end"
    if first == last:
        return date_format(first, "j M Y")
    same_year = first.year == last.year
    return f"{date_format(first, 'j M' if same_year else 'j M Y')} – {date_format(last, 'j M Y')}"


def _query(request: HttpRequest, **changed: str) -> str:
    """The page's own address with something changed."""
    asked = {name: request.GET.get(name, "") for name in CalendarForm.base_fields} | changed
    kept = {name: value for name, value in asked.items() if value}
    return f"{reverse('promotion_calendar')}?{urlencode(kept)}"
