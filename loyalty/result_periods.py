"""Weeks and months of results, and the bitmaps of consumers that are kept for them. Pure."""

from collections.abc import Iterable
from datetime import date, timedelta

from pyroaring import BitMap64

LONGEST_MONTH = timedelta(days=31)


def consumers_read(stored: bytes | memoryview) -> BitMap64:
    """Return the ids that a row holds."""
    return BitMap64.deserialize(bytes(stored))


def consumers_merged(stored: Iterable[bytes | memoryview]) -> BitMap64:
    """Return the ids that any of some rows holds."""
    return BitMap64.union(BitMap64(), *map(consumers_read, stored))


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def next_month(day: date) -> date:
    """Return the first day of the month after a day's."""
    return (day.replace(day=1) + LONGEST_MONTH).replace(day=1)
