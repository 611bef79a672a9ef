"""What one thing a promotion lacked: the money, units, transactions or rule without which it would have applied."""

from collections.abc import Callable
from decimal import Decimal
from math import ceil
from typing import Any

from promotions.engine.attributes import Operator, Scope
from promotions.engine.basket import Item
from promotions.engine.decision import NearMiss, Refusal
from promotions.engine.discounts import Discount
from promotions.engine.eligibility import CHECK_BY_REASON, CHECKS, Situation, fit_of, limit_left, matched
from promotions.engine.money import minor_unit, money_text, to_minor
from promotions.engine.rulebook import Promotion
from promotions.engine.rules import Tree, compile_tree

_SPEND = frozenset({"total_inc_tax", "total_ex_tax"})


def near_miss(promotion: Promotion, reason: str, situation: Situation) -> NearMiss | None:
    """The one thing that a refused promotion lacked; None where it was more, or nothing that a customer could bring.

    Args:
        promotion: that does not apply.
        reason: why.
        situation: it was judged in.
    """
    finder = _FINDERS.get(reason)
    lacking = None if finder is None else finder(promotion, situation)
    return lacking if lacking is not None and _passes_otherwise(promotion, reason, situation) else None


def _passes_otherwise(promotion: Promotion, reason: str, situation: Situation) -> bool:
    """Whether nothing but the failed check stood in the way."""
    if reason == "no_matching_products":
        return not isinstance(limit_left(promotion, situation), Refusal)
    failed = CHECK_BY_REASON[reason]
    later = CHECKS[CHECKS.index(failed) + 1 :]
    return all(check(promotion, situation) is None for check in later) and not isinstance(
        matched(promotion, situation), Refusal
    )


# --- rules ------------------------------------------------------------------------------------------------------------


def _failing(tree: Tree, subject: Any, scope: Scope) -> list[Tree]:
    """The fewest conditions and groups that would have to hold for the tree to hold, as far as a glance tells.

    Of an "any" group that does not hold, the group itself: there is more than one way.

    The tree as a whole does not hold.
    """
    while "rules" in tree and len(tree["rules"]) == 1:
        (tree,) = tree["rules"]
    if "rules" not in tree:
        return [tree]
    return _failing_in(tree, subject, scope)


def _failing_in(tree: Tree, subject: Any, scope: Scope) -> list[Tree]:
    """The same of a tree that may hold."""
    if "rules" not in tree:
        predicate = compile_tree({"match": "all", "rules": [tree]}, scope)
        return [] if predicate is None or predicate(subject) else [tree]
    failing = [_failing_in(rule, subject, scope) for rule in tree["rules"]]
    if tree["match"] == "all" or len(failing) == 1:
        return [one for found in failing for one in found]
    return [tree] if all(failing) else []


def _one_rule(name: str, scope: Scope) -> "Callable[[Promotion, Situation], NearMiss | None]":
    def find(promotion: Promotion, situation: Situation) -> NearMiss | None:
        subject = situation.basket.site if scope is Scope.SITE else situation.shopper
        failing = _failing(promotion.source.eligibility[name], subject, scope)
        return NearMiss(lacking="rule", rule=failing[0]) if len(failing) == 1 else None

    return find


def _transaction_rule(promotion: Promotion, situation: Situation) -> NearMiss | None:
    basket = situation.basket
    failing = _failing(promotion.source.eligibility["transaction_rules"], basket, Scope.TRANSACTION)
    if len(failing) != 1:
        return None
    (rule,) = failing
    if rule.get("attribute") in _SPEND:
        have: Decimal = getattr(basket, rule["attribute"])
        asked = _least(rule, step=minor_unit(basket.currency))
        if asked is not None and asked > have:
            short = to_minor(_rounded_up(asked - have, minor_unit(basket.currency)), basket.currency)
            return _spend(short, asked=money_text(to_minor(have, basket.currency) + short, basket.currency))
    return NearMiss(lacking="rule", rule=rule)


def _line_item_rule(promotion: Promotion, situation: Situation) -> NearMiss | None:
    """What the item that comes nearest lacks."""
    tree = promotion.source.eligibility["line_item_rules"]
    items = {run.item.sku: run.item for run in situation.basket.runs}
    misses = [_item_miss(tree, item) for item in items.values()]
    near = [miss for miss in misses if miss is not None]
    return min(near, key=lambda miss: (miss.lacking != "units", miss.units or 0), default=None)


def _item_miss(tree: Tree, item: Item) -> NearMiss | None:
    failing = _failing(tree, item, Scope.LINE_ITEM)
    if len(failing) != 1:
        return None
    (rule,) = failing
    if rule.get("attribute") == "quantity":
        asked = _least(rule, step=Decimal(1))
        if asked is not None and asked > item.quantity:
            return _units(ceil(asked - item.quantity))
    return NearMiss(lacking="rule", rule=rule)


def _least(rule: Tree, *, step: Decimal) -> Decimal | None:
    """The least number that satisfies a condition, where having more is what it asks."""
    match rule["operator"]:
        case Operator.IS_AT_LEAST | Operator.IS:
            return Decimal(rule["value"])
        case Operator.IS_GREATER_THAN:
            return Decimal(rule["value"]) + step
        case Operator.IS_BETWEEN:
            return Decimal(rule["value"][0])
        case _:
            return None


def _rounded_up(amount: Decimal, unit: Decimal) -> Decimal:
    return ceil(amount / unit) * unit


# --- repeat behaviour -------------------------------------------------------------------------------------------------


def _application_rule(promotion: Promotion, situation: Situation) -> NearMiss | None:
    """What one rule lacks to be reached; None where this transaction does not count at all, or two rules lack."""
    progress = situation.usage.progress.get(promotion.id)
    missing: list[NearMiss] = []
    for index, rule in enumerate(promotion.application_rules):
        now = rule.measured(situation.basket, situation.worth.net)
        if now is None:
            return None
        have = rule.amount(now)
        if progress is not None:
            have += rule.amount(progress.before(index, rule, situation.basket.today))
        if have < rule.threshold:
            short = ceil(rule.threshold - have)
            currency = situation.basket.currency
            match rule.measure:
                case "transactions":
                    missing.append(_transactions(short))
                case "quantity":
                    missing.append(_units(short))
                case _:
                    missing.append(_spend(short, asked=money_text(have + short, currency)))
    return missing[0] if len(missing) == 1 else None


# --- products ---------------------------------------------------------------------------------------------------------


def _products(promotion: Promotion, situation: Situation) -> NearMiss | None:
    """The units, or the spend on one product set, that a first matching set lacks."""
    if isinstance(promotion.effect, Discount):
        units, spends = promotion.effect.lacking(situation.prices, fit_of(promotion.effect, situation))
    else:
        units, spends = promotion.effect.selection.lacking(situation.basket.runs), []
    if units and not spends:
        return _units(units)
    if len(spends) == 1 and not units:
        short, asked = spends[0]
        return _spend(short, asked=money_text(asked, situation.basket.currency))
    return None


# --- words ------------------------------------------------------------------------------------------------------------


def sentence(miss: NearMiss, currency: str) -> str:
    """What was lacking, for a person; empty for a rule, which has words of its own."""
    match miss.lacking:
        case "spend":
            return (
                f"It is {money_text(miss.amount or 0, currency)} short of the {miss.asked} {currency} that are asked."
            )
        case "units":
            return "One more unit would do." if miss.units == 1 else f"{miss.units} more units would do."
        case "transactions":
            return "One more transaction would do." if miss.count == 1 else f"{miss.count} more transactions would do."
        case _:
            return ""


def _spend(short: int, *, asked: str) -> NearMiss:
    return NearMiss(lacking="spend", amount=short, asked=asked)


def _units(short: int) -> NearMiss:
    return NearMiss(lacking="units", units=short)


def _transactions(short: int) -> NearMiss:
    return NearMiss(lacking="transactions", count=short)


_FINDERS: dict[str, Callable[[Promotion, Situation], NearMiss | None]] = {
    "site_rules": _one_rule("site_rules", Scope.SITE),
    "customer_rules": _one_rule("customer_rules", Scope.CUSTOMER),
    "transaction_rules": _transaction_rule,
    "line_item_rules": _line_item_rule,
    "application_rules": _application_rule,
    "no_matching_products": _products,
}
