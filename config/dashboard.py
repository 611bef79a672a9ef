"""The overview: the page after the log-in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from consumers.models import Account, User
from loyalty.choices import MessageState
from loyalty.selectors.overview import (
    messages_needing_attention,
    points_issued_by_day,
    promotions_by_status,
    promotions_ending,
    promotions_nearly_used,
    promotions_running,
    promotions_starting,
    sales_since,
    vouchers_issued_by_day,
)
from promotions.admin.editor.page import describe_redemptions
from promotions.choices import Family, Status
from promotions.models import Promotion


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Where the promotions of a family are looked at, by whom, and what they are called."""

    permission: str
    list_view: str
    form_view: str
    one: str
    several: str


PAGES = {
    Family.LOYALTY: Pages(
        permission="loyalty.view_loyaltypromotion",
        list_view="admin:loyalty_loyaltypromotion_changelist",
        form_view="admin:loyalty_loyaltypromotion_change",
        one="loyalty promotion",
        several="loyalty promotions",
    ),
    Family.DISCOUNT: Pages(
        permission="promotions.view_discount",
        list_view="admin:promotions_discount_changelist",
        form_view="admin:promotions_discount_change",
        one="discount",
        several="discounts",
    ),
}
SHOWN = (Status.ACTIVE, Status.SCHEDULED, Status.DRAFT)
LISTED = 5
SOON = timedelta(days=14)
LATELY = timedelta(days=7)
NEARLY_USED = 80
"""Percent of a limit from which it is shown."""
CHARTED_DAYS = 14
BAR = 24
"""The width of a day of a chart, the gap beside its bar included."""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The index page's context: what runs, what comes, what ends, and what was sold, as far as the user may see it."""
    user, now = request.user, timezone.now()
    context |= {"title": "Overview", "subtitle": None}
    if not isinstance(user, User) or user.current_membership is None:
        return context | {"no_account": True}
    account = user.current_membership.account
    families = [family for family, page in PAGES.items() if user.has_perm(page.permission)]
    if families:
        counts = promotions_by_status(account_id=account.pk, families=families, at=now)
        context["tiles"] = [_tile(family, status, counts[family, status]) for family in families for status in SHOWN]
        context["lists"] = [
            _list("Running now", "Nothing is running.", _running(account.pk, families, now)),
            _list("Starting next", "Nothing is scheduled.", _starting(account.pk, families, now)),
            _list("Ending within two weeks", "None ends soon.", _ending(account.pk, families, now)),
            _list("Limits nearly used up", "No limit is nearly used up.", _nearly_used(account.pk, families, now)),
        ]
    if user.has_perm("loyalty.view_transaction"):
        context["sales"] = sales_since(account_id=account.pk, since=now - LATELY)
    context["charts"] = _charts(user, account, now)
    if user.has_perm("loyalty.view_redemptionmessage"):
        context["trouble"] = _trouble(account)
    return context


def _charts(user: User, account: Account, now: datetime) -> list["Chart"]:
    """What was given day by day, as far as the user may see it."""
    today = now.astimezone(account.zone).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(CHARTED_DAYS))]
    asked: dict[str, Any] = {
        "account_id": account.pk,
        "since": datetime.combine(days[0], time.min, tzinfo=account.zone),
        "zone": account.zone,
    }
    charts = []
    if user.has_perm("loyalty.view_ledgerentry"):
        charts.append(Chart.of("Points issued", days, points_issued_by_day(**asked)))
    if user.has_perm("loyalty.view_voucher"):
        charts.append(Chart.of("Vouchers out", days, vouchers_issued_by_day(**asked)))
    return charts


def _trouble(account: Account) -> list[dict[str, Any]]:
    """Messages that wait for a person, by what became of them, each with the list of them."""
    messages = reverse("admin:loyalty_redemptionmessage_changelist")
    return [
        {"count": count, "words": _TROUBLES[state], "address": f"{messages}?{urlencode({'state': state.value})}"}
        for state, count in messages_needing_attention(account_id=account.pk).items()
    ]


_TROUBLES = {MessageState.FAILED: "not sent", MessageState.UNCERTAIN: "that may have been sent"}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One day of a chart; ``x`` and ``height`` are in the chart's own measure, 100 high."""

    day: date
    value: int
    x: int
    height: float

    @property
    def y(self) -> float:
        """Where it begins, from above."""
        return 100 - self.height


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A number for each of some days, drawn as bars and told as a table."""

    title: str
    total: int
    most: int
    width: int
    bars: tuple[Bar, ...]

    @classmethod
    def of(cls, title: str, days: Collection[date], values: Mapping[date, int]) -> "Chart":
        """A chart of days in order; one that ``values`` has not is 0."""
        most = max(values.values(), default=0)
        bars = tuple(
            Bar(
                day=day,
                value=values.get(day, 0),
                x=BAR * place,
                height=round(100 * values.get(day, 0) / most, 1) if most else 0,
            )
            for place, day in enumerate(days)
        )
        return cls(title=title, total=sum(values.values()), most=most, width=BAR * len(bars), bars=bars)


def _tile(family: Family, status: Status, count: int) -> dict[str, Any]:
    page = PAGES[family]
    noun = page.one if count == 1 else page.several
    return {
        "count": count,
        "label": f"{status.label.lower()} {noun}",
        "address": f"{reverse(page.list_view)}?{urlencode({'status': status.value})}",
    }


def _list(title: str, empty: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"title": title, "empty": empty, "rows": rows}


def _row(promotion: Promotion, **said: Any) -> dict[str, Any]:
    page = PAGES[Family(promotion.family)]
    return {"name": promotion.name, "address": reverse(page.form_view, args=[promotion.pk]), **said}


def _running(account_id: int, families: Collection[Family], now: datetime) -> list[dict[str, Any]]:
    rows = promotions_running(account_id=account_id, families=families, at=now)[:LISTED]
    return [_row(one, fact=f"{describe_redemptions(one)} redemptions") for one in rows]


def _starting(account_id: int, families: Collection[Family], now: datetime) -> list[dict[str, Any]]:
    rows = promotions_starting(account_id=account_id, families=families, at=now)[:LISTED]
    return [_row(one, moment=one.starts_at) for one in rows]


def _nearly_used(account_id: int, families: Collection[Family], now: datetime) -> list[dict[str, Any]]:
    rows = promotions_nearly_used(account_id=account_id, families=families, at=now, percent=NEARLY_USED)[:LISTED]
    return [_row(one, fact=f"{describe_redemptions(one)} redemptions") for one in rows]


def _ending(account_id: int, families: Collection[Family], now: datetime) -> list[dict[str, Any]]:
    rows = promotions_ending(account_id=account_id, families=families, at=now, within=SOON)[:LISTED]
    return [_row(one, moment=one.ends_at) for one in rows]
