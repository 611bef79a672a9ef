"""Reads of the points ledger."""

from collections.abc import Collection

from django.db.models import QuerySet

from consumers.models import Consumer
from loyalty.choices import EntryKind
from loyalty.models import LedgerEntry


def adjustments_of(*, consumer: Consumer) -> QuerySet[LedgerEntry]:
    """What people added to a consumer's points or took away, newest first."""
    return LedgerEntry.objects.filter(consumer=consumer, kind=EntryKind.ADJUSTMENT)


def activity_of(*, consumer: Consumer) -> QuerySet[LedgerEntry]:
    """Every entry of a consumer's ledger with its transaction and promotion, newest first."""
    return LedgerEntry.objects.filter(consumer=consumer).select_related("transaction", "promotion")


def consumers_with_points_history(*, account_id: int, keys: Collection[str]) -> set[str]:
    """Those of the consumer ids ``keys`` that have entries in the ledger."""
    entries = LedgerEntry.objects.filter(account_id=account_id, consumer__consumer_id__in=keys)
    return set(entries.values_list("consumer__consumer_id", flat=True).distinct())
