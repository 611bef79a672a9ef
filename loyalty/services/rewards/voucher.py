"""Issue vouchers, pay with them, give them back, cancel them and mark expired ones.

Whoever issues, redeems, gives back or cancels a voucher holds the lock on its consumer's row, and has locked no offer
of a higher id; so what was read of a consumer's vouchers under that lock stays true. Only the sweep of expired vouchers
holds no lock: nothing is decided by the status that it stores.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, tzinfo

from django.db import connection, transaction
from django.db.models import Case, Value, When

from consumers.models import Consumer
from loyalty.choices import VoucherStatus
from loyalty.exceptions import VoucherChanged
from loyalty.models import Offer, Transaction, Voucher
from loyalty.selectors.rewards import UNUSED, last_offer_day, voucher_is_valid
from loyalty.services.statements.counters import counters_increase
from promotions.engine.calendar import day_end, last_day_before

CHUNK = 500

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Letters and digits that cannot be mistaken for each other when read aloud or from a receipt."""

CODE_LENGTH = 14
"""31^14 codes: 69 bits, far beyond guessing."""


def voucher_codes(count: int) -> list[str]:
    """Return ``count`` new codes, each from the system's source of randomness."""
    return ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(count)]


def voucher_expiry(*, offer: Offer, at: datetime, zone: tzinfo) -> datetime | None:
    """Return the moment from which a voucher that is issued at ``at`` has expired; None if it never does.

    It is good through the end of the day ``valid_days`` later in the account's ``zone``, and no longer than its offer
    runs.
    """
    ends = [offer.ends_at] if offer.ends_at else []
    if offer.valid_days:
        ends.append(day_end(at.astimezone(zone).date() + timedelta(days=offer.valid_days), zone))
    return min(ends, default=None)


def voucher_rows(*, offer: Offer, consumer: Consumer, count: int, at: datetime, zone: tzinfo) -> list[Voucher]:
    """Return ``count`` unsaved vouchers of an offer, issued to a consumer at a moment, in the account's ``zone``."""
    expires_at = voucher_expiry(offer=offer, at=at, zone=zone)
    last_day = last_day_before(expires_at, zone) if expires_at else None
    return [
        Voucher(
            account_id=offer.account_id,
            code=code,
            offer=offer,
            consumer=consumer,
            issued_at=at,
            expires_at=expires_at,
            last_day=last_day,
        )
        for code in voucher_codes(count)
    ]


def vouchers_pay(*, consumer_pk: int, voucher_pks: Collection[int], payer: Transaction, at: datetime) -> None:
    """Redeem a consumer's vouchers on a sale, in one statement. Call it in the sale's database transaction.

    Args:
        consumer_pk: the consumer who must own them.
        voucher_pks: without duplicates.
        payer: the saved transaction.
        at: the moment of the sale, at which they must be valid; a late sale has its own.

    Raises:
        VoucherChanged: one is not the consumer's or not valid; the caller's transaction must roll back.
    """
    valid = Voucher.objects.filter(voucher_is_valid(at=at), consumer_id=consumer_pk, pk__in=voucher_pks)
    if valid.update(status=VoucherStatus.REDEEMED, redeemed_by=payer, redeemed_at=at) != len(voucher_pks):
        raise VoucherChanged("A voucher is no longer good.")


def vouchers_release(*, payer: Transaction, at: datetime) -> int:
    """Give back the vouchers that a voided or fully returned transaction was paid with; return how many.

    They are issued again, or expired if their end has passed, and the consumer's day of the last offer is computed
    without them. Call it in the caller's database transaction.
    """
    unused_status = Case(
        When(expires_at__lte=at, then=Value(VoucherStatus.EXPIRED)), default=Value(VoucherStatus.ISSUED)
    )
    paid = Voucher.objects.filter(redeemed_by=payer, status=VoucherStatus.REDEEMED)
    released = paid.update(status=unused_status, redeemed_by=None, redeemed_at=None)
    if released and payer.consumer_id is not None:
        day = last_offer_day(consumer_pk=payer.consumer_id)
        Consumer.objects.filter(pk=payer.consumer_id).update(last_offer_redeemed_on=day)
    return released


def vouchers_cancel(*, vouchers: Sequence[Voucher]) -> list[Voucher]:
    """Cancel unused vouchers and put them back into their offers' stock; return those, without redeemed ones.

    Call it in the database transaction in which ``vouchers`` were read under their consumer's lock.

    Raises:
        VoucherChanged: one has changed since it was read; the caller's transaction must roll back.
    """
    unused = [voucher for voucher in vouchers if voucher.status in UNUSED]
    rows = Voucher.objects.filter(pk__in=[voucher.pk for voucher in unused], status__in=UNUSED)
    if rows.update(status=VoucherStatus.CANCELLED) != len(unused):
        raise VoucherChanged("A voucher was used in the meantime.")
    by_offer = Counter(voucher.offer_id for voucher in unused)
    if by_offer:
        changes = {offer_id: -count for offer_id, count in by_offer.items()}
        counters_increase(Offer._meta.db_table, "issued", changes, limit_column="stock").raise_if_over_limit()
    return unused


def vouchers_expire(*, at: datetime) -> int:
    """Mark as expired all vouchers whose end has passed; return how many.

    Can run at any time and in any number of workers at once. Only lists that read the column depend on it.
    """
    due = Voucher.objects.filter(status=VoucherStatus.ISSUED, expires_at__lte=at).order_by("expires_at", "pk")
    # Do not wait for a sale that holds one: the next sweep marks it.
    due = due.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    expired = 0
    while True:
        # One transaction for each chunk, so that no lock is held for long; two sweeps at once take different rows.
        with transaction.atomic():
            chunk = list(due.values_list("pk", flat=True)[:CHUNK])
            rows = Voucher.objects.filter(pk__in=chunk, status=VoucherStatus.ISSUED)
            expired += rows.update(status=VoucherStatus.EXPIRED)
        if len(chunk) < CHUNK:
            return expired
