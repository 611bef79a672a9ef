"""The attributes of rules: one table that the engine, the rule builder, imports and the API's documents read."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """The four trees of qualification rules."""

    SITE = "site"
    CUSTOMER = "customer"
    TRANSACTION = "transaction"
    LINE_ITEM = "line_item"


class Kind(StrEnum):
    """The sort of value that an attribute has; it decides the operators."""

    TEXT = "text"
    TEXTS = "texts"
    REFERENCE = "reference"
    REFERENCES = "references"
    BOOLEAN = "boolean"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    RECURRING_DAY = "recurring_day"
    TIME = "time"
    WEEKDAY = "weekday"


class Operand(StrEnum):
    """What an operator compares with."""

    ONE = "one"
    MANY = "many"
    RANGE = "range"
    DAYS = "days"
    TRUE = "true"


class Operator(StrEnum):
    """How an attribute is compared."""

    IS = "is"
    IS_NOT = "is_not"
    IS_ALL_OF = "is_all_of"
    IS_ANY_OF = "is_any_of"
    IS_NOT_ALL_OF = "is_not_all_of"
    IS_NOT_ANY_OF = "is_not_any_of"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    IS_GREATER_THAN = "is_greater_than"
    IS_AT_LEAST = "is_at_least"
    IS_LESS_THAN = "is_less_than"
    IS_AT_MOST = "is_at_most"
    IS_BETWEEN = "is_between"
    IS_BEFORE = "is_before"
    IS_AFTER = "is_after"
    IS_IN_LAST_DAYS = "is_in_last_days"
    IS_NOT_IN_LAST_DAYS = "is_not_in_last_days"
    IS_TODAY = "is_today"
    IS_THIS_MONTH = "is_this_month"
    IS_WITHIN_DAYS = "is_within_days"


_SETS: Mapping[Operator, Operand] = {
    Operator.IS: Operand.ONE,
    Operator.IS_NOT: Operand.ONE,
    Operator.IS_ALL_OF: Operand.MANY,
    Operator.IS_ANY_OF: Operand.MANY,
    Operator.IS_NOT_ALL_OF: Operand.MANY,
    Operator.IS_NOT_ANY_OF: Operand.MANY,
}
_TEXTS = {**_SETS, Operator.CONTAINS: Operand.ONE, Operator.STARTS_WITH: Operand.ONE}
_NUMBERS = {
    Operator.IS: Operand.ONE,
    Operator.IS_NOT: Operand.ONE,
    Operator.IS_GREATER_THAN: Operand.ONE,
    Operator.IS_AT_LEAST: Operand.ONE,
    Operator.IS_LESS_THAN: Operand.ONE,
    Operator.IS_AT_MOST: Operand.ONE,
    Operator.IS_BETWEEN: Operand.RANGE,
}

OPERATORS: Mapping[Kind, Mapping[Operator, Operand]] = {
    Kind.TEXT: _TEXTS,
    Kind.TEXTS: _TEXTS,
    Kind.REFERENCE: _SETS,
    Kind.REFERENCES: _SETS,
    Kind.BOOLEAN: {Operator.IS: Operand.ONE},
    Kind.NUMBER: _NUMBERS,
    Kind.MONEY: _NUMBERS,
    Kind.DATE: {
        Operator.IS: Operand.ONE,
        Operator.IS_NOT: Operand.ONE,
        Operator.IS_BEFORE: Operand.ONE,
        Operator.IS_AFTER: Operand.ONE,
        Operator.IS_BETWEEN: Operand.RANGE,
        Operator.IS_IN_LAST_DAYS: Operand.DAYS,
        Operator.IS_NOT_IN_LAST_DAYS: Operand.DAYS,
    },
    Kind.RECURRING_DAY: {
        Operator.IS_TODAY: Operand.TRUE,
        Operator.IS_THIS_MONTH: Operand.TRUE,
        Operator.IS_WITHIN_DAYS: Operand.DAYS,
    },
    Kind.TIME: {
        Operator.IS_BEFORE: Operand.ONE,
        Operator.IS_AFTER: Operand.ONE,
        Operator.IS_BETWEEN: Operand.RANGE,
    },
    Kind.WEEKDAY: {
        Operator.IS: Operand.ONE,
        Operator.IS_NOT: Operand.ONE,
        Operator.IS_ANY_OF: Operand.MANY,
        Operator.IS_NOT_ANY_OF: Operand.MANY,
    },
}
"""The operators of each kind, each with its operand."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """An attribute of a subject, which a condition may compare.

    ``reference`` names the table whose keys are its values; ``unit`` is the unit of its number; an attribute that is
    not ``without_catalogue`` needs the account's product catalogue.
    """

    scope: Scope
    name: str
    label: str
    kind: Kind
    reference: str = ""
    unit: str = ""
    without_catalogue: bool = True

    @property
    def operators(self) -> Mapping[Operator, Operand]:
        """The operators allowed, each with its operand."""
        return OPERATORS[self.kind]


def _attributes(scope: Scope, *rows: tuple[str, str, Kind, dict[str, object]]) -> dict[str, Attribute]:
    return {
        name: Attribute(scope=scope, name=name, label=label, kind=kind, **extra)  # type: ignore[arg-type]
        for name, label, kind, extra in rows
    }


_CATALOGUE: dict[str, object] = {"without_catalogue": False}

ATTRIBUTES: Mapping[Scope, Mapping[str, Attribute]] = {
    Scope.SITE: _attributes(
        Scope.SITE,
        ("site_name", "Site name", Kind.TEXT, {}),
        ("site_number", "Site number", Kind.TEXT, {}),
        ("address_line_1", "Address line 1", Kind.TEXT, {}),
        ("town", "Town", Kind.TEXT, {}),
        ("county", "County", Kind.TEXT, {}),
        ("postcode", "Postcode", Kind.TEXT, {}),
    ),
    Scope.CUSTOMER: _attributes(
        Scope.CUSTOMER,
        ("groups", "Groups", Kind.REFERENCES, {"reference": "group"}),
        ("home_site", "Home site", Kind.REFERENCE, {"reference": "site"}),
        ("is_loyalty_member", "Is a loyalty member", Kind.BOOLEAN, {}),
        ("enrolled_on", "Enrolled on", Kind.DATE, {}),
        ("date_of_birth", "Date of birth", Kind.DATE, {}),
        ("membership_anniversary", "Membership anniversary", Kind.RECURRING_DAY, {}),
        ("birthday", "Birthday", Kind.RECURRING_DAY, {}),
        ("points_balance", "Points balance", Kind.NUMBER, {"unit": "points"}),
        ("last_transaction_on", "Last transaction on", Kind.DATE, {}),
        ("last_offer_redeemed_on", "Last offer redeemed on", Kind.DATE, {}),
        ("last_promotion_redeemed_on", "Last promotion redeemed on", Kind.DATE, {}),
    ),
    Scope.TRANSACTION: _attributes(
        Scope.TRANSACTION,
        ("payment_card_type", "Payment card type", Kind.TEXT, {}),
        ("source", "Source", Kind.TEXT, {}),
        ("loyalty_card_type", "Loyalty card type", Kind.TEXT, {}),
        ("total_inc_tax", "Total inc. tax", Kind.MONEY, {}),
        ("total_ex_tax", "Total excl. tax", Kind.MONEY, {}),
        ("transaction_date", "Transaction date", Kind.DATE, {}),
        ("transaction_time", "Transaction time", Kind.TIME, {}),
        ("transaction_weekday", "Transaction weekday", Kind.WEEKDAY, {}),
    ),
    Scope.LINE_ITEM: _attributes(
        Scope.LINE_ITEM,
        ("quantity", "Quantity", Kind.NUMBER, {"unit": "units"}),
        ("product", "Product", Kind.REFERENCE, {"reference": "product", **_CATALOGUE}),
        ("sku", "SKU", Kind.TEXT, {}),
        ("program_brand", "Program brand", Kind.TEXT, _CATALOGUE),
        ("product_brand", "Product brand", Kind.TEXT, {}),
        ("category", "Category", Kind.TEXT, {}),
        ("labels", "Labels", Kind.TEXTS, _CATALOGUE),
        ("cost_price", "Cost price", Kind.MONEY, _CATALOGUE),
        ("retail_price", "Retail price", Kind.MONEY, _CATALOGUE),
        ("profit_margin", "Profit margin", Kind.NUMBER, {"unit": "% of the retail price", **_CATALOGUE}),
    ),
}
"""Every attribute of every scope, by name."""
