"""Adjust a balance on behalf of staff, within the limits of their role; set these limits."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction

from consumers.author import Author
from consumers.choices import StaffRole
from consumers.exceptions import GrantDenied, Problem
from consumers.functionalities import NO_LIMIT, Allowance
from consumers.models import Account, Role, User
from consumers.services.account import account_lock
from consumers.services.role import ADJUST_POINTS, allowance_of, role_held
from consumers.services.upsert import model_problems
from loyalty.exceptions import AdjustmentLimit, LoyaltyError
from loyalty.models import AdjustmentLimits, StaffAdjustment
from loyalty.selectors.points import adjustment_limits, points_adjusted
from loyalty.services.points.adjustment import Adjustment, points_adjust

NO_POINTS = Allowance(0, 0)
"""The allowance of somebody who adjusts no points."""
CANNOT_RAISE = "You cannot adjust points yourself, so you can only lower limits."


@dataclass(frozen=True, kw_only=True)
class LimitValues:
    """The limits of an account; None means no limit."""

    customer_service_at_once: int | None = 1_000
    customer_service_per_day: int | None = 5_000
    administrator_at_once: int | None = None
    administrator_per_day: int | None = None


def adjustment_limits_save(*, account_id: int, values: LimitValues, given_by: User | None = None) -> AdjustmentLimits:
    """Replace the account's limits; ``given_by`` is who does, None for the installation itself.

    Raises:
        LoyaltyError: a value is invalid, or above what ``given_by`` may give; each problem under its field.
    """
    # Races: two first writers both insert the one row, or who gives loses points meanwhile. The account's lock admits
    # one at a time.
    with transaction.atomic():
        account_lock(account_id=account_id)
        stored = adjustment_limits(account_id=account_id)
        problems = _denials(stored, values, points_to_give(account_id=account_id, user=given_by))
        for name, value in asdict(values).items():
            setattr(stored, name, value)
        problems += model_problems(stored)
        if problems:
            raise LoyaltyError(problems=tuple(problems))
        stored.save()
    return stored


def points_to_give(*, account_id: int, user: User | None) -> Allowance:
    """Return up to which limits somebody may raise those of the templates: their own.

    Administrators raise any. Their own are among them: one that they set too low could never be raised again.
    """
    if user is None or (user.is_superuser and user.is_active):
        return NO_LIMIT
    role = role_held(account_id=account_id, user=user)
    if role is None or ADJUST_POINTS not in role.held_grants:
        return NO_POINTS
    return NO_LIMIT if role.template == StaffRole.ADMINISTRATOR else allowance_of(account_id=account_id, role=role)


def limit_of(allowance: Allowance, field: str) -> int | None:
    """Return the limit of an allowance that a field of ``LimitValues`` is about."""
    return allowance.at_once if field.endswith("_at_once") else allowance.per_day


def _denials(stored: AdjustmentLimits, values: LimitValues, own: Allowance) -> list[Problem]:
    """Return the limits that are raised above what somebody may give; anybody may lower one."""
    problems = []
    for name, value in asdict(values).items():
        before, limit = getattr(stored, name), limit_of(own, name)
        is_raised = before is not None and (value is None or value > before)
        if is_raised and limit is not None and (value is None or value > limit):
            detail = f"You may give up to {limit:,}: your own limit." if limit else CANNOT_RAISE
            problems.append(Problem(code=GrantDenied.code, detail=detail, attr=name))
    return problems


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
