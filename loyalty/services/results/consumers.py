"""Who redeemed: bitmaps of ids by day, and what is merged of them for weeks and months that are over.

A day is written while it lasts, with every batch; a week or a month once, when it is over, as their bitmaps are large.
A late sale has those that it falls into merged again. So each that ends by the mark's ``merged_to`` is what its days
say.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

from django.db.models import Min
from pyroaring import BitMap64

from loyalty.models import PromotionDayConsumers, PromotionMonthConsumers, PromotionWeekConsumers
from loyalty.result_periods import LONGEST_MONTH, consumers_merged, consumers_read, monday_of, next_month
from loyalty.services.results.totals import DayKey

MERGED_AFTER = timedelta(days=2)
"""How long after its end a week or a month is merged: when most of its late sales are there."""

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


def consumers_add(consumers: Mapping[DayKey, Collection[int]], *, merged_to: date | None) -> None:
    """Add consumers to the days of their redemptions, and merge again what is merged of these.

    Must be called under the lock on the mark: nobody else writes these rows.

    Args:
        consumers: their ids, by promotion and day.
        merged_to: the mark's.
    """
    if not consumers:
        return
    days = {key.day for key in consumers}
    stored = PromotionDayConsumers.objects.filter(
        promotion_id__in={key.promotion_id for key in consumers}, day__gte=min(days), day__lte=max(days), day__in=days
    )
    rows = {DayKey(row.promotion_id, row.day): row for row in stored.iterator()}
    changed = []
    for key in sorted(consumers):
        row = rows.get(key)
        bitmap = BitMap64(consumers[key]) if row is None else consumers_read(row.consumers) | BitMap64(consumers[key])
        if row is None or len(bitmap) != row.count:
            changed.append(
                PromotionDayConsumers(
                    promotion_id=key.promotion_id, day=key.day, count=len(bitmap), consumers=bitmap.serialize()
                )
            )
    PromotionDayConsumers.objects.bulk_create(
        changed,
        batch_size=200,
        update_conflicts=True,
        unique_fields=["promotion", "day"],
        update_fields=["count", "consumers"],
    )
    if merged_to is not None:
        keys = [DayKey(row.promotion_id, row.day) for row in changed]
        _weeks_merge({DayKey(key.promotion_id, monday_of(key.day)) for key in keys}, merged_to)
        _months_merge({DayKey(key.promotion_id, key.day.replace(day=1)) for key in keys}, merged_to)


def consumers_merge_from(merged_to: date | None) -> date | None:
    """Return the day from which days are yet to be merged; None where there are none."""
    if merged_to is not None:
        return merged_to + _DAY
    first: date | None = PromotionDayConsumers.objects.aggregate(first=Min("day"))["first"]
    return first


def consumers_merge(*, first: date, last: date) -> None:
    """Merge the weeks and months that end from ``first`` to ``last``. Must be called under the lock on the mark."""
    days = PromotionDayConsumers.objects.filter(day__gt=first - LONGEST_MONTH, day__lte=last)
    keys = {DayKey(*key) for key in days.values_list("promotion_id", "day").iterator()}
    weeks = {DayKey(key.promotion_id, monday_of(key.day)) for key in keys}
    months = {DayKey(key.promotion_id, key.day.replace(day=1)) for key in keys}
    _weeks_merge({key for key in weeks if key.day + _WEEK > first}, last)
    _months_merge({key for key in months if next_month(key.day) > first}, last)


def consumers_unmerge() -> None:
    """Forget what is merged: it is merged again from the days."""
    PromotionWeekConsumers.objects.all().delete()
    PromotionMonthConsumers.objects.all().delete()


def _weeks_merge(weeks: Iterable[DayKey], merged_to: date) -> None:
    """Merge weeks, named by their Mondays, as far as they end by ``merged_to``."""
    rows = [
        PromotionWeekConsumers(
            promotion_id=key.promotion_id, week=key.day, count=len(_days_merged(key, key.day + _WEEK))
        )
        for key in sorted(weeks)
        if key.day + _WEEK - _DAY <= merged_to
    ]
    PromotionWeekConsumers.objects.bulk_create(
        rows, batch_size=500, update_conflicts=True, unique_fields=["promotion", "week"], update_fields=["count"]
    )


def _months_merge(months: Iterable[DayKey], merged_to: date) -> None:
    """Merge months, named by their first days, as far as they end by ``merged_to``."""
    for key in sorted(months):
        if next_month(key.day) - _DAY <= merged_to:
            bitmap = _days_merged(key, next_month(key.day))
            PromotionMonthConsumers.objects.update_or_create(
                promotion_id=key.promotion_id,
                month=key.day,
                defaults={"count": len(bitmap), "consumers": bitmap.serialize()},
            )


def _days_merged(key: DayKey, before: date) -> BitMap64:
    days = PromotionDayConsumers.objects.filter(promotion_id=key.promotion_id, day__gte=key.day, day__lt=before)
    return consumers_merged(days.values_list("consumers", flat=True))
