"""Rules and definitions in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format

from promotions.engine.money import exponent
from promotions.engine.rules.attributes import Attribute, Kind, Operator, Scope
from promotions.engine.rules.check import normalized_number

OPERATORS = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.IS_ALL_OF: "is all of",
    Operator.IS_ANY_OF: "is any of",
    Operator.IS_NOT_ALL_OF: "is not all of",
    Operator.IS_NOT_ANY_OF: "is not any of",
    Operator.CONTAINS: "contains",
    Operator.STARTS_WITH: "starts with",
    Operator.IS_GREATER_THAN: "is greater than",
    Operator.IS_AT_LEAST: "is at least",
    Operator.IS_LESS_THAN: "is less than",
    Operator.IS_AT_MOST: "is at most",
    Operator.IS_BETWEEN: "is between",
    Operator.IS_BEFORE: "is before",
    Operator.IS_AFTER: "is after",
    Operator.IS_IN_LAST_DAYS: "is in the last … days:",
    Operator.IS_NOT_IN_LAST_DAYS: "is not in the last … days:",
    Operator.IS_TODAY: "is today",
    Operator.IS_THIS_MONTH: "is this month",
    Operator.IS_WITHIN_DAYS: "is within … days:",
}
"""The words of each operator."""

KINDS = {
    Kind.TEXT: "text",
    Kind.TEXTS: "texts",
    Kind.REFERENCE: "its key",
    Kind.REFERENCES: "their codes",
    Kind.BOOLEAN: "true or false",
    Kind.NUMBER: "number",
    Kind.MONEY: "amount",
    Kind.DATE: "date, such as 2026-03-31",
    Kind.RECURRING_DAY: "true, or a number of days",
    Kind.TIME: "time, such as 09:30",
    Kind.WEEKDAY: "monday … sunday",
}
"""The form of a value of each kind, for the reference beside a rules field."""

EMPTY = {
    Scope.SITE: "all sites qualify",
    Scope.CUSTOMER: "all customers qualify",
    Scope.TRANSACTION: "all transactions qualify",
    Scope.LINE_ITEM: "all line items qualify",
}
"""The words of a tree without rules."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What the description of a tree needs besides the tree.

    ``names`` are the names of referenced rows, by kind and key; ``currency`` is that of totals, ``catalogue_currency``
    that of prices in the catalogue. Each may be left out.
    """

    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    currency: str = ""
    catalogue_currency: str = ""

    def unit(self, attribute: Attribute) -> str:
        """Return the unit of an attribute's numbers."""
        if attribute.kind is not Kind.MONEY:
            return attribute.unit
        return self.currency if attribute.without_catalogue else self.catalogue_currency


PLAIN = Wording()

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What describing a tree raises if it is far from normal form, as an unfinished one may be."""


def format_value(attribute: Attribute, value: Any, wording: Wording) -> str:
    """Format one value of an attribute that is no reference."""
    try:
        match attribute.kind:
            case Kind.MONEY:
                return format_amount(value, wording.unit(attribute))
            case Kind.DATE:
                return date_format(date.fromisoformat(value), "j M Y")
            case Kind.WEEKDAY:
                return str(value).capitalize() or "…"
    except (ValueError, TypeError):
        pass  # An unfinished value is shown as it is.
    return describe_value(value)


def format_amount(value: object, currency: str) -> str:
    """Format an amount with the decimals of its currency, or more if it has more.

    Raises:
        ValueError: it is no number that a rule may have.
    """
    amount = Decimal(normalized_number(value))
    decimals = -int(amount.as_tuple().exponent)
    return f"{amount:,.{max(decimals, exponent(currency))}f}" if currency else str(value)


def describe_value(value: object) -> str:
    """Format a value or several; dots for none."""
    if value is None or value == "":
        return "…"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(describe_value(inner) for inner in value)
    return str(value)


def label_of(name: str) -> str:
    """Return a field's name as a label."""
    return name.replace("_", " ").capitalize()


SCOPES = {
    "site_rules": Scope.SITE,
    "customer_rules": Scope.CUSTOMER,
    "transaction_rules": Scope.TRANSACTION,
    "line_item_rules": Scope.LINE_ITEM,
    "rules": Scope.LINE_ITEM,
}
