"""Trees of rules: all or any of some conditions and further trees.

A tree is ``{"match": "all"|"any", "rules": [tree or condition, …]}``; a condition is
``{"attribute", "operator", "value"}``. An absent or empty tree is satisfied. A tree is checked once, when it is
written; compiled once to a predicate; then called.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from promotions.engine.rules.attributes import Kind

Tree = Mapping[str, Any]
"""A tree or a condition, as JSON holds it."""

Comparable = str | int | Fraction | Decimal | date | time
"""A value as subjects have it: text without regard to case, a flag, a number, an amount, a date, a time of day."""


def _number(text: str) -> int | Fraction:
    """Return a number to compare with; whole numbers compare many times as fast as fractions."""
    number = Fraction(text)
    return number.numerator if number.denominator == 1 else number


COMPARABLE: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: str.casefold,
    Kind.TEXTS: str.casefold,
    Kind.REFERENCE: str,
    Kind.REFERENCES: str,
    Kind.BOOLEAN: bool,
    Kind.NUMBER: _number,
    Kind.MONEY: Decimal,
    Kind.DATE: date.fromisoformat,
    Kind.TIME: time.fromisoformat,
    Kind.WEEKDAY: str,
}
"""For each kind of attribute, what makes of a condition's value in normal form the value that subjects have."""

MANY_VALUED = frozenset({Kind.TEXTS, Kind.REFERENCES})
"""The kinds of attributes of which a subject has any number of values."""


def conditions(tree: Tree | None) -> Iterator[Tree]:
    """Yield every condition of a tree, in the order written."""
    if tree:
        if "rules" in tree:
            for rule in tree["rules"]:
                yield from conditions(rule)
        else:
            yield tree


def without_empty_groups(tree: Tree | None) -> Tree | None:
    """Return a tree without the groups that every subject satisfies; None where that is the whole tree.

    A group without rules is satisfied, and so is an "any" group with such a group in it.
    """
    if tree is None or "rules" not in tree:
        return tree
    rules = [without_empty_groups(rule) for rule in tree["rules"]]
    kept = [rule for rule in rules if rule is not None]
    if not kept or (tree["match"] == "any" and len(kept) < len(rules)):
        return None
    return {**tree, "rules": kept}
