"""What the overview shows of an account, each thing in one SQL statement."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum

from loyalty.models import Transaction
from loyalty.selectors.promotion import loyalty_promotions_of
from promotions.choices import Status
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_live, promotions_with_status, status_condition


@dataclass(frozen=True, kw_only=True)
class Sales:
    """What was sold and given in some days; points without those taken back."""

    transactions: int
    consumers: int
    base_points: int
    promotion_points: int


def promotions_by_status(*, account_id: int, at: datetime) -> dict[Status, int]:
    """How many loyalty promotions have which status at a moment, archived ones left out."""
    promotions = loyalty_promotions_of(account_id=account_id).filter(archived=False)
    counts = promotions.aggregate(
        **{f"number_{status.value}": Count("pk", filter=status_condition(status, at=at)) for status in Status}
    )
    return {status: counts[f"number_{status.value}"] for status in Status}


def promotions_running(*, account_id: int, at: datetime) -> QuerySet[Promotion]:
    """Those that apply now, the most redeemed first."""
    return promotions_live(_shown(account_id), at=at).order_by("-redemptions", "code")


def promotions_starting(*, account_id: int, at: datetime) -> QuerySet[Promotion]:
    """Those that are scheduled, the next first."""
    return promotions_with_status(_shown(account_id), statuses=[Status.SCHEDULED], at=at).order_by("starts_at", "code")


def promotions_ending(*, account_id: int, at: datetime, within: timedelta) -> QuerySet[Promotion]:
    """Those that apply now and end soon, the next first."""
    return promotions_live(_shown(account_id), at=at).filter(ends_at__lte=at + within).order_by("ends_at", "code")


def sales_since(*, account_id: int, since: datetime) -> Sales:
    """What was sold since a moment, and what points it gave."""
    sold = Transaction.objects.filter(account_id=account_id, occurred_at__gte=since).aggregate(
        transactions=Count("pk"),
        consumers=Count("consumer", distinct=True, filter=Q(consumer__isnull=False)),
        base_points=Sum("base_points", default=0),
        promotion_points=Sum("promotion_points", default=0),
    )
    return Sales(**sold)


def _shown(account_id: int) -> QuerySet[Promotion]:
    return loyalty_promotions_of(account_id=account_id).filter(archived=False)
