"""Describe a loyalty promotion in one sentence."""

from collections.abc import Iterator, Sequence

from consumers.models import Account
from consumers.types import JsonMapping
from loyalty.choices import PromotionType
from loyalty.selectors.promotion import offers_redeemable
from promotions.admin.editor.summary import (
    MISSING,
    PartialDefinition,
    RuleDescriber,
    condition_trees,
    describe_beginning,
    describe_count,
    describe_extras,
    describe_limits,
    describe_money,
    describe_set,
    rule_describer,
)
from promotions.engine.rules.attributes import Scope


def describe_loyalty_promotion(account: Account, definition: PartialDefinition) -> str:
    """Describe when, to whom, where and for what it applies, what it gives, and how often."""
    rules = definition.eligibility.get("application_rules") or []
    trees = [
        *condition_trees(definition),
        *((product_set.get("rules"), Scope.LINE_ITEM) for product_set in _sets(definition)),
        *((rule.get("line_item_rules"), Scope.LINE_ITEM) for rule in rules),
    ]
    describer = rule_describer(account, currency=definition.currency, trees=trees)
    who = "consumers" if definition.type == PromotionType.REDEEM_OFFER else "loyalty members"
    acts = [
        *_purchase_clauses(definition, describer),
        *(_history_clause(rule, definition, describer) for rule in rules),
    ]
    beginning = describe_beginning(definition, describer, who=who, acts=acts)
    benefit = f"{_benefit(account, definition)}{_quantity_clause(definition)}{describe_limits(definition.eligibility)}"
    return " ".join((f"{beginning} get {benefit}.", *describe_extras(definition.eligibility)))


def _sets(definition: PartialDefinition) -> Sequence[JsonMapping]:
    return (definition.outcome.get("product_selection") or {}).get("sets") or []


def _in_bundles(definition: PartialDefinition) -> bool:
    return (definition.outcome.get("product_selection") or {}).get("match") == "all" and len(_sets(definition)) > 1


def _purchase_clauses(definition: PartialDefinition, describer: RuleDescriber) -> Iterator[str]:
    sets = [(product_set, describe_set(product_set, describer)) for product_set in _sets(definition)]
    if _in_bundles(definition):
        yield "who buy " + " and ".join(f"{product_set.get('units') or 1} of {words}" for product_set, words in sets)
    elif sets:
        yield "who buy " + " or ".join(words for _, words in sets)


def _history_clause(rule: JsonMapping, definition: PartialDefinition, describer: RuleDescriber) -> str:
    threshold = rule.get("threshold")
    reached = {
        "transactions": f"made {describe_count(threshold, 'transaction')}",
        "quantity": f"bought {describe_count(threshold, 'unit')}",
        "spend": f"spent {describe_money(threshold, definition.currency)}",
    }.get(str(rule.get("measure")), MISSING)
    items = describer.describe(rule.get("line_item_rules"), Scope.LINE_ITEM)
    period = rule.get("period") or {}
    unit = str(period.get("unit") or MISSING)
    length = describe_count(period.get("length"), unit.removesuffix("s"))
    within = "since it started" if unit == "promotion" else f"within {length}"
    each = "each time that" if rule.get("counting") == "every" else "once"
    return f"{each} they have {reached}{f' of line items where {items}' if items else ''} {within}"


def _benefit(account: Account, definition: PartialDefinition) -> str:
    outcome = definition.outcome
    match definition.type:
        case PromotionType.FIXED_POINTS:
            return describe_count(outcome.get("points"), "point")
        case PromotionType.POINTS_MULTIPLIER:
            on = "these line items" if outcome.get("multiplier_scope") == "line_items" else "the whole basket"
            return f"{outcome.get('multiplier') or MISSING} times the base points on {on}"
        case PromotionType.BONUS_POINTS:
            units, by_quantity = outcome.get("conversion_units"), outcome.get("issue_points_on") == "quantity"
            measured = (
                f"{describe_count(units, 'unit')} bought"
                if by_quantity
                else f"{describe_money(units, definition.currency)} spent"
            )
            return f"{describe_count(outcome.get('conversion_points'), 'point')} for every {measured}"
        case _:
            code = outcome.get("offer")
            name = offers_redeemable(account.pk).filter(code=code or "").values_list("name", flat=True).first()
            return f"a voucher of “{name or code or MISSING}”"


def _quantity_clause(definition: PartialDefinition) -> str:
    noun = "bundle" if _in_bundles(definition) else "unit"
    usual = {"apply_to": "every", "units": 1} if _in_bundles(definition) else {}
    rule = definition.outcome.get("quantity_rule") or usual
    units = rule.get("units") or MISSING
    several = noun if units == 1 else f"{units} {noun}s"
    return {"every": f" for every {several}", "first": f" for the first {several}"}.get(str(rule.get("apply_to")), "")
