"""Say before a promotion starts which effect its control group can show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite, sqrt

from django.db.models import F, Q

from consumers.models import Account, Consumer, ConsumerGroup
from loyalty.models.uplift import SCALE
from loyalty.services.uplift.members import BEFORE, MeasuredSale, sales_measure
from loyalty.uplift.statistics import ArmSums, planned_error, smallest_effect

MAX_SAMPLE = 300
"""Members whose past sales say how much members differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedEffect:
    """What a control group of a group's size can show in eight weeks, by the sales of the last sixteen.

    ``smallest`` is the smallest difference in contribution per member that shows with 80 % power, ``adjusted`` with the
    eight weeks before taken account of; ``contribution`` is what a member brings in eight weeks. None: nobody of the
    sample has bought anything.
    """

    members: int
    control: int
    smallest: float | None
    adjusted: float | None
    contribution: float


def planned_effect(*, account: Account, group_code: str, percentage: float, at: datetime) -> PlannedEffect | None:
    """Return what a control group can show; None where the account has no such group.

    Reads the sales of a sample of members, spread evenly over the group.
    """
    group = ConsumerGroup.objects.filter(account=account, code=group_code).first()
    if group is None:
        return None
    memberships = Consumer.groups.through.objects.filter(consumergroup_id=group.pk)
    members = memberships.count()
    control = round(members * percentage / 100)
    sums = _sums_of_sample(account, _sample(group, members), at)
    if not sums.variance > 0 or not 0 < control < members:
        return PlannedEffect(members=members, control=control, smallest=None, adjusted=None, contribution=0)
    deviation = sqrt(sums.variance)
    explained = sums.variance_before * sums.variance
    correlation = sums.covariance / sqrt(explained) if explained > 0 else 0.0
    plain, adjusted = (
        smallest_effect(
            planned_error(deviation=deviation, treated=members - control, control=control, correlation=known)
        )
        for known in (0.0, max(-1.0, min(correlation, 1.0)))
    )
    return PlannedEffect(
        members=members,
        control=control,
        smallest=plain if isfinite(plain) else None,
        adjusted=adjusted if correlation and isfinite(adjusted) else None,
        contribution=sums.mean,
    )


def _sample(group: ConsumerGroup, members: int) -> Sequence[int]:
    stride = max(members // MAX_SAMPLE, 1)
    rows = Consumer.groups.through.objects.filter(consumergroup_id=group.pk)
    if stride > 1:
        rows = rows.alias(place=F("id") % stride).filter(Q(("place", 0)))
    return list(rows.order_by("id").values_list("consumer_id", flat=True)[:MAX_SAMPLE])


def _sums_of_sample(account: Account, consumer_ids: Sequence[int], at: datetime) -> ArmSums:
    sales = sales_measure(consumer_ids=consumer_ids, since=at - 2 * BEFORE, accounts={account.pk: account})
    sums = ArmSums()
    for consumer_id in consumer_ids:
        own = sales.get(consumer_id, [])
        x = _contribution(sale for sale in own if at - BEFORE <= sale.occurred_at < at)
        y = _contribution(sale for sale in own if sale.occurred_at < at - BEFORE)
        sums += ArmSums(n=1, x=x, xx=x * x, y=y, yy=y * y, xy=x * y)
    return sums


def _contribution(sales: Iterable[MeasuredSale]) -> float:
    return sum(sale.figures.contribution for sale in sales) / SCALE
