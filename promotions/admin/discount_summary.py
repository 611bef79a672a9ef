"""A discount as one sentence."""

from collections.abc import Mapping
from typing import Any

from consumers.models import Account
from promotions.admin.editor.summary import (
    UNSAID,
    Said,
    Trees,
    asides_in_words,
    beginning_in_words,
    conditions_written,
    limits_in_words,
    money_in_words,
    set_in_words,
    trees_of,
)
from promotions.choices import DiscountType
from promotions.engine.rules.attributes import Scope


def discount_in_words(account: Account, said: Said) -> str:
    """When, to whom, where, for what, what they get off which products, and how often."""
    sets = said.outcome.get("product_sets") or []
    written = [*conditions_written(said), *((one.get("rules"), Scope.LINE_ITEM) for one in sets)]
    trees = trees_of(account, currency=said.currency, written=written)
    bought = " and ".join(_required(one, said, trees) for one in sets)
    discounted = " and ".join(_discounted(one, trees) for one in sets if one.get("gets_discount"))
    sentence = (
        f"{beginning_in_words(said, trees, who='consumers', acts=[f'who buy {bought or UNSAID}'])} get "
        f"{_given(said, discounted or UNSAID)}{limits_in_words(said.eligibility)}."
    )
    return " ".join((sentence, *asides_in_words(said.eligibility)))


def _required(one: Mapping[str, Any], said: Said, trees: Trees) -> str:
    words = set_in_words(one, trees)
    if one.get("required_quantity"):
        return f"{one['required_quantity']} of {words}"
    return f"{words} for at least {money_in_words(one.get('required_spend'), said.currency)}"


def _discounted(one: Mapping[str, Any], trees: Trees) -> str:
    quantity = one.get("discounted_quantity") or one.get("required_quantity") or "all"
    return f"{quantity} of {set_in_words(one, trees)}"


def _given(said: Said, discounted: str) -> str:
    value, most = said.outcome.get("value"), said.outcome.get("maximum_discount")
    match said.type:
        case DiscountType.AMOUNT:
            return f"{money_in_words(value, said.currency)} off {discounted}"
        case DiscountType.PERCENTAGE:
            cut = f", up to {money_in_words(most, said.currency)}" if most else ""
            return f"{value or UNSAID}% off {discounted}{cut}"
        case DiscountType.FIXED_PRICE:
            return f"{discounted} for {money_in_words(value, said.currency)} together"
        case _:
            return f"{discounted} free"
