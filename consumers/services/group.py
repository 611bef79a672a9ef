"""Writes of groups."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.exceptions import ConsumersError, InUse, NotFound, Problem
from consumers.models import Consumer, ConsumerGroup
from consumers.references import keys_referenced
from consumers.services.account import account_lock
from consumers.services.consumer import consumers_locked
from consumers.services.upsert import Saved, rows_delete, rows_named, rows_upsert


@dataclass(frozen=True, kw_only=True)
class GroupValues:
    """Everything that can be said of a group."""

    code: str
    name: str = ""
    archived: bool = False


def groups_save(*, account_id: int, rows: Sequence[GroupValues]) -> Saved:
    """Create or replace groups by code: all of them or none.

    Raises:
        ConsumersError: each problem under ``<index>.<field>``.
    """
    # One transaction under the account's lock: of two writers of one code, the second replaces.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        _, saved = rows_upsert(model=ConsumerGroup, account=account, key="code", rows=[asdict(row) for row in rows])
    return saved


@dataclass(frozen=True, kw_only=True)
class MemberValues:
    """Whether a consumer is in a group, both by their keys."""

    group: str
    consumer_id: str
    member: bool = True


def group_members_save(*, account_id: int, rows: Sequence[MemberValues]) -> Saved:
    """Put consumers into groups, or take them out: all of it or nothing. Other members stay.

    Returns:
        How many became members as ``created``, and how many left as ``updated``.

    Raises:
        ConsumersError: each problem under ``<index>.group`` or ``<index>.consumer_id``.
    """
    # One transaction under the account's lock and those of the consumers, in order: a group that is named here is not
    # deleted meanwhile, no consumer is put into it twice, and a sale decides on the groups of before or of after.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        consumers = consumers_locked(account_id=account_id, consumer_ids={row.consumer_id for row in rows})
        groups = dict(
            rows_named(
                ConsumerGroup.objects.filter(account=account).values_list("code", "pk"),
                "code",
                (row.group for row in rows),
            )
        )
        if problems := [*_unknown(rows, groups, consumers)]:
            raise ConsumersError(problems=problems)
        said = {(consumers[row.consumer_id], groups[row.group]): row.member for row in rows}
        link = Consumer.groups.through
        links = link.objects.filter(consumergroup__in=set(groups.values()))
        held = {
            (consumer_pk, group_pk): pk
            for pk, consumer_pk, group_pk in rows_named(
                links.values_list("pk", "consumer_id", "consumergroup_id"), "consumer_id", consumers.values()
            )
        }
        joining = [pair for pair, member in said.items() if member and pair not in held]
        leaving = [held[pair] for pair, member in said.items() if not member and pair in held]
        rows_delete(link.objects.all(), leaving)
        link.objects.bulk_create(
            [link(consumer_id=consumer_pk, consumergroup_id=group_pk) for consumer_pk, group_pk in joining]
        )
    return Saved(created=len(joining), updated=len(leaving))


def _unknown(rows: Sequence[MemberValues], groups: Collection[str], consumers: Collection[str]) -> Iterator[Problem]:
    for index, row in enumerate(rows):
        if row.group not in groups:
            yield Problem(code="does_not_exist", detail=f"There is no group {row.group}.", attr=f"{index}.group")
        if row.consumer_id not in consumers:
            detail = f"There is no consumer {row.consumer_id}."
            yield Problem(code="does_not_exist", detail=detail, attr=f"{index}.consumer_id")


def group_delete(*, account_id: int, code: str) -> None:
    """Delete a group without members that nothing names.

    Raises:
        NotFound: the account has no such group.
        InUse: it has members, or a promotion names it.
    """
    try:
        # One transaction under the account's lock, which writers of consumers and of promotions hold too: neither
        # can come to name the group between the look and the deletion.
        with transaction.atomic():
            account_lock(account_id=account_id)
            group = ConsumerGroup.objects.filter(account_id=account_id, code=code).first()
            if group is None:
                raise NotFound(f"There is no group {code}.")
            if group.consumers.exists() or keys_referenced(account_id=account_id, kind="group", keys=[code]):
                raise InUse
            group.delete()
    except (ProtectedError, IntegrityError) as error:
        raise InUse from error
