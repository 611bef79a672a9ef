"""Calendar days and periods as moments of a time zone."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

PERIODS = ("day", "week", "month", "year")
"""Calendar periods; weeks begin on Monday."""

_DAY = timedelta(days=1)
_JUST_BEFORE = timedelta.resolution


def day_start(day: date, zone: tzinfo) -> datetime:
    """Return the moment, in UTC, at which a local day begins.

    Clocks may skip midnight, and the day begins with the first moment after the gap. They may put the first minutes of
    a day back into the day before, and the day begins with its second midnight. Days so follow each other without gap
    or overlap.
    """
    midnight = datetime.combine(day, time.min, zone)
    first, second = sorted([midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)])
    return second if last_day_before(second, zone) < day else first


def day_end(day: date, zone: tzinfo) -> datetime:
    """Return the moment, in UTC, at which a local day is over: the beginning of the next."""
    return day_start(day + _DAY, zone)


def last_day_before(moment: datetime, zone: tzinfo) -> date:
    """Return the local day of the last instant before a moment."""
    return (moment - _JUST_BEFORE).astimezone(zone).date()


def period_bounds(period: str, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the moments, in UTC, at which the calendar period that holds a local day begins and is over."""
    first, after = _period_days(period, day)
    return day_start(first, zone), day_start(after, zone)


def _period_days(period: str, day: date) -> tuple[date, date]:
    """Return the first day of a period, and the day after its last."""
    match period:
        case "day":
            return day, day + _DAY
        case "week":
            monday = day - day.weekday() * _DAY
            return monday, monday + 7 * _DAY
        case "month":
            first = day.replace(day=1)
            return first, (first + 31 * _DAY).replace(day=1)
        case "year":
            return date(day.year, 1, 1), date(day.year + 1, 1, 1)
    raise ValueError(f"{period} is no calendar period")
