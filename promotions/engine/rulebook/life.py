"""Whether a promotion is in force at a moment: the one place that decides it."""

from datetime import datetime
from typing import Protocol


class Life(Protocol):
    """What decides whether a promotion is in force. Times are aware."""

    @property
    def draft(self) -> bool:
        """Whether it was never published."""

    @property
    def starts_at(self) -> datetime:
        """The first moment of it."""

    @property
    def ends_at(self) -> datetime | None:
        """The first moment after it; None: it has no end."""

    @property
    def stopped_at(self) -> datetime | None:
        """The moment from which on somebody stopped it; None: nobody did."""


def life_reason(life: Life, at: datetime) -> str | None:
    """Return why a promotion is not in force at ``at``: draft, stopped, scheduled or ended. None: it is in force."""
    if life.draft:
        return "draft"
    if life.stopped_at is not None and life.stopped_at <= at:
        return "stopped"
    if at < life.starts_at:
        return "scheduled"
    if life.ends_at is not None and life.ends_at <= at:
        return "ended"
    return None


def life_moments(life: Life) -> list[datetime]:
    """Return the moments at which a promotion may begin or cease to be in force."""
    return [at for at in (life.starts_at, life.ends_at, life.stopped_at) if at is not None]
