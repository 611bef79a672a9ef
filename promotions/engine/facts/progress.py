"""How far a consumer has come towards a promotion's application rules.

For each rule the qualifying transactions are kept as sums by local day, so that any window of days can be asked
about and one more transaction is one addition. A rule that counts every so often starts anew after each transaction
to which the promotion was applied. Sums are of transactions in order of time; one that arrives late makes the
progress invalid, and it is added up again from history.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from promotions.engine.facts.basket import Basket
from promotions.engine.money import to_minor_fraction
from promotions.engine.rules.compile import Predicate

Measured = tuple[int, int, int]
"""Transactions, units, and net value in minor units."""

_ZONES_APART = 2
"""How many days the next transaction's local day may lie behind this one's: sites have zones of their own."""


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
        """The first local day of the period that ends today; None where it began with the promotion."""
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
        """A moment, in UTC, before which nothing can count in a period that ends today or the day before."""
        if self.since is not None:
            return self.since
        first = self.first_day(today) or date.min
        return datetime.combine(_days_before(first, _ZONES_APART + 1), time.min, tzinfo=UTC)

    def measured(self, basket: Basket, net: Sequence[int]) -> Measured | None:
        """What one transaction counts; None where no line of it qualifies. ``net`` is by unit group, in minor units."""
        if self.since is not None and basket.at < self.since:
            return None
        units = value = 0
        found = False
        for group in basket.unit_groups:
            if self.line_items is None or self.line_items(group.item):
                found = True
                units += group.units
                value += net[group.ordinal]
        return (1, units, value) if found else None

    def amount(self, measured: Measured) -> int:
        """The figure that the threshold is compared with."""
        return measured[("transactions", "quantity", "spend").index(self.measure)]


def _days_before(day: date, days: int) -> date:
    """The day n days before; the first of the calendar where it does not reach back so far."""
    return date.fromordinal(max(day.toordinal() - days, 1))


def _months_before(day: date, months: int) -> date:
    """The same day n months before, or that month's last day where it has no such day."""
    month_index = day.year * 12 + day.month - 1 - months
    year, month = divmod(month_index, 12)
    if year < 1:
        return date.min
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


def _sum(counted: Iterable[Measured]) -> Measured:
    transactions = units = value = 0
    for one in counted:
        transactions += one[0]
        units += one[1]
        value += one[2]
    return transactions, units, value


@dataclass(frozen=True, slots=True)
class Progress:
    """For each rule, sums of what was measured by local day."""

    days: tuple[Mapping[date, Measured], ...]

    @classmethod
    def none(cls, rules: Sequence[ApplicationRule]) -> "Progress":
        """Nothing measured yet."""
        return cls(tuple({} for _ in rules))

    def before(self, index: int, rule: ApplicationRule, today: date) -> Measured:
        """What counts towards a rule in the period that ends today."""
        first = rule.first_day(today)
        counted = [sums for day, sums in self.days[index].items() if first is None or day >= first]
        return _sum(counted)

    def with_transaction(
        self,
        rules: Sequence[ApplicationRule],
        measured: Sequence[Measured | None],
        *,
        day: date,
        applied: bool,
    ) -> "Progress":
        """The progress after one more transaction; days that can no longer count are dropped."""
        after = []
        for rule, sums, one in zip(rules, self.days, measured, strict=True):
            first = rule.first_day(day)
            oldest = date.min if first is None else _days_before(first, _ZONES_APART)
            kept = {} if applied and rule.every else {d: s for d, s in sums.items() if d >= oldest}
            if one is not None and not (applied and rule.every):
                kept[day] = _sum([kept.get(day, (0, 0, 0)), one])
            after.append({day: _sum(kept.values())} if first is None and kept else kept)
        return Progress(tuple(after))

    def as_json(self) -> list[dict[str, list[int]]]:
        """Plain data to be stored."""
        return [{day.isoformat(): list(sums) for day, sums in rule.items()} for rule in self.days]

    @classmethod
    def from_json(cls, stored: Sequence[Mapping[str, Sequence[int]]]) -> "Progress":
        """The inverse of ``as_json``."""
        return cls(tuple({date.fromisoformat(day): (s[0], s[1], s[2]) for day, s in rule.items()} for rule in stored))


def is_reached(rules: Sequence[ApplicationRule], progress: Progress | None, basket: Basket, net: Sequence[int]) -> bool:
    """Whether all rules hold with this transaction included."""
    for index, rule in enumerate(rules):
        now = rule.measured(basket, net)
        if now is None:
            return False
        amount = rule.amount(now)
        if progress is not None:
            amount += rule.amount(progress.before(index, rule, basket.today))
        if amount < rule.threshold:
            return False
    return True


def compile_application_rule(
    rule: Mapping[str, Any], *, currency: str, starts_at: datetime, line_items: Predicate | None
) -> ApplicationRule:
    """A rule in normal form, compiled for a promotion of a currency that starts at a moment."""
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
