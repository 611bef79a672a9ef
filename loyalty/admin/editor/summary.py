"""Describe a loyalty promotion in one sentence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from consumers.models import Account
from loyalty.choices import PromotionType
from loyalty.selectors.promotion import offers_redeemable
from promotions.admin.editor.summary import (
    UNSAID,
    Said,
    Trees,
    conditions_written,
    counted,
    describe_asides,
    describe_beginning,
    describe_limits,
    describe_money,
    describe_set,
    trees_of,
)
from promotions.engine.rules.attributes import Scope


def describe_loyalty_promotion(account: Account, said: Said) -> str:
    """Describe when, to whom, where and for what it applies, what it gives, and how often."""
    rules = said.eligibility.get("application_rules") or []
    written = [
        *conditions_written(said),
        *((product_set.get("rules"), Scope.LINE_ITEM) for product_set in _sets(said)),
        *((rule.get("line_item_rules"), Scope.LINE_ITEM) for rule in rules),
    ]
    trees = trees_of(account, currency=said.currency, written=written)
    who = "consumers" if said.type == PromotionType.REDEEM_OFFER else "loyalty members"
    acts = [*_purchase_clauses(said, trees), *(_history_clause(rule, said, trees) for rule in rules)]
    beginning = describe_beginning(said, trees, who=who, acts=acts)
    benefit = f"{_benefit(account, said)}{_quantity_clause(said)}{describe_limits(said.eligibility)}"
    return " ".join((f"{beginning} get {benefit}.", *describe_asides(said.eligibility)))


def _sets(definition: Said) -> Sequence[Mapping[str, Any]]:
    return (definition.outcome.get("product_selection") or {}).get("sets") or []


def _in_bundles(definition: Said) -> bool:
    return (definition.outcome.get("product_selection") or {}).get("match") == "all" and len(_sets(definition)) > 1


def _purchase_clauses(definition: Said, trees: Trees) -> Iterator[str]:
    sets = [(product_set, describe_set(product_set, trees)) for product_set in _sets(definition)]
    if _in_bundles(definition):
        yield "who buy " + " and ".join(f"{product_set.get('units') or 1} of {words}" for product_set, words in sets)
    elif sets:
        yield "who buy " + " or ".join(words for _, words in sets)


def _history_clause(rule: Mapping[str, Any], definition: Said, trees: Trees) -> str:
    threshold = rule.get("threshold")
    reached = {
        "transactions": f"made {counted(threshold, 'transaction')}",
        "quantity": f"bought {counted(threshold, 'unit')}",
        "spend": f"spent {describe_money(threshold, definition.currency)}",
    }.get(str(rule.get("measure")), UNSAID)
    items = trees.words(rule.get("line_item_rules"), Scope.LINE_ITEM)
    period = rule.get("period") or {}
    unit = str(period.get("unit") or UNSAID)
    length = counted(period.get("length"), unit.removesuffix("s"))
    within = "since it started" if unit == "promotion" else f"within {length}"
    each = "each time that" if rule.get("counting") == "every" else "once"
    return f"{each} they have {reached}{f' of line items where {items}' if items else ''} {within}"


def _benefit(account: Account, definition: Said) -> str:
    outcome = definition.outcome
    match definition.type:
        case PromotionType.FIXED_POINTS:
            return counted(outcome.get("points"), "point")
        case PromotionType.POINTS_MULTIPLIER:
            on = "these line items" if outcome.get("multiplier_scope") == "line_items" else "the whole basket"
            return f"{outcome.get('multiplier') or UNSAID} times the base points on {on}"
        case PromotionType.BONUS_POINTS:
            units, by_quantity = outcome.get("conversion_units"), outcome.get("issue_points_on") == "quantity"
            measured = (
                f"{counted(units, 'unit')} bought"
                if by_quantity
                else f"{describe_money(units, definition.currency)} spent"
            )
            return f"{counted(outcome.get('conversion_points'), 'point')} for every {measured}"
        case _:
            code = outcome.get("offer")
            name = offers_redeemable(account.pk).filter(code=code or "").values_list("name", flat=True).first()
            return f"a voucher of “{name or code or UNSAID}”"


def _quantity_clause(definition: Said) -> str:
    noun = "bundle" if _in_bundles(definition) else "unit"
    usual = {"apply_to": "every", "units": 1} if _in_bundles(definition) else {}
    rule = definition.outcome.get("quantity_rule") or usual
    units = rule.get("units") or UNSAID
    several = noun if units == 1 else f"{units} {noun}s"
    return {"every": f" for every {several}", "first": f" for the first {several}"}.get(str(rule.get("apply_to")), "")
