"""Background jobs: created, claimed by a worker, run in steps, cancelled.

A step and its progress are one transaction, in which the worker checks that it still holds the job. So a worker that
dies loses at most its current step, a worker presumed dead writes nothing more, and a cancellation is final at once.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.dispatch import Signal

from consumers.author import Author
from consumers.choices import JobFile, JobQuestion, JobState
from consumers.exceptions import JobFailed, JobOver
from consumers.models import Job, JobPart
from consumers.types import JsonObject

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""A worker silent for longer is presumed dead: no step takes that long."""

MAX_ATTEMPTS = 3
"""A job fails after its worker died this many times at the same step."""

FILES_KEPT_FOR = timedelta(days=30)
"""How long a finished job's file can be downloaded."""

UNFINISHED = (JobState.WAITING, JobState.RUNNING, JobState.ASKING)

Clock = Callable[[], datetime]

jobs_waiting = Signal()
"""Sent after the commit that creates a job. Only tells workers to look now: they look every minute anyway."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """The result of one step: progress, and a part of a file, the result or the preview.

    ``summary`` replaces the job's. A step with a ``question`` stops the job until somebody answers it; ``parameters``
    are added to the job's.
    """

    phase: str
    done: int
    total: int
    result: bytes = b""
    file: JobFile = JobFile.RESULT
    summary: JsonObject | None = None
    question: JobQuestion | None = None
    parameters: JsonObject = field(default_factory=dict)


Steps = Callable[[Job], Iterator[Step]]
"""Yields a job's remaining steps, from its progress on; the caller runs each in a transaction.

The call itself reads the input, before the first step. Raises JobFailed for what the job's owner must correct.
"""

_steps_by_kind: dict[str, Steps] = {}


def job_kind_register(kind: str, steps: Steps) -> None:
    """Register the steps that run jobs of a kind."""
    _steps_by_kind[kind] = steps


def job_create(
    *,
    account_id: int,
    kind: str,
    title: str,
    parameters: JsonObject,
    content: bytes,
    author: Author,
    at: datetime,
    total: int = 0,
    result_name: str = "",
) -> Job:
    """Create a job for the workers; ``content`` is its input file, ``result_name`` the name of its result file."""
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
        JobPart.objects.create(job=job, file=JobFile.INPUT, position=0, content=content)
        transaction.on_commit(partial(jobs_waiting.send_robust, sender=Job))
    return job


def job_cancel(*, job: Job, at: datetime) -> None:
    """Cancel a job; rows that it has written stay.

    Raises:
        JobOver: it has ended.
    """
    # Race: a step runs meanwhile. This is one statement; the step then finds the job cancelled and rolls back.
    unfinished = Job.objects.filter(pk=job.pk, state__in=UNFINISHED)
    if not unfinished.update(state=JobState.CANCELLED, finished_at=at, claim=None, lease_until=None):
        raise JobOver("This job has already ended.")


def job_answer(*, job: Job, question: JobQuestion, parameters: JsonObject, restart: bool = False) -> None:
    """Let a job go on that asks a question; its steps find the answer in ``parameters``.

    Args:
        job: asks.
        question: is the one that was shown: another one is not answered by it.
        parameters: are added to the job's.
        restart: begins the job again, without what it has found so far. It must not have written anything.

    Raises:
        JobOver: it does not ask this any more.
    """
    # One transaction. Race: two people answer at once, or one cancels. The first changes the row; the others find
    # that it asks no more.
    with transaction.atomic():
        asking = Job.objects.filter(pk=job.pk, state=JobState.ASKING, question=question)
        begun: JsonObject = {"phase": "", "done": 0, "total": 0, "summary": {}} if restart else {}
        answered = {"state": JobState.WAITING, "question": "", "parameters": job.parameters | parameters, **begun}
        if not asking.update(**answered):
            raise JobOver("This import was already confirmed or cancelled.")
        if restart:
            JobPart.objects.filter(job=job, file=JobFile.PREVIEW).delete()
        transaction.on_commit(partial(jobs_waiting.send_robust, sender=Job))


def jobs_run(*, clock: Clock, for_at_most: timedelta) -> int:
    """Run waiting jobs for at most a time; return the number of steps.

    Any number of workers may run it at once, at any time. The next run continues unfinished jobs.
    """
    until = clock() + for_at_most
    _delete_old_files(at=clock())
    steps_run = 0
    while clock() < until and (job := _claim(at=clock())):
        steps_run += _run(job, clock=clock, until=until)
    return steps_run


def _delete_old_files(*, at: datetime) -> None:
    """Delete input files of finished jobs, and old result files; cancel jobs that nobody answers."""
    asked_long_ago = Job.objects.filter(state=JobState.ASKING, asked_at__lte=at - FILES_KEPT_FOR)
    asked_long_ago.update(
        state=JobState.CANCELLED, finished_at=at, error=f"Nobody confirmed it within {FILES_KEPT_FOR.days} days."
    )
    finished = Q(job__state__in=(JobState.DONE, JobState.FAILED, JobState.CANCELLED))
    old = Q(job__finished_at__lte=at - FILES_KEPT_FOR)
    JobPart.objects.filter(finished & (old | Q(file=JobFile.INPUT))).delete()


def _claim(*, at: datetime) -> Job | None:
    """Claim the job that has waited longest, or one whose worker died; None if there is none."""
    # Race: two workers claim one job. The second skips the row that the first has locked; on a database without row
    # locks it waits for the first's transaction.
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


def _run(job: Job, *, clock: Clock, until: datetime) -> int:
    """Run steps of a claimed job until it ends or the time is up; return their number."""
    steps_run = 0
    try:
        if job.attempts > MAX_ATTEMPTS:
            raise JobFailed("It failed several times. Ask your system administrator.")
        steps = _steps_by_kind[job.kind](job)
        while _run_step(job, steps, at=clock()):
            steps_run += 1
            if clock() >= until:
                _release(job)
                break
    except JobFailed as failed:
        _end(job, state=JobState.FAILED, at=clock(), error="\n".join(problem.detail for problem in failed.problems))
    except _JobLost:
        logger.warning("Job %s was cancelled, or taken over by another worker", job.pk)
    return steps_run


class _JobLost(Exception):
    """This worker no longer holds the job."""


def _claimed(job: Job) -> QuerySet[Job]:
    return Job.objects.filter(pk=job.pk, claim=job.claim, state=JobState.RUNNING)


def _run_step(job: Job, steps: Iterator[Step], *, at: datetime) -> bool:
    """Run one step; return False if none is left and the job is done, or if it asks something."""
    # One transaction for the step's writes, its part of the result and the progress. Race: a cancellation or another
    # worker comes between. The job's row is locked first.
    with transaction.atomic():
        if not _claimed(job).select_for_update().exists():
            raise _JobLost
        step = next(steps, None)
        if step is None:
            _end(job, state=JobState.DONE, at=at)
            return False
        if step.result:
            position = JobPart.objects.filter(job=job, file=step.file).count()
            JobPart.objects.create(job=job, file=step.file, position=position, content=step.result)
        changed: JsonObject = {"phase": step.phase, "done": step.done, "total": step.total, "attempts": 0}
        if step.summary is not None:
            changed["summary"] = step.summary
        if step.question is None:
            changed["lease_until"] = at + LEASE
        else:
            parameters = job.parameters | step.parameters
            changed |= {"state": JobState.ASKING, "question": step.question, "parameters": parameters}
            changed |= {"claim": None, "lease_until": None}
        if not _claimed(job).update(**changed):
            raise _JobLost
    return step.question is None


def _end(job: Job, *, state: JobState, at: datetime, error: str = "") -> None:
    updated = _claimed(job).update(state=state, error=error, finished_at=at, claim=None, lease_until=None)
    if not updated:
        raise _JobLost


def _release(job: Job) -> None:
    """Release a job that is not finished, for the next worker."""
    _claimed(job).update(claim=None, lease_until=None, attempts=0)
    jobs_waiting.send_robust(sender=Job)
