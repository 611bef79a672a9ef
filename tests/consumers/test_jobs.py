"""Large jobs are done by workers: step by step, once, whoever dies or cancels in between."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from consumers.author import Author
from consumers.choices import JobFile, JobState
from consumers.exceptions import JobFailed, JobOver
from consumers.models import Account, ConsumerGroup, Job, JobPart
from consumers.services import job as job_module
from consumers.services.account import account_create
from consumers.services.job import FILES_KEPT_FOR, LEASE, Step, job_cancel, job_create, job_kind_register, jobs_run
from consumers.tasks import jobs_run as jobs_run_task

pytestmark = pytest.mark.django_db

LONG = timedelta(minutes=1)
TOTAL = 4


def make_groups(job: Job) -> Iterator[Step]:
    """A kind of job: four steps, each of which makes a group."""
    for number in range(job.done, TOTAL):
        ConsumerGroup.objects.create(account_id=job.account_id, code=f"{job.pk}-{number}")
        yield Step(phase="made", done=number + 1, total=TOTAL, result=f"{number};".encode())


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "_steps_by_kind", {})
    job_kind_register("groups", make_groups)
    # Nobody looks but the test.
    monkeypatch.setattr(jobs_run_task, "apply_async", lambda **_: None)


@pytest.fixture
def account() -> Account:
    return account_create(code="acme", name="Acme", currency="GBP", time_zone="UTC").account


def ask(account: Account, kind: str = "groups") -> Job:
    return job_create(
        account_id=account.pk,
        kind=kind,
        title="Groups",
        parameters={},
        content=b"",
        author=Author(),
        at=timezone.now(),
        result_name="groups.csv",
    )


def run(*, later: timedelta = timedelta()) -> int:
    return jobs_run(clock=lambda: timezone.now() + later, for_at_most=LONG)


def result_of(job: Job) -> bytes:
    parts = JobPart.objects.filter(job=job, file=JobFile.RESULT).order_by("position")
    return b"".join(bytes(part.content) for part in parts)


def test_a_job_is_done_with_its_result(account: Account) -> None:
    job = ask(account)
    assert run() == TOTAL
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.phase) == (JobState.DONE, TOTAL, TOTAL, "made")
    assert job.finished_at is not None
    assert result_of(job) == b"0;1;2;3;"
    assert run() == 0


def test_the_next_run_continues_an_unfinished_job(account: Account) -> None:
    job = ask(account)
    moments = (timezone.now() + timedelta(seconds=n) for n in range(1_000))
    steps = jobs_run(clock=lambda: next(moments), for_at_most=timedelta(seconds=6))
    assert 0 < steps < TOTAL
    job.refresh_from_db()
    assert (job.state, job.done, job.claim) == (JobState.RUNNING, steps, None)
    assert run() == TOTAL - steps
    assert result_of(job) == b"0;1;2;3;"


def dies_at_the_third(job: Job) -> Iterator[Step]:
    for step in make_groups(job):
        if step.done == 3:
            raise KeyboardInterrupt
        yield step


def test_a_worker_that_dies_loses_only_the_step_it_was_in(account: Account) -> None:
    job_kind_register("groups", dies_at_the_third)
    job = ask(account)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert ConsumerGroup.objects.count() == 2
    job_kind_register("groups", make_groups)
    assert run() == 0, "its claim still holds"
    assert run(later=LEASE) == 2
    job.refresh_from_db()
    assert job.state == JobState.DONE
    assert ConsumerGroup.objects.count() == TOTAL
    assert result_of(job) == b"0;1;2;3;"


def test_a_job_that_kills_its_worker_again_and_again_is_given_up(account: Account) -> None:
    def dies(job: Job) -> Iterator[Step]:
        raise KeyboardInterrupt

    job_kind_register("groups", dies)
    job = ask(account)
    for time in range(3):
        with pytest.raises(KeyboardInterrupt):
            run(later=time * LEASE * 2)
    run(later=LEASE * 8)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "failed several times" in job.error


def test_a_worker_presumed_dead_writes_nothing_more(account: Account) -> None:
    def overtaken(job: Job) -> Iterator[Step]:
        for step in make_groups(job):
            if step.done == 2:
                job_kind_register("groups", make_groups)
                Job.objects.update(claim="00000000-0000-0000-0000-000000000001")
            yield step

    job_kind_register("groups", overtaken)
    job = ask(account)
    assert run() == 1
    job.refresh_from_db()
    assert (job.done, ConsumerGroup.objects.count(), result_of(job)) == (1, 1, b"0;")


def test_a_cancelled_job_does_nothing_more_and_keeps_what_it_did(account: Account) -> None:
    job = ask(account)

    def clock() -> datetime:
        if ConsumerGroup.objects.count() == 2 and not Job.objects.filter(state=JobState.CANCELLED).exists():
            job_cancel(job=job, at=timezone.now())
        return timezone.now()

    assert jobs_run(clock=clock, for_at_most=LONG) == 2
    job.refresh_from_db()
    assert (job.state, ConsumerGroup.objects.count()) == (JobState.CANCELLED, 2)
    with pytest.raises(JobOver):
        job_cancel(job=job, at=timezone.now())
    assert run(later=LEASE * 2) == 0


def test_an_error_for_the_owner_is_reported_and_rolled_back(account: Account) -> None:
    def refuses(job: Job) -> Iterator[Step]:
        for step in make_groups(job):
            if step.done == 1:
                raise JobFailed("Row 3: nonsense.")
            yield step

    job_kind_register("groups", refuses)
    job = ask(account)
    run()
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.FAILED, "Row 3: nonsense.")
    assert not ConsumerGroup.objects.exists()


def test_one_job_that_fails_leaves_the_next_alone(account: Account) -> None:
    def refuses(job: Job) -> Iterator[Step]:
        raise JobFailed("No.")

    job_kind_register("refused", refuses)
    ask(account, "refused")
    job = ask(account)
    assert run() == TOTAL
    job.refresh_from_db()
    assert job.state == JobState.DONE


def test_old_files_are_deleted(account: Account) -> None:
    job = ask(account)
    run()
    run()
    assert set(job.parts.values_list("file", flat=True)) == {JobFile.RESULT}
    run(later=FILES_KEPT_FOR + timedelta(days=1))
    assert not job.parts.exists()


@pytest.mark.django_db(transaction=True)
def test_three_workers_at_once_do_every_job_once(account: Account) -> None:
    for _ in range(6):
        ask(account)
    start = threading.Barrier(3)

    def worker() -> int:
        start.wait()
        try:
            return run()
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        steps: list[Any] = [done.result() for done in [pool.submit(worker) for _ in range(3)]]
    assert sum(steps) == 6 * TOTAL
    assert ConsumerGroup.objects.count() == 6 * TOTAL
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.DONE}
