"""How rule trees can be satisfied: by which conjunctions of conditions, and by which values of one attribute. Pure.

Of a few conditions on one attribute it tells which values satisfy them all, and whether it is proved that none does.
Values are tried, never trusted: each is put to the engine's own predicate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, count, pairwise, product
from math import ceil, floor
from types import SimpleNamespace

from promotions.engine.rules.attributes import ATTRIBUTES, WEEKDAYS, Kind, Operator, Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.tree import Tree

MAX_CONJUNCTIONS = 200
"""Conjunctions looked at; of trees that have more nothing is proved."""

_MAX_VALUES_FOR_SUBSETS = 8
"""Values of which every subset is tried."""

_RELATIVE_OPERATORS = frozenset({Operator.IS_IN_LAST_DAYS, Operator.IS_NOT_IN_LAST_DAYS})
_LARGE_STEPS = (Decimal(100), Decimal(1000))

Value = bool | str | date | time | Decimal | Fraction | frozenset[str] | None
"""A value of an attribute; None is a missing one."""

Conjunction = tuple[Tree, ...]
"""Conditions that, where all of them hold, satisfy the trees they come from."""


class _TooManyConjunctions(Exception):
    pass


def conjunctions_of(*trees: Tree | None) -> list[Conjunction] | None:
    """Return the conjunctions that satisfy all of the trees, or None where there are more than ``MAX_CONJUNCTIONS``.

    One without conditions is satisfied by everything.
    """
    try:
        return _all_of([_conjunctions(tree) for tree in trees])
    except _TooManyConjunctions:
        return None


def _conjunctions(tree: Tree | None) -> list[Conjunction]:
    if not tree or ("rules" in tree and not tree["rules"]):
        return [()]
    if "rules" not in tree:
        return [(tree,)]
    parts = [_conjunctions(rule) for rule in tree["rules"]]
    return (
        _all_of(parts) if tree["match"] == "all" else _bounded([conjunction for part in parts for conjunction in part])
    )


def _all_of(parts: Sequence[list[Conjunction]]) -> list[Conjunction]:
    """Return the conjunctions of one of each part."""
    joined: list[Conjunction] = [()]
    for part in parts:
        joined = _bounded([(*before, *conjunction) for before, conjunction in product(joined, part)])
    return joined


def _bounded(conjunctions: list[Conjunction]) -> list[Conjunction]:
    if len(conjunctions) > MAX_CONJUNCTIONS:
        raise _TooManyConjunctions
    return conjunctions


_DATE_OF_RECURRING_DAY = {"birthday": "date_of_birth", "membership_anniversary": "enrolled_on"}


def conditions_by_attribute(conjunction: Conjunction) -> dict[str, list[Tree]]:
    """Group a conjunction's conditions by attribute; those on a birthday are conditions on the date of birth."""
    conditions: dict[str, list[Tree]] = {}
    for condition in conjunction:
        name: str = condition["attribute"]
        conditions.setdefault(_DATE_OF_RECURRING_DAY.get(name, name), []).append(condition)
    return conditions


@dataclass(frozen=True, kw_only=True, slots=True)
class SatisfyingValues:
    """Values that satisfy conditions, the least demanding first; ``impossible``: it is proved that there are none."""

    values: tuple[Value, ...]
    impossible: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberDomain:
    """The numbers that an attribute can have: multiples of ``step`` (None: any number), at least ``minimum``."""

    step: Decimal | None = None
    minimum: Decimal | None = None


_ANY_NUMBER = NumberDomain()


def satisfying_values(
    scope: Scope, conditions: Sequence[Tree], *, today: date, domain: NumberDomain = _ANY_NUMBER
) -> SatisfyingValues:
    """Return values of one attribute that satisfy all conditions on it.

    Args:
        scope: of the attribute.
        conditions: on one attribute, or on a date and on the day of the year that it falls on.
        today: for conditions that count from today; a proof does without them, as they may hold on other days.
        domain: of a number.
    """
    trials = list(dict.fromkeys(_trial_values(scope, conditions, today=today, domain=domain)))
    values = tuple(value for value in trials if _is_satisfied(scope, conditions, value, today))
    if values:
        return SatisfyingValues(values=values)
    lasting = [condition for condition in conditions if not _is_relative(scope, condition)]
    impossible = _are_trials_complete(scope, lasting) and not any(
        _is_satisfied(scope, lasting, value, today) for value in trials
    )
    return SatisfyingValues(values=(), impossible=impossible)


def _kind(scope: Scope, condition: Tree) -> Kind:
    return ATTRIBUTES[scope][condition["attribute"]].kind


def _is_relative(scope: Scope, condition: Tree) -> bool:
    return _kind(scope, condition) is Kind.RECURRING_DAY or condition["operator"] in _RELATIVE_OPERATORS


def _are_trials_complete(scope: Scope, conditions: Sequence[Tree]) -> bool:
    """Whether some trial value satisfies the conditions if any value does."""
    kinds = {_kind(scope, condition) for condition in conditions}
    if kinds & {Kind.TEXTS, Kind.REFERENCES}:
        return len(_named_values(conditions)) <= _MAX_VALUES_FOR_SUBSETS and not _name_parts(conditions)
    return True


def _is_satisfied(scope: Scope, conditions: Sequence[Tree], value: Value, today: date) -> bool:
    predicate = compile_tree({"match": "all", "rules": list(conditions)}, scope)
    names = (condition["attribute"] for condition in conditions)
    subject = SimpleNamespace(today=today, **dict.fromkeys(names, value))
    return predicate is None or predicate(subject)


def _named_values(conditions: Iterable[Tree]) -> list[str]:
    """Return the values that conditions name, each once, in the order written."""
    values: dict[str, None] = {}
    for condition in conditions:
        value = condition["value"]
        values.update(dict.fromkeys(value if isinstance(value, list) else [value]))
    return list(values)


def _trial_values(scope: Scope, conditions: Sequence[Tree], *, today: date, domain: NumberDomain) -> Iterator[Value]:
    """Yield values to try."""
    if not conditions:
        yield None
        return
    kinds = {_kind(scope, condition) for condition in conditions}
    kind = Kind.DATE if Kind.RECURRING_DAY in kinds else kinds.pop()
    match kind:
        case Kind.BOOLEAN:
            yield from (True, False)
        case Kind.WEEKDAY:
            yield from WEEKDAYS
        case Kind.REFERENCE:
            yield from (*_named_values(conditions), None)
        case Kind.TEXT:
            yield from (*(value.casefold() for value in _named_values(conditions)), _example_text(conditions), None)
        case Kind.TEXTS | Kind.REFERENCES:
            yield from _subsets(conditions, fold=kind is Kind.TEXTS)
        case Kind.DATE:
            yield from _dates(scope, conditions, today)
        case Kind.TIME:
            yield from _times(conditions)
        case _:
            yield from _numbers(conditions, domain)
            yield None


def _name_parts(conditions: Iterable[Tree]) -> bool:
    """Whether any condition is on a part of a text."""
    return any(condition["operator"] in (Operator.CONTAINS, Operator.STARTS_WITH) for condition in conditions)


def _example_text(conditions: Sequence[Tree]) -> str:
    """Return a text that starts with and contains what it must, and that no condition names."""
    starts = [rule["value"].casefold() for rule in conditions if rule["operator"] == Operator.STARTS_WITH]
    parts = [rule["value"].casefold() for rule in conditions if rule["operator"] == Operator.CONTAINS]
    named = {str(value).casefold() for value in _named_values(conditions)}
    start = max(starts, key=len, default="")
    texts = (" ".join([start, *parts, f"example {number}"]).strip() for number in count(1))
    return next(text for text in texts if text not in named)


def _subsets(conditions: Sequence[Tree], *, fold: bool) -> Iterator[frozenset[str]]:
    """Yield the subsets of the named values; of many values only the one that holds what is required."""
    named = [value.casefold() if fold else value for value in _named_values(conditions)]
    if len(named) > _MAX_VALUES_FOR_SUBSETS:
        yield frozenset(value.casefold() if fold else value for value in _required_values(conditions))
        return
    for size in range(len(named) + 1):
        yield from (frozenset(subset) for subset in combinations(named, size))


def _required_values(conditions: Sequence[Tree]) -> set[str]:
    required: set[str] = set()
    excluded: set[str] = set()
    for condition in conditions:
        if condition["operator"] in (Operator.IS, Operator.IS_ALL_OF):
            required.update(_named_values([condition]))
        elif condition["operator"] in (Operator.IS_NOT, Operator.IS_NOT_ANY_OF):
            excluded.update(_named_values([condition]))
    for condition in conditions:
        if condition["operator"] == Operator.IS_ANY_OF and required.isdisjoint(condition["value"]):
            required.update([value for value in condition["value"] if value not in excluded][:1])
    return required


def _dates(scope: Scope, conditions: Sequence[Tree], today: date) -> Iterator[date | None]:
    boundaries = [today]
    for condition in conditions:
        if condition["operator"] in _RELATIVE_OPERATORS:
            boundaries += [_shifted(today, -condition["value"]), _shifted(today, 1 - condition["value"])]
        elif _kind(scope, condition) is Kind.DATE:
            boundaries += [date.fromisoformat(value) for value in _named_values([condition])]
    days = [_shifted(boundary, by) for boundary in boundaries for by in (0, -1, 1)]
    yield from days
    # Today's day of the year, for birthdays and anniversaries, in the years that the other conditions leave.
    for day in [date(1985, 1, 1), *days]:
        yield from (_same_day_in(year, today) for year in (day.year - 1, day.year, day.year + 1) if 1 <= year <= 9999)
    yield None


def _shifted(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return day


def _same_day_in(year: int, day: date) -> date:
    return date(year, 2, 28) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def _times(conditions: Sequence[Tree]) -> Iterator[time]:
    yield time(12)
    instant = timedelta(microseconds=1)
    for boundary in _named_values(conditions):
        at = datetime.combine(date(2000, 1, 2), time.fromisoformat(boundary))
        yield from ((at + by).time() for by in (timedelta(0), timedelta(minutes=1), -timedelta(minutes=1)))
        yield from ((at + by).time() for by in (instant, -instant))


def _numbers(conditions: Sequence[Tree], domain: NumberDomain) -> Iterator[Decimal | Fraction]:
    boundaries = sorted(Decimal(value) for value in _named_values(conditions))
    if domain.step is None:
        fractions = [Fraction(boundary) for boundary in boundaries]
        yield from fractions
        yield from (sum(pair) / Fraction(2) for pair in pairwise(fractions))
        yield from (fractions[0] - 1, fractions[-1] + 1)
        return
    step, minimum = domain.step, domain.minimum
    numbers = [] if minimum is None else [minimum]
    for boundary in boundaries:
        below, above = floor(boundary / step) * step, ceil(boundary / step) * step
        numbers += [above, below, above + step, below - step, *(above + large for large in _LARGE_STEPS)]
    yield from (number for number in numbers if minimum is None or number >= minimum)
