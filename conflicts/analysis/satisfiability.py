"""Ways to satisfy rules: trees taken apart into conditions, and values that satisfy some of them. Pure.

It answers two questions about a handful of conditions on one attribute: which values do, and whether it is proved that
none does. Values are tried, never trusted: each is put to the engine's own predicate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, count, pairwise, product
from math import ceil, floor
from types import SimpleNamespace
from typing import Any

from promotions.engine.rules.attributes import ATTRIBUTES, WEEKDAYS, Kind, Operator, Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.tree import Tree

MAX_CONJUNCTIONS = 200
"""Ways looked at; trees that have more are not decided."""

_MOST_SUBSETS_OF = 8
_RELATIVE = frozenset({Operator.IS_IN_LAST_DAYS, Operator.IS_NOT_IN_LAST_DAYS})
_FAR = (Decimal(100), Decimal(1000))

Conjunction = tuple[Tree, ...]
"""Conditions that, where all of them hold, satisfy the trees they come from."""


class TooManyConjunctions(Exception):
    """The trees can be satisfied in more ways than are looked at."""


def ways(*trees: Tree | None) -> list[Conjunction]:
    """Every way to satisfy all of the trees. One of no conditions is satisfied by everything.

    Raises:
        TooManyWays: there are more than ``MAX_CONJUNCTIONS``.
    """
    return _all_of([_ways(tree) for tree in trees])


def _ways(node: Tree | None) -> list[Conjunction]:
    if not node or ("rules" in node and not node["rules"]):
        return [()]
    if "rules" not in node:
        return [(node,)]
    found = [_ways(rule) for rule in node["rules"]]
    return _all_of(found) if node["match"] == "all" else _bounded([way for some in found for way in some])


def _all_of(found: Sequence[list[Conjunction]]) -> list[Conjunction]:
    joined: list[Conjunction] = [()]
    for some in found:
        joined = _bounded([(*before, *way) for before, way in product(joined, some)])
    return joined


def _bounded(found: list[Conjunction]) -> list[Conjunction]:
    if len(found) > MAX_CONJUNCTIONS:
        raise TooManyConjunctions
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """Values that satisfy conditions, those that ask for least first; ``impossible`` where it is proved none does."""

    values: tuple[Any, ...]
    impossible: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """What numbers an attribute can have: multiples of ``step`` (None: any), not below ``least``."""

    step: Decimal | None = None
    least: Decimal | None = None


def solve(scope: Scope, conditions: Sequence[Tree], *, today: date, grid: Grid | None = None) -> Solved:
    """Values of one thing that satisfy all conditions on it; the attributes they name are different readings of it.

    Args:
        scope: of the attributes.
        conditions: on one attribute, or on a date and the day of the year that it is.
        today: for conditions that count from today; a proof does without them, as they hold on other days.
        grid: of a number.
    """
    tried = list(dict.fromkeys(_candidates(scope, conditions, today=today, grid=grid or Grid())))
    values = tuple(value for value in tried if _holds(scope, conditions, value, today))
    if values:
        return Solved(values=values)
    lasting = [one for one in conditions if not _is_relative(scope, one)]
    complete = _is_complete(scope, lasting)
    return Solved(values=(), impossible=complete and not any(_holds(scope, lasting, v, today) for v in tried))


def _kind(scope: Scope, condition: Tree) -> Kind:
    return ATTRIBUTES[scope][condition["attribute"]].kind


def _is_relative(scope: Scope, condition: Tree) -> bool:
    return _kind(scope, condition) is Kind.RECURRING_DAY or condition["operator"] in _RELATIVE


def _is_complete(scope: Scope, conditions: Sequence[Tree]) -> bool:
    """Whether the candidates stand for every value that there is."""
    kinds = {_kind(scope, one) for one in conditions}
    if kinds & {Kind.TEXTS, Kind.REFERENCES}:
        return len(_mentioned(conditions)) <= _MOST_SUBSETS_OF and not _has_parts(conditions)
    return True


def _holds(scope: Scope, conditions: Sequence[Tree], value: Any, today: date) -> bool:
    predicate = compile_tree({"match": "all", "rules": list(conditions)}, scope)
    subject = SimpleNamespace(today=today, **dict.fromkeys((one["attribute"] for one in conditions), value))
    return predicate is None or predicate(subject)


def _mentioned(conditions: Iterable[Tree]) -> list[Any]:
    """The values that conditions name, each once, in the order written."""
    found: dict[Any, None] = {}
    for one in conditions:
        for value in one["value"] if isinstance(one["value"], list) else [one["value"]]:
            found[value] = None
    return list(found)


def _candidates(scope: Scope, conditions: Sequence[Tree], *, today: date, grid: Grid) -> Iterator[Any]:
    """Values of which one satisfies the conditions if any does, where ``_is_complete`` says so."""
    if not conditions:
        yield None
        return
    kinds = {_kind(scope, one) for one in conditions}
    kind = Kind.DATE if Kind.RECURRING_DAY in kinds else kinds.pop()
    match kind:
        case Kind.BOOLEAN:
            yield from (True, False)
        case Kind.WEEKDAY:
            yield from WEEKDAYS
        case Kind.REFERENCE:
            yield from (*_mentioned(conditions), None)
        case Kind.TEXT:
            yield from (*(value.casefold() for value in _mentioned(conditions)), _built(conditions), None)
        case Kind.TEXTS | Kind.REFERENCES:
            yield from _subsets(conditions, fold=kind is Kind.TEXTS)
        case Kind.DATE:
            yield from _dates(scope, conditions, today)
        case Kind.TIME:
            yield from _times(conditions)
        case _:
            yield from _numbers(conditions, grid)
            yield None


def _has_parts(conditions: Iterable[Tree]) -> bool:
    return any(one["operator"] in (Operator.CONTAINS, Operator.STARTS_WITH) for one in conditions)


def _built(conditions: Sequence[Tree]) -> str:
    """A text that begins and contains as asked, and is none that a condition names."""
    starts = [one["value"].casefold() for one in conditions if one["operator"] == Operator.STARTS_WITH]
    parts = [one["value"].casefold() for one in conditions if one["operator"] == Operator.CONTAINS]
    named = {str(value).casefold() for value in _mentioned(conditions)}
    texts = (" ".join([max(starts, key=len, default=""), *parts, f"example {number}"]).strip() for number in count(1))
    return next(text for text in texts if text not in named)


def _subsets(conditions: Sequence[Tree], *, fold: bool) -> Iterator[frozenset[str]]:
    named = [value.casefold() if fold else value for value in _mentioned(conditions)]
    if len(named) <= _MOST_SUBSETS_OF:
        for size in range(len(named) + 1):
            yield from (frozenset(some) for some in combinations(named, size))
        return
    needed: set[str] = set()
    barred: set[str] = set()
    for one in conditions:
        values = _mentioned([one])
        if one["operator"] in (Operator.IS, Operator.IS_ALL_OF):
            needed.update(values)
        elif one["operator"] in (Operator.IS_NOT, Operator.IS_NOT_ANY_OF):
            barred.update(values)
    for one in conditions:
        if one["operator"] == Operator.IS_ANY_OF and needed.isdisjoint(one["value"]):
            needed.update([value for value in one["value"] if value not in barred][:1])
    yield frozenset(value.casefold() if fold else value for value in needed)


def _dates(scope: Scope, conditions: Sequence[Tree], today: date) -> Iterator[date | None]:
    ends = [today]
    for one in conditions:
        if one["operator"] in _RELATIVE:
            ends += [_moved(today, -one["value"]), _moved(today, 1 - one["value"])]
        elif _kind(scope, one) is Kind.DATE:
            ends += [date.fromisoformat(value) for value in _mentioned([one])]
    days = [_moved(end, by) for end in ends for by in (0, -1, 1)]
    yield from days
    for day in [date(1985, 1, 1), *days]:  # Days of the year as it is today, in years that the others leave.
        yield from (_on_day_of(today, year) for year in (day.year - 1, day.year, day.year + 1) if 1 <= year <= 9999)
    yield None


def _moved(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return day


def _on_day_of(day: date, year: int) -> date:
    return date(year, 2, 28) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def _times(conditions: Sequence[Tree]) -> Iterator[time]:
    yield time(12)
    instant = timedelta(microseconds=1)
    for end in _mentioned(conditions):
        at = datetime.combine(date(2000, 1, 2), time.fromisoformat(end))
        yield from ((at + by).time() for by in (timedelta(0), timedelta(minutes=1), -timedelta(minutes=1)))
        yield from ((at + by).time() for by in (instant, -instant))


def _numbers(conditions: Sequence[Tree], grid: Grid) -> Iterator[Decimal | Fraction]:
    ends = sorted(Decimal(value) for value in _mentioned(conditions))
    if grid.step is None:
        fractions = [Fraction(end) for end in ends]
        yield from fractions
        yield from (sum(pair) / Fraction(2) for pair in pairwise(fractions))
        yield from (fractions[0] - 1, fractions[-1] + 1)
        return
    numbers = [] if grid.least is None else [grid.least]
    for end in ends:
        below, above = floor(end / grid.step) * grid.step, ceil(end / grid.step) * grid.step
        numbers += [above, below, above + grid.step, below - grid.step, *(above + far for far in _FAR)]
    yield from (number for number in numbers if grid.least is None or number >= grid.least)
