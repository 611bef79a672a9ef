"""A loyalty promotion as one sentence."""

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
    """When, to whom, where, for what, what they get, and how often."""
    rules = said.eligibility.get("application_rules") or []
    written = [
        *conditions_written(said),
        *((one.get("rules"), Scope.LINE_ITEM) for one in _sets(said)),
        *((one.get("line_item_rules"), Scope.LINE_ITEM) for one in rules),
    ]
    trees = trees_of(account, currency=said.currency, written=written)
    who = "consumers" if said.type == PromotionType.REDEEM_OFFER else "loyalty members"
    acts = [*_bought(said, trees), *(_repeated(one, said, trees) for one in rules)]
    sentence = (
        f"{describe_beginning(said, trees, who=who, acts=acts)} get {_given(account, said)}{_for_how_many(said)}"
        f"{describe_limits(said.eligibility)}."
    )
    return " ".join((sentence, *describe_asides(said.eligibility)))


def _sets(said: Said) -> Sequence[Mapping[str, Any]]:
    return (said.outcome.get("product_selection") or {}).get("sets") or []


def _in_bundles(said: Said) -> bool:
    return (said.outcome.get("product_selection") or {}).get("match") == "all" and len(_sets(said)) > 1


def _bought(said: Said, trees: Trees) -> Iterator[str]:
    sets = [(one, describe_set(one, trees)) for one in _sets(said)]
    if _in_bundles(said):
        yield "who buy " + " and ".join(f"{one.get('units') or 1} of {words}" for one, words in sets)
    elif sets:
        yield "who buy " + " or ".join(words for _, words in sets)


def _repeated(rule: Mapping[str, Any], said: Said, trees: Trees) -> str:
    threshold = rule.get("threshold")
    reached = {
        "transactions": f"made {counted(threshold, 'transaction')}",
        "quantity": f"bought {counted(threshold, 'unit')}",
        "spend": f"spent {describe_money(threshold, said.currency)}",
    }.get(str(rule.get("measure")), UNSAID)
    items = trees.words(rule.get("line_item_rules"), Scope.LINE_ITEM)
    period = rule.get("period") or {}
    unit = str(period.get("unit") or UNSAID)
    length = counted(period.get("length"), unit.removesuffix("s"))
    within = "since it started" if unit == "promotion" else f"within {length}"
    each = "each time that" if rule.get("counting") == "every" else "once"
    return f"{each} they have {reached}{f' of line items where {items}' if items else ''} {within}"


def _given(account: Account, said: Said) -> str:
    outcome = said.outcome
    match said.type:
        case PromotionType.FIXED_POINTS:
            return counted(outcome.get("points"), "point")
        case PromotionType.POINTS_MULTIPLIER:
            on = "these line items" if outcome.get("multiplier_scope") == "line_items" else "the whole basket"
            return f"{outcome.get('multiplier') or UNSAID} times the base points on {on}"
        case PromotionType.BONUS_POINTS:
            units, by_quantity = outcome.get("conversion_units"), outcome.get("issue_points_on") == "quantity"
            measured = (
                f"{counted(units, 'unit')} bought" if by_quantity else f"{describe_money(units, said.currency)} spent"
            )
            return f"{counted(outcome.get('conversion_points'), 'point')} for every {measured}"
        case _:
            code = outcome.get("offer")
            name = offers_redeemable(account.pk).filter(code=code or "").values_list("name", flat=True).first()
            return f"a voucher of “{name or code or UNSAID}”"


def _for_how_many(said: Said) -> str:
    one = "bundle" if _in_bundles(said) else "unit"
    usual = {"apply_to": "every", "units": 1} if _in_bundles(said) else {}
    rule = said.outcome.get("quantity_rule") or usual
    units = rule.get("units") or UNSAID
    several = one if units == 1 else f"{units} {one}s"
    return {"every": f" for every {several}", "first": f" for the first {several}"}.get(str(rule.get("apply_to")), "")
