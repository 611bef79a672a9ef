"""Moments as the REST contract, files and stored documents write them."""

import re
from datetime import UTC, date, datetime, time, tzinfo

LEAP_YEAR = 2000
"""The year of a day without a year: it has a 29 February."""

EXPECTED_MONTH_DAY = "Enter a month and day, such as 03-31."
_MONTH_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")


def moment_text(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601, such as ``2026-01-01T00:00:00Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def month_day_text(day: date) -> str:
    """Return the month and day of a date, such as ``03-31``."""
    return f"{day:%m-%d}"


def month_day_date(text: str) -> date:
    """Return the date in a leap year of a month and a day such as ``03-31``.

    Raises:
        ValueError: it is no month and day.
    """
    if not _MONTH_DAY.fullmatch(text):
        raise ValueError(EXPECTED_MONTH_DAY)
    try:
        return date(LEAP_YEAR, int(text[:2]), int(text[3:]))
    except ValueError as error:
        raise ValueError(EXPECTED_MONTH_DAY) from error


class UnclearClockTime(ValueError):
    """A clock shows this time never or twice, because of daylight saving; the message has both readings."""


def moment_of_clock(clock: datetime, zone: tzinfo) -> datetime:
    """Return the moment at which clocks in ``zone`` show ``clock``, a time without an offset.

    Raises:
        UnclearClockTime: clocks skip or repeat this time.
    """
    earlier, later = (clock.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if earlier.utcoffset() == later.utcoffset():
        return earlier
    # Through UTC, because a skipped time becomes one that clocks do show.
    readings = sorted(moment.astimezone(UTC).astimezone(zone) for moment in (earlier, later))
    shown = f"{clock:%H:%M} on {clock.day} {clock:%B %Y}"
    first, second = (reading.isoformat() for reading in readings)
    is_repeated = all(reading.replace(tzinfo=None) == clock for reading in readings)
    reason = f"clocks in {zone} show {shown} twice" if is_repeated else f"clocks in {zone} skip {shown}"
    raise UnclearClockTime(f"Daylight saving: {reason}. Write {first} or {second}.")


def day_start(day: date, zone: tzinfo) -> datetime:
    """Return the first moment of a day in ``zone``, also where clocks skip or repeat midnight."""
    return datetime.combine(day, time.min, zone).astimezone(UTC).astimezone(zone)
