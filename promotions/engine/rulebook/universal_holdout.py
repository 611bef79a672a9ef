"""The universal holdout: consumers whom all promotions leave out for a year, so that the programme can be measured."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from hashlib import sha256


def is_drawn(text: str, percentage: Decimal) -> bool:
    """Return whether a text falls under a percentage, by a hash that is the same on every machine, for ever."""
    return int.from_bytes(sha256(text.encode()).digest()[:8]) * 100 < percentage * 2**64


@dataclass(frozen=True, kw_only=True, slots=True)
class UniversalHoldout:
    """An account's control group for all promotions: a percentage of its consumers, drawn anew each calendar year.

    Days are the account's: those from ``starts_on`` to ``ends_on`` (None: no end), both included.
    """

    percentage: Decimal
    starts_on: date
    ends_on: date | None
    zone: tzinfo

    def holds_out(self, consumer_id: str, at: datetime) -> bool:
        """Return whether a consumer is held out at a moment."""
        day = at.astimezone(self.zone).date()
        if day < self.starts_on or (self.ends_on is not None and day > self.ends_on):
            return False
        return self.draws(consumer_id, day.year)

    def draws(self, consumer_id: str, year: int) -> bool:
        """Return whether a year's draw has a consumer: a stable hash of year and consumer is below the percentage."""
        return is_drawn(f"universal_holdout\x00{year}\x00{consumer_id}", self.percentage)
