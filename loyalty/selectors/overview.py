"""Reads for the overview page, one SQL statement each."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from loyalty.choices import MessageState
from loyalty.models import LedgerEntry, RedemptionMessage, Transaction, Voucher
from promotions.choices import Family, Status
from promotions.models import Promotion
from promotions.selectors.life import promotions_live, promotions_with_status, status_condition


@dataclass(frozen=True, kw_only=True)
class Sales:
    """Transactions, consumers and points of a period; points without those taken back."""

    transactions: int
    consumers: int
    base_points: int
    promotion_points: int


def promotions_by_status(
    *, account_id: int, families: Collection[Family], at: datetime
) -> dict[tuple[Family, Status], int]:
    """Return the number of promotions of each family and status at a moment, without archived ones."""
    keys = [(family, status) for family in families for status in Status]
    counts = _not_archived(account_id, families).aggregate(
        **{
            f"{family.value}_{status.value}": Count("pk", filter=Q(family=family) & status_condition(status, at=at))
            for family, status in keys
        }
    )
    return {(family, status): counts[f"{family.value}_{status.value}"] for family, status in keys}


def promotions_running(*, account_id: int, families: Collection[Family], at: datetime) -> QuerySet[Promotion]:
    """Return the live promotions, the most redeemed first."""
    return promotions_live(_not_archived(account_id, families), at=at).order_by("-redemptions", "code", "family")


def promotions_starting(*, account_id: int, families: Collection[Family], at: datetime) -> QuerySet[Promotion]:
    """Return the scheduled promotions, the next to start first."""
    scheduled = promotions_with_status(_not_archived(account_id, families), statuses=[Status.SCHEDULED], at=at)
    return scheduled.order_by("starts_at", "code", "family")


def promotions_ending(
    *, account_id: int, families: Collection[Family], at: datetime, within: timedelta
) -> QuerySet[Promotion]:
    """Return the live promotions that end soon, the next to end first."""
    live = promotions_live(_not_archived(account_id, families), at=at)
    return live.filter(ends_at__lte=at + within).order_by("ends_at", "code", "family")


def promotions_nearly_used(
    *, account_id: int, families: Collection[Family], at: datetime, percent: int
) -> QuerySet[Promotion]:
    """Return the live promotions with at least ``percent`` of their total limit used, the nearest to it first."""
    limited = promotions_live(_not_archived(account_id, families), at=at).filter(total_redemption_limit__isnull=False)
    # Not the limit times the percentage: that can overflow the limit's column.
    nearly_used = limited.filter(total_redemption_limit__lte=F("redemptions") * 100 / percent)
    return nearly_used.order_by(F("total_redemption_limit") - F("redemptions"), "code", "family")


def points_issued_by_day(*, account_id: int, since: datetime, zone: ZoneInfo) -> dict[date, int]:
    """Return the points issued, without those taken back, by day in a time zone; days without points are left out."""
    entries = LedgerEntry.objects.filter(account_id=account_id, at__gte=since, points__gt=0)
    by_day = entries.annotate(day=TruncDate("at", tzinfo=zone)).values_list("day").annotate(points=Sum("points"))
    return dict(by_day.order_by("day"))


def vouchers_issued_by_day(*, account_id: int, since: datetime, zone: ZoneInfo) -> dict[date, int]:
    """Return the number of vouchers issued by day in a time zone; days without vouchers are left out."""
    vouchers = Voucher.objects.filter(account_id=account_id, issued_at__gte=since)
    by_day = vouchers.annotate(day=TruncDate("issued_at", tzinfo=zone)).values_list("day").annotate(count=Count("pk"))
    return dict(by_day.order_by("day"))


def messages_needing_attention(*, account_id: int) -> dict[MessageState, int]:
    """Return the number of redemption messages that need attention, by state: not sent, or uncertain."""
    states = (MessageState.FAILED, MessageState.UNCERTAIN)
    messages = RedemptionMessage.objects.filter(account_id=account_id, state__in=states)
    counts = dict(messages.order_by("state").values_list("state").annotate(count=Count("pk")))
    return {state: counts[state] for state in states if state in counts}


def sales_since(*, account_id: int, since: datetime) -> Sales:
    """Return the sales since a moment, and their points."""
    totals = Transaction.objects.filter(account_id=account_id, occurred_at__gte=since).aggregate(
        transactions=Count("pk"),
        consumers=Count("consumer", distinct=True, filter=Q(consumer__isnull=False)),
        base_points=Sum("base_points", default=0),
        promotion_points=Sum("promotion_points", default=0),
    )
    return Sales(**totals)


def _not_archived(account_id: int, families: Collection[Family]) -> QuerySet[Promotion]:
    return Promotion.objects.filter(account_id=account_id, family__in=families, archived=False)
