"""Sums of months: added up again from days, where rows of days changed or were there before."""

from collections.abc import Collection, Iterable
from datetime import date

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncMonth

from loyalty.models import PromotionDayResult, PromotionMonthResult, PromotionMonthTotal, PromotionResult
from loyalty.models.results import COLUMNS, ResultFigures

MAX_PROMOTIONS = 100
"""Promotions whose months are in memory at once."""


def months_rebuild(promotion_months: Iterable[tuple[int, date]]) -> None:
    """Add months of promotions up again. Must be called under the lock on the mark."""
    for promotion_id, month in sorted(promotion_months):
        PromotionMonthResult.objects.filter(promotion_id=promotion_id, month=month).delete()
        PromotionMonthTotal.objects.filter(promotion_id=promotion_id, month=month).delete()
        days = {"promotion_id": promotion_id, "day__year": month.year, "day__month": month.month}
        _sums_write(PromotionMonthResult, PromotionResult.objects.filter(**days), "site_id")
        _sums_write(PromotionMonthTotal, PromotionDayResult.objects.filter(**days))


def month_totals_rebuild() -> None:
    """Add all months at all sites up again. Must be called under the lock on the mark."""
    PromotionMonthTotal.objects.all().delete()
    ids = list(PromotionDayResult.objects.order_by("promotion_id").values_list("promotion_id", flat=True).distinct())
    for start in range(0, len(ids), MAX_PROMOTIONS):
        _totals_write(ids[start : start + MAX_PROMOTIONS])


def _totals_write(promotion_ids: Collection[int]) -> None:
    _sums_write(PromotionMonthTotal, PromotionDayResult.objects.filter(promotion_id__in=promotion_ids))


def _sums_write(model: type[ResultFigures], days: "QuerySet[ResultFigures]", *keys: str) -> None:
    """Write the sums of days by month."""
    sums = (
        days.annotate(month=TruncMonth("day"))
        .order_by()
        .values("account_id", "promotion_id", "version_id", "expected_redemption", "month", *keys)
        .annotate(**{f"sum_{name}": Sum(name) for name in COLUMNS})
    )
    rows = [model(**{name.removeprefix("sum_"): value for name, value in row.items()}) for row in sums]
    model._default_manager.bulk_create(rows, batch_size=500)
