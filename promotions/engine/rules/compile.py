"""Compile trees of rules in normal form to predicates."""

import calendar
from collections.abc import Callable
from datetime import date, time
from operator import attrgetter
from typing import Any, Protocol, cast

from promotions.engine.rules.attributes import ATTRIBUTES, Attribute, Kind, Operator, Scope
from promotions.engine.rules.tree import COMPARABLE, MANY_VALUED, Comparable, Tree

Predicate = Callable[[Any], bool]
"""Whether a subject (site, shopper, basket or item) satisfies a tree."""

_Getter = Callable[[object], Any]
"""Returns a subject's value of one attribute: None, a comparable value, or a frozenset of them."""


class _Dated(Protocol):
    """A subject of which some attribute is a date."""

    @property
    def today(self) -> date:
        """The day that dates are compared with."""


def compile_tree(tree: Tree | None, scope: Scope) -> Predicate | None:
    """Return the predicate of a tree in normal form; None where every subject satisfies it."""
    if not tree or not tree["rules"]:
        return None
    return _compile_node(tree, scope)


def _compile_node(node: Tree, scope: Scope) -> Predicate:
    if "rules" not in node:
        return _compile_condition(ATTRIBUTES[scope][node["attribute"]], Operator(node["operator"]), node["value"])
    if not node["rules"]:
        return lambda _subject: True
    children = [_compile_node(child, scope) for child in node["rules"]]
    if len(children) == 1:
        return children[0]
    if node["match"] == "all":
        return lambda subject: all(child(subject) for child in children)
    return lambda subject: any(child(subject) for child in children)


def _compile_condition(attribute: Attribute, operator: Operator, value: Any) -> Predicate:
    get = attrgetter(attribute.name)
    kind = attribute.kind
    if kind is Kind.RECURRING_DAY:
        return _recurring(get, operator, value)
    if operator in (Operator.IS_IN_LAST_DAYS, Operator.IS_NOT_IN_LAST_DAYS):
        return _last_days(get, operator, value)
    comparable = COMPARABLE[kind]
    values = [comparable(entry) for entry in value] if isinstance(value, list) else [comparable(value)]
    if operator is Operator.IS_BETWEEN:
        if kind is Kind.TIME:
            return _between_times(get, cast(time, values[0]), cast(time, values[1]))
        return _between(get, values[0], values[1])
    if kind in MANY_VALUED:
        return _many_valued(get, operator, frozenset(values), values[0])
    return _single_valued(get, operator, frozenset(values), values[0])


def _many_valued(get: _Getter, operator: Operator, values: frozenset[Comparable], value: Comparable) -> Predicate:
    """Compare an attribute that is a (possibly empty) frozenset."""
    match operator:
        case Operator.IS | Operator.IS_ALL_OF:
            return lambda subject: values <= get(subject)
        case Operator.IS_NOT | Operator.IS_NOT_ALL_OF:
            return lambda subject: not values <= get(subject)
        case Operator.IS_ANY_OF:
            return lambda subject: not values.isdisjoint(get(subject))
        case Operator.IS_NOT_ANY_OF:
            return lambda subject: values.isdisjoint(get(subject))
        case Operator.CONTAINS:
            return lambda subject: any(value in text for text in get(subject))
        case Operator.STARTS_WITH:
            return lambda subject: any(text.startswith(value) for text in get(subject))
        case _:
            raise AssertionError(operator)


def _single_valued(get: _Getter, operator: Operator, values: frozenset[Comparable], value: Comparable) -> Predicate:
    """Compare an attribute that is one value or None; None equals no value, and fails every order."""
    match operator:
        case Operator.IS:
            return lambda subject: get(subject) == value
        case Operator.IS_NOT:
            return lambda subject: get(subject) != value
        case Operator.IS_ALL_OF:
            return (lambda subject: get(subject) == value) if len(values) == 1 else (lambda _subject: False)
        case Operator.IS_NOT_ALL_OF:
            return (lambda subject: get(subject) != value) if len(values) == 1 else (lambda _subject: True)
        case Operator.IS_ANY_OF:
            return lambda subject: get(subject) in values
        case Operator.IS_NOT_ANY_OF:
            return lambda subject: get(subject) not in values
        case _:
            return _ordered(get, operator, value)


def _ordered(get: _Getter, operator: Operator, value: Comparable) -> Predicate:
    """Compare an attribute that is one value or None by order, or by the text that it has."""
    match operator:
        case Operator.CONTAINS:
            return lambda subject: (have := get(subject)) is not None and value in have
        case Operator.STARTS_WITH:
            return lambda subject: (have := get(subject)) is not None and have.startswith(value)
        case Operator.IS_GREATER_THAN | Operator.IS_AFTER:
            return lambda subject: (have := get(subject)) is not None and have > value
        case Operator.IS_AT_LEAST:
            return lambda subject: (have := get(subject)) is not None and have >= value
        case Operator.IS_LESS_THAN | Operator.IS_BEFORE:
            return lambda subject: (have := get(subject)) is not None and have < value
        case Operator.IS_AT_MOST:
            return lambda subject: (have := get(subject)) is not None and have <= value
        case _:
            raise AssertionError(operator)


def _between(get: _Getter, low: Comparable, high: Comparable) -> Predicate:
    """Compare with a range, both ends included."""
    return lambda subject: (have := get(subject)) is not None and low <= have <= high


def _between_times(get: _Getter, low: time, high: time) -> Predicate:
    """Compare a time of day with a range: its end is excluded, and may lie on the next day."""
    if low < high:
        return lambda subject: (have := get(subject)) is not None and low <= have < high
    return lambda subject: (have := get(subject)) is not None and (have >= low or have < high)


def _last_days(get: _Getter, operator: Operator, days: int) -> Predicate:
    """Compare a date with the last ``days`` days, the subject's ``today`` included."""

    def is_recent(subject: _Dated) -> bool:
        have = get(subject)
        return have is not None and 0 <= (subject.today - have).days < days

    return is_recent if operator is Operator.IS_IN_LAST_DAYS else lambda subject: not is_recent(subject)


def anniversary_in(day: date, year: int) -> date:
    """Return the day on which a recurring day falls in a year: 29 February on the 28th where there is none."""
    if day.month == 2 and day.day == 29 and not calendar.isleap(year):
        return date(year, 2, 28)
    return day.replace(year=year)


def _recurring(get: _Getter, operator: Operator, days: int) -> Predicate:
    """Compare the day and month of a date with the subject's ``today``."""

    def is_today(subject: _Dated) -> bool:
        have = get(subject)
        return have is not None and anniversary_in(have, subject.today.year) == subject.today

    def is_this_month(subject: _Dated) -> bool:
        have = get(subject)
        return have is not None and have.month == subject.today.month

    def is_within_days(subject: _Dated) -> bool:
        have = get(subject)
        if have is None:
            return False
        today = subject.today
        years = (year for year in (today.year - 1, today.year, today.year + 1) if 1 <= year <= 9999)
        return any(abs((anniversary_in(have, year) - today).days) <= days for year in years)

    match operator:
        case Operator.IS_TODAY:
            return is_today
        case Operator.IS_THIS_MONTH:
            return is_this_month
        case Operator.IS_WITHIN_DAYS:
            return is_within_days
        case _:
            raise AssertionError(operator)
