"""Adjust a balance on behalf of staff, within the limits of their role; set these limits."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction

from consumers.author import Author
from consumers.models import Account, Role, User
from consumers.services.account import account_lock
from consumers.services.role import allowance_of
from consumers.services.upsert import model_problems
from loyalty.exceptions import AdjustmentLimit, LoyaltyError
from loyalty.models import AdjustmentLimits, StaffAdjustment
from loyalty.selectors.points import adjustment_limits, points_adjusted
from loyalty.services.points.adjustment import Adjustment, points_adjust


@dataclass(frozen=True, kw_only=True)
class LimitValues:
    """The limits of an account; None means no limit."""

    customer_service_at_once: int | None = 1_000
    customer_service_per_day: int | None = 5_000
    administrator_at_once: int | None = None
    administrator_per_day: int | None = None


def adjustment_limits_save(*, account_id: int, values: LimitValues) -> AdjustmentLimits:
    """Replace the account's limits.

    Raises:
        LoyaltyError: a value is invalid; each problem under its field.
    """
    # One transaction under the account's lock: two first writers do not both insert the one row.
    with transaction.atomic():
        account_lock(account_id=account_id)
        stored = adjustment_limits(account_id=account_id)
        for name, value in asdict(values).items():
            setattr(stored, name, value)
        if problems := tuple(model_problems(stored)):
            raise LoyaltyError(problems=problems)
        stored.save()
    return stored


def staff_points_adjust(
    *,
    account: Account,
    author: Author,
    role: Role,
    consumer_id: str,
    reference: str,
    points: int,
    at: datetime,
) -> Adjustment:
    """Add a signed number of points to a member's balance as ``author`` with their reason; once for each ``reference``.

    Raises:
        AdjustmentLimit: the role of the author allows fewer points at once, or in the rest of the day.
        ConsumerNotFound: the account has no such consumer.
        NotAMember: the consumer is no member of the loyalty programme.
        ReferenceReused: the reference was used for another number of points or another reason.
    """
    user = author.user
    assert user is not None  # noqa: S101 - the role is that of a member of staff
    allowed = allowance_of(account_id=account.pk, role=role)
    if allowed.at_once is not None and abs(points) > allowed.at_once:
        raise AdjustmentLimit(f"Your role allows up to {allowed.at_once:,} points at once.", attr="points")
    # One transaction under the user's lock and then the consumer's: of two adjustments that together exceed the day's
    # limit, the second counts the first.
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        adjustment = points_adjust(
            account=account,
            consumer_id=consumer_id,
            reference=reference,
            points=points,
            description=author.reason,
            at=at,
        )
        if not adjustment.created:
            return adjustment
        day = at.astimezone(account.zone).date()
        StaffAdjustment.objects.create(account=account, entry=adjustment.entry, made_by=user, local_day=day)
        used = points_adjusted(account=account, user=user, day=day)
        if allowed.per_day is not None and used > allowed.per_day:
            left = max(0, allowed.per_day - (used - abs(points)))
            raise AdjustmentLimit(
                f"Your role allows {allowed.per_day:,} points a day; {left:,} of today's are left.", attr="points"
            )
    return adjustment
