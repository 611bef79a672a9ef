"""Moments as the REST contract, files and stored documents write them."""

import re
from datetime import UTC, date, datetime

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
