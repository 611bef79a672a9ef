"""What of a promotion's limits, or of a campaign's budget, is used, and when it runs out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from consumers.admin.framework.formatting import format_day
from consumers.models import Account
from loyalty.forecast import day_used_up
from loyalty.selectors.budget_alerts import campaign_budgets_watched
from loyalty.selectors.budget_use import UseByDay, WatchedBudget, budgets_used_up, use_by_day, watched_budget
from promotions.admin.editor.budget_fields import budget_number, budget_use_words
from promotions.models import Campaign, Promotion
from promotions.selectors.budget import BudgetState, campaign_budget_state


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


def campaign_budget_used_so_far(campaign: Campaign, account: Account, *, at: datetime) -> list[LimitUse]:
    """Return what the members of a campaign have used of its budget: of all time, whoever asks; none without a budget.

    Nothing is forecast unless a member is in force.
    """
    state = campaign_budget_state(campaign, currency=account.currency)
    if state.amount is None:
        return []
    today = at.astimezone(account.zone).date()
    budgets = [] if campaign.archived else campaign_budgets_watched(account=account, at=at, campaign=campaign)
    if not budgets:
        return [_state_use(state, forecast=_forecast(state.left or 0, None, last=None, is_running=False))]
    (budget,) = budgets
    uses = use_by_day([promotion.pk for promotion in budget.promotions], today=today)
    (day,) = budgets_used_up(budgets, uses, today=today)
    forecast = _forecast(state.left or 0, day, last=budget.last, is_running=True, noun="campaign")
    return [_state_use(state, forecast=forecast)]


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
    (day,) = budgets_used_up([budget], uses, today=today) if uses is not None else [None]
    forecast = _forecast(budget.state.left or 0, day, last=budget.last, is_running=uses is not None)
    return _state_use(budget.state, forecast=forecast)


def _state_use(state: BudgetState, *, forecast: str) -> LimitUse:
    amount, left = state.amount or 0, state.left or 0
    return LimitUse(
        label="Budget",
        used=f"{budget_use_words(state)} used, {budget_number(state, left)} left",
        percent=min(100 * state.used // amount, 100) if amount else 100,
        forecast=forecast,
    )


def _forecast(left: int, day: date | None, *, last: date | None, is_running: bool, noun: str = "promotion") -> str:
    if not left:
        return "Used up."
    return describe_forecast(day, last=last, noun=noun) if is_running else ""


def describe_forecast(day: date | None, *, last: date | None, noun: str = "promotion") -> str:
    """Say when something is used up, and whether the promotion or campaign ends before: ``last`` is its last day."""
    if day is None:
        return "Too little was used in the last 4 weeks to say when it runs out."
    if last is not None and day >= last:
        return f"At the pace of the last 4 weeks it lasts until the {noun} ends on {format_day(last)}."
    return f"At the pace of the last 4 weeks it runs out on {day:%A}, {format_day(day)}."
