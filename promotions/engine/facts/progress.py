"""How far a consumer has come towards a promotion's application rules.

For each rule the qualifying transactions are kept as sums by local day: any period of days can be added up, and one
more transaction is one addition. A rule that counts "every" starts again after each transaction to which the promotion
was applied. Sums are of transactions in order of time; one that arrives late makes the progress invalid, and it is
added up again from history.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from promotions.engine.definition.fields import Document
from promotions.engine.facts.basket import Basket
from promotions.engine.money import to_minor_fraction
from promotions.engine.rules.compile import Predicate


class Totals(NamedTuple):
    """Transactions, the quantity sold in thousandths (goods are weighed in grams), and the net value in minor units."""

    transactions: int
    quantity: int
    value: int


QUANTITY_SCALE = 1000
"""Quantities have three decimals."""


_MAX_ZONE_DAYS = 2
"""How many days the next transaction's local day may be before this one's: sites have zones of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationRule:
    """A compiled repeat-behaviour rule.

    ``threshold`` of a spend is in minor units; ``since`` is the start of a promotion that its period counts from.
    """

    measure: str
    threshold: Fraction
    unit: str
    length: int
    line_items: Predicate | None
    every: bool
    since: datetime | None = None

    def first_day(self, today: date) -> date | None:
        """Return the first local day of the period that ends today; None where the period is the promotion's life."""
        match self.unit:
            case "days":
                return _days_before(today, self.length - 1)
            case "weeks":
                return _days_before(today, 7 * self.length - 1)
            case "months":
                return _months_before(today, self.length) + timedelta(days=1)
            case _:
                return None

    def first_moment(self, today: date) -> datetime:
        """Return a moment, in UTC, before which nothing counts in a period that ends today or the day before."""
        if self.since is not None:
            return self.since
        first = self.first_day(today) or date.min
        return datetime.combine(_days_before(first, _MAX_ZONE_DAYS + 1), time.min, tzinfo=UTC)

    def totals_of(self, basket: Basket, net: Sequence[int]) -> Totals | None:
        """Return what one transaction counts; None where no line of it qualifies.

        ``net`` are the net values of the unit groups, in minor units.
        """
        if self.since is not None and basket.at < self.since:
            return None
        quantity: int | Decimal = 0
        value = 0
        qualifies = self.line_items is None
        for group in basket.unit_groups.counting:
            if self.line_items is None or self.line_items(group.item):
                qualifies = True
                quantity += group.quantity
                value += net[group.ordinal]
        return Totals(1, int(quantity * QUANTITY_SCALE), value) if qualifies else None

    def amount(self, totals: Totals) -> int | Fraction:
        """Return the figure that the threshold is compared with."""
        match self.measure:
            case "transactions":
                return totals.transactions
            case "quantity":
                return Fraction(totals.quantity, QUANTITY_SCALE)
            case _:
                return totals.value


def _days_before(day: date, days: int) -> date:
    """Return the day a number of days before, or the first day of the calendar."""
    return date.fromordinal(max(day.toordinal() - days, 1))


def _months_before(day: date, months: int) -> date:
    """Return the same day a number of months before, or the last day of that month where it has no such day."""
    month_index = day.year * 12 + day.month - 1 - months
    year, month = divmod(month_index, 12)
    if year < 1:
        return date.min
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


def _sum(totals: Iterable[Totals]) -> Totals:
    transactions = quantity = value = 0
    for part in totals:
        transactions += part.transactions
        quantity += part.quantity
        value += part.value
    return Totals(transactions, quantity, value)


@dataclass(frozen=True, slots=True)
class Progress:
    """For each rule, the totals of qualifying transactions by local day."""

    days: tuple[Mapping[date, Totals], ...]

    @classmethod
    def none(cls, rules: Sequence[ApplicationRule]) -> "Progress":
        """Return the progress of a consumer without qualifying transactions."""
        return cls(tuple({} for _ in rules))

    def before(self, index: int, rule: ApplicationRule, today: date) -> Totals:
        """Return the totals of the period that ends today."""
        first = rule.first_day(today)
        return _sum(totals for day, totals in self.days[index].items() if first is None or day >= first)

    def with_transaction(
        self,
        rules: Sequence[ApplicationRule],
        totals: Sequence[Totals | None],
        *,
        day: date,
        applied: bool,
    ) -> "Progress":
        """Return the progress after one more transaction, without the days that can no longer count.

        ``totals`` are the transaction's by rule, None where it does not qualify; ``applied`` says whether the promotion
        was applied to it.
        """
        days_after = []
        for rule, days, totals_of_rule in zip(rules, self.days, totals, strict=True):
            starts_again = applied and rule.every
            first = rule.first_day(day)
            oldest = date.min if first is None else _days_before(first, _MAX_ZONE_DAYS)
            after = {} if starts_again else {past: sums for past, sums in days.items() if past >= oldest}
            if totals_of_rule is not None and not starts_again:
                after[day] = _sum([after[day], totals_of_rule]) if day in after else totals_of_rule
            if first is None and after:
                after = {day: _sum(after.values())}
            days_after.append(after)
        return Progress(tuple(days_after))

    def as_json(self) -> list[dict[str, list[int]]]:
        """Return the sums as JSON, to be stored."""
        return [{day.isoformat(): list(totals) for day, totals in days.items()} for days in self.days]

    @classmethod
    def from_json(cls, stored: Sequence[Mapping[str, Sequence[int]]]) -> "Progress":
        """Return the progress that ``as_json`` stored."""
        return cls(
            tuple({date.fromisoformat(day): Totals._make(totals) for day, totals in days.items()} for days in stored)
        )


def is_reached(rules: Sequence[ApplicationRule], progress: Progress | None, basket: Basket, net: Sequence[int]) -> bool:
    """Return whether all rules hold, this transaction included."""
    for index, rule in enumerate(rules):
        totals = rule.totals_of(basket, net)
        if totals is None:
            return False
        amount = rule.amount(totals)
        if progress is not None:
            amount += rule.amount(progress.before(index, rule, basket.today))
        if amount < rule.threshold:
            return False
    return True


def compile_application_rule(
    rule: Document, *, currency: str, starts_at: datetime, line_items: Predicate | None
) -> ApplicationRule:
    """Compile a rule in normal form, of a promotion of a currency that starts at a moment."""
    limit = Decimal(rule["threshold"])
    return ApplicationRule(
        measure=rule["measure"],
        threshold=to_minor_fraction(limit, currency) if rule["measure"] == "spend" else Fraction(limit),
        unit=rule["period"]["unit"],
        length=rule["period"]["length"] or 0,
        line_items=line_items,
        every=rule["counting"] == "every",
        since=starts_at if rule["period"]["unit"] == "promotion" else None,
    )
