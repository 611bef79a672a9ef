"""Scheduled work: register tasks, run them, and record their results.

Times are the database's, so that a worker with a wrong clock does nothing too early or too late.
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
    """A scheduled task: ``every`` is its period, ``task`` and ``queue`` are Celery's names."""

    key: str
    title: str
    every: timedelta
    task: str
    queue: str

    @property
    def late_after(self) -> timedelta:
        """Return how old the last success may be before the task counts as late."""
        return 3 * self.every + timedelta(seconds=30)


_registered_work: dict[str, ScheduledWork] = {}


def scheduled_work_register(work: ScheduledWork) -> None:
    """Register a scheduled task."""
    _registered_work[work.key] = work


def scheduled_work_all() -> tuple[ScheduledWork, ...]:
    """Return all scheduled tasks, by title."""
    return tuple(sorted(_registered_work.values(), key=lambda work: work.title))


def database_now() -> datetime:
    """Return the current time by the clock that all nodes share: the database server's, or this machine's on SQLite."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def scheduled_task_run(*, work: ScheduledWork, due: bool, do: Callable[[], int]) -> int:
    """Run a task and record its result. With ``due``, run it only if it was not started within half of its period.

    Return what ``do`` returns, or 0 if it did not run. Raise what ``do`` raises.
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
    # Race: two workers start the task at once. The update is one statement, so the second finds it started.
    ScheduledTask.objects.bulk_create([ScheduledTask(key=work.key)], ignore_conflicts=True)
    rows, at = ScheduledTask.objects.filter(key=work.key), database_now()
    if due:
        rows = rows.filter(Q(started_at=None) | Q(started_at__lte=at - work.every / 2))
    return bool(rows.update(started_at=at))
