"""Claim an offer for points."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from consumers.author import Author
from consumers.choices import MembershipStatus
from consumers.exceptions import Problem
from consumers.models import Account, Consumer
from loyalty.choices import EntryKind, OfferKind
from loyalty.exceptions import (
    InsufficientPoints,
    LoyaltyError,
    NotAMember,
    OfferUnavailable,
    ReferenceReused,
)
from loyalty.models import LedgerEntry, Offer, Voucher
from loyalty.services.points.adjustment import consumer_lock
from loyalty.services.rewards.voucher import voucher_rows

CLAIM_ACTIVITY = "Reward claimed"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A voucher that was claimed; ``created`` is False for a repeated reference.

    ``points`` is what it cost, ``balance`` the consumer's balance now.
    """

    voucher: Voucher
    points: int
    balance: int
    created: bool


def offer_claim(
    *, account: Account, consumer_id: str, reference: str, offer_code: str, at: datetime, author: Author | None = None
) -> Claim:
    """Debit a consumer the points that a tiered offer costs, and issue its voucher; once for each ``reference``.

    ``author`` is the member of staff who claims it for the consumer, if any.

    Raises:
        ConsumerNotFound: the account has no such consumer.
        ReferenceReused: the consumer claimed another offer under this reference.
        LoyaltyError: there is no such offer, or it costs no points.
        NotAMember: the consumer is not an active member.
        OfferUnavailable: out of stock, outside its dates, or archived.
        InsufficientPoints: the balance does not suffice.
    """
    # One transaction under the consumer's lock and then the offer's, the order of every sale: the same points are not
    # spent twice, nor the last voucher issued twice.
    with transaction.atomic():
        consumer = consumer_lock(account_id=account.pk, consumer_id=consumer_id)
        earlier = _earlier_claim(consumer, reference=reference, offer_code=offer_code)
        if earlier is not None:
            return earlier
        offer = Offer.objects.select_for_update().filter(account=account, code=offer_code).first()
        cost = _claimable_cost(offer, offer_code, consumer, at)
        assert offer is not None  # noqa: S101 - it has a cost
        day = at.astimezone(account.zone).date()
        consumer.last_offer_redeemed_on = max(day, consumer.last_offer_redeemed_on or day)
        _debit(consumer, offer, points=cost, reference=reference, at=at)
        (voucher,) = voucher_rows(offer=offer, consumer=consumer, count=1, at=at, zone=account.zone)
        voucher.claim_reference, voucher.claimed_on = reference, day
        voucher.claimed_by = author.user if author else None
        voucher.save()
        Offer.objects.filter(pk=offer.pk).update(issued=F("issued") + 1)
    return Claim(voucher=voucher, points=cost, balance=consumer.points_balance, created=True)


def _debit(consumer: Consumer, offer: Offer, *, points: int, reference: str, at: datetime) -> None:
    """Take the points of a claim off the balance, and record them in the ledger."""
    consumer.points_balance -= points
    consumer.save(update_fields=["points_balance", "last_offer_redeemed_on", "updated_at"])
    LedgerEntry.objects.create(
        account_id=consumer.account_id,
        consumer=consumer,
        points=-points,
        kind=EntryKind.CLAIM,
        activity_type=CLAIM_ACTIVITY,
        description=offer.name,
        reference=reference,
        at=at,
        created_at=at,
    )


def _earlier_claim(consumer: Consumer, *, reference: str, offer_code: str) -> Claim | None:
    """Return the claim that was made under a reference, if one was; refuse one of another offer."""
    voucher = Voucher.objects.select_related("offer").filter(consumer=consumer, claim_reference=reference).first()
    if voucher is None:
        return None
    if voucher.offer.code != offer_code:
        raise ReferenceReused(f"Reference {reference} was used to claim another offer.", attr="reference")
    entry = LedgerEntry.objects.get(consumer=consumer, kind=EntryKind.CLAIM, reference=reference)
    return Claim(voucher=voucher, points=-entry.points, balance=consumer.points_balance, created=False)


def _claimable_cost(offer: Offer | None, code: str, consumer: Consumer, at: datetime) -> int:
    """Return what the offer costs the consumer; raise as ``offer_claim`` says."""
    if offer is None:
        raise LoyaltyError(problems=[Problem(code="does_not_exist", detail=f"There is no offer {code}.", attr="offer")])
    if offer.kind != OfferKind.TIERED or not offer.point_cost:
        raise LoyaltyError(
            problems=[Problem(code="not_tiered", detail="Only tiered offers can be claimed for points.", attr="offer")]
        )
    membership = getattr(consumer, "membership", None)
    if membership is None or membership.status != MembershipStatus.ACTIVE:
        raise NotAMember("Only active loyalty members can claim rewards.")
    out_of_stock = offer.stock is not None and offer.issued >= offer.stock
    not_yet = offer.starts_at is not None and at < offer.starts_at
    over = offer.ends_at is not None and at >= offer.ends_at
    if offer.archived or out_of_stock or not_yet or over:
        why = "out of stock" if out_of_stock else "not available now"
        raise OfferUnavailable(f"Offer {code} is {why}.")
    if consumer.points_balance < offer.point_cost:
        raise InsufficientPoints(
            f"The balance is {consumer.points_balance} points. The offer costs {offer.point_cost}."
        )
    return offer.point_cost
