"""Rules and definitions in words, for people who read no JSON."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from consumers.admin.words import moment_in_words
from promotions.engine.attributes import ATTRIBUTES, Kind, Operator, Scope

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
"""How an operator is said."""

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
"""What a value of a kind is, for the help beside a rules field."""

EMPTY = {
    Scope.SITE: "all sites qualify",
    Scope.CUSTOMER: "all customers qualify",
    Scope.TRANSACTION: "all transactions qualify",
    Scope.LINE_ITEM: "all line items qualify",
}
"""What no rules mean."""


def tree_in_words(tree: Mapping[str, Any] | None, scope: Scope) -> str:
    """A rule tree, in normal form, as a sentence; a group within a group stands in brackets."""
    if not tree or not tree.get("rules"):
        return EMPTY[scope]
    return _group(tree, scope)


def _group(group: Mapping[str, Any], scope: Scope) -> str:
    joint = " and " if group["match"] == "all" else " or "
    parts = []
    for rule in group["rules"]:
        if "rules" not in rule:
            parts.append(_condition(rule, scope))
        elif rule["rules"]:
            parts.append(f"({_group(rule, scope)})")
    return joint.join(parts) or EMPTY[scope]


def _condition(condition: Mapping[str, Any], scope: Scope) -> str:
    attribute = ATTRIBUTES[scope][condition["attribute"]]
    operator, value = Operator(condition["operator"]), condition["value"]
    words = OPERATORS[operator]
    if "…" in words:
        return f"{attribute.label} {words.removesuffix(':').replace('…', str(value))}"
    if value is True and operator in (Operator.IS_TODAY, Operator.IS_THIS_MONTH):
        return f"{attribute.label} {words}"
    if operator is Operator.IS_BETWEEN:
        return f"{attribute.label} {words} {value_in_words(value[0])} and {value_in_words(value[1])}"
    unit = f" {attribute.unit}" if attribute.unit else ""
    return f"{attribute.label} {words} {value_in_words(value)}{unit}"


def value_in_words(value: Any) -> str:
    """One value or several as they are read."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(value_in_words(one) for one in value)
    return str(value)


def label_of(name: str) -> str:
    """A field's name as a label."""
    return name.replace("_", " ").capitalize()


MOMENTS = frozenset({"starts_at", "ends_at"})
CODED = frozenset(
    {
        "apply_to",
        "by",
        "counting",
        "family",
        "issue_points_on",
        "match",
        "measure",
        "multiplier_scope",
        "order",
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


def document_in_words(document: Mapping[str, Any], *, before: str = "") -> Iterator[tuple[str, str]]:
    """A document of a definition as (label, words), one pair for each thing that is said; what is empty is left out."""
    for name, value in document.items():
        label = f"{before} · {label_of(name)}" if before else label_of(name)
        if name in SCOPES:
            yield label, tree_in_words(value, SCOPES[name])
        elif isinstance(value, Mapping):
            yield from document_in_words(value, before=label)
        elif isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(v, Mapping) for v in value):
            for number, one in enumerate(value, start=1):
                yield from document_in_words(one, before=f"{label} {number}")
        elif name in MOMENTS and value:
            yield label, moment_in_words(datetime.fromisoformat(value))
        elif name in CODED and value:
            yield label, label_of(value)
        elif value not in (None, "", [], ()):
            yield label, value_in_words(value)
