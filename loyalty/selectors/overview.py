"""What the overview shows of an account, each thing in one SQL statement."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum

from loyalty.models import Transaction
from promotions.choices import Family, Status
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_live, promotions_with_status, status_condition


@dataclass(frozen=True, kw_only=True)
class Sales:
    """What was sold and given in some days; points without those taken back."""

    transactions: int
    consumers: int
    base_points: int
    promotion_points: int


def promotions_by_status(
    *, account_id: int, families: Collection[Family], at: datetime
) -> dict[tuple[Family, Status], int]:
    """How many promotions of each of ``families`` have which status at a moment, archived ones left out."""
    asked = [(family, status) for family in families for status in Status]
    counts = _shown(account_id, families).aggregate(
        **{
            f"{family.value}_{status.value}": Count("pk", filter=Q(family=family) & status_condition(status, at=at))
            for family, status in asked
        }
    )
    return {(family, status): counts[f"{family.value}_{status.value}"] for family, status in asked}


def promotions_running(*, account_id: int, families: Collection[Family], at: datetime) -> QuerySet[Promotion]:
    """Those that apply now, the most redeemed first."""
    return promotions_live(_shown(account_id, families), at=at).order_by("-redemptions", "code", "family")


def promotions_starting(*, account_id: int, families: Collection[Family], at: datetime) -> QuerySet[Promotion]:
    """Those that are scheduled, the next first."""
    scheduled = promotions_with_status(_shown(account_id, families), statuses=[Status.SCHEDULED], at=at)
    return scheduled.order_by("starts_at", "code", "family")


def promotions_ending(
    *, account_id: int, families: Collection[Family], at: datetime, within: timedelta
) -> QuerySet[Promotion]:
    """Those that apply now and end soon, the next first."""
    live = promotions_live(_shown(account_id, families), at=at)
    return live.filter(ends_at__lte=at + within).order_by("ends_at", "code", "family")


def sales_since(*, account_id: int, since: datetime) -> Sales:
    """What was sold since a moment, and what points it gave."""
    sold = Transaction.objects.filter(account_id=account_id, occurred_at__gte=since).aggregate(
        transactions=Count("pk"),
        consumers=Count("consumer", distinct=True, filter=Q(consumer__isnull=False)),
        base_points=Sum("base_points", default=0),
        promotion_points=Sum("promotion_points", default=0),
    )
    return Sales(**sold)


def _shown(account_id: int, families: Collection[Family]) -> QuerySet[Promotion]:
    return Promotion.objects.filter(account_id=account_id, family__in=families, archived=False)
