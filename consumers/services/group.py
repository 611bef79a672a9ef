"""Write consumer groups and their members."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.exceptions import ConsumersError, InUse, NotFound, Problem
from consumers.models import Consumer, ConsumerGroup
from consumers.references import referenced_keys
from consumers.services.account import account_lock
from consumers.services.consumer import consumers_lock
from consumers.services.upsert import Saved, rows_by_values, rows_delete, rows_upsert


@dataclass(frozen=True, kw_only=True)
class GroupValues:
    """All editable fields of a group."""

    code: str
    name: str = ""
    archived: bool = False


def groups_save(*, account_id: int, rows: Sequence[GroupValues]) -> Saved:
    """Create or replace groups by code: all of them or none.

    Raises:
        ConsumersError: each problem under ``<index>.<field>``.
    """
    # Race: two writers of one code. The account's lock admits one at a time, and the second replaces the first's row.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        _, saved = rows_upsert(model=ConsumerGroup, account=account, key="code", rows=[asdict(row) for row in rows])
    return saved


@dataclass(frozen=True, kw_only=True)
class MemberValues:
    """A consumer and a group by their keys, and whether the consumer is a member."""

    group: str
    consumer_id: str
    member: bool = True


def group_members_save(*, account_id: int, rows: Sequence[MemberValues]) -> Saved:
    """Add consumers to groups, or remove them: all or none. Other members stay.

    Returns:
        The number of members added as ``created``, and of members removed as ``updated``.

    Raises:
        ConsumersError: each problem under ``<index>.group`` or ``<index>.consumer_id``.
    """
    # Races: a group is deleted meanwhile, a consumer is added twice, a sale decides during the change. Locks, in order:
    # the account, then the consumers by primary key. A sale sees the groups from before or from after.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        consumers = consumers_lock(account_id=account_id, consumer_ids={row.consumer_id for row in rows})
        groups = dict(
            rows_by_values(
                ConsumerGroup.objects.filter(account=account).values_list("code", "pk"),
                "code",
                (row.group for row in rows),
            )
        )
        if problems := [*_unknown_keys(rows, groups, consumers)]:
            raise ConsumersError(problems=problems)
        membership = {(consumers[row.consumer_id], groups[row.group]): row.member for row in rows}
        link = Consumer.groups.through
        links = link.objects.filter(consumergroup__in=set(groups.values()))
        stored = {
            (consumer_pk, group_pk): pk
            for pk, consumer_pk, group_pk in rows_by_values(
                links.values_list("pk", "consumer_id", "consumergroup_id"), "consumer_id", consumers.values()
            )
        }
        joining = [pair for pair, is_member in membership.items() if is_member and pair not in stored]
        leaving = [stored[pair] for pair, is_member in membership.items() if not is_member and pair in stored]
        rows_delete(link.objects.all(), leaving)
        link.objects.bulk_create(
            [link(consumer_id=consumer_pk, consumergroup_id=group_pk) for consumer_pk, group_pk in joining]
        )
    return Saved(created=len(joining), updated=len(leaving))


def _unknown_keys(
    rows: Sequence[MemberValues], groups: Collection[str], consumers: Collection[str]
) -> Iterator[Problem]:
    for index, row in enumerate(rows):
        if row.group not in groups:
            yield Problem(code="does_not_exist", detail=f"There is no group {row.group}.", attr=f"{index}.group")
        if row.consumer_id not in consumers:
            detail = f"There is no consumer {row.consumer_id}."
            yield Problem(code="does_not_exist", detail=detail, attr=f"{index}.consumer_id")


def group_delete(*, account_id: int, code: str) -> None:
    """Delete a group that has no members and is not used by a promotion.

    Raises:
        NotFound: the account has no such group.
        InUse: it has members, or a promotion uses it.
    """
    try:
        # Race: a consumer or promotion starts to use the group between the check and the deletion. Their writers hold
        # the account's lock too.
        with transaction.atomic():
            account_lock(account_id=account_id)
            group = ConsumerGroup.objects.filter(account_id=account_id, code=code).first()
            if group is None:
                raise NotFound(f"There is no group {code}.")
            if group.consumers.exists() or referenced_keys(account_id=account_id, kind="group", keys=[code]):
                raise InUse
            group.delete()
    except (ProtectedError, IntegrityError) as error:
        raise InUse from error
