"""The fields of definitions: one table that the check, the admin's forms and files, and the API's shapes read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from promotions.engine.calendar import PERIODS

Document = dict[str, Any]
"""An object of a definition, as JSON holds it."""

LOYALTY_TYPES = ("fixed_points", "points_multiplier", "bonus_points", "redeem_offer")
DISCOUNT_TYPES = ("amount", "percentage", "fixed_price", "free_product")
PRICE_ORDERS = ("cheapest", "most_expensive")
CONDITIONS = ("site_rules", "customer_rules", "transaction_rules", "line_item_rules")
LIMITS = ("total_redemption_limit", "customer_redemption_limit")
DISCOUNT_LIMITS = (*LIMITS, "transaction_redemption_limit")
LIMIT_PERIOD = "customer_limit_period"
"""Over which calendar period the limit per customer holds."""

WHOLE_PROMOTION = "promotion"
IGNORES_UNIVERSAL_HOLDOUT = "ignores_universal_holdout"
"""Whether it is given to the consumers whom the account's universal holdout leaves out."""

LIMIT_PERIODS = (WHOLE_PROMOTION, *PERIODS)
WHEN_SHORT = ("refuse", "cut", "honour")
"""What happens where less is left of a budget than a basket needs: nothing, what is left, or all of it a last time."""

BUDGETS = ("budget", "customer_budget")
"""How much may be given in all, and to each customer."""

RESTRICTIONS = (*LIMITS, LIMIT_PERIOD, "always_apply", IGNORES_UNIVERSAL_HOLDOUT)
"""What restricts how often a loyalty promotion applies."""

DISCOUNT_RESTRICTIONS = (*DISCOUNT_LIMITS, LIMIT_PERIOD, "always_apply", IGNORES_UNIVERSAL_HOLDOUT)
"""What restricts how often a discount applies."""

CONTENT_TEXTS: Mapping[str, int] = {
    "short_description": 500,
    "long_description": 20_000,
    "confirmation_message": 1_000,
    "terms_and_conditions": 20_000,
}
"""The texts of a promotion's content, each with the characters it may have."""

ACTIVITY_INSERTS = ("promotion_name", "currency", "spend", "site_name")
MESSAGE_INSERTS = (
    "promotion_name",
    *CONTENT_TEXTS,
    *(f"{name}_{n}" for name in ("link_url", "anchor_text", "image_url", "alt_text") for n in (1, 2, 3)),
)
MAX_LINKS = 3
"""The most links, and the most images, of a promotion's content."""

MAX_PRODUCT_SETS = 10
MAX_PRODUCTS_IN_SET = 1_000
MAX_APPLICATION_RULES = 10
MAX_UNITS = 1_000_000
MAX_POINTS = 1_000_000_000
MAX_REDEMPTIONS = 2_000_000_000
MAX_BUDGET = 1_000_000_000_000
MAX_PERIOD = 3_650
"""The longest period of an application rule, in its own unit."""

MAX_KEY_LENGTH = 64
MAX_SKU_LENGTH = 100
MAX_NAME_LENGTH = 200
MAX_TEXT_LENGTH = 20_000
MAX_URL_LENGTH = 2_000


class FieldKind(StrEnum):
    """What sort of value a field of an outcome holds."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    KEY = "key"
    DOCUMENT = "document"


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeField:
    """A field of an outcome.

    ``types`` are the promotion types that have it. A text has ``max_length`` characters at most and may name
    ``inserts``; a whole number is from 1 to ``highest``; a number must be ``allowed``, or else ``expected`` is the
    answer; a choice is one of ``choices``; a key names a row of the table ``reference``; a document is an object or a
    list with a shape of its own. Without a ``default`` a number, flag or choice is required.
    """

    name: str
    kind: FieldKind
    types: tuple[str, ...]
    max_length: int = 0
    inserts: tuple[str, ...] | None = None
    highest: int = 0
    allowed: Callable[[Decimal], bool] = bool
    expected: str = ""
    choices: tuple[str, ...] = ()
    default: str | bool | None = None
    reference: str = ""


def _named(*fields: OutcomeField) -> dict[str, OutcomeField]:
    return {field.name: field for field in fields}


LOYALTY_OUTCOME: Mapping[str, OutcomeField] = _named(
    OutcomeField(name="points", kind=FieldKind.WHOLE, types=("fixed_points",), highest=MAX_POINTS),
    OutcomeField(
        name="multiplier",
        kind=FieldKind.NUMBER,
        types=("points_multiplier",),
        allowed=lambda number: 1 <= number <= 100,
        expected="Must be at least 1 and at most 100.",
    ),
    OutcomeField(
        name="multiplier_scope",
        kind=FieldKind.CHOICE,
        types=("points_multiplier",),
        choices=("basket", "line_items"),
        default="basket",
    ),
    OutcomeField(
        name="issue_points_on", kind=FieldKind.CHOICE, types=("bonus_points",), choices=("currency", "quantity")
    ),
    OutcomeField(
        name="conversion_units",
        kind=FieldKind.NUMBER,
        types=("bonus_points",),
        allowed=lambda number: number > 0,
        expected="Must be a number above 0.",
    ),
    OutcomeField(name="conversion_points", kind=FieldKind.WHOLE, types=("bonus_points",), highest=MAX_POINTS),
    OutcomeField(name="whole_ratio_units_only", kind=FieldKind.FLAG, types=("bonus_points",), default=True),
    OutcomeField(
        name="offer", kind=FieldKind.KEY, types=("redeem_offer",), max_length=MAX_KEY_LENGTH, reference="offer"
    ),
    OutcomeField(
        name="activity_description",
        kind=FieldKind.TEXT,
        types=LOYALTY_TYPES,
        max_length=500,
        inserts=ACTIVITY_INSERTS,
    ),
    OutcomeField(name="activity_type", kind=FieldKind.TEXT, types=LOYALTY_TYPES, max_length=100),
    OutcomeField(
        name="redemption_message_subject",
        kind=FieldKind.TEXT,
        types=LOYALTY_TYPES,
        max_length=200,
        inserts=MESSAGE_INSERTS,
    ),
    OutcomeField(
        name="redemption_message",
        kind=FieldKind.TEXT,
        types=LOYALTY_TYPES,
        max_length=MAX_TEXT_LENGTH,
        inserts=MESSAGE_INSERTS,
    ),
    OutcomeField(name="product_selection", kind=FieldKind.DOCUMENT, types=LOYALTY_TYPES),
    OutcomeField(name="quantity_rule", kind=FieldKind.DOCUMENT, types=LOYALTY_TYPES),
    OutcomeField(name="pricing_rule", kind=FieldKind.DOCUMENT, types=LOYALTY_TYPES),
)
"""The outcome of a loyalty promotion, in the order of its document."""

DISCOUNT_OUTCOME: Mapping[str, OutcomeField] = _named(
    OutcomeField(name="value", kind=FieldKind.NUMBER, types=("amount", "percentage", "fixed_price")),
    OutcomeField(name="maximum_discount", kind=FieldKind.NUMBER, types=("percentage",)),
    OutcomeField(
        name="price_order", kind=FieldKind.CHOICE, types=DISCOUNT_TYPES, choices=PRICE_ORDERS, default="cheapest"
    ),
    OutcomeField(name="product_sets", kind=FieldKind.DOCUMENT, types=DISCOUNT_TYPES),
)
"""The outcome of a discount, in the order of its document. What its value may be depends on type and currency."""


def own_fields(outcome: Mapping[str, OutcomeField], promotion_type: str) -> tuple[str, ...]:
    """Return the names of the fields that a type has and some other type of the family has not."""
    every_type = frozenset().union(*(field.types for field in outcome.values()))
    return tuple(
        name for name, field in outcome.items() if promotion_type in field.types and len(field.types) < len(every_type)
    )
