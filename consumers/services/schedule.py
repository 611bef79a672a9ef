"""Work on a schedule: what there is, running it, and what became of it.

Moments are the database's own, so that a worker whose clock is wrong does nothing too early or too late.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from consumers.models import ScheduledTask


@dataclass(frozen=True, kw_only=True)
class ScheduledWork:
    """A task of the schedule: ``every`` is its period, ``task`` and ``queue`` are how workers know it."""

    key: str
    title: str
    every: timedelta
    task: str
    queue: str

    @property
    def late_after(self) -> timedelta:
        """How old its last success may be before somebody should look."""
        return 3 * self.every + timedelta(seconds=30)


_works: dict[str, ScheduledWork] = {}


def scheduled_work_register(work: ScheduledWork) -> None:
    """Put a task on the schedule."""
    _works[work.key] = work


def scheduled_works() -> tuple[ScheduledWork, ...]:
    """Everything on the schedule."""
    return tuple(sorted(_works.values(), key=lambda work: work.title))


def database_now() -> datetime:
    """The present moment by the clock that all nodes share: the database server's, or this machine's for a file."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def scheduled_task_run(*, work: ScheduledWork, due: bool, do: Callable[[], int]) -> int:
    """Run a task and record how it fared; ``due``: only if it has not been started within half of its period.

    Returns what ``do`` returns, or 0 where it was not run. Raises what ``do`` raises.
    """
    row = ScheduledTask.objects.filter(key=work.key)
    if not _begin(work, due=due):
        return 0
    try:
        result = do()
    except Exception as error:
        row.update(failed_at=database_now(), error=type(error).__name__)
        raise
    row.update(succeeded_at=database_now(), result=result)
    return result


def _begin(work: ScheduledWork, *, due: bool) -> bool:
    # One statement: of two that come at the same time the second finds the task started.
    ScheduledTask.objects.bulk_create([ScheduledTask(key=work.key)], ignore_conflicts=True)
    rows, at = ScheduledTask.objects.filter(key=work.key), database_now()
    if due:
        rows = rows.filter(Q(started_at=None) | Q(started_at__lte=at - work.every / 2))
    return bool(rows.update(started_at=at))
