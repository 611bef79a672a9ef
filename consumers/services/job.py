"""Large jobs: asked for, claimed by a worker, done in steps, cancelled.

A step and its progress are one transaction, in which the worker proves that the job is still its own. So a worker that
died loses at most the step it was in, one that was taken for dead writes nothing more, and a cancel is final at once.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.dispatch import Signal

from consumers.author import Author
from consumers.choices import JobFile, JobState
from consumers.exceptions import JobFailed, JobOver
from consumers.models import Job, JobPart

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""A worker that has been silent for so long has died: no step takes as much."""

MOST_ATTEMPTS = 3
"""A job whose worker dies so often at the same step is given up."""

KEPT = timedelta(days=30)
"""How long what a job made can be downloaded."""

Clock = Callable[[], datetime]

jobs_waiting = Signal()
"""Sent after the commit that asked for a job. Says "look now" and no more: a look is due every minute anyway."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step has brought about: progress, a piece of the result, and whether it was the last."""

    phase: str
    done: int
    total: int
    result: bytes = b""


Steps = Callable[[Job], Iterator[Step]]
"""The steps that remain of a job, from the progress that it has; each is taken within a transaction of the caller.

Reading the input happens in the call, before the first step. Raises JobFailed where its owner must mend something.
"""

_kinds: dict[str, Steps] = {}


def job_kind_register(kind: str, steps: Steps) -> None:
    """Let jobs of a kind be done by ``steps``."""
    _kinds[kind] = steps


def job_ask(
    *,
    account_id: int,
    kind: str,
    title: str,
    parameters: dict[str, Any],
    given: bytes,
    author: Author,
    at: datetime,
    total: int = 0,
    result_name: str = "",
) -> Job:
    """Record a job for the workers; ``given`` is its input file, ``result_name`` that of the file it will make."""
    # One transaction: a worker sees the job with its file.
    with transaction.atomic():
        job = Job.objects.create(
            account_id=account_id,
            kind=kind,
            title=title,
            parameters=parameters,
            asked_by=author.user,
            asked_at=at,
            total=total,
            result_name=result_name,
        )
        JobPart.objects.create(job=job, file=JobFile.INPUT, position=0, content=given)
        transaction.on_commit(partial(jobs_waiting.send_robust, sender=Job))
    return job


def job_cancel(*, job: Job, at: datetime) -> None:
    """Do no more of a job; what it has written stays.

    Raises:
        JobOver: it has ended.
    """
    # One statement: a step that is under way finds the job taken from it, and is undone.
    going = Job.objects.filter(pk=job.pk, state__in=(JobState.WAITING, JobState.RUNNING))
    if not going.update(state=JobState.CANCELLED, finished_at=at, claim=None, lease_until=None):
        raise JobOver("It has ended already.")


def jobs_run(*, clock: Clock, for_at_most: timedelta) -> int:
    """Do what can be done of the waiting jobs within a time; returns how many steps were taken.

    Can be run at any time and by any number of workers at once. What is left of a job is left to the next run.
    """
    until = clock() + for_at_most
    _tidy(at=clock())
    taken = 0
    while clock() < until and (job := _claim(at=clock())):
        taken += _work(job, clock=clock, until=until)
    return taken


def _tidy(*, at: datetime) -> None:
    """Forget files that nobody needs any more."""
    over = Q(job__state__in=(JobState.DONE, JobState.FAILED, JobState.CANCELLED))
    old = Q(job__finished_at__lte=at - KEPT)
    JobPart.objects.filter(over & (old | Q(file=JobFile.INPUT))).delete()


def _claim(*, at: datetime) -> Job | None:
    """Take the job that has waited longest, or one whose worker has died; None if there is none."""
    # Closes the race of two workers for one job: the second passes over what the first has locked, and where rows
    # cannot be locked it waits for the claim.
    with transaction.atomic():
        jobs = Job.objects.filter(Q(lease_until=None) | Q(lease_until__lte=at))
        jobs = jobs.filter(state__in=(JobState.WAITING, JobState.RUNNING))
        if connection.features.has_select_for_update_skip_locked:
            jobs = jobs.select_for_update(skip_locked=True)
        job = jobs.order_by("asked_at", "pk").first()
        if job is not None:
            job.state, job.claim, job.lease_until = JobState.RUNNING, uuid.uuid4(), at + LEASE
            job.started_at = job.started_at or at
            job.attempts += 1
            job.save(update_fields=["state", "claim", "lease_until", "started_at", "attempts"])
    return job


def _work(job: Job, *, clock: Clock, until: datetime) -> int:
    """Take steps of a claimed job until it ends, or the time does."""
    taken = 0
    try:
        if job.attempts > MOST_ATTEMPTS:
            raise JobFailed("It was begun several times and never got further. Ask who runs the system.")
        steps = _kinds[job.kind](job)
        while _take(job, steps, at=clock()):
            taken += 1
            if clock() >= until:
                _release(job)
                break
    except JobFailed as failed:
        _end(job, state=JobState.FAILED, at=clock(), error="\n".join(problem.detail for problem in failed.problems))
    except _Lost:
        logger.warning("Job %s was cancelled, or taken over by another worker", job.pk)
    return taken


class _Lost(Exception):
    """The job is not this worker's any more."""


def _held(job: Job) -> QuerySet[Job]:
    return Job.objects.filter(pk=job.pk, claim=job.claim, state=JobState.RUNNING)


def _take(job: Job, steps: Iterator[Step], *, at: datetime) -> bool:
    """Take one step; False if there was none, and the job is done."""
    # One transaction: the step's effect, its piece of the result and the progress, under the job's lock, so that
    # neither a cancel nor another worker comes in between.
    with transaction.atomic():
        if not _held(job).select_for_update().exists():
            raise _Lost
        step = next(steps, None)
        if step is None:
            _end(job, state=JobState.DONE, at=at)
            return False
        if step.result:
            position = JobPart.objects.filter(job=job, file=JobFile.RESULT).count()
            JobPart.objects.create(job=job, file=JobFile.RESULT, position=position, content=step.result)
        progress = {"phase": step.phase, "done": step.done, "total": step.total}
        if not _held(job).update(lease_until=at + LEASE, attempts=0, **progress):
            raise _Lost
    return True


def _end(job: Job, *, state: JobState, at: datetime, error: str = "") -> None:
    ended = _held(job).update(state=state, error=error, finished_at=at, claim=None, lease_until=None)
    if not ended:
        raise _Lost


def _release(job: Job) -> None:
    """Leave the rest to whoever looks next."""
    _held(job).update(claim=None, lease_until=None, attempts=0)
    jobs_waiting.send_robust(sender=Job)
