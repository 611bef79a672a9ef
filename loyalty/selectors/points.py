"""Reads of the points ledger and of what staff may adjust."""

from collections.abc import Collection
from datetime import date

from django.db.models import QuerySet, Sum
from django.db.models.functions import Abs

from consumers.choices import StaffRole
from consumers.functionalities import Allowance
from consumers.models import Account, Consumer, User
from loyalty.choices import EntryKind
from loyalty.models import AdjustmentLimits, LedgerEntry, StaffAdjustment


def adjustments_of(*, consumer: Consumer) -> QuerySet[LedgerEntry]:
    """Return the adjustments of a consumer's balance, newest first."""
    return LedgerEntry.objects.filter(consumer=consumer, kind=EntryKind.ADJUSTMENT)


def activity_of(*, consumer: Consumer) -> QuerySet[LedgerEntry]:
    """Return every entry of a consumer's ledger with its transaction and promotion, newest first."""
    return LedgerEntry.objects.filter(consumer=consumer).select_related("transaction", "promotion")


def consumers_with_points_history(*, account_id: int, keys: Collection[str]) -> set[str]:
    """Return those of the consumer ids ``keys`` that have entries in the ledger."""
    entries = LedgerEntry.objects.filter(account_id=account_id, consumer__consumer_id__in=keys)
    return set(entries.values_list("consumer__consumer_id", flat=True).distinct())


def adjustment_limits(*, account_id: int) -> AdjustmentLimits:
    """Return the account's limits; an unsaved row with the defaults if none were set."""
    limits = AdjustmentLimits.objects.filter(account_id=account_id).first()
    return limits or AdjustmentLimits(account_id=account_id)


def template_allowance(account_id: int, role: StaffRole) -> Allowance:
    """Return how many points the holders of a template may adjust in an account."""
    return adjustment_limits(account_id=account_id).of_role(role)


def points_adjusted(*, account: Account, user: User, day: date) -> int:
    """Return how many points a user added or took away on a day of the account's time zone."""
    adjustments = StaffAdjustment.objects.filter(account=account, made_by=user, local_day=day)
    return adjustments.aggregate(points=Sum(Abs("entry__points")))["points"] or 0
