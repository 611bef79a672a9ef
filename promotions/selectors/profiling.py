"""Reads of how long promotions take to evaluate, and of what is usual in an account."""

from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db.models import Case, Count, F, FloatField, When
from django.db.models.functions import Cast

from consumers.types import Rows
from promotions.models import Promotion
from promotions.selectors.life import promotions_live

MIN_MEASURED_PROMOTIONS = 3
"""Measured promotions without which an account has no median that says anything."""


@dataclass(frozen=True, kw_only=True)
class EvaluationTime:
    """How long one basket takes to evaluate a promotion, in nanoseconds of processor time, on average.

    ``baskets`` were sampled. ``median`` is that of the account's live promotions; None where too few were measured.
    """

    nanoseconds: float
    baskets: int
    median: float | None = None

    @property
    def times_median(self) -> float | None:
        """How many times the median it is."""
        return self.nanoseconds / self.median if self.median else None


def promotions_with_evaluation_time(promotions: Rows) -> Rows:
    """Return promotions with ``cost_nanoseconds`` and ``cost_baskets`` of their current version; None: not measured."""
    current = {"cost__version": F("version")}
    average = Cast(F("cost__nanoseconds"), FloatField()) / Cast(F("cost__baskets"), FloatField())
    measured: Rows = promotions.annotate(
        cost_nanoseconds=Case(When(**current, then=average), output_field=FloatField()),
        cost_baskets=Case(When(**current, then=F("cost__baskets"))),
    )
    return measured


def evaluation_time_median(*, account_id: int, at: datetime) -> float | None:
    """Return the median over the account's live promotions; None under ``MIN_MEASURED_PROMOTIONS`` measured ones.

    Two SQL statements, whatever the number of promotions.
    """
    live = promotions_live(Promotion.objects.filter(account_id=account_id), at=at)
    measured = promotions_with_evaluation_time(live).filter(cost_nanoseconds__isnull=False).order_by("cost_nanoseconds")
    count = measured.aggregate(count=Count("pk"))["count"]
    if count < MIN_MEASURED_PROMOTIONS:
        return None
    middle = measured.values_list("cost_nanoseconds", flat=True)[(count - 1) // 2 : count // 2 + 1]
    # One deleted meanwhile may leave nothing there.
    return median(times) if (times := list(middle)) else None
