"""A discount as one sentence."""

from collections.abc import Mapping
from typing import Any

from consumers.models import Account
from promotions.admin.editor.summary import (
    UNSAID,
    Said,
    Trees,
    conditions_written,
    describe_asides,
    describe_beginning,
    describe_limits,
    describe_money,
    describe_set,
    trees_of,
)
from promotions.choices import DiscountType
from promotions.engine.rules.attributes import Scope


def describe_discount(account: Account, said: Said) -> str:
    """When, to whom, where, for what, what they get off which products, and how often."""
    sets = said.outcome.get("product_sets") or []
    written = [*conditions_written(said), *((one.get("rules"), Scope.LINE_ITEM) for one in sets)]
    trees = trees_of(account, currency=said.currency, written=written)
    bought = " and ".join(_required(one, said, trees) for one in sets)
    discounted = " and ".join(_discounted(one, trees) for one in sets if one.get("gets_discount"))
    sentence = (
        f"{describe_beginning(said, trees, who='consumers', acts=[f'who buy {bought or UNSAID}'])} get "
        f"{_given(said, discounted or UNSAID)}{describe_limits(said.eligibility)}."
    )
    return " ".join((sentence, *describe_asides(said.eligibility)))


def _required(one: Mapping[str, Any], said: Said, trees: Trees) -> str:
    words = describe_set(one, trees)
    if one.get("required_quantity"):
        return f"{one['required_quantity']} of {words}"
    return f"{words} for at least {describe_money(one.get('required_spend'), said.currency)}"


def _discounted(one: Mapping[str, Any], trees: Trees) -> str:
    quantity = one.get("discounted_quantity") or one.get("required_quantity") or "all"
    return f"{quantity} of {describe_set(one, trees)}"


def _given(said: Said, discounted: str) -> str:
    value, most = said.outcome.get("value"), said.outcome.get("maximum_discount")
    match said.type:
        case DiscountType.AMOUNT:
            return f"{describe_money(value, said.currency)} off {discounted}"
        case DiscountType.PERCENTAGE:
            cut = f", up to {describe_money(most, said.currency)}" if most else ""
            return f"{value or UNSAID}% off {discounted}{cut}"
        case DiscountType.FIXED_PRICE:
            return f"{discounted} for {describe_money(value, said.currency)} together"
        case _:
            return f"{discounted} free"
