"""Reads of offers and vouchers."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from django.db.models import Case, CharField, F, Max, Q, QuerySet, Value, When

from loyalty.choices import OfferKind, VoucherStatus
from loyalty.models import Offer, Transaction, Voucher
from promotions.engine.benefits.vouchers import voucher_key

UNUSED = (VoucherStatus.ISSUED, VoucherStatus.EXPIRED)
"""Stored statuses of vouchers neither redeemed nor cancelled. Which of the two depends only on how far the sweep is."""


def offers_of(*, account_id: int) -> QuerySet[Offer]:
    """Return the account's offers with their products."""
    return Offer.objects.filter(account_id=account_id).select_related("product")


def offers_claimable(*, account_id: int, at: datetime) -> QuerySet[Offer]:
    """Return the account's offers that can be claimed for points at a moment, the cheapest first."""
    has_started, has_not_ended = Q(starts_at=None) | Q(starts_at__lte=at), Q(ends_at=None) | Q(ends_at__gt=at)
    in_stock = Q(stock=None) | Q(issued__lt=F("stock"))
    tiered = Offer.objects.filter(account_id=account_id, kind=OfferKind.TIERED, archived=False)
    return tiered.filter(has_started, has_not_ended, in_stock).order_by("point_cost", "name", "code")


def voucher_is_valid(*, at: datetime) -> Q:
    """Return the condition for vouchers that pay at a moment, however far the sweep of expired ones is.

    A voucher pays no sale of before its issue, in whole seconds.
    """
    is_issued = Q(issued_at__lt=at.replace(microsecond=0) + timedelta(seconds=1))
    return is_issued & Q(Q(expires_at=None) | Q(expires_at__gt=at), status__in=UNUSED)


def last_offer_day(*, consumer_pk: int) -> date | None:
    """Return the day on which a consumer last redeemed a personalised offer's voucher, or claimed a tiered offer."""
    vouchers = Voucher.objects.filter(consumer_id=consumer_pk)
    days = vouchers.aggregate(
        claimed=Max("claimed_on"),
        paid=Max("redeemed_by__local_day", filter=Q(offer__kind=OfferKind.PERSONALISED)),
    )
    return max((day for day in days.values() if day is not None), default=None)


def vouchers_of(*, account_id: int, at: datetime) -> QuerySet[Voucher]:
    """Return the account's vouchers with offer and consumer, newest first.

    ``shown_status`` is the status at the given moment: an issued voucher past its end is expired.
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


def vouchers_by_code(*, account_id: int, codes: Collection[str]) -> dict[str, Voucher]:
    """Return the account's vouchers that have one of ``codes``, as tills sent them, with their offers, by that code."""
    keys = {code: voucher_key(code) for code in codes}
    vouchers = Voucher.objects.filter(account_id=account_id, code__in=set(keys.values())).select_related("offer")
    by_key = {voucher.code: voucher for voucher in vouchers}
    return {code: by_key[key] for code, key in keys.items() if key in by_key}


def currencies_of_amounts(*, account_id: int, keys: Collection[str]) -> set[str]:
    """Return all of ``keys`` (the account's currency) if offers or transactions have amounts in it."""
    in_offers = Offer.objects.filter(account_id=account_id, currency__in=keys)
    if in_offers.exists() or Transaction.objects.filter(account_id=account_id).exists():
        return set(keys)
    return set()
