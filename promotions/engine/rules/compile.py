"""Compile trees of rules in normal form to predicates."""

import calendar
from collections.abc import Callable
from datetime import date
from operator import attrgetter
from typing import Any

from promotions.engine.rules.attributes import ATTRIBUTES, Attribute, Kind, Operator, Scope
from promotions.engine.rules.tree import COMPARABLE, MANY_VALUED, Tree

Predicate = Callable[[Any], bool]
"""Whether a subject (site, shopper, basket or item) satisfies a tree."""


def compile_tree(tree: Tree | None, scope: Scope) -> Predicate | None:
    """The predicate of a tree in normal form; None where every subject satisfies it."""
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
    read = attrgetter(attribute.name)
    kind = attribute.kind
    if kind is Kind.RECURRING_DAY:
        return _recurring(read, operator, value)
    if operator in (Operator.IS_IN_LAST_DAYS, Operator.IS_NOT_IN_LAST_DAYS):
        return _last_days(read, operator, value)
    comparable = COMPARABLE[kind]
    if isinstance(value, list):
        values = [comparable(one) for one in value]
        if operator is Operator.IS_BETWEEN:
            return _between(read, kind, values[0], values[1])
        chosen = frozenset(values)
    else:
        values = [comparable(value)]
        chosen = frozenset(values)
    if kind in MANY_VALUED:
        return _many_valued(read, operator, chosen, values[0])
    return _single_valued(read, operator, chosen, values[0])


def _many_valued(read: Callable[[Any], Any], operator: Operator, chosen: frozenset[Any], value: Any) -> Predicate:
    """Set comparisons of an attribute that is a (possibly empty) frozenset."""
    match operator:
        case Operator.IS | Operator.IS_ALL_OF:
            return lambda subject: chosen <= read(subject)
        case Operator.IS_NOT | Operator.IS_NOT_ALL_OF:
            return lambda subject: not chosen <= read(subject)
        case Operator.IS_ANY_OF:
            return lambda subject: not chosen.isdisjoint(read(subject))
        case Operator.IS_NOT_ANY_OF:
            return lambda subject: chosen.isdisjoint(read(subject))
        case Operator.CONTAINS:
            return lambda subject: any(value in one for one in read(subject))
        case Operator.STARTS_WITH:
            return lambda subject: any(one.startswith(value) for one in read(subject))
        case _:
            raise AssertionError(operator)


def _single_valued(  # noqa: C901 - one branch for each operator reads better than any table
    read: Callable[[Any], Any], operator: Operator, chosen: frozenset[Any], value: Any
) -> Predicate:
    """Comparisons of an attribute that is one value or None; None is the empty set and fails every order."""

    def ordered(compare: Callable[[Any], bool]) -> Predicate:
        def predicate(subject: Any) -> bool:
            have = read(subject)
            return have is not None and compare(have)

        return predicate

    only = len(chosen) == 1
    match operator:
        case Operator.IS:
            return lambda subject: read(subject) == value
        case Operator.IS_NOT:
            return lambda subject: read(subject) != value
        case Operator.IS_ALL_OF:
            return (lambda subject: read(subject) == value) if only else (lambda _subject: False)
        case Operator.IS_NOT_ALL_OF:
            return (lambda subject: read(subject) != value) if only else (lambda _subject: True)
        case Operator.IS_ANY_OF:
            return lambda subject: read(subject) in chosen
        case Operator.IS_NOT_ANY_OF:
            return lambda subject: read(subject) not in chosen
        case Operator.CONTAINS:
            return ordered(lambda have: value in have)
        case Operator.STARTS_WITH:
            return ordered(lambda have: have.startswith(value))
        case Operator.IS_GREATER_THAN | Operator.IS_AFTER:
            return ordered(lambda have: have > value)
        case Operator.IS_AT_LEAST:
            return ordered(lambda have: have >= value)
        case Operator.IS_LESS_THAN | Operator.IS_BEFORE:
            return ordered(lambda have: have < value)
        case Operator.IS_AT_MOST:
            return ordered(lambda have: have <= value)
        case _:
            raise AssertionError(operator)


def _between(read: Callable[[Any], Any], kind: Kind, low: Any, high: Any) -> Predicate:
    """From low to high: inclusive, but the end of a time of day is exclusive and may lie on the next day."""

    def within(subject: Any) -> bool:
        have = read(subject)
        return have is not None and low <= have <= high

    def within_times(subject: Any) -> bool:
        have = read(subject)
        if have is None:
            return False
        return bool(low <= have < high) if low < high else bool(have >= low or have < high)

    return within_times if kind is Kind.TIME else within


def _last_days(read: Callable[[Any], Any], operator: Operator, days: int) -> Predicate:
    """Whether a date is today or one of the n - 1 days before; ``today`` is the subject's."""

    def recent(subject: Any) -> bool:
        have = read(subject)
        return have is not None and 0 <= (subject.today - have).days < days

    return recent if operator is Operator.IS_IN_LAST_DAYS else lambda subject: not recent(subject)


def anniversary_in(day: date, year: int) -> date:
    """The day on which a recurring day is kept in a year: 29 February on the 28th where there is none."""
    if day.month == 2 and day.day == 29 and not calendar.isleap(year):
        return date(year, 2, 28)
    return day.replace(year=year)


def _recurring(read: Callable[[Any], Any], operator: Operator, value: Any) -> Predicate:
    def today(subject: Any) -> bool:
        have = read(subject)
        return have is not None and anniversary_in(have, subject.today.year) == subject.today

    def this_month(subject: Any) -> bool:
        have = read(subject)
        return have is not None and have.month == subject.today.month

    def within(subject: Any) -> bool:
        have = read(subject)
        if have is None:
            return False
        now = subject.today
        years = (year for year in (now.year - 1, now.year, now.year + 1) if 1 <= year <= 9999)
        return any(abs((anniversary_in(have, year) - now).days) <= value for year in years)

    return {Operator.IS_TODAY: today, Operator.IS_THIS_MONTH: this_month, Operator.IS_WITHIN_DAYS: within}[operator]
