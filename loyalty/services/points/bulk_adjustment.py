"""Adjust the balances of many consumers at once, such as the balances that a shop brings along from another system."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from consumers.author import Author
from consumers.exceptions import Problem
from consumers.models import Account, Consumer, Role, User
from consumers.services.consumer import consumers_lock
from consumers.services.role import allowance_of
from consumers.services.upsert import rows_by_values
from loyalty.choices import EntryKind
from loyalty.exceptions import AdjustmentLimit, LoyaltyError, ReferenceReused
from loyalty.models import LedgerEntry, StaffAdjustment
from loyalty.selectors.points import points_adjusted
from loyalty.services.points.adjustment import ADJUSTMENT_ACTIVITY

_BATCH = 500
MAX_BALANCE = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class AdjustmentValues:
    """A signed number of points for a consumer, once for each reference."""

    consumer_id: str
    reference: str
    points: int
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class BulkAdjustment:
    """What a call wrote: the new entries, and how many adjustments were there already."""

    entries: Sequence[LedgerEntry]
    unchanged: int


def points_adjust_all(*, account: Account, rows: Sequence[AdjustmentValues], at: datetime) -> BulkAdjustment:
    """Add signed numbers of points to members' balances: all of them or none, each once for its reference.

    Raises:
        LoyaltyError: each problem under ``<index>.<field>``: an unknown consumer, one who is no member, a pair of
            consumer and reference that is named twice, a balance that cannot be stored.
        ReferenceReused: references were used for another number of points or another description; each under its row.
    """
    # One transaction. Race: a sale, or another call with the same references, changes a balance meanwhile. Consumers
    # are locked in order of their primary keys, as everywhere, before anything of them is read; of two calls with one
    # reference the second finds the entry of the first.
    with transaction.atomic():
        pks = consumers_lock(account_id=account.pk, consumer_ids={row.consumer_id for row in rows})
        read = Consumer.objects.select_related("membership")
        consumers = {consumer.consumer_id: consumer for consumer in rows_by_values(read, "pk", pks.values())}
        if problems := list(_row_problems(rows, consumers)):
            raise LoyaltyError(problems=problems)
        stored = _stored_entries(rows, consumers)
        if reused := list(_reused_references(rows, stored)):
            raise ReferenceReused(problems=reused)
        new = [row for row in rows if (row.consumer_id, row.reference) not in stored]
        entries = _entries_create(account, new, consumers, at)
    return BulkAdjustment(entries=entries, unchanged=len(rows) - len(entries))


def staff_points_adjust_all(
    *, account: Account, author: Author, role: Role, rows: Sequence[AdjustmentValues], at: datetime
) -> BulkAdjustment:
    """Adjust balances as ``points_adjust_all`` does, on behalf of staff and within the limits of their role.

    Raises:
        AdjustmentLimit: the role of the author allows fewer points at once, each under its row, or in the rest of the
            day.
        LoyaltyError: as ``points_adjust_all``.
    """
    user = author.user
    assert user is not None  # noqa: S101 - the role is that of a member of staff
    allowed = allowance_of(account_id=account.pk, role=role)
    if allowed.at_once is not None:
        detail = f"Your role allows up to {allowed.at_once:,} points at once."
        if too_many := [index for index, row in enumerate(rows) if abs(row.points) > allowed.at_once]:
            problems = [Problem(code=AdjustmentLimit.code, detail=detail, attr=f"{index}.points") for index in too_many]
            raise AdjustmentLimit(problems=problems)
    # One transaction under the user's lock and then the consumers': of two imports that together exceed the day's
    # limit, the second counts the first.
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        adjusted = points_adjust_all(account=account, rows=rows, at=at)
        day = at.astimezone(account.zone).date()
        StaffAdjustment.objects.bulk_create(
            [StaffAdjustment(account=account, entry=entry, made_by=user, local_day=day) for entry in adjusted.entries],
            batch_size=_BATCH,
        )
        if allowed.per_day is not None and points_adjusted(account=account, user=user, day=day) > allowed.per_day:
            raise AdjustmentLimit(f"Your role allows {allowed.per_day:,} points a day, and this is more.")
    return adjusted


def _row_problems(rows: Sequence[AdjustmentValues], consumers: Mapping[str, Consumer]) -> Iterator[Problem]:
    first_index: dict[tuple[str, str], int] = {}
    balances: Counter[str] = Counter()
    for index, row in enumerate(rows):
        consumer = consumers.get(row.consumer_id)
        if consumer is None:
            detail = f"There is no consumer {row.consumer_id}."
            yield Problem(code="does_not_exist", detail=detail, attr=f"{index}.consumer")
            continue
        if getattr(consumer, "membership", None) is None:
            detail = f"Only loyalty members have points, and {row.consumer_id} is not a member."
            yield Problem(code="not_a_member", detail=detail, attr=f"{index}.consumer")
        if first_index.setdefault((row.consumer_id, row.reference), index) != index:
            detail = f"Reference {row.reference} is named twice for this consumer."
            yield Problem(code="duplicate", detail=detail, attr=f"{index}.reference")
        balances[row.consumer_id] += row.points
        if abs(consumer.points_balance + balances[row.consumer_id]) > MAX_BALANCE:
            yield Problem(code="max_value", detail="The balance would be too large.", attr=f"{index}.points")


def _stored_entries(
    rows: Sequence[AdjustmentValues], consumers: Mapping[str, Consumer]
) -> dict[tuple[str, str], LedgerEntry]:
    """Return the adjustments of these consumers that have a reference of the rows, by consumer id and reference."""
    ids = {consumer.pk: consumer_id for consumer_id, consumer in consumers.items()}
    references = {row.reference for row in rows}
    adjustments = LedgerEntry.objects.filter(kind=EntryKind.ADJUSTMENT)
    entries = rows_by_values(adjustments, "consumer_id", ids)
    return {(ids[entry.consumer_id], entry.reference): entry for entry in entries if entry.reference in references}


def _reused_references(
    rows: Sequence[AdjustmentValues], stored: Mapping[tuple[str, str], LedgerEntry]
) -> Iterator[Problem]:
    for index, row in enumerate(rows):
        entry = stored.get((row.consumer_id, row.reference))
        if entry is not None and (entry.points, entry.description) != (row.points, row.description):
            detail = f"Reference {row.reference} of consumer {row.consumer_id} was used for another adjustment."
            yield Problem(code=ReferenceReused.code, detail=detail, attr=f"{index}.reference")


def _entries_create(
    account: Account, rows: Sequence[AdjustmentValues], consumers: Mapping[str, Consumer], at: datetime
) -> list[LedgerEntry]:
    """Write the entries and the balances of their consumers, who are locked."""
    for row in rows:
        consumers[row.consumer_id].points_balance += row.points
    changed = [consumers[consumer_id] for consumer_id in dict.fromkeys(row.consumer_id for row in rows)]
    for consumer in changed:
        consumer.updated_at = timezone.now()
    Consumer.objects.bulk_update(changed, ["points_balance", "updated_at"], batch_size=_BATCH)
    return LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(
                account=account,
                consumer=consumers[row.consumer_id],
                points=row.points,
                kind=EntryKind.ADJUSTMENT,
                activity_type=ADJUSTMENT_ACTIVITY,
                description=row.description,
                reference=row.reference,
                at=at,
                created_at=at,
            )
            for row in rows
        ],
        batch_size=_BATCH,
    )
