"""What of a promotion's limits is used, and when it runs out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from consumers.admin.framework.formatting import format_day
from loyalty.forecast import day_used_up
from loyalty.selectors.budget_use import UseByDay, WatchedBudget, budgets_used_up, use_by_day, watched_budget
from promotions.admin.editor.budget_fields import budget_number, budget_use_words
from promotions.models import Promotion


@dataclass(frozen=True, kw_only=True)
class LimitUse:
    """What of a limit is used: in words, as a percentage from 0 to 100, and what is expected."""

    label: str
    used: str
    percent: int
    forecast: str


def limits_used(promotion: Promotion, *, today: date, zone: ZoneInfo, is_running: bool) -> list[LimitUse]:
    """Return what of the limit of redemptions and of the budget is used: none, one or both.

    Args:
        promotion: with its limits and what is used of them.
        today: the account's day.
        zone: the account's.
        is_running: whether it is in force: without, nothing is forecast.
    """
    budget = watched_budget(promotion, zone=zone)
    has_limit, has_budget = bool(promotion.total_redemption_limit), budget.state.amount is not None
    if not has_limit and not has_budget:
        return []
    uses = use_by_day([promotion.pk], today=today) if is_running else None
    limit_use = [_redemptions_use(promotion, budget, uses, today=today)] if has_limit else []
    budget_use = [_budget_use(budget, uses, today=today)] if has_budget else []
    return limit_use + budget_use


def _redemptions_use(
    promotion: Promotion, budget: WatchedBudget, uses: Mapping[int, UseByDay] | None, *, today: date
) -> LimitUse:
    limit = promotion.total_redemption_limit or 0
    left = max(limit - promotion.redemptions, 0)
    day = None
    if uses is not None:
        used = {day: Decimal(use.redemptions) for day, use in uses.get(promotion.pk, {}).items()}
        day = day_used_up(Decimal(left), used, first=budget.first, today=today)
    return LimitUse(
        label="Redemptions in total",
        used=f"{promotion.redemptions:,} of {limit:,} used, {left:,} left",
        percent=min(100 * promotion.redemptions // limit, 100),
        forecast=_forecast(left, day, last=budget.last, is_running=uses is not None),
    )


def _budget_use(budget: WatchedBudget, uses: Mapping[int, UseByDay] | None, *, today: date) -> LimitUse:
    state = budget.state
    amount, left = state.amount or 0, state.left or 0
    (day,) = budgets_used_up([budget], uses, today=today) if uses is not None else [None]
    return LimitUse(
        label="Budget",
        used=f"{budget_use_words(state)} used, {budget_number(state, left)} left",
        percent=min(100 * state.used // amount, 100) if amount else 100,
        forecast=_forecast(left, day, last=budget.last, is_running=uses is not None),
    )


def _forecast(left: int, day: date | None, *, last: date | None, is_running: bool) -> str:
    if not left:
        return "Used up."
    return describe_forecast(day, last=last) if is_running else ""


def describe_forecast(day: date | None, *, last: date | None) -> str:
    """Say when something is used up, and whether the promotion ends before: ``last`` is its last day."""
    if day is None:
        return "Too little was used in the last 4 weeks to say when it runs out."
    if last is not None and day >= last:
        return f"At the pace of the last 4 weeks it lasts until the promotion ends on {format_day(last)}."
    return f"At the pace of the last 4 weeks it runs out on {day:%A}, {format_day(day)}."
