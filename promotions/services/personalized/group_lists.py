"""Give a list to every member of a group: at once while they are few, else by a job in steps."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction

from consumers.author import Author
from consumers.choices import JobFile
from consumers.exceptions import JobFailed, Problem, Refused
from consumers.models import Account, ConsumerGroup, Job, JobPart
from consumers.selectors import consumer_ids_by_pk, members_of
from consumers.services.account import account_lock
from consumers.services.job import Step, job_create, job_kind_register
from promotions.models import PersonalizedPromotion
from promotions.services.personalized.assignments import Assigned, ConsumerProducts, personalized_lists_assign

JOB_KIND = "group_lists"

MAX_INLINE_LISTS = 2_000
"""Lists of more consumers are given by a job."""

BATCH_LISTS = 200
"""Lists given in one step of a job. On SQLite, tills wait for it."""


@dataclass(frozen=True, kw_only=True)
class GroupList:
    """The list that members get: of which promotion, its products, and whose list or choice stays."""

    backend_id: str
    products: Sequence[str]
    keep_lists: bool = True
    keep_locked: bool = True


def group_lists_give(*, account_id: int, group_list: GroupList, consumer_pks: Sequence[int]) -> Assigned:
    """Give consumers a list; those that were deleted meanwhile are left out.

    Raises:
        PersonalizedPromotionNotFound: the account has no such promotion.
        ListRefused: a product is not in the catalogue, or there are too many.
    """
    # Race: a consumer is deleted between the look-up of their id and the write. Its deletion holds the account's lock.
    with transaction.atomic():
        account_lock(account_id=account_id)
        consumer_ids = consumer_ids_by_pk(account_id=account_id, pks=consumer_pks).values()
        return personalized_lists_assign(
            account_id=account_id,
            backend_id=group_list.backend_id,
            rows=[ConsumerProducts(consumer_id=key, products=group_list.products) for key in consumer_ids],
            keep_lists=group_list.keep_lists,
            keep_locked=group_list.keep_locked,
        )


def group_member_pks(*, group: ConsumerGroup) -> list[int]:
    """Return the primary keys of a group's members, in order."""
    return list(members_of(group=group).order_by("consumer_id").values_list("consumer_id", flat=True))


def group_lists_job_create(
    *,
    account: Account,
    group: ConsumerGroup,
    promotion: PersonalizedPromotion,
    group_list: GroupList,
    consumer_pks: Sequence[int],
    author: Author,
    at: datetime,
) -> Job:
    """Create the job that gives a list to the members that a group has now."""
    return job_create(
        account_id=account.pk,
        kind=JOB_KIND,
        title=f"Lists of {promotion.name} for {len(consumer_pks):,} members of {group}"[:200],
        parameters={**asdict(group_list), "products": list(group_list.products)},
        content=json.dumps(list(consumer_pks)).encode(),
        author=author,
        at=at,
        total=len(consumer_pks),
    )


def group_lists_steps(job: Job) -> Iterator[Step]:
    """Give the lists in batches; see ``consumers.services.job.Steps``."""
    pks: list[int] = json.loads(bytes(JobPart.objects.get(job=job, file=JobFile.INPUT).content))
    group_list = GroupList(**job.parameters)
    for start in range(job.done, len(pks), BATCH_LISTS):
        batch = pks[start : start + BATCH_LISTS]
        try:
            group_lists_give(account_id=job.account_id, group_list=group_list, consumer_pks=batch)
        except Refused as refused:
            detail = f"{refused.detail} The first {start:,} consumers are done."
            raise JobFailed(problems=[Problem(code=JobFailed.code, detail=detail)]) from refused
        yield Step(phase="done", done=start + len(batch), total=len(pks))


job_kind_register(JOB_KIND, group_lists_steps)
