"""The tabs and sections of a loyalty promotion's form, and the fields at which problems are shown."""

from collections.abc import Mapping
from typing import Any

from consumers.types import JsonObject
from loyalty.choices import PromotionType
from promotions.admin.editor.budget_fields import BUDGET_PATHS, BUDGETS_SECTION
from promotions.admin.editor.content_fields import CONTENT_PATHS, CONTENT_SECTIONS
from promotions.admin.editor.form import GENERAL_SECTIONS, LIMITS_ROWS, SWITCHES
from promotions.engine.definition.fields import (
    CONDITIONS,
    LOYALTY_OUTCOME,
    LOYALTY_TYPES,
    RESTRICTIONS,
    FieldKind,
    own_fields,
)

TYPE_FIELDS: Mapping[str, tuple[str, ...]] = {name: own_fields(LOYALTY_OUTCOME, name) for name in LOYALTY_TYPES}
"""The fields of the Outcome tab that only one type has."""

TEXTS = tuple(name for name, field in LOYALTY_OUTCOME.items() if field.kind is FieldKind.TEXT)
"""The texts of the outcome, which every type has."""

Fieldset = tuple[str, JsonObject]

_TEXTS: Fieldset = (
    "Loyalty activity and message",
    {"fields": ("activity_description", "activity_type", "redemption_message_subject", "redemption_message")},
)
_PRODUCT_SELECTION: Fieldset = (
    "Product selection rules",
    {
        "fields": (
            "product_match",
            "product_sets",
            ("quantity_apply_to", "quantity_units"),
            ("pricing_order", "pricing_by"),
        ),
        "description": "Choose which units count, how many make one redemption, and which count first. Without "
        "product sets, all units in the basket count, whatever the basket must contain.",
    },
)
_ELIGIBILITY: tuple[Fieldset, ...] = (
    ("Eligibility", {"classes": ("tab",), "fields": ()}),
    (
        "Qualification rules",
        {
            "fields": CONDITIONS,
            "description": "Where, for whom and in which transactions it applies. With no rules, all sites, all "
            "customers, all transactions and all line items qualify. “Basket must contain” only decides "
            "whether the promotion applies: product sets on the Outcome tab decide which line items count.",
        },
    ),
    (
        "Application rules",
        {
            "fields": ("application_rules",),
            "description": "What the consumer must have bought before it applies, this transaction included. All "
            "rules must be met.",
        },
    ),
    (
        "Control group",
        {
            "fields": (("control_group", "control_percentage"),),
            "description": "A random part of the group never gets the promotion, so that you can measure its "
            "effect. The same consumers are always held out.",
        },
    ),
    ("Restriction rules", {"fields": (*LIMITS_ROWS, *SWITCHES)}),
    BUDGETS_SECTION,
)


def fieldsets_of(promotion_type: str) -> tuple[Fieldset, ...]:
    """Return the four tabs with their sections, for one type."""
    fields: tuple[Any, ...] = TYPE_FIELDS[promotion_type]
    if promotion_type == PromotionType.BONUS_POINTS:
        fields = ("issue_points_on", ("conversion_points", "conversion_units"), "whole_ratio_units_only")
    outcome = ("Outcome", {"classes": ("tab",), "fields": fields})
    return (*GENERAL_SECTIONS, outcome, _TEXTS, _PRODUCT_SELECTION, *_ELIGIBILITY, *CONTENT_SECTIONS)


PATHS: Mapping[str, str] = {
    **{f"outcome.{name}": name for names in TYPE_FIELDS.values() for name in names},
    **{f"outcome.{name}": name for name in TEXTS},
    "outcome.product_selection.sets": "product_sets",
    "outcome.product_selection": "product_match",
    "outcome.quantity_rule.units": "quantity_units",
    "outcome.quantity_rule": "quantity_apply_to",
    "outcome.pricing_rule.by": "pricing_by",
    "outcome.pricing_rule": "pricing_order",
    **{f"eligibility.{name}": name for name in (*CONDITIONS, *RESTRICTIONS, "application_rules")},
    "eligibility.control_group.percentage": "control_percentage",
    "eligibility.control_group": "control_group",
    **BUDGET_PATHS,
    **CONTENT_PATHS,
}
"""The field at which a problem is shown, by the first of these paths with which the problem's path begins."""
