"""Writes of offers, and the claim of one for points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F, ProtectedError
from django.db.utils import IntegrityError

from consumers.author import Author
from consumers.choices import MembershipStatus
from consumers.exceptions import Problem
from consumers.models import Account, Consumer
from consumers.references import keys_referenced
from consumers.services.account import account_lock, rulebook_advance
from consumers.services.upsert import Saved, rows_named, rows_upsert, upsert_record
from loyalty.choices import Benefit, EntryKind, OfferKind
from loyalty.exceptions import (
    InsufficientPoints,
    LoyaltyError,
    NotAMember,
    OfferInUse,
    OfferNotFound,
    OfferUnavailable,
    ReferenceReused,
)
from loyalty.models import LedgerEntry, Offer, Voucher
from loyalty.services.points import consumer_locked
from loyalty.services.voucher import voucher_rows
from promotions.models import Product

CLAIM_ACTIVITY = "Reward claimed"
IN_USE = 'A promotion names this offer, or vouchers of it were issued. Archive it instead: PATCH {"archived": true}.'


@dataclass(frozen=True, kw_only=True)
class OfferValues:
    """Everything that can be said of an offer; the product by SKU, a blank currency becomes the account's."""

    code: str
    name: str
    description: str = ""
    currency: str = ""
    kind: str = OfferKind.PERSONALISED
    point_cost: int | None = None
    benefit: str = Benefit.AMOUNT
    value: Decimal | None = None
    product: str | None = None
    perceived_value: Decimal = Decimal(0)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    valid_days: int | None = None
    stock: int | None = None
    archived: bool = False


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A voucher that was claimed for points; ``created`` is False where this claim was made before.

    ``points`` is what it cost, ``balance`` what the consumer has left now.
    """

    voucher: Voucher
    points: int
    balance: int
    created: bool


def offers_save(*, account_id: int, rows: Sequence[OfferValues], author: Author, at: datetime) -> Saved:
    """Create or replace offers by code: all of them or none. A currency that is left blank is kept as the account's.

    Raises:
        LoyaltyError: each problem under ``<index>.<field>``.
        OfferInUse: the kind or the currency of an offer would change that a promotion names or vouchers are of.
    """
    # One transaction under the account's lock: of two writers of one code, the second replaces. The offers' own locks
    # keep sales from issuing vouchers while the stock is compared with what was issued.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        rows = [replace(row, currency=row.currency or account.currency) for row in rows]
        codes = [row.code for row in rows]
        owned = Offer.objects.filter(account=account, code__in=codes).order_by("pk").select_for_update()
        existing = {offer.code: offer for offer in owned}
        products = _products_named(account, rows)
        _fixed_stay(account, existing, rows)
        offers, saved = rows_upsert(
            model=Offer,
            account=account,
            key="code",
            rows=[
                {
                    **{field.name: getattr(row, field.name) for field in fields(row)},
                    "product": products[row.product] if row.product else None,
                    "issued": existing[row.code].issued if row.code in existing else 0,
                }
                for row in rows
            ],
            exclude=("product",),
            refuse=LoyaltyError,
        )
        upsert_record(offers, replaced=existing, key="code", author=author, at=at)
        rulebook_advance(account=account)
    return saved


def offer_delete(*, account_id: int, code: str, author: Author) -> None:
    """Delete an offer that nothing names and of which no voucher was issued.

    Raises:
        OfferNotFound: the account has no such offer.
        OfferInUse: a promotion names it, or vouchers of it exist.
    """
    try:
        # One transaction under the account's lock, which every writer of a promotion holds too: none can come to
        # name the offer between the look and the deletion.
        with transaction.atomic():
            account = account_lock(account_id=account_id)
            offer = Offer.objects.filter(account=account, code=code).first()
            if offer is None:
                raise OfferNotFound(f"There is no offer {code}.")
            if keys_referenced(account_id=account_id, kind="offer", keys=[code]):
                raise OfferInUse(IN_USE)
            author.sign(offer)
            offer.delete()
            rulebook_advance(account=account, removed=True)
    except (ProtectedError, IntegrityError) as error:
        raise OfferInUse(IN_USE) from error


def offer_claim(
    *,
    account: Account,
    consumer_id: str,
    reference: str,
    offer_code: str,
    at: datetime,
    author: Author | None = None,
) -> Claim:
    """Debit a consumer the points that a tiered offer costs, and issue its voucher; once for each ``reference``.

    ``author`` is who does it for the consumer, if somebody does.

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
        consumer = consumer_locked(account_id=account.pk, consumer_id=consumer_id)
        earlier = Voucher.objects.select_related("offer").filter(consumer=consumer, claim_reference=reference).first()
        if earlier is not None:
            if earlier.offer.code != offer_code:
                raise ReferenceReused(f"Reference {reference} claimed another offer.", attr="reference")
            entry = LedgerEntry.objects.get(consumer=consumer, kind=EntryKind.CLAIM, reference=reference)
            return Claim(voucher=earlier, points=-entry.points, balance=consumer.points_balance, created=False)
        offer = Offer.objects.select_for_update().filter(account=account, code=offer_code).first()
        cost = _claimable_cost(offer, offer_code, consumer, at)
        assert offer is not None  # noqa: S101 - it has a cost
        consumer.points_balance -= cost
        day = at.astimezone(account.zone).date()
        consumer.last_offer_redeemed_on = max(day, consumer.last_offer_redeemed_on or day)
        consumer.save(update_fields=["points_balance", "last_offer_redeemed_on", "updated_at"])
        LedgerEntry.objects.create(
            account=account,
            consumer=consumer,
            points=-cost,
            kind=EntryKind.CLAIM,
            activity_type=CLAIM_ACTIVITY,
            description=offer.name,
            reference=reference,
            at=at,
            created_at=at,
        )
        (voucher,) = voucher_rows(offer=offer, consumer=consumer, count=1, at=at)
        voucher.claim_reference, voucher.claimed_on, voucher.claimed_by = (
            reference,
            day,
            author.user if author else None,
        )
        voucher.save()
        Offer.objects.filter(pk=offer.pk).update(issued=F("issued") + 1)
    return Claim(voucher=voucher, points=cost, balance=consumer.points_balance, created=True)


def _products_named(account: Account, rows: Sequence[OfferValues]) -> dict[str, Product]:
    """The products that ``rows`` name, by SKU."""
    wanted = (row.product for row in rows if row.product)
    products = {one.sku: one for one in rows_named(Product.objects.filter(account=account), "sku", wanted)}
    problems = [
        Problem(code="does_not_exist", detail=f"There is no product {row.product}.", attr=f"{index}.product")
        for index, row in enumerate(rows)
        if row.product and row.product not in products
    ]
    if problems:
        raise LoyaltyError(problems=problems)
    return products


def _fixed_stay(account: Account, existing: Mapping[str, Offer], rows: Sequence[OfferValues]) -> None:
    """Refuse another kind or currency for offers that a promotion names or vouchers are of."""
    changed = [
        existing[row.code]
        for row in rows
        if row.code in existing and (row.kind, row.currency) != (existing[row.code].kind, existing[row.code].currency)
    ]
    if not changed:
        return
    issued = Voucher.objects.filter(offer__in=changed).values_list("offer__code", flat=True).distinct()
    named = keys_referenced(account_id=account.pk, kind="offer", keys=[offer.code for offer in changed])
    if fixed := sorted({*issued, *named}):
        raise OfferInUse(
            f"The kind and the currency of {', '.join(fixed[:10])} are fixed: a promotion names it, or vouchers of it "
            "were issued."
        )


def _claimable_cost(offer: Offer | None, code: str, consumer: Consumer, at: datetime) -> int:
    """What the offer costs the consumer; see ``offer_claim`` for what is raised."""
    if offer is None:
        raise LoyaltyError(problems=[Problem(code="does_not_exist", detail=f"There is no offer {code}.", attr="offer")])
    if offer.kind != OfferKind.TIERED or not offer.point_cost:
        raise LoyaltyError(
            problems=[Problem(code="not_tiered", detail="Only a tiered offer is claimed for points.", attr="offer")]
        )
    membership = getattr(consumer, "membership", None)
    if membership is None or membership.status != MembershipStatus.ACTIVE:
        raise NotAMember("Only an active loyalty member claims rewards.")
    out_of_stock = offer.stock is not None and offer.issued >= offer.stock
    not_yet = offer.starts_at is not None and at < offer.starts_at
    over = offer.ends_at is not None and at >= offer.ends_at
    if offer.archived or out_of_stock or not_yet or over:
        why = "out of stock" if out_of_stock else "not on offer now"
        raise OfferUnavailable(f"Offer {code} is {why}.")
    if consumer.points_balance < offer.point_cost:
        raise InsufficientPoints(f"The balance is {consumer.points_balance}, the offer costs {offer.point_cost}.")
    return offer.point_cost
