"""What of a promotion's limits is used, and when it runs out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from consumers.admin.framework.formatting import format_day
from loyalty.forecast import FORECAST_DAYS, day_of_running_out, weekday_medians
from loyalty.selectors.results import ResultRow, ResultsBy, ResultsPeriod, results_of
from promotions.models import Promotion


@dataclass(frozen=True, kw_only=True)
class LimitUse:
    """What of a limit is used: in words, as a percentage from 0 to 100, and what is expected."""

    label: str
    used: str
    percent: int
    forecast: str


def redemption_limit_use(promotion: Promotion, *, today: date, first: date, is_running: bool) -> LimitUse | None:
    """Return what of the limit of redemptions is used; None for a promotion without one.

    Args:
        promotion: with its limit and what is used of it.
        today: the account's day.
        first: the account's day on which the promotion started.
        is_running: whether it is in force: without, nothing is forecast.
    """
    limit = promotion.total_redemption_limit
    if not limit:
        return None
    left = max(limit - promotion.redemptions, 0)
    return LimitUse(
        label="Redemptions in total",
        used=f"{promotion.redemptions:,} of {limit:,} used, {left:,} left",
        percent=min(100 * promotion.redemptions // limit, 100),
        forecast=_forecast(promotion, left=left, today=today, first=first) if is_running else "",
    )


def _forecast(promotion: Promotion, *, left: int, today: date, first: date) -> str:
    if not left:
        return "Used up."
    yesterday = today - timedelta(days=1)
    period = ResultsPeriod(first=yesterday - timedelta(days=FORECAST_DAYS - 1), last=yesterday)
    rows = results_of(promotion_ids=[promotion.pk], period=period, by=ResultsBy.DAY).rows
    medians = weekday_medians(_used_by_day(rows), first=first, last=yesterday)
    day = day_of_running_out(Decimal(left), medians=medians, after=yesterday)
    return describe_forecast(day, ends=promotion.ends_at.date() if promotion.ends_at else None)


def describe_forecast(day: date | None, *, ends: date | None) -> str:
    """Say when something runs out, and whether the promotion ends before."""
    if day is None:
        return "Too few redemptions in the last 4 weeks to say when it runs out."
    if ends is not None and day > ends:
        return f"At the pace of the last 4 weeks it lasts until the promotion ends on {format_day(ends)}."
    return f"At the pace of the last 4 weeks it runs out on {day:%A}, {format_day(day)}."


def _used_by_day(rows: Sequence[ResultRow]) -> dict[date, Decimal]:
    return {date.fromisoformat(row.key): Decimal(row.sold.redemptions - row.returned.redemptions) for row in rows}
