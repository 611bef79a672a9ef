"""The one thing that a refused promotion lacked: money, units, transactions or a rule."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from math import ceil

from promotions.engine.benefits.discounts import Discount
from promotions.engine.facts.basket import Item
from promotions.engine.money import minor_unit, money_text, to_minor
from promotions.engine.pipeline.apply import apply_promotion, fit_of
from promotions.engine.pipeline.checks import CHECK_BY_REASON, CHECKS
from promotions.engine.pipeline.context import EvaluationContext
from promotions.engine.pipeline.decision import NearMiss, Refusal
from promotions.engine.rulebook.promotion import FailureFinder, Promotion
from promotions.engine.rules.attributes import Operator, Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.tree import Tree

_TOTALS = frozenset({"total_inc_tax", "total_ex_tax"})


def with_near_miss(refusal: Refusal, context: EvaluationContext) -> Refusal:
    """Return a refusal with the one thing that its promotion lacked, where there is one; its detail says so too."""
    if refusal.near_miss is not None:  # of a budget, whose detail says what is left
        return refusal
    miss = near_miss(refusal.promotion, refusal.reason, context)
    if miss is None:
        return refusal
    if refusal.reason == "no_matching_products" and not _has_matching(refusal.promotion, context):
        # How many are missing says nothing where it is not said of what.
        return refusal._replace(detail="The basket has no matching products.", near_miss=miss)
    detail = f"{refusal.detail} {sentence(miss, context.basket.currency)}".strip()
    return refusal._replace(detail=detail, near_miss=miss)


def near_miss(promotion: Promotion, reason: str, context: EvaluationContext) -> NearMiss | None:
    """Return the one thing that a refused promotion lacked; None where more was missing, or no customer can change it.

    Args:
        promotion: that does not apply.
        reason: of its refusal.
        context: in which it was evaluated.
    """
    finder = _FINDERS.get(reason)
    miss = None if finder is None else finder(promotion, context)
    return miss if miss is not None and _passes_otherwise(promotion, reason, context) else None


def _passes_otherwise(promotion: Promotion, reason: str, context: EvaluationContext) -> bool:
    """Return whether the promotion passes all checks but the one that failed."""
    if reason == "no_matching_products":
        return not isinstance(context.strategy.redemptions_left(promotion, context), Refusal)
    for check in _LATER_CHECKS[reason]:
        if check(promotion, context) is not None:
            return False
    return not isinstance(apply_promotion(promotion, context), Refusal)


_LATER_CHECKS = {reason: CHECKS[CHECKS.index(check) + 1 :] for reason, check in CHECK_BY_REASON.items()}


# --- rules ------------------------------------------------------------------------------------------------------------


def _failing(promotion: Promotion, name: str, scope: Scope) -> FailureFinder:
    """Return a function that finds, for a subject that fails a promotion's rules, the conditions that it fails.

    Of an "any" group that fails, it finds the group itself, as there is more than one way to pass it.
    """
    failing = promotion.failure_finders.get(name)
    if failing is None:
        failing = promotion.failure_finders[name] = _compiled(promotion.source.eligibility[name], scope)
    return failing


def _compiled(tree: Tree, scope: Scope) -> FailureFinder:
    only = _only_condition(tree)
    return _failing_in(tree, scope) if only is None else lambda _subject: [only]


def _only_condition(tree: Tree) -> Tree | None:
    """Return the one condition that a tree consists of; None where there are several."""
    while "rules" in tree and len(tree["rules"]) == 1:
        (tree,) = tree["rules"]
    return None if "rules" in tree else tree


def _failing_in(tree: Tree, scope: Scope) -> FailureFinder:
    """Return a function that finds what a subject fails of a tree, which it may pass."""
    if "rules" not in tree:
        holds = compile_tree({"match": "all", "rules": [tree]}, scope)
        return lambda subject: [] if holds is None or holds(subject) else [tree]
    parts = [_failing_in(rule, scope) for rule in tree["rules"]]
    if tree["match"] == "all" or len(parts) == 1:
        return lambda subject: [rule for part in parts for rule in part(subject)]
    return lambda subject: [tree] if all(part(subject) for part in parts) else []


def _rule_finder(name: str, scope: Scope) -> "_Finder":
    def find(promotion: Promotion, context: EvaluationContext) -> NearMiss | None:
        subject = context.basket.site if scope is Scope.SITE else context.shopper
        failing = _failing(promotion, name, scope)(subject)
        return _rule(failing[0]) if len(failing) == 1 else None

    return find


def _transaction_rule(promotion: Promotion, context: EvaluationContext) -> NearMiss | None:
    basket = context.basket
    failing = _failing(promotion, "transaction_rules", Scope.TRANSACTION)(basket)
    if len(failing) != 1:
        return None
    (rule,) = failing
    if rule.get("attribute") in _TOTALS:
        total: Decimal = getattr(basket, rule["attribute"])
        least = _least(rule, step=minor_unit(basket.currency))
        if least is not None and least > total:
            missing = to_minor(_rounded_up(least - total, minor_unit(basket.currency)), basket.currency)
            return _spend(missing, to_minor(total, basket.currency) + missing, basket.currency)
    return _rule(rule)


def _line_item_rule(promotion: Promotion, context: EvaluationContext) -> NearMiss | None:
    """Return the fewest units that an item lacks, or else the rule of the first item that fails only one."""
    unit_groups = context.basket.unit_groups.counting
    only = _only_condition(promotion.source.eligibility["line_item_rules"])
    if only is not None and only["attribute"] != "quantity":
        return _rule(only) if unit_groups else None
    failing_of = _failing(promotion, "line_item_rules", Scope.LINE_ITEM)
    fewest: int | None = None
    first_rule: Tree | None = None
    for item in {unit_group.item.sku: unit_group.item for unit_group in unit_groups}.values():
        failing = failing_of(item)
        if len(failing) == 1:
            missing = _missing_units(failing[0], item)
            if missing is None:
                first_rule = first_rule or failing[0]
            elif fewest is None or missing < fewest:
                fewest = missing
    if fewest is not None:
        return _units(fewest)
    return None if first_rule is None else _rule(first_rule)


def _missing_units(rule: Tree, item: Item) -> int | None:
    """Return how many more units of an item would satisfy a rule; None where more units would not."""
    if rule.get("attribute") != "quantity":
        return None
    least = _least(rule, step=Decimal(1))
    return None if least is None or least <= item.quantity else ceil(least - item.quantity)


def _least(rule: Tree, *, step: Decimal) -> Decimal | None:
    """Return the least number that satisfies a condition; None where more is no help."""
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


# --- application rules ------------------------------------------------------------------------------------------------


def _application_rule(promotion: Promotion, context: EvaluationContext) -> NearMiss | None:
    """Return what one rule lacks; None where this transaction does not count at all, or several rules fail."""
    progress = context.usage.progress.get(promotion.id)
    misses: list[NearMiss] = []
    for index, rule in enumerate(promotion.application_rules):
        now = rule.totals_of(context.basket, context.basket_value.net)
        if now is None:
            return None
        measured = rule.amount(now)
        if progress is not None:
            measured += rule.amount(progress.before(index, rule, context.basket.today))
        if measured < rule.threshold:
            missing = ceil(rule.threshold - measured)
            match rule.measure:
                case "transactions":
                    misses.append(_transactions(missing))
                case "quantity":
                    misses.append(_units(missing))
                case _:
                    misses.append(_spend(missing, int(measured) + missing, context.basket.currency))
    return misses[0] if len(misses) == 1 else None


# --- products ---------------------------------------------------------------------------------------------------------


def _products(promotion: Promotion, context: EvaluationContext) -> NearMiss | None:
    """Return the units, or the spend on one product set, that a first matching set lacks."""
    if isinstance(promotion.effect, Discount):
        units, spends = promotion.effect.lacking(context.prices, fit_of(promotion.effect, context))
    else:
        units, spends = promotion.effect.selection.lacking(context.basket.unit_groups.earning), []
    if units and not spends:
        return _units(units)
    if len(spends) == 1 and not units:
        missing, required = spends[0]
        return _spend(missing, required, context.basket.currency)
    return None


def _has_matching(promotion: Promotion, context: EvaluationContext) -> bool:
    """Return whether any unit of the basket is of the promotion's products."""
    if isinstance(promotion.effect, Discount):
        return bool(fit_of(promotion.effect, context).unit_groups)
    return promotion.effect.selection.accepts_any(context.basket.unit_groups.earning)


# --- near misses ------------------------------------------------------------------------------------------------------


def sentence(miss: NearMiss, currency: str) -> str:
    """Return what was missing as a sentence; empty for a rule, which the caller describes."""
    match miss.lacking:
        case "spend":
            amount = money_text(miss.amount or 0, currency)
            return f"Spend {amount} more to reach {miss.required} {currency}."
        case "units":
            return f"Add {miss.units} more matching {'unit' if miss.units == 1 else 'units'}."
        case "transactions":
            return f"{miss.count} more {'transaction' if miss.count == 1 else 'transactions'} to go."
        case _:
            return ""


def _rule(rule: Tree) -> NearMiss:
    return NearMiss(lacking="rule", rule=rule)


def _spend(missing: int, required: int, currency: str) -> NearMiss:
    return NearMiss(lacking="spend", amount=missing, required=money_text(required, currency))


@lru_cache(maxsize=100)
def _units(missing: int) -> NearMiss:
    return NearMiss(lacking="units", units=missing)


def _transactions(missing: int) -> NearMiss:
    return NearMiss(lacking="transactions", count=missing)


_Finder = Callable[[Promotion, EvaluationContext], NearMiss | None]

_FINDERS: dict[str, _Finder] = {
    "site_rules": _rule_finder("site_rules", Scope.SITE),
    "customer_rules": _rule_finder("customer_rules", Scope.CUSTOMER),
    "transaction_rules": _transaction_rule,
    "line_item_rules": _line_item_rule,
    "application_rules": _application_rule,
    "no_matching_products": _products,
}
