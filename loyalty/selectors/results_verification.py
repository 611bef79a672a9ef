"""Count the results again, from other rows than the task does, and compare.

The task takes what is left of a sale from the answers to its returns. This takes it from the applied promotions, the
transaction's lines and the vouchers as they stand, one promotion at a time. Whatever is kept of the rows to read long
periods by is compared with them, row by row.
"""

import json
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import Q, Sum
from django.db.models.functions import TruncMonth
from pyroaring import BitMap64

from loyalty.choices import ResultsSource, VoucherStatus
from loyalty.models import (
    AppliedPromotion,
    PromotionDayConsumers,
    PromotionDayResult,
    PromotionMonthConsumers,
    PromotionMonthResult,
    PromotionMonthTotal,
    PromotionResult,
    PromotionWeekConsumers,
    ResultsGap,
    ResultsMark,
    Reversal,
    Transaction,
    Voucher,
)
from loyalty.models.results import COLUMNS, FIGURES
from loyalty.selectors.verification import Difference
from promotions.engine.benefits.vouchers import voucher_key
from promotions.models import Promotion

_MILLIONTH = Decimal("0.000001")

Key = tuple[int, int, date]
"""Version, site and local day."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Uncounted:
    """Sales and returns that the task has not come to yet: rows that these will add to are not compared."""

    sales: Q
    sale_ids: frozenset[int]

    @classmethod
    def read(cls) -> "Uncounted":
        """Read which there are."""
        marks = dict(ResultsMark.objects.values_list("source", "counted_to"))
        sales = _above(ResultsSource.SALES, marks.get(ResultsSource.SALES, 0))
        returns = _above(ResultsSource.RETURNS, marks.get(ResultsSource.RETURNS, 0))
        touched = {*Transaction.objects.filter(sales).values_list("pk", flat=True)}
        touched |= {*Reversal.objects.filter(returns).values_list("transaction_id", flat=True)}
        return cls(sales, frozenset(touched))


def _above(source: ResultsSource, counted_to: int) -> Q:
    condition = Q(pk__gt=counted_to)
    for first, last in ResultsGap.objects.filter(source=source).values_list("first", "last"):
        condition |= Q(pk__gte=first, pk__lte=last)
    return condition


def results_differences() -> Iterator[Difference]:
    """Yield each figure of the results that differs from a count from scratch."""
    uncounted = Uncounted.read()
    paid = _vouchers_paid()
    for promotion in Promotion.objects.select_related("account").order_by("pk").iterator():
        recount = _Recount(promotion, uncounted, paid.get(promotion.pk, {}))
        yield from recount.differences()


@dataclass(frozen=True)
class _Sums:
    """A table of sums of the rows: what it calls a row, and what its rows are by."""

    model: Any
    label: str
    keys: tuple[str, ...]

    @property
    def is_by_month(self) -> bool:
        return "month" in self.keys


_SUMS = (
    _Sums(PromotionDayResult, "day", ("day", "version_id", "expected_redemption")),
    _Sums(PromotionMonthResult, "month of a site", ("month", "site_id", "version_id", "expected_redemption")),
    _Sums(PromotionMonthTotal, "month", ("month", "version_id", "expected_redemption")),
)


def _key(row: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


class _Recount:
    """The results of one promotion, counted again."""

    def __init__(self, promotion: Promotion, uncounted: Uncounted, paid: Mapping[Key, dict[str, int]]) -> None:
        self.promotion = promotion
        self.uncounted = uncounted
        self.sums: defaultdict[Key, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COLUMNS, 0))
        self.consumers: defaultdict[date, set[int]] = defaultdict(set)
        self.moving: set[Key] = set()
        for key, figures in paid.items():
            self._add(key, figures)
        rows = AppliedPromotion.objects.filter(promotion=promotion).select_related("transaction__account", "version")
        for applied in rows.order_by("pk").iterator(chunk_size=500):
            self._add_sale(applied)

    def _add(self, key: Key, figures: Mapping[str, int], prefix: str = "") -> None:
        for name, value in figures.items():
            self.sums[key][prefix + name] += value

    def _add_sale(self, applied: AppliedPromotion) -> None:
        sale = applied.transaction
        key = (applied.version_id, sale.site_id, sale.local_day)
        if sale.pk in self.uncounted.sale_ids:
            self.moving.add(key)
            return
        sold = _sold(applied, sale)
        left = _left(applied, sale)
        self._add(key, sold)
        self._add(key, {name: sold[name] - left[name] for name in sold}, "returned_")
        if sale.consumer_id is not None:
            self.consumers[sale.local_day].add(sale.consumer_id)

    def differences(self) -> Iterator[Difference]:
        """Compare with the rows, and the rows with their sums."""
        stored = self._stored()
        for key in sorted({*self.sums, *stored} - self.moving, key=str):
            for name in COLUMNS:
                counted = self.sums[key][name] if key in self.sums else 0
                have = stored[key][name] if key in stored else 0
                if counted != have:
                    yield self._difference(name, f"version {key[0]}, site {key[1]}, {key[2]}", have, counted)
        for sums in _SUMS:
            yield from self._sum_differences(sums)
        yield from self._merge_differences()
        if not self.moving:
            yield from self._consumer_differences()

    def _stored(self) -> dict[Key, dict[str, int]]:
        rows = PromotionResult.objects.filter(promotion=self.promotion).values("version_id", "site_id", "day", *COLUMNS)
        return {(row["version_id"], row["site_id"], row["day"]): row for row in rows}

    def _sum_differences(self, kept: "_Sums") -> Iterator[Difference]:
        """Compare sums that are kept with the rows that they are of."""
        rows = PromotionResult.objects.filter(promotion=self.promotion)
        if kept.is_by_month:
            rows = rows.annotate(month=TruncMonth("day"))
        grouped = rows.order_by().values(*kept.keys).annotate(**{f"sum_{name}": Sum(name) for name in COLUMNS})
        sums = {_key(row, kept.keys): {name: row[f"sum_{name}"] for name in COLUMNS} for row in grouped}
        stored = {_key(row, kept.keys): row for row in kept.model.objects.filter(promotion=self.promotion).values()}
        nothing = dict.fromkeys(COLUMNS, 0)
        for key in sorted({*sums, *stored}, key=str):
            have, added_up = stored.get(key, nothing), sums.get(key, nothing)
            for name in COLUMNS:
                if have[name] != added_up[name]:
                    yield self._difference(name, f"{kept.label} {' '.join(map(str, key))}", have[name], added_up[name])

    def _consumer_differences(self) -> Iterator[Difference]:
        rows = PromotionDayConsumers.objects.filter(promotion=self.promotion)
        stored = {row.day: set(BitMap64.deserialize(bytes(row.consumers))) for row in rows}
        for day in sorted({*stored, *self.consumers}):
            have, counted = stored.get(day, set()), self.consumers.get(day, set())
            if have != counted:
                yield self._difference("consumers", str(day), len(have), len(counted))

    def _merge_differences(self) -> Iterator[Difference]:
        """Compare what is kept of consumers with their days: counts, weeks and months, as far as they are merged."""
        merged_to = ResultsMark.objects.filter(pk=ResultsSource.SALES).values_list("merged_to", flat=True).first()
        weeks: defaultdict[date, set[int]] = defaultdict(set)
        months: defaultdict[date, set[int]] = defaultdict(set)
        for row in PromotionDayConsumers.objects.filter(promotion=self.promotion):
            day = set(BitMap64.deserialize(bytes(row.consumers)))
            if row.count != len(day):
                yield self._difference("consumers", f"count of {row.day}", row.count, len(day))
            weeks[row.day - timedelta(days=row.day.weekday())] |= day
            months[row.day.replace(day=1)] |= day
        kept_weeks = PromotionWeekConsumers.objects.filter(promotion=self.promotion).values_list("week", "count")
        kept_months = PromotionMonthConsumers.objects.filter(promotion=self.promotion)
        have_weeks = dict(kept_weeks)
        have_months = {row.month: (row.count, set(BitMap64.deserialize(bytes(row.consumers)))) for row in kept_months}
        for week, ids in sorted(weeks.items()):
            is_over = merged_to is not None and week + timedelta(days=6) <= merged_to
            if (is_over or week in have_weeks) and have_weeks.get(week) != len(ids):
                yield self._difference("consumers", f"week of {week}", have_weeks.get(week, 0), len(ids))
        for month, ids in sorted(months.items()):
            last = month.replace(day=monthrange(month.year, month.month)[1])
            is_over = merged_to is not None and last <= merged_to
            if (is_over or month in have_months) and have_months.get(month) != (len(ids), ids):
                count, _ = have_months.get(month, (0, set()))
                yield self._difference("consumers", f"month {month:%Y-%m}", count, len(ids))
        for first in sorted({*have_weeks} - {*weeks}) + sorted({*have_months} - {*months}):
            yield self._difference("consumers", f"from {first}", 1, 0)

    def _difference(self, figure: str, row: str, stored: int, history: int) -> Difference:
        return Difference(
            account=self.promotion.account.code,
            figure=figure,
            row=f"{self.promotion.code} ({row})",
            stored=stored,
            history=history,
        )


def _millionths(amount: object) -> int:
    return int((Decimal(str(amount)) / _MILLIONTH).to_integral_value())


def _half_up(amount: Fraction) -> int:
    """Round an amount to millionths, from the exact fraction."""
    scaled = abs(amount) * 10**6
    exact = Decimal(scaled.numerator // scaled.denominator)
    rest = scaled - int(exact)
    whole = int(exact) + (1 if rest >= Fraction(1, 2) else 0)
    return whole if amount >= 0 else -whole


def _sold(applied: AppliedPromotion, sale: Transaction) -> dict[str, int]:
    """Return the figures of a promotion as the sale was answered."""
    answer = json.loads(sale.answer)
    code, family = applied.version.definition["code"], applied.version.definition["family"]
    row = next(row for row in answer["applied"] if (row["promotion"], row["family"]) == (code, family))
    lines = {
        line["line_id"]: (Fraction(line["total_inc_tax"]), Fraction(line["net_total_inc_tax"]))
        for line in answer["lines"]
    }
    quantities = {line["line_id"]: Fraction(line["quantity"]) for line in sale.lines}
    figures = _line_figures(row, lines, quantities, sale, answer["applied"])
    return {
        **figures,
        "baskets": 1,
        "redemptions": row["redemptions"],
        "points": row["points"],
        "vouchers_issued": len(row["vouchers"]),
        "discount": _millionths(row["discount"]),
        "points_value": int(row["points"] * Fraction(sale.facts["point_value"]) * 10**6),
        "basket_sales": _millionths(answer["net_total_inc_tax"]),
    }


def _left(applied: AppliedPromotion, sale: Transaction) -> dict[str, int]:
    """Return the figures of a promotion as its row and the transaction stand now."""
    cancelled = Voucher.objects.filter(issued_by=applied, status=VoucherStatus.CANCELLED).count()
    issued = Voucher.objects.filter(issued_by=applied).count() - cancelled
    nothing = dict.fromkeys(FIGURES, 0) | {"vouchers_issued": issued}
    del nothing["vouchers_paid"], nothing["vouchers_discount"]
    if not applied.redemptions:
        return nothing
    lines, quantities = {}, {}
    for line in sale.lines:
        net = Fraction(line["net"])
        lines[line["line_id"]] = (net + Fraction(line["discount"]), net)
        quantities[line["line_id"]] = Fraction(line["quantity"]) - Fraction(line.get("returned", "0"))
    others = {
        other.pk: {"family": other.version.definition["family"], "lines": other.lines}
        for other in AppliedPromotion.objects.filter(transaction=sale, redemptions__gt=0).select_related("version")
    }
    return {
        **nothing,
        **_line_figures(others[applied.pk], lines, quantities, sale, list(others.values())),
        "baskets": 1,
        "redemptions": applied.redemptions,
        "points": applied.points,
        "discount": _millionths(applied.discount),
        "points_value": int(applied.points * Fraction(sale.facts["point_value"]) * 10**6),
        "basket_sales": _millionths(sale.net_total_inc_tax),
    }


def _line_figures(
    promotion: Document,
    lines: Mapping[str, tuple[Fraction, Fraction]],
    quantities: Mapping[str, Fraction],
    sale: Transaction,
    applied: list[Document],
) -> dict[str, int]:
    """Return the sales and the margin of a promotion's units, line by line."""
    figures = {"promoted_sales": 0, "margin": 0, "margin_unknown_sales": 0}
    sold = {line["line_id"]: line for line in sale.lines}
    for share in promotion["lines"]:
        line_id = share["line_id"]
        (gross, net), units = lines[line_id], Fraction(share["quantity"])
        part = units / quantities[line_id]
        if part < 1:
            units_gross = gross * part
            if promotion["family"] == "discount":
                own = Fraction(share["discount"])
                taken = [
                    (Fraction(other["quantity"]) / quantities[line_id], Fraction(other["discount"]))
                    for row in applied
                    if row["family"] != "voucher" and row is not promotion
                    for other in row["lines"]
                    if other["line_id"] == line_id
                ]
                all_off = own + sum(off for _, off in taken)
                inside = sum(off * max(Fraction(0), part + other - 1) / other for other, off in taken)
                net = (units_gross - own - inside) * (net / (gross - all_off) if gross != all_off else 0)
            else:
                net = net * part
            gross = units_gross
        product = sold[line_id].get("product") or {}
        figures["promoted_sales"] += _half_up(net)
        if product.get("cost_price") is None or sale.currency != sale.account.currency:
            figures["margin_unknown_sales"] += _half_up(net)
            continue
        ratio = net / gross if gross else Fraction(0)
        ex_tax, cost = Fraction(sold[line_id]["unit_price_ex_tax"]), Fraction(product["cost_price"])
        figures["margin"] += _half_up(units * (ex_tax * ratio - cost))
    return figures


def _vouchers_paid() -> dict[int, dict[Key, dict[str, int]]]:
    """Return what vouchers took off, by the promotion that issued them, on the day and site of the paying sale."""
    uncounted = Uncounted.read()
    paid: defaultdict[int, dict[Key, dict[str, int]]] = defaultdict(dict)
    sales = Transaction.objects.exclude(answer="").exclude(facts__vouchers=[]).filter(facts__vouchers__isnull=False)
    for sale in sales.order_by("pk").iterator(chunk_size=500):
        if sale.pk in uncounted.sale_ids:
            continue
        sold = _paying(sale.answer)
        left = _paying(sale.state) if sale.state else sold
        for code, off in sold.items():
            voucher = Voucher.objects.select_related("issued_by").get(account=sale.account_id, code=voucher_key(code))
            if voucher.issued_by is None:
                continue
            key = (voucher.issued_by.version_id, sale.site_id, sale.local_day)
            figures = paid[voucher.issued_by.promotion_id].setdefault(key, defaultdict(int))
            figures["vouchers_paid"] += 1
            figures["vouchers_discount"] += off
            figures["returned_vouchers_paid"] += int(code not in left)
            figures["returned_vouchers_discount"] += off - left.get(code, 0)
    return paid


def _paying(answer: str) -> dict[str, int]:
    return {
        code: _millionths(row["discount"])
        for row in json.loads(answer)["applied"]
        if row["family"] == "voucher"
        for code in row["vouchers"]
    }
