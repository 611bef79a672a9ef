"""Results of promotions as they are counted so far: for the API, files and pages."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from django.db.models import DecimalField, ExpressionWrapper, F, OuterRef, QuerySet, Subquery, Sum, Value
from pyroaring import BitMap64

from consumers.models import Site
from loyalty.choices import ResultsSource
from loyalty.models import (
    PromotionDayConsumers,
    PromotionDayResult,
    PromotionMonthResult,
    PromotionResult,
    ResultsMark,
)
from loyalty.models.results import AMOUNTS, COLUMNS, COUNTS
from promotions.engine.money import minor_unit
from promotions.models import Promotion, PromotionVersion

_MILLIONTH = Decimal("0.000001")
_DAY = timedelta(days=1)


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

    @property
    def months(self) -> "ResultsPeriod":
        """Return the first days of the first and last whole months of the period."""
        first, last = self.first, self.last
        if first is not None and first.day > 1:
            first = _next_month(first)
        if last is not None:
            last = last.replace(day=1) if (last + _DAY).day == 1 else _previous_month(last)
        return ResultsPeriod(first=first, last=last)

    @property
    def ends(self) -> "Iterator[ResultsPeriod]":
        """Yield the days of the period that are in none of its whole months."""
        months = self.months
        if months.first is not None and months.last is not None and months.first > months.last:
            yield self
            return
        if self.first is not None and months.first is not None and self.first < months.first:
            yield ResultsPeriod(first=self.first, last=months.first - _DAY)
        if self.last is not None and months.last is not None and _next_month(months.last) <= self.last:
            yield ResultsPeriod(first=_next_month(months.last), last=self.last)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


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
    days = period.rows(PromotionDayResult.objects.filter(promotion_id__in=promotion_ids))
    bitmaps = _Consumers(promotion_ids, period)
    rows: list[ResultRow] = []
    if by in (ResultsBy.DAY, ResultsBy.WEEK):
        rows = _rows_by_day(days, bitmaps, is_by_week=by == ResultsBy.WEEK)
    elif by == ResultsBy.SITE:
        rows = _rows_by_site(promotion_ids, period)
    elif by == ResultsBy.VERSION:
        rows = _rows_by_version(days, with_codes=versions_with_codes)
    if by in (ResultsBy.DAY, ResultsBy.WEEK, ResultsBy.VERSION):
        sold, returned = _total(rows)
    else:
        sums = _sums(days, "account_id")
        sold, returned = _total(_row(key, figures) for key, figures in sums.items())
    totals = ResultRow(key="", sold=sold, returned=returned, consumers=bitmaps.total)
    return Results(as_of=results_as_of(), totals=totals, rows=rows)


def results_by_version(
    *, promotion_ids: Collection[int], period: ResultsPeriod
) -> dict[int, tuple[ResultFigures, ResultFigures]]:
    """Return the figures sold and returned of promotions of one currency, by the id of the version."""
    return _sums(period.rows(PromotionDayResult.objects.filter(promotion_id__in=promotion_ids)), "version_id")


def results_by_promotion(*, promotion_ids: Collection[int], period: ResultsPeriod) -> dict[int, ResultRow]:
    """Return the results of each of some promotions that has any in a period, by id; without consumers."""
    sums = _sums(period.rows(PromotionDayResult.objects.filter(promotion_id__in=promotion_ids)), "promotion_id")
    return {promotion_id: _row(promotion_id, figures) for promotion_id, figures in sums.items()}


def results_rows(*, promotion_ids: Collection[int], period: ResultsPeriod, by: ResultsBy) -> list[ResultRow]:
    """Return the rows by site or by version of promotions of one currency: ``results_of`` without the totals."""
    if by == ResultsBy.SITE:
        return _rows_by_site(promotion_ids, period)
    return _rows_by_version(period.rows(PromotionDayResult.objects.filter(promotion_id__in=promotion_ids)))


def results_ranked(*, account_id: int, period: ResultsPeriod, campaign: str = "") -> list[RankedPromotion]:
    """Return all promotions of an account that have results in a period, those that cost most first.

    Without consumers: to count different ones takes everybody's days. ``campaign`` is the code of the one whose members
    are ranked; blank: all.
    """
    days = period.rows(PromotionDayResult.objects.filter(account_id=account_id))
    if campaign:
        days = days.filter(promotion__campaign__code=campaign)
    sums = _sums(days, "promotion_id")
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
    days = PromotionDayResult.objects.filter(promotion=OuterRef("pk")).order_by().values("promotion")

    def total(value: Any) -> Subquery:
        in_money = ExpressionWrapper(Sum(value, output_field=amount) * millionth, output_field=amount)
        return Subquery(days.annotate(total=in_money).values("total"), output_field=amount)

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


def _total(rows: Iterable[ResultRow]) -> _Pair:
    total = (ResultFigures(), ResultFigures())
    for row in rows:
        total = _pair_sum(total, (row.sold, row.returned))
    return total


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def _rows_by_day(days: "QuerySet[Any]", bitmaps: "_Consumers", *, is_by_week: bool) -> list[ResultRow]:
    sums: dict[date, _Pair] = {}
    for day, pair in _sums(days, "day").items():
        key = monday_of(day) if is_by_week else day
        sums[key] = _pair_sum(sums[key], pair) if key in sums else pair
    counts = bitmaps.by_week if is_by_week else bitmaps.by_day
    return [_row(key, sums[key], consumers=counts.get(key, 0)) for key in sorted(sums)]


def _rows_by_site(promotion_ids: Collection[int], period: ResultsPeriod) -> list[ResultRow]:
    """Return the rows by site: whole months as they are added up, and the days at the ends."""
    months = PromotionMonthResult.objects.filter(promotion_id__in=promotion_ids)
    sums = _sums(period.months.rows(months, "month"), "site_id")
    for end in period.ends:
        rows = end.rows(PromotionResult.objects.filter(promotion_id__in=promotion_ids))
        for site_id, pair in _sums(rows, "site_id").items():
            sums[site_id] = _pair_sum(sums[site_id], pair) if site_id in sums else pair
    numbers = dict(Site.objects.filter(pk__in=sums).values_list("pk", "number"))
    return sorted((_row(numbers[site_id], pair) for site_id, pair in sums.items()), key=lambda row: row.key)


def _rows_by_version(days: "QuerySet[Any]", *, with_codes: bool = False) -> list[ResultRow]:
    sums = _sums(days, "version_id")
    versions = PromotionVersion.objects.filter(pk__in=sums).order_by("promotion__code", "promotion__family", "number")
    return [
        _row(f"{code} {number}" if with_codes else number, sums[pk])
        for pk, code, number in versions.values_list("pk", "promotion__code", "number")
    ]


class _Consumers:
    """How many different consumers redeemed, in all and by period: the days' bitmaps are read once and merged."""

    def __init__(self, promotion_ids: Collection[int], period: ResultsPeriod) -> None:
        rows = period.rows(PromotionDayConsumers.objects.filter(promotion_id__in=promotion_ids))
        self._days = [
            (day, BitMap64.deserialize(bytes(stored))) for day, stored in rows.values_list("day", "consumers")
        ]

    @property
    def total(self) -> int:
        """How many in all."""
        return len(_union(bitmap for _, bitmap in self._days))

    @property
    def by_day(self) -> Mapping[date, int]:
        """How many by day."""
        return self._by(lambda day: day)

    @property
    def by_week(self) -> Mapping[date, int]:
        """How many by the Monday of the week."""
        return self._by(monday_of)

    def _by(self, key: Callable[[date], date]) -> Mapping[date, int]:
        bitmaps: dict[date, list[BitMap64]] = {}
        for day, bitmap in self._days:
            bitmaps.setdefault(key(day), []).append(bitmap)
        return {day: len(_union(days)) for day, days in bitmaps.items()}


def _union(bitmaps: Iterable[BitMap64]) -> BitMap64:
    return BitMap64.union(BitMap64(), *bitmaps)
