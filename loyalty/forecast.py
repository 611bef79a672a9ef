"""Forecast when something that is used up day by day runs out. Pure: nothing is read."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from statistics import median

WEEK_DAYS = 7
FORECAST_DAYS = 4 * WEEK_DAYS
"""The last days that a forecast looks at."""


def day_used_up(left: Decimal, used: Mapping[date, Decimal], *, first: date, today: date) -> date | None:
    """Return the day on which what is left now will be used up, if each day uses as much as its weekday does usually.

    Args:
        left: what is left now; today is the answer where that is nothing.
        used: by day, with what today has used so far; a day that is missing used nothing.
        first: the day on which it began: what is before does not count.
        today: which is not over: it still uses what its weekday does usually, less what it has used already.

    Returns:
        The first day at whose end nothing will be left; None where that never comes.
    """
    medians = weekday_medians(used, first=first, last=today - timedelta(days=1))
    rest_of_today = max(medians[today.weekday()] - max(used.get(today, Decimal(0)), Decimal(0)), Decimal(0))
    return day_of_running_out(left - rest_of_today, medians=medians, after=today)


def weekday_medians(used: Mapping[date, Decimal], *, first: date, last: date) -> list[Decimal]:
    """Return the median use of each weekday over the last 4 weeks, from Monday to Sunday.

    Args:
        used: by day; a day that is missing used nothing.
        first: the day on which it began: what is before does not count.
        last: the last day that is over.

    Returns:
        Seven medians. A weekday that was not there yet has the median of all days; all are 0 before the first day is
        over.
    """
    start = max(first, last - timedelta(days=FORECAST_DAYS - 1))
    days = [start + timedelta(days=number) for number in range(max((last - start).days + 1, 0))]
    values = [used.get(day, Decimal(0)) for day in days]
    usual = median(values) if values else Decimal(0)
    by_weekday: list[list[Decimal]] = [[] for _ in range(WEEK_DAYS)]
    for day, value in zip(days, values, strict=True):
        by_weekday[day.weekday()].append(value)
    return [median(past) if past else usual for past in by_weekday]


def day_of_running_out(left: Decimal, *, medians: Sequence[Decimal], after: date) -> date | None:
    """Return the day on which what is left will be used up.

    Args:
        left: what is left at the end of the day ``after``.
        medians: the expected use of each weekday, from Monday to Sunday; less than nothing counts as nothing.
        after: the last day that is over; it is the answer where nothing is left.

    Returns:
        The first day at whose end nothing will be left; None where that never comes, or after the year 9999.
    """
    if left <= 0:
        return after
    expected = [max(value, Decimal(0)) for value in medians]
    of_a_week = sum(expected, Decimal(0))
    if not of_a_week:
        return None
    weeks = int((left / of_a_week).to_integral_value(rounding=ROUND_CEILING)) - 1
    rest = left - weeks * of_a_week
    try:
        day = after + timedelta(weeks=weeks)
        while rest > 0:
            day += timedelta(days=1)
            rest -= expected[day.weekday()]
    except OverflowError:
        return None
    return day
