"""What one thing a promotion lacked: the money, units, transactions or rule without which it would have applied."""

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
from promotions.engine.rulebook.promotion import Failing, Promotion
from promotions.engine.rules.attributes import Operator, Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.tree import Tree

_SPEND = frozenset({"total_inc_tax", "total_ex_tax"})


def with_near_miss(refusal: Refusal, context: EvaluationContext) -> Refusal:
    """Return a refusal with the one thing that its promotion lacked, where there is one; its detail says so too."""
    miss = near_miss(refusal.promotion, refusal.reason, context)
    if miss is None:
        return refusal
    detail = f"{refusal.detail} {sentence(miss, context.basket.currency)}".strip()
    return refusal._replace(detail=detail, near_miss=miss)


def near_miss(promotion: Promotion, reason: str, context: EvaluationContext) -> NearMiss | None:
    """The one thing that a refused promotion lacked; None where it was more, or nothing that a customer could bring.

    Args:
        promotion: that does not apply.
        reason: why.
        context: it was judged in.
    """
    finder = _FINDERS.get(reason)
    lacking = None if finder is None else finder(promotion, context)
    return lacking if lacking is not None and _passes_otherwise(promotion, reason, context) else None


def _passes_otherwise(promotion: Promotion, reason: str, context: EvaluationContext) -> bool:
    """Whether nothing but the failed check stood in the way."""
    if reason == "no_matching_products":
        return not isinstance(context.strategy.redemptions_left(promotion, context), Refusal)
    for check in _LATER_CHECKS[reason]:
        if check(promotion, context) is not None:
            return False
    return not isinstance(apply_promotion(promotion, context), Refusal)


_LATER_CHECKS = {reason: CHECKS[CHECKS.index(check) + 1 :] for reason, check in CHECK_BY_REASON.items()}


# --- rules ------------------------------------------------------------------------------------------------------------


def _failing(promotion: Promotion, name: str, scope: Scope) -> Failing:
    """What fails of a promotion's rules for a subject that they do not hold for: the fewest conditions and groups that
    would have to hold, as far as a glance tells.

    Of an "any" group that does not hold, the group itself: there is more than one way.
    """
    failing = promotion.failing.get(name)
    if failing is None:
        failing = promotion.failing[name] = _compiled(promotion.source.eligibility[name], scope)
    return failing


def _compiled(tree: Tree, scope: Scope) -> Failing:
    only = _only_condition(tree)
    return _failing_in(tree, scope) if only is None else lambda _subject: [only]


def _only_condition(tree: Tree) -> Tree | None:
    """The one condition that a tree consists of; None where there are several."""
    while "rules" in tree and len(tree["rules"]) == 1:
        (tree,) = tree["rules"]
    return None if "rules" in tree else tree


def _failing_in(tree: Tree, scope: Scope) -> Failing:
    """What fails of a tree that may hold."""
    if "rules" not in tree:
        holds = compile_tree({"match": "all", "rules": [tree]}, scope)
        return lambda subject: [] if holds is None or holds(subject) else [tree]
    parts = [_failing_in(rule, scope) for rule in tree["rules"]]
    if tree["match"] == "all" or len(parts) == 1:
        return lambda subject: [one for part in parts for one in part(subject)]
    return lambda subject: [tree] if all(part(subject) for part in parts) else []


def _one_rule(name: str, scope: Scope) -> "Callable[[Promotion, EvaluationContext], NearMiss | None]":
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
    if rule.get("attribute") in _SPEND:
        have: Decimal = getattr(basket, rule["attribute"])
        asked = _least(rule, step=minor_unit(basket.currency))
        if asked is not None and asked > have:
            short = to_minor(_rounded_up(asked - have, minor_unit(basket.currency)), basket.currency)
            return _spend(short, asked=money_text(to_minor(have, basket.currency) + short, basket.currency))
    return _rule(rule)


def _line_item_rule(promotion: Promotion, context: EvaluationContext) -> NearMiss | None:
    """What the item that comes nearest lacks: the fewest units, or else the rule of the first that lacks but one."""
    runs = context.basket.runs
    only = _only_condition(promotion.source.eligibility["line_item_rules"])
    if only is not None and only["attribute"] != "quantity":
        return _rule(only) if runs else None
    failing_of = _failing(promotion, "line_item_rules", Scope.LINE_ITEM)
    fewest: int | None = None
    first: Tree | None = None
    for item in {run.item.sku: run.item for run in runs}.values():
        failing = failing_of(item)
        if len(failing) == 1:
            short = _units_short(failing[0], item)
            if short is None:
                first = first or failing[0]
            elif fewest is None or short < fewest:
                fewest = short
    if fewest is not None:
        return _units(fewest)
    return None if first is None else _rule(first)


def _units_short(rule: Tree, item: Item) -> int | None:
    """How many more units of an item would satisfy a rule; None where it is not units that it lacks."""
    if rule.get("attribute") != "quantity":
        return None
    asked = _least(rule, step=Decimal(1))
    return None if asked is None or asked <= item.quantity else ceil(asked - item.quantity)


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


def _application_rule(promotion: Promotion, context: EvaluationContext) -> NearMiss | None:
    """What one rule lacks to be reached; None where this transaction does not count at all, or two rules lack."""
    progress = context.usage.progress.get(promotion.id)
    missing: list[NearMiss] = []
    for index, rule in enumerate(promotion.application_rules):
        now = rule.measured(context.basket, context.basket_value.net)
        if now is None:
            return None
        have = rule.amount(now)
        if progress is not None:
            have += rule.amount(progress.before(index, rule, context.basket.today))
        if have < rule.threshold:
            short = ceil(rule.threshold - have)
            currency = context.basket.currency
            match rule.measure:
                case "transactions":
                    missing.append(_transactions(short))
                case "quantity":
                    missing.append(_units(short))
                case _:
                    missing.append(_spend(short, asked=money_text(have + short, currency)))
    return missing[0] if len(missing) == 1 else None


# --- products ---------------------------------------------------------------------------------------------------------


def _products(promotion: Promotion, context: EvaluationContext) -> NearMiss | None:
    """The units, or the spend on one product set, that a first matching set lacks."""
    if isinstance(promotion.effect, Discount):
        units, spends = promotion.effect.lacking(context.prices, fit_of(promotion.effect, context))
    else:
        units, spends = promotion.effect.selection.lacking(context.basket.runs), []
    if units and not spends:
        return _units(units)
    if len(spends) == 1 and not units:
        short, asked = spends[0]
        return _spend(short, asked=money_text(asked, context.basket.currency))
    return None


# --- words ------------------------------------------------------------------------------------------------------------


def sentence(miss: NearMiss, currency: str) -> str:
    """What was lacking, for a person; empty for a rule, which has words of its own."""
    match miss.lacking:
        case "spend":
            return f"Spend {money_text(miss.amount or 0, currency)} more to reach {miss.asked} {currency}."
        case "units":
            return "One more unit would do." if miss.units == 1 else f"{miss.units} more units would do."
        case "transactions":
            return "One more transaction would do." if miss.count == 1 else f"{miss.count} more transactions would do."
        case _:
            return ""


def _rule(rule: Tree) -> NearMiss:
    return NearMiss(lacking="rule", rule=rule)


def _spend(short: int, *, asked: str) -> NearMiss:
    return NearMiss(lacking="spend", amount=short, asked=asked)


@lru_cache(maxsize=100)
def _units(short: int) -> NearMiss:
    return NearMiss(lacking="units", units=short)


def _transactions(short: int) -> NearMiss:
    return NearMiss(lacking="transactions", count=short)


_FINDERS: dict[str, Callable[[Promotion, EvaluationContext], NearMiss | None]] = {
    "site_rules": _one_rule("site_rules", Scope.SITE),
    "customer_rules": _one_rule("customer_rules", Scope.CUSTOMER),
    "transaction_rules": _transaction_rule,
    "line_item_rules": _line_item_rule,
    "application_rules": _application_rule,
    "no_matching_products": _products,
}
