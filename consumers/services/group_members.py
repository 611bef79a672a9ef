"""Change the members of a group, many at once: at once while they are few, else by a job in steps."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction

from consumers.author import Author
from consumers.choices import JobFile
from consumers.exceptions import JobFailed, Problem, Refused
from consumers.models import Account, ConsumerGroup, Job, JobPart
from consumers.selectors import consumer_ids_by_pk
from consumers.services.account import account_lock
from consumers.services.group import MemberValues, group_members_save
from consumers.services.job import Step, job_create, job_kind_register

JOB_KIND = "group_members"

MAX_INLINE_MEMBERS = 2_000
"""A change of more members becomes a job."""

BATCH_MEMBERS = 500
"""Members changed in one step of a job. On SQLite, tills wait for it."""


def group_members_change(*, account_id: int, code: str, consumer_pks: Sequence[int], is_member: bool) -> int:
    """Add consumers to a group, or remove them; return how many were not there before, or were.

    Consumers that were deleted meanwhile are left out.

    Raises:
        ConsumersError: the account has no such group.
    """
    # Race: a consumer is deleted between the look-up of their id and the write. Its deletion holds the account's lock.
    with transaction.atomic():
        account_lock(account_id=account_id)
        consumer_ids = consumer_ids_by_pk(account_id=account_id, pks=consumer_pks).values()
        rows = [MemberValues(group=code, consumer_id=consumer_id, member=is_member) for consumer_id in consumer_ids]
        saved = group_members_save(account_id=account_id, rows=rows)
    return saved.created + saved.updated


def group_members_job_create(
    *,
    account: Account,
    group: ConsumerGroup,
    consumer_pks: Sequence[int],
    is_member: bool,
    author: Author,
    at: datetime,
) -> Job:
    """Create the job that adds consumers to a group, or removes them."""
    verb, preposition = ("Add", "to") if is_member else ("Remove", "from")
    return job_create(
        account_id=account.pk,
        kind=JOB_KIND,
        title=f"{verb} {len(consumer_pks):,} consumers {preposition} {group}"[:200],
        parameters={"group": group.code, "is_member": is_member},
        content=json.dumps(list(consumer_pks)).encode(),
        author=author,
        at=at,
        total=len(consumer_pks),
    )


def group_members_steps(job: Job) -> Iterator[Step]:
    """Change the members in batches; see ``consumers.services.job.Steps``."""
    pks: list[int] = json.loads(bytes(JobPart.objects.get(job=job, file=JobFile.INPUT).content))
    is_member: bool = job.parameters["is_member"]
    phase = "added" if is_member else "removed"
    for start in range(job.done, len(pks), BATCH_MEMBERS):
        batch = pks[start : start + BATCH_MEMBERS]
        try:
            group_members_change(
                account_id=job.account_id, code=job.parameters["group"], consumer_pks=batch, is_member=is_member
            )
        except Refused as refused:
            detail = f"{refused.detail} The first {start:,} consumers are {phase}."
            raise JobFailed(problems=[Problem(code=JobFailed.code, detail=detail)]) from refused
        yield Step(phase=phase, done=start + len(batch), total=len(pks))


job_kind_register(JOB_KIND, group_members_steps)
