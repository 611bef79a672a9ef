"""Promotions by their life: the engine's ``life_reason`` in SQL.

Every question about a status is answered from the dates and the given moment, never from the stored column.
``tests/promotions/test_status.py`` holds these conditions to the engine's answer, case by case.
"""

from collections.abc import Collection
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import F, Q, QuerySet

from promotions.choices import Status
from promotions.models import Promotion


def status_condition(status: str, *, at: datetime) -> Q:
    """Return the condition on a promotion's dates under which its status at ``at`` is ``status``."""
    stopped = Q(draft=False, stopped_at__isnull=False, stopped_at__lte=at)
    not_stopped = Q(draft=False) & (Q(stopped_at__isnull=True) | Q(stopped_at__gt=at))
    match Status(status):
        case Status.DRAFT:
            return Q(draft=True)
        case Status.STOPPED:
            return stopped
        case Status.SCHEDULED:
            return not_stopped & Q(starts_at__gt=at)
        case Status.ENDED:
            return not_stopped & Q(starts_at__lte=at, ends_at__isnull=False, ends_at__lte=at)
        case Status.ACTIVE:
            return not_stopped & Q(starts_at__lte=at) & (Q(ends_at__isnull=True) | Q(ends_at__gt=at))


def promotions_with_status(
    promotions: QuerySet[Promotion], *, statuses: Collection[str], at: datetime
) -> QuerySet[Promotion]:
    """Return those whose status at ``at`` is one of ``statuses``."""
    return promotions.filter(reduce(or_, (status_condition(status, at=at) for status in statuses)))


def promotions_live(promotions: QuerySet[Promotion], *, at: datetime) -> QuerySet[Promotion]:
    """Return those that apply at ``at`` as far as their dates decide: active, and not archived."""
    return promotions.filter(status_condition(Status.ACTIVE, at=at), archived=False)


def promotions_between(promotions: QuerySet[Promotion], *, start: datetime, end: datetime) -> QuerySet[Promotion]:
    """Return those, not archived, that are in force (drafts: would be) at some time from ``start`` until ``end``."""
    in_force = promotions.filter(archived=False, starts_at__lt=end)
    for column in ("ends_at", "stopped_at"):
        in_force = in_force.filter(Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gt": start}))
    # Stopped before it started, it was never in force.
    return in_force.exclude(stopped_at__lte=F("starts_at"))


def promotions_out_of_date(*, at: datetime) -> QuerySet[Promotion]:
    """Return the promotions of all accounts whose stored status is not the true one at ``at``."""
    outdated = [status_condition(status, at=at) & ~Q(status=status) for status in Status.values]
    return Promotion.objects.filter(reduce(or_, outdated))
