"""The ordered checks. The first that fails is the promotion's reason."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from promotions.engine.benefits.discounts import NO_LISTS, Discount, Fit, Lists
from promotions.engine.benefits.rewards import BasketValue, RewardDefinition, RewardResult
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.facts.progress import is_reached
from promotions.engine.matching.prices import Prices
from promotions.engine.money import exponent
from promotions.engine.pipeline.decision import Candidate, Refusal
from promotions.engine.pipeline.returns import ReturnLimit
from promotions.engine.rulebook.promotion import Promotion, life_reason, needs_consumer
from promotions.engine.rulebook.rulebook import Rulebook


class EvaluationContext(NamedTuple):
    """All that a promotion is judged by.

    ``prices`` are those of the units that a discount may take, ``worth`` what loyalty promotions count by, and
    ``checks`` those that come before products are matched. ``chosen`` are the products that other discounts took of
    lists without a choice, by backend id. ``stands`` says of a return what each promotion (by id) has of the
    transaction.
    """

    basket: Basket
    shopper: Shopper | None
    usage: Usage
    rulebook: Rulebook
    prices: Prices
    worth: BasketValue
    checks: "tuple[Check, ...]"
    chosen: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    stands: Mapping[int, ReturnLimit] | None = None


Evaluator = Callable[[Promotion, EvaluationContext], Candidate | Refusal]
"""One look at one promotion: ``evaluate_promotion``, or ``apply_discount`` where units were taken meanwhile."""

Observer = Callable[[Evaluator], Evaluator]
"""Wraps looks, to time them say; what they answer stays what it is."""


def as_it_is(look: Evaluator) -> Evaluator:
    """A look with nothing around it."""
    return look


def evaluate_promotion(promotion: Promotion, situation: EvaluationContext) -> Candidate | Refusal:
    """Whether a promotion would apply if no other competed, and with what; otherwise why not."""
    for check in situation.checks:
        refusal = check(promotion, situation)
        if refusal is not None:
            return refusal
    return matched(promotion, situation)


def _refusal(promotion: Promotion, reason: str, detail: str) -> Refusal:
    # By position, which takes half the time: a commit makes hundreds of them.
    return Refusal(promotion, reason, detail)


def _in_force(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    reason = life_reason(promotion.source, situation.basket.at)
    return None if reason is None else _refusal(promotion, reason, _LIFE[reason])


_LIFE = {
    "draft": "It is a draft.",
    "scheduled": "It had not started.",
    "stopped": "It had been stopped.",
    "ended": "It had ended.",
}


def _currency(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    if promotion.source.currency == situation.basket.currency:
        return None
    return _refusal(promotion, "currency", f"It applies to baskets in {promotion.source.currency} only.")


def _consumer(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    if situation.shopper is not None or not needs_consumer(promotion):
        return None
    return _refusal(promotion, "consumer_required", "No consumer was named.")


def _member(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    if not promotion.gives_points or (situation.shopper and situation.shopper.is_loyalty_member):
        return None
    return _refusal(promotion, "not_a_member", "The consumer is not an active loyalty member.")


def _site_rules(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    if promotion.site_rules is None or promotion.site_rules(situation.basket.site):
        return None
    return _refusal(promotion, "site_rules", "The site does not qualify.")


def _customer_rules(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    if promotion.customer_rules is None or promotion.customer_rules(situation.shopper):
        return None
    return _refusal(promotion, "customer_rules", "The customer does not qualify.")


def _control_group(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    group, shopper = promotion.control_group, situation.shopper
    if group is None or shopper is None or not group.holds_out(promotion, shopper):
        return None
    return _refusal(promotion, "control_group", "The consumer is held out in the control group.")


def _transaction_rules(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    if promotion.transaction_rules is None or promotion.transaction_rules(situation.basket):
        return None
    return _refusal(promotion, "transaction_rules", "The transaction does not qualify.")


def _line_item_rules(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    rules = promotion.line_item_rules
    if rules is None or rules.accept_any(situation.basket.runs):
        return None
    return _refusal(promotion, "line_item_rules", "No line item qualifies.")


def _application_rules(promotion: Promotion, situation: EvaluationContext) -> Refusal | None:
    rules = promotion.application_rules
    if not rules:
        return None
    progress = situation.usage.progress.get(promotion.id)
    if is_reached(rules, progress, situation.basket, situation.worth.net):
        return None
    return _refusal(promotion, "application_rules", "The customer has not bought often or enough yet.")


Check = Callable[[Promotion, EvaluationContext], Refusal | None]

CHECKS: tuple[Check, ...] = (
    _in_force,
    _currency,
    _consumer,
    _member,
    _site_rules,
    _customer_rules,
    _control_group,
    _transaction_rules,
    _line_item_rules,
    _application_rules,
)
"""Everything that is judged before products are matched, in order."""


CHECKS_OF_CANDIDATES = CHECKS[CHECKS.index(_site_rules) + 1 :]
"""What the rulebook's masks leave to be judged: those of life, currency, consumer, membership and site are exact."""

CHECK_BY_REASON: Mapping[str, Check] = {
    "site_rules": _site_rules,
    "customer_rules": _customer_rules,
    "transaction_rules": _transaction_rules,
    "line_item_rules": _line_item_rules,
    "application_rules": _application_rules,
}
"""The checks that a customer could have passed by bringing one thing more."""

CHECKS_AGAIN: tuple[Check, ...] = (_transaction_rules, _line_item_rules)
"""What is judged again when a part of a transaction is returned; the other checks stand."""


def matched(promotion: Promotion, situation: EvaluationContext) -> Candidate | Refusal:
    """The checks from matching sets on: products, limits, the offer's stock, and whether anything is given."""
    if isinstance(promotion.effect, Discount):
        return apply_discount(promotion, situation)
    return _rewarded(promotion, promotion.effect, situation)


def _rewarded(promotion: Promotion, reward: RewardDefinition, situation: EvaluationContext) -> Candidate | Refusal:
    matched = reward.selection.match(situation.basket.runs, situation.worth.net)
    if not matched.count:
        return _refusal(promotion, "no_matching_products", "The basket has too few matching products.")
    most = redemptions_left_of(promotion, situation)
    if isinstance(most, Refusal):
        return most
    sets = matched.count if most is None else min(matched.count, most)
    if reward.offer and situation.stands is None:
        offer = situation.rulebook.offers.get(reward.offer)
        left = situation.usage.vouchers_left.get(reward.offer)
        if offer is None or not offer.is_open(situation.basket.at):
            return _refusal(promotion, "offer_unavailable", f"The offer {reward.offer} is outside its dates.")
        if left is not None:
            if left <= 0:
                return _refusal(promotion, "offer_unavailable", f"The offer {reward.offer} is out of stock.")
            sets = min(sets, left)
    given = reward.outcome.give(sets=sets, taken=matched.take(sets), worth=situation.worth)
    if situation.stands is not None:
        given = given._replace(points=min(given.points, situation.stands[promotion.id].points))
    if not given.points and not given.vouchers:
        return _refusal(promotion, "no_value", "It would have given nothing.")
    return Candidate(promotion=promotion, given=given, saving=_saving(reward, given, situation.rulebook))


def apply_discount(
    promotion: Promotion, situation: EvaluationContext, *, fit: Fit | None = None
) -> Candidate | Refusal:
    """The same checks for a discount, on the units that it may take; ``fit`` where it is known already."""
    discount = promotion.discount
    runs = situation.basket.runs
    if fit is None:
        fit = fit_of(discount, situation)
    groups = discount.match(situation.prices, fit)
    if not groups:
        return _refusal(promotion, "no_matching_products", "The basket has too few matching products.")
    most = redemptions_left_of(promotion, situation)
    if isinstance(most, Refusal):
        return most
    markdown = discount.mark_down(groups, fit, runs, most=most)
    if not markdown.redemptions:
        return _refusal(promotion, "no_value", "It would have given nothing.")
    saving = Fraction(markdown.off, 10 ** exponent(situation.basket.currency))
    return Candidate(promotion=promotion, given=markdown, saving=saving)


def fit_of(discount: Discount, situation: EvaluationContext, *, any_listed: bool = False) -> Fit:
    """Which runs of the basket a discount's sets accept for the shopper, or ``any_listed``: could accept."""
    if not discount.personalized:
        return discount.fit(situation.basket.runs, situation.prices, NO_LISTS)
    lists = Lists(
        terms=situation.rulebook.personalized,
        choices=situation.shopper.personalized if situation.shopper else {},
        taken=situation.chosen,
        any_listed=any_listed,
    )
    return discount.fit(situation.basket.runs, situation.prices, lists)


def redemptions_left_of(promotion: Promotion, situation: EvaluationContext) -> int | Refusal | None:
    """The redemptions that the limits leave; None without a limit, a refusal where none is left.

    A return leaves a promotion the redemptions that it has.
    """
    if situation.stands is not None:
        return situation.stands[promotion.id].redemptions
    if not promotion.is_limited:
        return None
    most: int | None = None
    for reason, limit, used in _limits(promotion, situation):
        if used >= limit:
            return _refusal(promotion, reason, f"{_LIMITS[reason]} of {limit} was reached.")
        most = limit - used if most is None else min(most, limit - used)
    return most


_LIMITS = {
    "total_limit": "The total limit",
    "customer_limit": "The customer limit",
    "transaction_limit": "The transaction limit",
}


def _limits(promotion: Promotion, situation: EvaluationContext) -> list[tuple[str, int, int]]:
    """The promotion's limits: reason, limit, and redemptions so far."""
    limits = []
    if promotion.total_limit is not None:
        limits.append(("total_limit", promotion.total_limit, situation.usage.total_redemptions.get(promotion.id, 0)))
    if promotion.customer_limit is not None:
        used = situation.usage.customer_redemptions.get(promotion.id, 0)
        limits.append(("customer_limit", promotion.customer_limit, used))
    if promotion.transaction_limit is not None:
        limits.append(("transaction_limit", promotion.transaction_limit, 0))
    return limits


def _saving(reward: RewardDefinition, given: RewardResult, rulebook: Rulebook) -> Fraction:
    """What the customer saves, in major units of money."""
    if given.vouchers:
        return rulebook.offers[reward.offer].perceived_value * given.vouchers
    value = rulebook.terms.point_value
    return Fraction(given.points * value.numerator, value.denominator)
