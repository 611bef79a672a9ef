"""The overview: the page after the log-in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from consumers.admin.framework.formatting import format_day
from consumers.models import Account, User
from consumers.types import Context, JsonObject
from loyalty.choices import MessageState
from loyalty.selectors.budget_alerts import NEARLY_USED_PERCENT, BudgetAlert, BudgetAlertKind, budget_alerts
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
from promotions.admin.editor.budget_fields import budget_number, budget_use_words, budget_words
from promotions.admin.editor.header import describe_redemptions
from promotions.admin.visibility import SEE_CAMPAIGNS
from promotions.choices import Family, Status
from promotions.models import Campaign, Promotion


@dataclass(frozen=True, kw_only=True)
class FamilyPages:
    """The list and form of a family's promotions, the permission to see them, and their names."""

    permission: str
    list_view: str
    form_view: str
    one: str
    several: str


PAGES = {
    Family.LOYALTY: FamilyPages(
        permission="loyalty.view_loyaltypromotion",
        list_view="admin:loyalty_loyaltypromotion_changelist",
        form_view="admin:loyalty_loyaltypromotion_change",
        one="loyalty promotion",
        several="loyalty promotions",
    ),
    Family.DISCOUNT: FamilyPages(
        permission="promotions.view_discount",
        list_view="admin:promotions_discount_changelist",
        form_view="admin:promotions_discount_change",
        one="discount",
        several="discounts",
    ),
}
_CAMPAIGN_FORM = "admin:promotions_campaign_change"
TILE_STATUSES = (Status.ACTIVE, Status.SCHEDULED, Status.DRAFT)
MAX_LISTED = 5
ENDING_WITHIN = timedelta(days=14)
SALES_PERIOD = timedelta(days=7)
CHARTED_DAYS = 14
BAR_WIDTH = 24
"""Width of a day in a chart, with the gap beside its bar."""


def dashboard(request: HttpRequest, context: Context) -> JsonObject:
    """Return the overview's context: promotions, sales and charts, as far as the user may see them."""
    user, now = request.user, timezone.now()
    context |= {"title": "Overview", "subtitle": None}
    if not isinstance(user, User) or user.current_membership is None:
        return context | {"no_account": True}
    account = user.current_membership.account
    families = [family for family, page in PAGES.items() if user.has_perm(page.permission)]
    if families:
        counts = promotions_by_status(account_id=account.pk, families=families, at=now)
        context["tiles"] = [
            _tile(family, status, counts[family, status]) for family in families for status in TILE_STATUSES
        ]
        context["lists"] = [
            _list("Active now", "No active promotions.", _running(account.pk, families, now)),
            _list("Starting soon", "No scheduled promotions.", _starting(account.pk, families, now)),
            _list("Ending in the next 14 days", "No promotions end soon.", _ending(account.pk, families, now)),
            _list(
                "Close to their limit",
                "No promotions are close to their limit.",
                _nearly_used(account.pk, families, now),
            ),
        ]
        budgets = _budgets(account, families, now, with_campaigns=user.has_perm(SEE_CAMPAIGNS))
        # What somebody should look at comes first.
        context["lists"].insert(0 if budgets["rows"] else len(context["lists"]), budgets)
    if user.has_perm("loyalty.view_transaction"):
        context["sales"] = sales_since(account_id=account.pk, since=now - SALES_PERIOD)
    context["charts"] = _charts(user, account, now)
    if user.has_perm("loyalty.view_redemptionmessage"):
        context["trouble"] = _trouble(account)
        context["trouble_count"] = sum(row["count"] for row in context["trouble"])
    if not families and not context["charts"] and context.keys().isdisjoint({"sales", "trouble"}):
        context["chapters"] = _chapters(context)
    return context


def _chapters(context: Context) -> list[JsonObject]:
    """Return the pages of the sidebar that the user sees, by chapter; without the overview, which has no chapter."""
    chapters = [
        {"title": group["title"], "pages": [page for page in group["items"] if page["has_permission"]]}
        for group in context["sidebar_navigation"]
        if group.get("title")
    ]
    return [chapter for chapter in chapters if chapter["pages"]]


def _charts(user: User, account: Account, now: datetime) -> list["Chart"]:
    """Return the charts of points and vouchers by day that the user may see."""
    today = now.astimezone(account.zone).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(CHARTED_DAYS))]
    period: JsonObject = {
        "account_id": account.pk,
        "since": datetime.combine(days[0], time.min, tzinfo=account.zone),
        "zone": account.zone,
    }
    charts = []
    if user.has_perm("loyalty.view_ledgerentry"):
        charts.append(Chart.of("Points issued", days, points_issued_by_day(**period)))
    if user.has_perm("loyalty.view_voucher"):
        charts.append(Chart.of("Vouchers issued", days, vouchers_issued_by_day(**period)))
    return charts


def _trouble(account: Account) -> list[JsonObject]:
    """Return messages that need attention, by state, each with the address of their list."""
    messages = reverse("admin:loyalty_redemptionmessage_changelist")
    return [
        {"count": count, "words": _TROUBLE_TEXTS[state], "address": f"{messages}?{urlencode({'state': state.value})}"}
        for state, count in messages_needing_attention(account_id=account.pk).items()
    ]


_TROUBLE_TEXTS = {MessageState.FAILED: "not sent", MessageState.UNCERTAIN: "may have been sent"}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A day of a chart; ``x`` and ``height`` are in units of the drawing, which is 100 high."""

    day: date
    value: int
    x: int
    height: float

    @property
    def y(self) -> float:
        """Return the bar's top, measured from above."""
        return 100 - self.height


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A number per day, drawn as bars and repeated as a table."""

    title: str
    total: int
    most: int
    width: int
    bars: tuple[Bar, ...]

    @classmethod
    def of(cls, title: str, days: Collection[date], values: Mapping[date, int]) -> "Chart":
        """Return a chart of days in order; days without a value are 0."""
        most = max(values.values(), default=0)
        bars = tuple(
            Bar(
                day=day,
                value=values.get(day, 0),
                x=BAR_WIDTH * position,
                height=round(100 * values.get(day, 0) / most, 1) if most else 0,
            )
            for position, day in enumerate(days)
        )
        return cls(title=title, total=sum(values.values()), most=most, width=BAR_WIDTH * len(bars), bars=bars)


def _tile(family: Family, status: Status, count: int) -> JsonObject:
    page = PAGES[family]
    noun = page.one if count == 1 else page.several
    return {
        "count": count,
        "label": f"{status.label.lower()} {noun}",
        "address": f"{reverse(page.list_view)}?{urlencode({'status': status.value})}",
    }


def _list(title: str, empty: str, rows: list[JsonObject]) -> JsonObject:
    return {"title": title, "empty": empty, "rows": rows[:MAX_LISTED], "has_more": len(rows) > MAX_LISTED}


def _row(row: Promotion | Campaign, **columns: Any) -> JsonObject:
    form_view = _CAMPAIGN_FORM if isinstance(row, Campaign) else PAGES[Family(row.family)].form_view
    return {"name": row.name, "address": reverse(form_view, args=[row.pk]), **columns}


def _redemptions(promotion: Promotion) -> str:
    noun = "redemption" if promotion.redemptions == 1 and not promotion.total_redemption_limit else "redemptions"
    return f"{describe_redemptions(promotion)} {noun}"


def _running(account_id: int, families: Collection[Family], now: datetime) -> list[JsonObject]:
    rows = promotions_running(account_id=account_id, families=families, at=now)[: MAX_LISTED + 1]
    return [_row(promotion, fact=_redemptions(promotion)) for promotion in rows]


def _starting(account_id: int, families: Collection[Family], now: datetime) -> list[JsonObject]:
    rows = promotions_starting(account_id=account_id, families=families, at=now)[: MAX_LISTED + 1]
    return [_row(promotion, moment=promotion.starts_at) for promotion in rows]


def _nearly_used(account_id: int, families: Collection[Family], now: datetime) -> list[JsonObject]:
    rows = promotions_nearly_used(account_id=account_id, families=families, at=now, percent=NEARLY_USED_PERCENT)[
        : MAX_LISTED + 1
    ]
    return [_row(promotion, fact=_redemptions(promotion)) for promotion in rows]


def _ending(account_id: int, families: Collection[Family], now: datetime) -> list[JsonObject]:
    rows = promotions_ending(account_id=account_id, families=families, at=now, within=ENDING_WITHIN)[: MAX_LISTED + 1]
    return [_row(promotion, moment=promotion.ends_at) for promotion in rows]


def _budgets(account: Account, families: Collection[Family], now: datetime, *, with_campaigns: bool) -> JsonObject:
    """Return the alerts of budgets: those that do not fit are folded, as no alert may be missed."""
    alerts = budget_alerts(account=account, families=families, at=now, with_campaigns=with_campaigns)
    rows = [_row(alert.budget.owner, fact=_alert_fact(alert), note=_describe_alert(alert)) for alert in alerts]
    return {
        "title": "Budgets that run out",
        "empty": "No budget is nearly used or runs out early.",
        "rows": rows[:MAX_LISTED],
        "folded": rows[MAX_LISTED:],
    }


def _alert_fact(alert: BudgetAlert) -> str:
    used = f"{alert.percent:,}% used"
    return f"campaign, {used}" if isinstance(alert.budget.owner, Campaign) else used


def _describe_alert(alert: BudgetAlert) -> str:
    """Say what is left of a budget, and when it runs out if that is before its end."""
    state, sentences = alert.budget.state, []
    if alert.kind == BudgetAlertKind.USED_UP:
        return f"Used up: {budget_use_words(state)} given."
    if alert.kind == BudgetAlertKind.NEARLY_USED:
        left, amount = budget_number(state, state.left or 0), budget_words(state, state.amount or 0)
        sentences.append(f"{left} of {amount} left.")
    if alert.ends_early:
        end = format_day(alert.budget.last)
        day = f"{alert.ends_early:%A}, {format_day(alert.ends_early)}"
        sentences.append(f"At this pace it runs out on {day}, before it ends on {end}.")
    return " ".join(sentences)
