"""Moments and numbers as people read them."""

from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format


def format_moment(moment: datetime | None) -> str:
    """A moment in the account's zone, which it names."""
    return date_format(timezone.localtime(moment), "j M Y, H:i T") if moment else "–"


def format_number(value: Decimal, *, least: int = 0) -> str:
    """A stored number without the zeros that only its column adds, but with ``least`` decimals."""
    text = f"{value.normalize():f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else whole
