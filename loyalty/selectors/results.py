"""Results of promotions as they are counted so far: for the API, files and pages."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from django.db.models import (
    Case,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import TruncMonth, TruncWeek

from consumers.models import Site
from loyalty.choices import ResultsSource
from loyalty.models import (
    PromotionDayConsumers,
    PromotionDayResult,
    PromotionMonthConsumers,
    PromotionMonthResult,
    PromotionMonthTotal,
    PromotionResult,
    PromotionWeekConsumers,
    ResultsMark,
)
from loyalty.models.results import AMOUNTS, COLUMNS, COUNTS
from loyalty.result_periods import consumers_merged, monday_of, next_month
from promotions.engine.money import minor_unit
from promotions.models import Promotion, PromotionVersion

_MILLIONTH = Decimal("0.000001")
_DAY = timedelta(days=1)
_TO_SUNDAY = timedelta(days=6)


class ResultsBy(StrEnum):
    """What the rows of results are by. A week is named by its Monday."""

    DAY = "day"
    WEEK = "week"
    SITE = "site"
    VERSION = "version"


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultsPeriod:
    """Local days at the sites, both included; None is without an end."""

    first: date | None = None
    last: date | None = None

    def rows(self, rows: "QuerySet[Any]", name: str = "day") -> "QuerySet[Any]":
        """Return the rows of the period."""
        if self.first is not None:
            rows = rows.filter(**{f"{name}__gte": self.first})
        if self.last is not None:
            rows = rows.filter(**{f"{name}__lte": self.last})
        return rows

    def weeks(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """Return the rows of the whole weeks of the period, which are named by their Mondays in ``week``."""
        if self.first is not None:
            rows = rows.filter(week__gte=self.first)
        if self.last is not None:
            rows = rows.filter(week__lte=self.last - _TO_SUNDAY)
        return rows

    @property
    def months(self) -> "ResultsPeriod":
        """Return the first days of the first and last whole months of the period."""
        first, last = self.first, self.last
        if first is not None and first.day > 1:
            first = next_month(first)
        if last is not None:
            last = last.replace(day=1) if (last + _DAY).day == 1 else _previous_month(last)
        return ResultsPeriod(first=first, last=last)

    @property
    def has_months(self) -> bool:
        """Return whether there may be whole months in the period."""
        first, last = self.months.first, self.months.last
        return first is None or last is None or first <= last

    @property
    def ends(self) -> "Iterator[ResultsPeriod]":
        """Yield the days of the period that are in none of its whole months."""
        months = self.months
        if not self.has_months:
            yield self
            return
        if self.first is not None and months.first is not None and self.first < months.first:
            yield ResultsPeriod(first=self.first, last=months.first - _DAY)
        if self.last is not None and months.last is not None and next_month(months.last) <= self.last:
            yield ResultsPeriod(first=next_month(months.last), last=self.last)


def _previous_month(day: date) -> date:
    return (day.replace(day=1) - _DAY).replace(day=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultFigures:
    """Figures of sales, as sold or as returned. Amounts are exact, not rounded to the currency.

    ``cost`` is the discount, the value of points by their expected redemption, and what vouchers took off.
    """

    baskets: int = 0
    redemptions: int = 0
    points: int = 0
    vouchers_issued: int = 0
    vouchers_paid: int = 0
    discount: Decimal = Decimal(0)
    points_value: Decimal = Decimal(0)
    vouchers_discount: Decimal = Decimal(0)
    promoted_sales: Decimal = Decimal(0)
    basket_sales: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)
    margin_unknown_sales: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    def __add__(self, other: "ResultFigures") -> "ResultFigures":
        return ResultFigures(**{name: getattr(self, name) + getattr(other, name) for name in FIGURE_NAMES})


FIGURE_NAMES = tuple(ResultFigures.__dataclass_fields__)
"""The figures, in the order of the contract."""

MONEY_NAMES = (*AMOUNTS, "cost")
"""Those of them that are amounts of money."""


def amount_rounded(amount: Decimal, currency: str) -> Decimal:
    """Return an amount with the currency's decimals, half up: done once, where figures are shown."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP) + 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultRow:
    """A row of results: as sold, and what came back of it.

    ``consumers`` is how many different ones redeemed; None where that is not counted (by site and version).
    """

    key: str
    sold: ResultFigures
    returned: ResultFigures
    consumers: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """Results of promotions of one currency; ``as_of`` is the moment up to which they are counted, None for never."""

    as_of: datetime | None
    totals: ResultRow
    rows: Sequence[ResultRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedPromotion:
    """A promotion and its results in a period."""

    promotion: Promotion
    result: ResultRow


def results_as_of() -> datetime | None:
    """Return the moment up to which every sale and return is counted; None before the first count is through."""
    moments = dict(ResultsMark.objects.values_list("source", "as_of"))
    ends = [moments.get(source) for source in ResultsSource]
    return None if None in ends else min(end for end in ends if end is not None)


def results_of(
    *,
    promotion_ids: Collection[int],
    period: ResultsPeriod,
    by: ResultsBy | None = None,
    versions_with_codes: bool = False,
) -> Results:
    """Return the results of promotions of one currency, together.

    Args:
        promotion_ids: of one account; several are added up, and a basket of two of them counts twice.
        period: local days at the sites.
        by: what the rows are by; without, there are none.
        versions_with_codes: rows by version are named by the promotion's code too.
    """
    consumers = _Consumers(promotion_ids, period)
    rows: list[ResultRow] = []
    if by in (ResultsBy.DAY, ResultsBy.WEEK):
        rows = _rows_by_day(promotion_ids, period, consumers, is_by_week=by == ResultsBy.WEEK)
    elif by == ResultsBy.SITE:
        rows = _rows_by_site(promotion_ids, period)
    elif by == ResultsBy.VERSION:
        rows = _rows_by_version(promotion_ids, period, with_codes=versions_with_codes)
    if by in (ResultsBy.WEEK, ResultsBy.VERSION) or (by == ResultsBy.DAY and not period.has_months):
        sold, returned = _total((row.sold, row.returned) for row in rows)
    else:
        sold, returned = _total(_long_sums(period, "account_id", promotion_id__in=promotion_ids).values())
    totals = ResultRow(key="", sold=sold, returned=returned, consumers=consumers.total)
    return Results(as_of=results_as_of(), totals=totals, rows=rows)


def results_by_version(
    *, promotion_ids: Collection[int], period: ResultsPeriod
) -> dict[int, tuple[ResultFigures, ResultFigures]]:
    """Return the figures sold and returned of promotions of one currency, by the id of the version."""
    return _long_sums(period, "version_id", promotion_id__in=promotion_ids)


def results_by_promotion(*, promotion_ids: Collection[int], period: ResultsPeriod) -> dict[int, ResultRow]:
    """Return the results of each of some promotions that has any in a period, by id; without consumers."""
    sums = _long_sums(period, "promotion_id", promotion_id__in=promotion_ids)
    return {promotion_id: _row(promotion_id, figures) for promotion_id, figures in sums.items()}


def results_rows(*, promotion_ids: Collection[int], period: ResultsPeriod, by: ResultsBy) -> list[ResultRow]:
    """Return the rows by site or by version of promotions of one currency: ``results_of`` without the totals."""
    if by == ResultsBy.SITE:
        return _rows_by_site(promotion_ids, period)
    return _rows_by_version(promotion_ids, period)


def results_ranked(*, account_id: int, period: ResultsPeriod, campaign: str = "") -> list[RankedPromotion]:
    """Return all promotions of an account that have results in a period, those that cost most first.

    Without consumers: to count different ones takes everybody's days. ``campaign`` is the code of the one whose members
    are ranked; blank: all.
    """
    of: dict[str, object] = {"promotion__campaign__code": campaign} if campaign else {}
    sums = _long_sums(period, "promotion_id", account_id=account_id, **of)
    promotions = Promotion.objects.in_bulk([int(key) for key in sums])
    ranked = [
        RankedPromotion(promotion=promotions[int(key)], result=_row(promotions[int(key)].code, figures))
        for key, figures in sums.items()
    ]
    return sorted(ranked, key=lambda row: (-row.result.sold.cost, row.promotion.code, row.promotion.family))


def promotions_with_results(promotions: "QuerySet[Any]") -> "QuerySet[Any]":
    """Return promotions with ``results_cost`` and ``results_sales`` of all days; None where nothing was sold."""
    amount = DecimalField(max_digits=30, decimal_places=6)
    # Multiplied, never divided: SQLite divides whole numbers to whole numbers.
    millionth, percent = (Value(factor, output_field=amount) for factor in (_MILLIONTH, Decimal("0.01")))
    expected = ExpressionWrapper(F("points_value") * F("expected_redemption") * percent, output_field=amount)
    cost = ExpressionWrapper(F("discount") + F("vouchers_discount") + expected, output_field=amount)

    def total(value: Any) -> Case:
        in_money = ExpressionWrapper(Sum(value, output_field=amount) * millionth, output_field=amount)
        by_days, by_months = (
            Subquery(
                model._default_manager.filter(promotion=OuterRef("pk"))
                .order_by()
                .values("promotion")
                .annotate(total=in_money)
                .values("total"),
                output_field=amount,
            )
            for model in (PromotionDayResult, PromotionMonthTotal)
        )
        # In the statement of the list, which needs no other.
        return Case(When(Exists(_marks_behind()), then=by_days), default=by_months, output_field=amount)

    annotated: QuerySet[Any] = promotions.annotate(results_cost=total(cost), results_sales=total(F("promoted_sales")))
    return annotated


# --- adding up --------------------------------------------------------------------------------------------------------

_Pair = tuple[ResultFigures, ResultFigures]


def _sums(rows: "QuerySet[Any]", key: str) -> dict[Any, _Pair]:
    """Return the figures sold and returned, by the values of a column.

    Grouped by the expected redemption too, so that the cost is exact.
    """
    sums: dict[Any, _Pair] = {}
    columns = {f"sum_{name}": Sum(name) for name in COLUMNS}
    grouped = rows.order_by().values("expected_redemption", result_key=F(key)).annotate(**columns)
    for row in grouped:
        pair = (_figures(row, ""), _figures(row, "returned_"))
        before = sums.get(row["result_key"])
        sums[row["result_key"]] = pair if before is None else _pair_sum(before, pair)
    return sums


def _long_sums(period: ResultsPeriod, key: str, **of: object) -> dict[Any, _Pair]:
    """Return the figures of a period by the values of a column: whole months, and the days at the period's ends.

    Args:
        period: local days.
        key: the column.
        of: filters the rows: by account or promotions.
    """
    if not period.has_months or not _months_are_summed():
        return _sums(period.rows(PromotionDayResult.objects.filter(**of)), key)
    sums = _sums(period.months.rows(PromotionMonthTotal.objects.filter(**of), "month"), key)
    for end in period.ends:
        _add_sums(sums, _sums(end.rows(PromotionDayResult.objects.filter(**of)), key))
    return sums


def _months_are_summed() -> bool:
    """Return whether the months have all that is counted: not from an upgrade to the first run of the task after it."""
    return not _marks_behind().exists()


def _marks_behind() -> "QuerySet[ResultsMark]":
    return ResultsMark.objects.filter(Q(summed_to=None) | ~Q(summed_to=F("counted_to")))


def _add_sums(sums: dict[Any, _Pair], others: Mapping[Any, _Pair]) -> None:
    for key, pair in others.items():
        sums[key] = _pair_sum(sums[key], pair) if key in sums else pair


def _figures(row: Mapping[str, Any], prefix: str) -> ResultFigures:
    values: dict[str, Any] = {name: row[f"sum_{prefix}{name}"] for name in COUNTS}
    values |= {name: row[f"sum_{prefix}{name}"] * _MILLIONTH for name in AMOUNTS}
    expected = row["expected_redemption"] / 100
    cost = values["discount"] + values["points_value"] * expected + values["vouchers_discount"]
    return ResultFigures(**values, cost=cost)


def _pair_sum(first: _Pair, second: _Pair) -> _Pair:
    return first[0] + second[0], first[1] + second[1]


def _row(key: object, pair: _Pair, *, consumers: int | None = None) -> ResultRow:
    return ResultRow(key=str(key), sold=pair[0], returned=pair[1], consumers=consumers)


def _total(pairs: Iterable[_Pair]) -> _Pair:
    total = (ResultFigures(), ResultFigures())
    for pair in pairs:
        total = _pair_sum(total, pair)
    return total


def _rows_by_day(
    promotion_ids: Collection[int], period: ResultsPeriod, consumers: "_Consumers", *, is_by_week: bool
) -> list[ResultRow]:
    days = period.rows(PromotionDayResult.objects.filter(promotion_id__in=promotion_ids))
    if is_by_week:
        sums, counts = _sums(days.annotate(week=TruncWeek("day")), "week"), consumers.by_week
    else:
        sums, counts = _sums(days, "day"), consumers.by_day
    return [_row(key, sums[key], consumers=counts.get(key, 0)) for key in sorted(sums)]


def _rows_by_site(promotion_ids: Collection[int], period: ResultsPeriod) -> list[ResultRow]:
    """Return the rows by site: whole months as they are added up, and the days at the ends."""
    months = PromotionMonthResult.objects.filter(promotion_id__in=promotion_ids)
    sums = _sums(period.months.rows(months, "month"), "site_id") if period.has_months else {}
    for end in period.ends:
        _add_sums(sums, _sums(end.rows(PromotionResult.objects.filter(promotion_id__in=promotion_ids)), "site_id"))
    numbers = dict(Site.objects.filter(pk__in=sums).values_list("pk", "number"))
    return sorted((_row(numbers[site_id], pair) for site_id, pair in sums.items()), key=lambda row: row.key)


def _rows_by_version(
    promotion_ids: Collection[int], period: ResultsPeriod, *, with_codes: bool = False
) -> list[ResultRow]:
    sums = _long_sums(period, "version_id", promotion_id__in=promotion_ids)
    versions = PromotionVersion.objects.filter(pk__in=sums).order_by("promotion__code", "promotion__family", "number")
    return [
        _row(f"{code} {number}" if with_codes else number, sums[pk])
        for pk, code, number in versions.values_list("pk", "promotion__code", "number")
    ]


class _Consumers:
    """How many different consumers redeemed, in all and by period.

    Weeks and months that are over are merged already; where one is not, or not all of it is asked for, its days are.
    Several promotions are merged from their days and months, as a consumer may have redeemed two of them.
    """

    def __init__(self, promotion_ids: Collection[int], period: ResultsPeriod) -> None:
        self._period = period
        self._has_several = len(promotion_ids) > 1
        self._days = period.rows(PromotionDayConsumers.objects.filter(promotion_id__in=promotion_ids))
        self._months = PromotionMonthConsumers.objects.filter(promotion_id__in=promotion_ids)
        self._weeks = PromotionWeekConsumers.objects.filter(promotion_id__in=promotion_ids)

    @property
    def total(self) -> int:
        """How many in all."""
        days, merged = self._days, []
        if self._period.has_months:
            months = self._period.months.rows(self._months, "month")
            merged = list(months.values_list("consumers", flat=True))
            is_merged = Exists(months.filter(promotion=OuterRef("promotion"), month=OuterRef("in_month")))
            days = days.annotate(in_month=TruncMonth("day")).filter(~is_merged)
        return len(consumers_merged([*merged, *days.values_list("consumers", flat=True)]))

    @property
    def by_day(self) -> Mapping[date, int]:
        """How many by day."""
        if self._has_several:
            return _counts(self._days, lambda day: day)
        return dict(self._days.values_list("day", "count"))

    @property
    def by_week(self) -> Mapping[date, int]:
        """How many by the Monday of the week."""
        if self._has_several:
            return _counts(self._days, monday_of)
        weeks = self._period.weeks(self._weeks)
        days = self._days.annotate(in_week=TruncWeek("day")).filter(~Exists(weeks.filter(week=OuterRef("in_week"))))
        return {**_counts(days, monday_of), **dict(weeks.values_list("week", "count"))}


def _counts(days: "QuerySet[PromotionDayConsumers]", key: Callable[[date], date]) -> Mapping[date, int]:
    """Return how many different consumers some days have, by day or week."""
    bitmaps: dict[date, list[bytes | memoryview]] = {}
    for day, stored in days.values_list("day", "consumers"):
        bitmaps.setdefault(key(day), []).append(stored)
    return {day: len(consumers_merged(stored)) for day, stored in bitmaps.items()}
