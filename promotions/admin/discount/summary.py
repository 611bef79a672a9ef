"""A discount as one sentence."""

from collections.abc import Mapping

from consumers.models import Account
from promotions.admin.editor.summary import (
    MISSING,
    PartialDefinition,
    RuleDescriber,
    condition_trees,
    describe_beginning,
    describe_extras,
    describe_limits,
    describe_money,
    describe_set,
    rule_describer,
)
from promotions.choices import DiscountType
from promotions.engine.rules.attributes import Scope


def describe_discount(account: Account, definition: PartialDefinition) -> str:
    """Describe when, to whom, where and for what a discount applies, what it takes off, and how often."""
    sets = definition.outcome.get("product_sets") or []
    trees = [*condition_trees(definition), *((product_set.get("rules"), Scope.LINE_ITEM) for product_set in sets)]
    describer = rule_describer(account, currency=definition.currency, trees=trees)
    bought = " and ".join(_required(product_set, definition, describer) for product_set in sets)
    discounted = " and ".join(
        _discounted(product_set, describer) for product_set in sets if product_set.get("gets_discount")
    )
    sentence = (
        f"{describe_beginning(definition, describer, who='consumers', acts=[f'who buy {bought or MISSING}'])} get "
        f"{_benefit(definition, discounted or MISSING)}{describe_limits(definition.eligibility)}."
    )
    return " ".join((sentence, *describe_extras(definition.eligibility)))


def _required(product_set: Mapping[str, object], definition: PartialDefinition, describer: RuleDescriber) -> str:
    words = describe_set(product_set, describer)
    if product_set.get("required_quantity"):
        return f"{product_set['required_quantity']} of {words}"
    return f"{words} for at least {describe_money(product_set.get('required_spend'), definition.currency)}"


def _discounted(product_set: Mapping[str, object], describer: RuleDescriber) -> str:
    quantity = product_set.get("discounted_quantity") or product_set.get("required_quantity") or "all"
    return f"{quantity} of {describe_set(product_set, describer)}"


def _repetition(definition: PartialDefinition) -> str:
    """Return for what spend an amount is given again; empty where it is given once."""
    for product_set in definition.outcome.get("product_sets") or []:
        if product_set.get("repeats"):
            return f" for every {describe_money(product_set.get('required_spend'), definition.currency)} spent on them"
    return ""


def _benefit(definition: PartialDefinition, discounted: str) -> str:
    value, maximum = definition.outcome.get("value"), definition.outcome.get("maximum_discount")
    match definition.type:
        case DiscountType.AMOUNT:
            return f"{describe_money(value, definition.currency)} off {discounted}{_repetition(definition)}"
        case DiscountType.PERCENTAGE:
            limit = f", up to {describe_money(maximum, definition.currency)}" if maximum else ""
            return f"{value or MISSING}% off {discounted}{limit}"
        case DiscountType.FIXED_PRICE:
            return f"{discounted} for {describe_money(value, definition.currency)} together"
        case _:
            return f"{discounted} free"
