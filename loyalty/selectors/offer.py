"""Reads of offers and vouchers."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When

from loyalty.choices import VoucherStatus
from loyalty.models import Offer, Transaction, Voucher


def offers_of(*, account_id: int) -> QuerySet[Offer]:
    """The account's offers with their products."""
    return Offer.objects.filter(account_id=account_id).select_related("product")


def vouchers_of(*, account_id: int, at: datetime) -> QuerySet[Voucher]:
    """The account's vouchers with offer and consumer, newest first.

    ``shown_status`` is the status at the moment given: an issued voucher past its end is expired.
    """
    return (
        Voucher.objects.filter(account_id=account_id)
        .select_related("offer", "consumer")
        .annotate(
            shown_status=Case(
                When(Q(status=VoucherStatus.ISSUED, expires_at__lte=at), then=Value(VoucherStatus.EXPIRED.value)),
                default=F("status"),
                output_field=CharField(),
            )
        )
    )


def currencies_of_amounts(*, account_id: int, keys: Collection[str]) -> set[str]:
    """All of ``keys``, the account's currency, if offers or transactions have amounts in it."""
    in_offers = Offer.objects.filter(account_id=account_id, currency="")
    if in_offers.exists() or Transaction.objects.filter(account_id=account_id).exists():
        return set(keys)
    return set()
