"""What the overview shows of an account, each thing in one SQL statement."""

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


def promotions_nearly_used(
    *, account_id: int, families: Collection[Family], at: datetime, percent: int
) -> QuerySet[Promotion]:
    """Those that apply now and of whose total limit at least so many percent are used, the nearest to it first."""
    limited = promotions_live(_shown(account_id, families), at=at).filter(total_redemption_limit__isnull=False)
    # This way round: a limit times a percentage does not fit into the limit's column.
    used = limited.filter(total_redemption_limit__lte=F("redemptions") * 100 / percent)
    return used.order_by(F("total_redemption_limit") - F("redemptions"), "code", "family")


def points_issued_by_day(*, account_id: int, since: datetime, zone: ZoneInfo) -> dict[date, int]:
    """The points that were given, without those taken, by day in a zone; days without any are left out."""
    given = LedgerEntry.objects.filter(account_id=account_id, at__gte=since, points__gt=0)
    by_day = given.annotate(day=TruncDate("at", tzinfo=zone)).values_list("day").annotate(points=Sum("points"))
    return dict(by_day.order_by("day"))


def vouchers_issued_by_day(*, account_id: int, since: datetime, zone: ZoneInfo) -> dict[date, int]:
    """The vouchers that went out, by day in a zone; days without any are left out."""
    issued = Voucher.objects.filter(account_id=account_id, issued_at__gte=since)
    by_day = issued.annotate(day=TruncDate("issued_at", tzinfo=zone)).values_list("day").annotate(count=Count("pk"))
    return dict(by_day.order_by("day"))


def messages_in_trouble(*, account_id: int) -> dict[MessageState, int]:
    """How many redemption messages wait for a person, by state: not sent, or nobody knows."""
    states = (MessageState.FAILED, MessageState.UNCERTAIN)
    messages = RedemptionMessage.objects.filter(account_id=account_id, state__in=states)
    counts = dict(messages.order_by("state").values_list("state").annotate(count=Count("pk")))
    return {state: counts[state] for state in states if state in counts}


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
