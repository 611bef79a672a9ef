"""What of a promotion's limits is used, and when it runs out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.utils import timezone

from consumers.admin.framework.formatting import format_day
from loyalty.forecast import FORECAST_DAYS, day_of_running_out, weekday_medians
from loyalty.selectors.results import ResultRow, ResultsBy, ResultsPeriod, results_of
from promotions.choices import Family
from promotions.models import Promotion
from promotions.selectors.budget import BudgetState, budget_state


@dataclass(frozen=True, kw_only=True)
class LimitUse:
    """What of a limit is used: in words, as a percentage from 0 to 100, and what is expected."""

    label: str
    used: str
    percent: int
    forecast: str


def limits_used(promotion: Promotion, *, today: date, first: date, is_running: bool) -> list[LimitUse]:
    """Return what of the limit of redemptions and of the budget is used: none, one or both.

    Args:
        promotion: with its limits and what is used of them.
        today: the account's day.
        first: the account's day on which the promotion started.
        is_running: whether it is in force: without, nothing is forecast.
    """
    limit, budget = promotion.total_redemption_limit, budget_state(promotion)
    if not limit and budget.amount is None:
        return []
    yesterday = today - timedelta(days=1)
    period = ResultsPeriod(first=yesterday - timedelta(days=FORECAST_DAYS - 1), last=yesterday)
    rows = results_of(promotion_ids=[promotion.pk], period=period, by=ResultsBy.DAY).rows if is_running else None

    def forecast(left: Decimal, name: str) -> str:
        if not left:
            return "Used up."
        if rows is None:
            return ""
        medians = weekday_medians(_used_by_day(rows, name), first=first, last=yesterday)
        day = day_of_running_out(left, medians=medians, after=yesterday)
        return describe_forecast(day, ends=timezone.localdate(promotion.ends_at) if promotion.ends_at else None)

    uses = []
    if limit:
        left = max(limit - promotion.redemptions, 0)
        uses.append(
            LimitUse(
                label="Redemptions in total",
                used=f"{promotion.redemptions:,} of {limit:,} used, {left:,} left",
                percent=min(100 * promotion.redemptions // limit, 100),
                forecast=forecast(Decimal(left), "redemptions"),
            )
        )
    if budget.amount is not None:
        uses.append(_budget_use(promotion, budget, forecast))
    return uses


def _budget_use(promotion: Promotion, budget: BudgetState, forecast: Callable[[Decimal, str], str]) -> LimitUse:
    amount, left = budget.amount or 0, budget.left or 0
    unit = promotion.currency if budget.in_money else "points"
    used_text, amount_text, left_text = (f"{Decimal(budget.text(each)):,f}" for each in (budget.used, amount, left))
    text = ""
    if not left:
        text = "Used up."
    elif promotion.family == Family.DISCOUNT:
        text = forecast(Decimal(budget.text(left)), "discount")
    elif not budget.in_money:
        text = forecast(Decimal(left), "points")
    # The value of vouchers is not among the results of a day: their budget has no forecast.
    return LimitUse(
        label="Budget",
        used=f"{used_text} of {amount_text} {unit} used, {left_text} left",
        percent=min(100 * budget.used // amount, 100) if amount else 100,
        forecast=text,
    )


def describe_forecast(day: date | None, *, ends: date | None) -> str:
    """Say when something runs out, and whether the promotion ends before."""
    if day is None:
        return "Too little was used in the last 4 weeks to say when it runs out."
    if ends is not None and day > ends:
        return f"At the pace of the last 4 weeks it lasts until the promotion ends on {format_day(ends)}."
    return f"At the pace of the last 4 weeks it runs out on {day:%A}, {format_day(day)}."


def _used_by_day(rows: Sequence[ResultRow], name: str) -> dict[date, Decimal]:
    return {date.fromisoformat(row.key): Decimal(getattr(row.sold, name) - getattr(row.returned, name)) for row in rows}
