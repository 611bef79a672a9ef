"""Format moments and numbers for the admin."""

from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format


def format_moment(moment: datetime | None) -> str:
    """Format a moment in the account's time zone, with the zone's name; a dash for None."""
    return date_format(timezone.localtime(moment), "j M Y, H:i T") if moment else "–"


def format_day(day: date | None) -> str:
    """Format a calendar day; a dash for None."""
    return date_format(day, "j M Y") if day else "–"


def format_number(value: Decimal, *, least: int = 0) -> str:
    """Format a stored number without its column's trailing zeros, but with at least ``least`` decimals."""
    text = f"{value.normalize():f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else whole
