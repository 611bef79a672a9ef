"""Celery tasks over services. A task only says "look now", and may run twice."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from celery import shared_task

from consumers.services import schedule
from consumers.services.job import jobs_run as consumers_jobs_run

URGENT = "urgent"
BULK = "bulk"
"""Celery queues: work that must happen within a minute, and large jobs."""

TASK_EXPIRY = timedelta(hours=2)
"""A task that waits longer is dropped. More than the clocks of a cluster may differ by."""

MAX_JOB_TIME = timedelta(seconds=20)
"""After this time a job yields to other work."""


def scheduled(*, title: str, every: timedelta, queue: str = URGENT) -> Callable[[Callable[[], int]], Any]:
    """Return a decorator for a scheduled task; only the schedule passes ``due=True``."""

    def decorate(do: Callable[[], int]) -> Any:
        name = f"{do.__module__}.{do.__name__}"
        work = schedule.ScheduledWork(key=do.__name__, title=title, every=every, task=name, queue=queue)
        schedule.scheduled_work_register(work)

        @wraps(do)
        def run(*, due: bool = False) -> int:
            return schedule.scheduled_task_run(work=work, due=due, do=do)

        return shared_task(run, name=name, expires=TASK_EXPIRY.total_seconds())

    return decorate


@scheduled(title="Large imports and exports", every=timedelta(minutes=1), queue=BULK)
def jobs_run() -> int:
    """Run waiting jobs for a while; return the number of steps."""
    return consumers_jobs_run(clock=schedule.database_now, for_at_most=MAX_JOB_TIME)
