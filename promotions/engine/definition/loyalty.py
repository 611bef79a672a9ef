"""Check the definition of a loyalty promotion."""

from decimal import Decimal

from promotions.engine.definition.content import read_content
from promotions.engine.definition.eligibility import read_loyalty_eligibility
from promotions.engine.definition.fields import (
    _OUTCOME_FIELDS,
    ACTIVITY_INSERTS,
    LOYALTY_TYPES,
    MAX_LENGTHS,
    MAX_POINTS,
    MAX_PRODUCT_SETS,
    MAX_UNITS,
    MESSAGE_INSERTS,
    PRICE_ORDERS,
)
from promotions.engine.definition.reader import Definition, Document, Findings, InvalidDefinition, ObjectReader
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.problems import Reference


def check_loyalty(
    promotion_type: str,
    *,
    outcome: object,
    eligibility: object,
    content: object,
    catalogue_enabled: bool,
) -> Definition:
    """Check the documents of a loyalty promotion.

    Args:
        promotion_type: one of LOYALTY_TYPES.
        outcome: as sent; None is an empty object.
        eligibility: as sent.
        content: as sent.
        catalogue_enabled: whether the account has its product catalogue switched on.

    Raises:
        InvalidDefinition: with every problem found; paths begin with the document's name.
    """
    checks = Findings(catalogue_enabled=catalogue_enabled)
    checked_outcome = _outcome(promotion_type, ObjectReader(outcome, "outcome", checks))
    checked_eligibility = read_loyalty_eligibility(ObjectReader(eligibility, "eligibility", checks))
    checked_content = read_content(ObjectReader(content, "content", checks))
    if checks.problems:
        raise InvalidDefinition(checks.problems)
    return Definition(
        type=promotion_type,
        subtype=checked_outcome.get("multiplier_scope") or checked_outcome.get("issue_points_on") or "",
        outcome=checked_outcome,
        eligibility=checked_eligibility,
        content=checked_content,
        references=tuple(checks.references),
    )


def _outcome(promotion_type: str, sent: ObjectReader) -> Document:
    checks = sent.checks
    outcome: Document = {}
    match promotion_type:
        case "fixed_points":
            outcome["points"] = sent.whole("points", lowest=1, highest=MAX_POINTS)
        case "points_multiplier":
            outcome["multiplier"] = sent.number(
                "multiplier",
                allowed=lambda number: Decimal(1) <= number <= Decimal(100),
                expected="A multiplier is at least 1 and at most 100.",
            )
            outcome["multiplier_scope"] = sent.choice("multiplier_scope", ("basket", "line_items"), default="basket")
        case "bonus_points":
            outcome["issue_points_on"] = sent.choice("issue_points_on", ("currency", "quantity"))
            outcome["conversion_units"] = sent.number(
                "conversion_units", allowed=lambda number: number > 0, expected="Expected a number above 0."
            )
            outcome["conversion_points"] = sent.whole("conversion_points", lowest=1, highest=MAX_POINTS)
            outcome["whole_ratio_units_only"] = sent.boolean("whole_ratio_units_only", default=True)
        case "redeem_offer":
            outcome["offer"] = sent.text("offer", longest=64)
            if outcome["offer"]:
                checks.references.append(Reference(kind="offer", key=outcome["offer"], path=sent.at("offer")))
            elif not checks.problems:
                checks.problem(sent.at("offer"), "required", "Choose the offer to be redeemed.")
        case _:
            checks.problem("type", "invalid_choice", f"Must be one of {', '.join(LOYALTY_TYPES)}.")
    outcome["activity_description"] = sent.text("activity_description", longest=500, inserts=ACTIVITY_INSERTS)
    outcome["activity_type"] = sent.text("activity_type", longest=100)
    outcome["redemption_message_subject"] = sent.text(
        "redemption_message_subject", longest=200, inserts=MESSAGE_INSERTS
    )
    outcome["redemption_message"] = sent.text(
        "redemption_message", longest=MAX_LENGTHS["text"], inserts=MESSAGE_INSERTS
    )
    outcome["product_selection"] = _product_selection(sent.optional_object("product_selection"))
    outcome["quantity_rule"] = _quantity_rule(sent.optional_object("quantity_rule"))
    outcome["pricing_rule"] = _pricing_rule(sent.optional_object("pricing_rule"))
    others = frozenset().union(*(names for name, names in _OUTCOME_FIELDS.items() if name != promotion_type))
    sent.end(elsewhere=others, owner=promotion_type)
    return outcome


def _product_selection(sent: ObjectReader | None) -> Document:
    if sent is None:
        return {"match": "any", "sets": []}
    match = sent.choice("match", ("all", "any"), default="any")
    sets = []
    for one in sent.objects("sets", most=MAX_PRODUCT_SETS):
        tree = one.checks.tree(one.take("rules"), Scope.LINE_ITEM, one.at("rules"))
        one.checks.only_catalogue_free(tree, one.at("rules"))
        sets.append(
            {
                "name": one.text("name", longest=MAX_LENGTHS["short"]),
                "rules": tree,
                "units": one.whole("units", lowest=1, highest=MAX_UNITS, default=1, digits=True),
            }
        )
        one.end()
    sent.end()
    return {"match": match, "sets": sets}


def _quantity_rule(sent: ObjectReader | None) -> Document | None:
    if sent is None or not sent.unread:
        return None
    rule = {
        "apply_to": sent.choice("apply_to", ("all", "every", "first")),
        "units": sent.whole("units", lowest=1, highest=MAX_UNITS, default=1, digits=True),
    }
    sent.end()
    return rule


def _pricing_rule(sent: ObjectReader | None) -> Document | None:
    if sent is None or not sent.unread:
        return None
    rule = {
        "order": sent.choice("order", PRICE_ORDERS, default="cheapest"),
        "by": sent.choice("by", ("inc_tax", "ex_tax", "tax"), default="inc_tax"),
    }
    sent.end()
    return rule
