"""Adjust a balance."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consumers.models import Account, Consumer
from loyalty.choices import EntryKind
from loyalty.exceptions import ConsumerNotFound, NotAMember, ReferenceReused
from loyalty.models import LedgerEntry

ADJUSTMENT_ACTIVITY = "Adjustment"

MAX_ADJUSTMENT_POINTS = 10**12
"""Points that one adjustment may add or take away; forms and request bodies refuse more."""


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """The entry of an adjustment and the balance now; ``created`` is False for a repeated reference."""

    entry: LedgerEntry
    balance: int
    created: bool


def consumer_lock(*, account_id: int, consumer_id: str) -> Consumer:
    """Lock a consumer's row until the transaction ends, and return it with its membership. Sales lock it first, too.

    Raises:
        ConsumerNotFound: the account has no such consumer.
    """
    consumers = Consumer.objects.select_for_update(of=("self",), no_key=True).select_related("membership")
    consumer = consumers.filter(account_id=account_id, consumer_id=consumer_id).first()
    if consumer is None:
        raise ConsumerNotFound(f"There is no consumer {consumer_id}.")
    return consumer


def points_adjust(
    *, account: Account, consumer_id: str, reference: str, points: int, description: str, at: datetime
) -> Adjustment:
    """Add a signed number of points to a member's balance; once for each ``reference``.

    Raises:
        ConsumerNotFound: the account has no such consumer.
        NotAMember: the consumer is no member of the loyalty programme.
        ReferenceReused: the reference was used for another number of points or another description.
    """
    # One transaction under the consumer's lock: of two calls with one reference, one adjusts and the other finds it.
    with transaction.atomic():
        consumer = consumer_lock(account_id=account.pk, consumer_id=consumer_id)
        earlier = LedgerEntry.objects.filter(consumer=consumer, kind=EntryKind.ADJUSTMENT, reference=reference).first()
        if earlier is not None:
            if (earlier.points, earlier.description) != (points, description):
                raise ReferenceReused(f"Reference {reference} was used for another adjustment.", attr="reference")
            return Adjustment(entry=earlier, balance=consumer.points_balance, created=False)
        if getattr(consumer, "membership", None) is None:
            raise NotAMember("Only loyalty members have points.")
        consumer.points_balance += points
        consumer.save(update_fields=["points_balance", "updated_at"])
        entry = LedgerEntry.objects.create(
            account=account,
            consumer=consumer,
            points=points,
            kind=EntryKind.ADJUSTMENT,
            activity_type=ADJUSTMENT_ACTIVITY,
            description=description,
            reference=reference,
            at=at,
            created_at=at,
        )
    return Adjustment(entry=entry, balance=consumer.points_balance, created=True)
