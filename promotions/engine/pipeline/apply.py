"""Apply one promotion to a basket: products, limits, the offer to issue, and what is given or taken off."""

from promotions.engine.benefits.discounts import NO_LISTS, Discount, Fit, PersonalizedLists
from promotions.engine.benefits.rewards import RewardDefinition
from promotions.engine.pipeline.budgets import nothing_left, within_budgets
from promotions.engine.pipeline.checks import CHECKS_AFTER_HOLDOUT
from promotions.engine.pipeline.context import EvaluationContext
from promotions.engine.pipeline.decision import Candidate, Refusal
from promotions.engine.rulebook.promotion import Promotion

_NO_PRODUCTS = "The basket has too few matching products."
_NO_VALUE = "It gives nothing on this basket."


def evaluate_promotion(promotion: Promotion, context: EvaluationContext) -> Candidate | Refusal:
    """Return what a promotion would give if no other competed with it, or why it does not apply.

    Where its control group or the universal holdout leaves the consumer out, the refusal comes with what it would have
    given.
    """
    for check in context.checks:
        refusal = check(promotion, context)
        if refusal is not None:
            return _with_ghost(refusal, context) if refusal.reason in CHECKS_AFTER_HOLDOUT else refusal
    return apply_promotion(promotion, context)


def _with_ghost(refusal: Refusal, context: EvaluationContext) -> Refusal:
    """Judge a promotion on, by the checks after the one that failed, as if the consumer were not held out."""
    evaluated = evaluate_promotion(refusal.promotion, context._replace(checks=CHECKS_AFTER_HOLDOUT[refusal.reason]))
    return refusal._replace(ghost=evaluated) if isinstance(evaluated, Candidate) else refusal


def apply_promotion(promotion: Promotion, context: EvaluationContext) -> Candidate | Refusal:
    """Apply a promotion that has passed the checks before products are matched."""
    if isinstance(promotion.effect, Discount):
        return apply_discount(promotion, context)
    return apply_reward(promotion, promotion.effect, context)


def apply_reward(promotion: Promotion, reward: RewardDefinition, context: EvaluationContext) -> Candidate | Refusal:
    """Apply a loyalty promotion to the basket's net values."""
    strategy = context.strategy
    matched = reward.selection.match(context.basket.unit_groups.earning, context.basket_value.net)
    sets = matched.count
    if not sets:
        return Refusal(promotion, "no_matching_products", _NO_PRODUCTS)
    redemptions_left = strategy.redemptions_left(promotion, context)
    if redemptions_left is not None:
        if isinstance(redemptions_left, Refusal):
            return redemptions_left
        sets = min(sets, redemptions_left)
    if reward.offer:
        vouchers_left = strategy.vouchers_left(promotion, context)
        if vouchers_left is not None:
            if isinstance(vouchers_left, Refusal):
                return vouchers_left
            sets = min(sets, vouchers_left)
    budgets = strategy.budgets_left(promotion, context)
    if budgets and (used_up := nothing_left(promotion, budgets, context)) is not None:
        return used_up
    result = reward.outcome.give(sets=sets, taken=matched.take(sets), basket_value=context.basket_value)
    result = strategy.limit_points(promotion, result)
    if not result.points and not result.vouchers:
        return Refusal(promotion, "no_value", _NO_VALUE)
    return within_budgets(promotion, result, budgets, context)


def apply_discount(promotion: Promotion, context: EvaluationContext, *, fit: Fit | None = None) -> Candidate | Refusal:
    """Apply a discount to the units that it may take; ``fit`` where it is known already."""
    discount = promotion.discount
    if fit is None:
        fit = fit_of(discount, context)
    matching_sets = discount.match(context.prices, fit)
    if not matching_sets:
        return Refusal(promotion, "no_matching_products", _NO_PRODUCTS)
    strategy = context.strategy
    redemptions_left = strategy.redemptions_left(promotion, context)
    if isinstance(redemptions_left, Refusal):
        return redemptions_left
    budgets = strategy.budgets_left(promotion, context)
    if budgets and (used_up := nothing_left(promotion, budgets, context)) is not None:
        return used_up
    result = discount.take_off(
        matching_sets, context.prices, fit, context.basket.unit_groups, redemptions_left=redemptions_left
    )
    if not result.redemptions:
        return Refusal(promotion, "no_value", _NO_VALUE)
    return within_budgets(promotion, result, budgets, context)


def fit_of(discount: Discount, context: EvaluationContext, *, any_listed: bool = False) -> Fit:
    """Return which unit groups of the basket a discount's sets accept for the shopper; ``any_listed``: could accept."""
    if not discount.personalized:
        return discount.fit(context.basket.unit_groups, context.prices, NO_LISTS)
    lists = PersonalizedLists(
        terms=context.rulebook.personalized,
        choices=context.shopper.personalized if context.shopper else {},
        taken=context.taken_from_lists,
        any_listed=any_listed,
    )
    return discount.fit(context.basket.unit_groups, context.prices, lists)
