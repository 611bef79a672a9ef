"""Reads of what staff may adjust, and have adjusted."""

from datetime import date

from django.db.models import Sum
from django.db.models.functions import Abs

from consumers.models import Account, User
from loyalty.models import AdjustmentLimits, StaffAdjustment


def adjustment_limits(*, account_id: int) -> AdjustmentLimits:
    """The account's limits; an unsaved row with the defaults where nothing was set."""
    found = AdjustmentLimits.objects.filter(account_id=account_id).first()
    return found or AdjustmentLimits(account_id=account_id)


def points_adjusted(*, account: Account, user: User, day: date) -> int:
    """How many points, added or taken away, somebody adjusted on a local day of the account."""
    made = StaffAdjustment.objects.filter(account=account, made_by=user, local_day=day)
    return made.aggregate(points=Sum(Abs("entry__points")))["points"] or 0
