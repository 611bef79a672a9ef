"""Rules and definitions in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format

from consumers.admin.framework.formatting import format_moment
from consumers.types import JsonMapping
from promotions.engine.money import exponent
from promotions.engine.rules.attributes import ATTRIBUTES, Attribute, Kind, Operand, Operator, Scope
from promotions.engine.rules.check import normalized_number
from promotions.engine.rules.tree import without_empty_groups

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


def describe_tree(tree: Mapping[str, object] | None, scope: Scope, wording: Wording = PLAIN) -> str:
    """Describe a rule tree in a sentence; inner groups are in brackets, a missing value is dots.

    Raises:
        UNREADABLE: the tree is far from normal form.
    """
    asked = without_empty_groups(tree) if tree and tree.get("rules") else None
    return EMPTY[scope] if asked is None else _group(asked, scope, wording)


def _group(group: JsonMapping, scope: Scope, wording: Wording) -> str:
    joint = " and " if group["match"] == "all" else " or "
    return joint.join(
        f"({_group(rule, scope, wording)})" if "rules" in rule else _condition(rule, scope, wording)
        for rule in group["rules"]
    )


def _condition(condition: JsonMapping, scope: Scope, wording: Wording) -> str:
    attribute = ATTRIBUTES[scope][condition["attribute"]]
    operator, value = Operator(condition["operator"]), condition["value"]
    operand, words = attribute.operators[operator], OPERATORS[operator]
    if attribute.kind is Kind.BOOLEAN and isinstance(value, bool):
        return attribute.label if value else attribute.label.replace("Is ", "Is not ", 1)
    if operand is Operand.TRUE:
        return f"{attribute.label} {words}"
    if operand is Operand.DAYS:
        return f"{attribute.label} {words.removesuffix(':').replace('…', describe_value(value))}"
    values = value if isinstance(value, list | tuple) else [value]
    texts = [_value_text(attribute, value, wording) for value in values] or ["…"]
    joint = " and " if operand is Operand.RANGE else ", "
    unit = wording.unit(attribute)
    if attribute.kind is Kind.NUMBER and texts[-1] == "1":
        unit = unit.removesuffix("s")
    return f"{attribute.label} {words} {joint.join(texts)}{f' {unit}' if unit else ''}"


def _value_text(attribute: Attribute, value: Any, wording: Wording) -> str:
    """Format one value of an attribute."""
    if attribute.reference:
        name = wording.names.get((attribute.reference, value))
        return f"{name} ({value})" if name else describe_value(value)
    return format_value(attribute, value, wording)


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
    return f"{amount:.{max(decimals, exponent(currency))}f}" if currency else str(value)


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


MOMENTS = frozenset({"starts_at", "ends_at"})
CODED = frozenset(
    {
        "apply_to",
        "by",
        "counting",
        "customer_limit_period",
        "family",
        "issue_points_on",
        "match",
        "measure",
        "multiplier_scope",
        "order",
        "price_order",
        "subtype",
        "type",
        "unit",
    }
)
"""Fields whose values are codes."""

SCOPES = {
    "site_rules": Scope.SITE,
    "customer_rules": Scope.CUSTOMER,
    "transaction_rules": Scope.TRANSACTION,
    "line_item_rules": Scope.LINE_ITEM,
    "rules": Scope.LINE_ITEM,
}


def describe_document(document: JsonMapping, *, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield a label and words for each field of a document that is not empty; ``before`` is the label above them."""
    for name, value in document.items():
        label = f"{before} · {label_of(name)}" if before else label_of(name)
        if name in SCOPES:
            yield label, describe_tree(value, SCOPES[name])
        elif isinstance(value, Mapping):
            yield from describe_document(value, before=label)
        elif isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(v, Mapping) for v in value):
            for number, inner in enumerate(value, start=1):
                yield from describe_document(inner, before=f"{label} {number}")
        elif name in MOMENTS and value:
            yield label, format_moment(datetime.fromisoformat(value))
        elif name in CODED and value:
            yield label, label_of(value)
        elif value not in (None, "", [], ()):
            yield label, describe_value(value)
