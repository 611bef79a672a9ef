"""And/Or trees: checked once when they are written, compiled once to predicates, then called.

A tree is ``{"match": "all"|"any", "rules": [tree or condition, …]}``; a condition is
``{"attribute", "operator", "value"}``. An absent or empty tree is satisfied.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from promotions.engine.rules.attributes import Kind

Tree = Mapping[str, Any]


# --- compiling ------------------------------------------------------------------------------------------------------


def _number(text: Any) -> int | Fraction:
    """A number to compare with; whole ones are compared many times as fast as fractions."""
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
"""From a value in normal form to what subjects carry: folded text, Fraction, Decimal, date, time."""

MANY_VALUED = frozenset({Kind.TEXTS, Kind.REFERENCES})


def conditions(tree: Tree | None) -> Iterator[Tree]:
    """Every condition of a tree, in the order written."""
    if tree:
        if "rules" in tree:
            for rule in tree["rules"]:
                yield from conditions(rule)
        else:
            yield tree
