"""What the worker runs: shells over services. A task only says "look now", and may run twice."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from celery import shared_task

from consumers.services import schedule
from consumers.services.job import jobs_run as consumers_jobs_run

URGENT = "urgent"
BULK = "bulk"
"""The queues: what must happen within a minute, and what may take its time."""

EXPIRES = timedelta(hours=2)
"""A word that nobody heard for so long is dropped; more than two clocks of a cluster may differ by."""

AT_A_TIME = timedelta(seconds=20)
"""A large job makes room for other work after so long."""


def scheduled(*, title: str, every: timedelta, queue: str = URGENT) -> Callable[[Callable[[], int]], Any]:
    """A task of the schedule; ``due=True`` is what the schedule says, and nobody else."""

    def decorate(do: Callable[[], int]) -> Any:
        name = f"{do.__module__}.{do.__name__}"
        work = schedule.ScheduledWork(key=do.__name__, title=title, every=every, task=name, queue=queue)
        schedule.scheduled_work_register(work)

        @wraps(do)
        def run(*, due: bool = False) -> int:
            return schedule.scheduled_task_run(work=work, due=due, do=do)

        return shared_task(run, name=name, expires=EXPIRES.total_seconds())

    return decorate


@scheduled(title="Large imports and exports", every=timedelta(minutes=1), queue=BULK)
def jobs_run() -> int:
    """Do some of the large jobs; returns how many steps were taken."""
    return consumers_jobs_run(clock=schedule.database_now, for_at_most=AT_A_TIME)
