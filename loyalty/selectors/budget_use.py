"""How fast promotions use up what they have, and when that ends: from what is counted of each day."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Sum

from loyalty.choices import PromotionType
from loyalty.forecast import FORECAST_DAYS, day_used_up
from loyalty.models import Offer, PromotionDayResult
from promotions.engine.money import exponent
from promotions.models import Campaign, Promotion
from promotions.selectors.budget import BudgetState, budget_state, campaign_budget_state

_FIGURES = ("redemptions", "discount", "points", "points_value", "vouchers_issued")
_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DayUse:
    """What a promotion gave on a day, less what was returned; amounts are millionths of its currency."""

    redemptions: int
    discount: int
    points: int
    points_value: int
    vouchers_issued: int


UseByDay = Mapping[date, DayUse]


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedBudget:
    """A budget that is in force, and whose it is.

    ``first`` is the day on which it began, ``last`` the last one on which it is in force: None without an end.
    ``promotions`` are those that take from it.
    """

    owner: Promotion | Campaign
    state: BudgetState
    first: date
    last: date | None
    promotions: tuple[Promotion, ...]


def watched_budget(promotion: Promotion, *, zone: ZoneInfo) -> WatchedBudget:
    """Return a promotion's own budget."""
    return WatchedBudget(
        owner=promotion,
        state=budget_state(promotion),
        first=promotion.starts_at.astimezone(zone).date(),
        last=last_day(promotion.ends_at, zone=zone),
        promotions=(promotion,),
    )


def watched_campaign_budget(
    campaign: Campaign, members: Sequence[Promotion], *, currency: str, zone: ZoneInfo
) -> WatchedBudget:
    """Return the budget that a campaign's members share.

    It lasts as long as a member does, or, where one has no end, until the campaign's own.

    Args:
        campaign: with a budget.
        members: those in force, at least one.
        currency: the account's.
        zone: the account's.
    """
    ends = [member.ends_at for member in members if member.ends_at is not None]
    ends_at = max(ends) if len(ends) == len(members) else campaign.ends_at
    return WatchedBudget(
        owner=campaign,
        state=campaign_budget_state(campaign, currency=currency),
        first=min(member.starts_at for member in members).astimezone(zone).date(),
        last=last_day(ends_at, zone=zone),
        promotions=tuple(members),
    )


def last_day(ends_at: datetime | None, *, zone: ZoneInfo) -> date | None:
    """Return the last day with a moment before an end: what ends at midnight is not in force on the day after."""
    return None if ends_at is None else (ends_at - timedelta(microseconds=1)).astimezone(zone).date()


def use_by_day(promotion_ids: Collection[int], *, today: date) -> dict[int, UseByDay]:
    """Return what promotions gave by day, from four weeks ago until now: all that a forecast looks at.

    Args:
        promotion_ids: whose use; those that gave nothing are left out.
        today: the account's day. What is counted of it so far is among the days.
    """
    if not promotion_ids:
        return {}
    rows = PromotionDayResult.objects.filter(
        promotion_id__in=promotion_ids, day__gte=today - timedelta(days=FORECAST_DAYS), day__lte=today
    )
    sums = {f"net_{name}": Sum(F(name) - F(f"returned_{name}")) for name in _FIGURES}
    uses: dict[int, dict[date, DayUse]] = {}
    grouped: Any = rows.order_by().values("promotion_id", "day").annotate(**sums)
    for row in grouped:
        use = DayUse(**{name: row[f"net_{name}"] for name in _FIGURES})
        uses.setdefault(row["promotion_id"], {})[row["day"]] = use
    return dict(uses)


def budgets_used_up(
    budgets: Sequence[WatchedBudget], uses: Mapping[int, UseByDay], *, today: date
) -> list[date | None]:
    """Return the day on which each budget will be used up at the pace of the last four weeks; None for never.

    Args:
        budgets: of one account.
        uses: of all their promotions.
        today: the account's day.
    """
    values = _voucher_values(promotion for budget in budgets for promotion in budget.promotions)
    return [
        day_used_up(
            Decimal(budget.state.left or 0), _budget_by_day(budget, uses, values), first=budget.first, today=today
        )
        for budget in budgets
    ]


def _budget_by_day(
    budget: WatchedBudget, uses: Mapping[int, UseByDay], voucher_values: Mapping[int, Decimal]
) -> dict[date, Decimal]:
    """Return what a budget's promotions took from it by day: minor units of money, or points.

    A voucher counts what one is worth now, as those to come will.
    """
    scale = Decimal(10 ** exponent(budget.state.currency)) / _MILLION
    by_day: dict[date, Decimal] = {}
    for promotion in budget.promotions:
        value = voucher_values.get(promotion.pk, Decimal(0)) * _MILLION
        for day, use in uses.get(promotion.pk, {}).items():
            money = use.discount + use.points_value + use.vouchers_issued * value
            used = money * scale if budget.state.in_money else Decimal(use.points)
            by_day[day] = by_day.get(day, Decimal(0)) + used
    return by_day


def _voucher_values(promotions: Iterable[Promotion]) -> dict[int, Decimal]:
    """Return what a voucher of each redeem offer is worth, by promotion id."""
    offers = {row.pk: row for row in promotions if row.type == PromotionType.REDEEM_OFFER}
    if not offers:
        return {}
    account_ids = {row.account_id for row in offers.values()}
    codes = {row.outcome["offer"] for row in offers.values()}
    rows = Offer.objects.filter(account_id__in=account_ids, code__in=codes)
    values = dict(rows.values_list("code", "perceived_value"))
    return {pk: values[row.outcome["offer"]] for pk, row in offers.items() if row.outcome["offer"] in values}
