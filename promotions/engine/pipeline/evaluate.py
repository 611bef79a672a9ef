"""The one pipeline: basket, shopper, promotions, policy and moment in; a decision out.

The same function answers a quote, a commit, a return, a simulation and a replay of history.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from promotions.engine.benefits.rewards import BasketValue
from promotions.engine.benefits.vouchers import PresentedVoucher
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.matching.prices import Prices
from promotions.engine.pipeline.apply import evaluate_promotion
from promotions.engine.pipeline.checks import CHECKS
from promotions.engine.pipeline.context import EvaluationContext, EvaluationStrategy, Observer
from promotions.engine.pipeline.decision import (
    REASON_ORDER,
    Applied,
    ConflictPolicy,
    Decision,
    HeldOut,
    Refusal,
)
from promotions.engine.pipeline.line_shares import applied_discount, applied_reward, applied_voucher, line_results
from promotions.engine.pipeline.near_miss import with_near_miss
from promotions.engine.pipeline.points_phase import earn_base_points, run_points_phase
from promotions.engine.pipeline.price_phase import run_price_phase
from promotions.engine.pipeline.strategy import SALE
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationCase:
    """What is decided about.

    Attributes:
        basket: what is bought, when and where.
        shopper: who buys; None for a basket without a known consumer.
        usage: counters and progress of (at least) the candidates and the promotions to explain.
        vouchers: presented at the till, in this order.
        candidates: what the strategy finds in the rulebook for basket and shopper, where the caller has it already.
        explain: promotions whose refusal is wanted, besides the candidates'.
        max_explained: how many refusals are kept, those that came nearest, each with what it lacked; 0 keeps them all
            and explains none.
        strategy: a sale, or what a return leaves of one.
    """

    basket: Basket
    shopper: Shopper | None
    usage: Usage
    vouchers: Sequence[PresentedVoucher] = ()
    candidates: Sequence[Promotion] | None = None
    explain: Sequence[Promotion] = ()
    max_explained: int = 0
    strategy: EvaluationStrategy = SALE


def evaluate(
    case: EvaluationCase, rulebook: Rulebook, policy: ConflictPolicy, observer: Observer | None = None
) -> Decision:
    """Decide what applies to a basket.

    Args:
        case: the basket, who buys it, and what was used so far.
        rulebook: the account's promotions.
        policy: decides between promotions that compete.
        observer: wraps the evaluation of each candidate; the decision is the same with and without it.
    """
    candidates = case.candidates
    if candidates is None:
        candidates = case.strategy.candidates(rulebook, case.basket, case.shopper)
    context = _context(case, rulebook, observer)

    discounts = [promotion for promotion in candidates if promotion.is_discount]
    price_phase = run_price_phase(discounts, context, policy, case.vouchers)
    prices, unit_groups = price_phase.prices, case.basket.unit_groups
    if unit_groups.leaves_out:
        prices = prices.and_of(group for group in unit_groups if group.no_discount)

    context = context._replace(basket_value=earn_base_points(context, prices))
    loyalty = [promotion for promotion in candidates if not promotion.is_discount]
    points_phase = run_points_phase(loyalty, context, policy, price_phase.campaign_taken)

    basket, basket_value = case.basket, context.basket_value
    refused = {**price_phase.refused, **points_phase.refused}
    held_out = _held_out(refused.values())
    applied = [applied_discount(winner, basket) for winner in price_phase.winners]
    applied += [applied_reward(winner, basket, basket_value) for winner in points_phase.winners]
    return Decision(
        basket=basket,
        basket_value=basket_value,
        total=basket.total_minor,
        net=sum(basket_value.net),
        base_points=sum(basket_value.base_points),
        lines=line_results(basket, prices, basket_value),
        applied=tuple(applied),
        vouchers=tuple([applied_voucher(paid, basket) for paid in price_phase.paid]),
        refused=_refusals(case, context, applied, refused),
        held_out=held_out,
        vouchers_refused=tuple(price_phase.vouchers_refused),
        add_products=price_phase.add_products,
        personalized=price_phase.personalized,
        choices_to_lock=price_phase.choices_to_lock,
        effective_choices=price_phase.effective_choices,
        combination_proved=price_phase.combination_proved,
    )


def _context(case: EvaluationCase, rulebook: Rulebook, observer: Observer | None) -> EvaluationContext:
    """Return the context of the price phase. Base points are earned on what is paid, and there are none yet."""
    unit_groups, holdout = case.basket.unit_groups, rulebook.terms.universal_holdout
    return EvaluationContext(
        basket=case.basket,
        shopper=case.shopper,
        usage=case.usage,
        rulebook=rulebook,
        strategy=case.strategy,
        checks=case.strategy.checks,
        prices=Prices.of(unit_groups.discountable),
        basket_value=BasketValue(
            units=tuple([unit_group.units for unit_group in unit_groups]),
            net=tuple([unit_group.total_inc_tax for unit_group in unit_groups]),
            base_points=(),
            unit_groups=unit_groups,
        ),
        is_held_out=holdout is not None
        and case.shopper is not None
        and holdout.holds_out(case.shopper.consumer_id, case.basket.at),
        observer=observer,
    )


def _held_out(refused: Iterable[Refusal]) -> tuple[HeldOut, ...]:
    """Return what control groups and the universal holdout withhold from the consumer, by code."""
    held_out = [HeldOut.of(refusal.ghost, refusal.reason) for refusal in refused if refusal.ghost is not None]
    return tuple(sorted(held_out, key=lambda withheld: (withheld.promotion.code, withheld.promotion.source.family)))


def _refusals(
    case: EvaluationCase, context: EvaluationContext, applied: Iterable[Applied], refused: dict[int, Refusal]
) -> tuple[Refusal, ...]:
    """Return the refusals that the case asks for, by code."""
    if case.explain:
        _explain(case.explain, context, refused, applied={winner.promotion.id for winner in applied})
    refusals = list(refused.values())
    if case.max_explained:
        if len(refusals) > case.max_explained:
            refusals = nearest_first(refusals)[: case.max_explained]
        refusals = [with_near_miss(refusal, context) for refusal in refusals]
    return tuple(sorted(refusals, key=lambda refusal: (refusal.promotion.code, refusal.promotion.source.family)))


def _explain(
    promotions: Iterable[Promotion], context: EvaluationContext, refused: dict[int, Refusal], *, applied: Set[int]
) -> None:
    """Add to the refusals, by all checks, those of promotions that were no candidates."""
    context = context._replace(checks=CHECKS)
    for promotion in promotions:
        if promotion.id not in refused and promotion.id not in applied:
            evaluated = evaluate_promotion(promotion, context)
            if isinstance(evaluated, Refusal):
                refused[promotion.id] = evaluated


def nearest_first(refusals: Iterable[Refusal]) -> list[Refusal]:
    """Return refusals, those first whose promotions failed latest in the order of checks."""
    return sorted(refusals, key=lambda refusal: (-REASON_ORDER[refusal.reason], refusal.promotion.code))
