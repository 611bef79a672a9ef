"""Vouchers: their codes, their issue, and what becomes of them.

Whoever issues, pays with, releases or cancels a voucher holds its consumer's row and has not locked an offer of a
higher id; so what was read of a consumer's vouchers under that lock stays true. The sweep of expired ones alone holds
nothing: the stored status that it sets decides nothing.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Case, Value, When

from consumers.models import Consumer
from loyalty.choices import VoucherStatus
from loyalty.exceptions import VoucherChanged
from loyalty.models import Offer, Transaction, Voucher
from loyalty.selectors.rewards import UNUSED, last_offer_day, vouchers_good
from loyalty.services.till.counters import counters_increase

CHUNK = 500

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Letters and digits that cannot be mistaken for each other when read aloud or from a receipt."""

CODE_LENGTH = 14
"""31^14 codes: 69 bits, far beyond guessing."""


def voucher_codes(count: int) -> list[str]:
    """So many new codes, each from the system's source of randomness."""
    return ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(count)]


def voucher_rows(*, offer: Offer, consumer: Consumer, count: int, at: datetime) -> list[Voucher]:
    """So many unsaved vouchers of an offer, issued to a consumer at a moment.

    One expires ``valid_days`` after its issue, and never later than its offer ends.
    """
    ends = [offer.ends_at] if offer.ends_at else []
    if offer.valid_days:
        ends.append(at + timedelta(days=offer.valid_days))
    return [
        Voucher(
            account_id=offer.account_id,
            code=code,
            offer=offer,
            consumer=consumer,
            issued_at=at,
            expires_at=min(ends, default=None),
        )
        for code in voucher_codes(count)
    ]


def vouchers_pay(*, consumer_pk: int, voucher_pks: Collection[int], payer: Transaction, at: datetime) -> None:
    """Spend a consumer's vouchers on a transaction, in one statement. Belongs in its transaction.

    Args:
        consumer_pk: whose they must be.
        voucher_pks: each once.
        payer: the transaction, saved.
        at: the moment of the sale, at which they must be good; a late sale has its own.

    Raises:
        VoucherChanged: one is not the consumer's or not good; the caller's transaction must end.
    """
    good = Voucher.objects.filter(vouchers_good(at=at), consumer_id=consumer_pk, pk__in=voucher_pks)
    if good.update(status=VoucherStatus.REDEEMED, redeemed_by=payer, redeemed_at=at) != len(voucher_pks):
        raise VoucherChanged("A voucher is no longer good.")


def vouchers_release(*, payer: Transaction, at: datetime) -> int:
    """Give back the vouchers that a voided or fully returned transaction was paid with; returns how many.

    They are issued again, or expired where their end has come meanwhile, and the consumer's day of the last offer is
    what it is without them. Belongs in the caller's transaction.
    """
    left = Case(When(expires_at__lte=at, then=Value(VoucherStatus.EXPIRED)), default=Value(VoucherStatus.ISSUED))
    paid = Voucher.objects.filter(redeemed_by=payer, status=VoucherStatus.REDEEMED)
    released = paid.update(status=left, redeemed_by=None, redeemed_at=None)
    if released and payer.consumer_id is not None:
        day = last_offer_day(consumer_pk=payer.consumer_id)
        Consumer.objects.filter(pk=payer.consumer_id).update(last_offer_redeemed_on=day)
    return released


def vouchers_cancel(*, vouchers: Sequence[Voucher]) -> list[Voucher]:
    """Take unused vouchers back into their offers' stock; returns those, without the ones that were spent.

    Belongs in the caller's transaction, in which ``vouchers`` were read under their consumer's lock.

    Raises:
        VoucherChanged: one is not as it was read; the caller's transaction must end.
    """
    unused = [voucher for voucher in vouchers if voucher.status in UNUSED]
    rows = Voucher.objects.filter(pk__in=[voucher.pk for voucher in unused], status__in=UNUSED)
    if rows.update(status=VoucherStatus.CANCELLED) != len(unused):
        raise VoucherChanged("A voucher was used in the meantime.")
    back = Counter(voucher.offer_id for voucher in unused)
    if back:
        taken_back = {offer: -count for offer, count in back.items()}
        counters_increase(Offer._meta.db_table, "issued", taken_back, limit_column="stock").raise_if_over_limit()
    return unused


def vouchers_expire(*, at: datetime) -> int:
    """Store of all vouchers whose end has come that they are expired; returns how many.

    Can be run at any time and by any number of workers at once. Nothing depends on it but lists that read the column.
    """
    due = Voucher.objects.filter(status=VoucherStatus.ISSUED, expires_at__lte=at).order_by("expires_at", "pk")
    # A sale that holds one is not waited for: the next sweep comes by.
    due = due.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    expired = 0
    while True:
        # One transaction for each chunk, so that no lock is held for long: of two sweeps, each takes other rows.
        with transaction.atomic():
            chunk = list(due.values_list("pk", flat=True)[:CHUNK])
            rows = Voucher.objects.filter(pk__in=chunk, status=VoucherStatus.ISSUED)
            expired += rows.update(status=VoucherStatus.EXPIRED)
        if len(chunk) < CHUNK:
            return expired
