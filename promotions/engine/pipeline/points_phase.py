"""The points phase: base points on the net values, then loyalty promotions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from promotions.engine.benefits.rewards import BasketValue
from promotions.engine.matching.prices import Prices
from promotions.engine.money import allocate, exponent
from promotions.engine.pipeline.apply import apply_promotion, evaluate_promotion
from promotions.engine.pipeline.budgets import CampaignSharing
from promotions.engine.pipeline.context import EvaluationContext
from promotions.engine.pipeline.decision import Candidate, ConflictPolicy, Refusal
from promotions.engine.rulebook.promotion import Promotion


class PointsPhaseResult(NamedTuple):
    """The loyalty promotions that apply, those that won first; ``refused`` are by promotion id."""

    winners: Sequence[Candidate]
    refused: Mapping[int, Refusal]


def earn_base_points(context: EvaluationContext, prices: Prices) -> BasketValue:
    """Return the net values at some prices, and the base points on them: one whole number, shared over unit groups.

    Of a basket that is worth less than nothing, by bottles brought back, nothing earns.
    """
    basket, terms, strategy = context.basket, context.rulebook.terms, context.strategy
    unit_groups = basket.unit_groups
    net = tuple(prices.by_unit_group(len(unit_groups)))
    earning_net: Sequence[int] = net
    if unit_groups.leaves_out:
        earning_net = [0 if group.no_points else value for group, value in zip(unit_groups, net, strict=True)]
    points = 0
    if context.shopper is not None and context.shopper.is_loyalty_member and sum(net) >= 0:
        rate = terms.earn_rates.get(basket.currency, Fraction(0))
        earning = strategy.earning_value(sum(earning_net), not_earning=sum(net) - sum(earning_net))
        points = earning * rate.numerator // (rate.denominator * 10 ** exponent(basket.currency))
        points = strategy.limit_base_points(points)
    base_points = tuple(allocate(points, earning_net))
    return BasketValue(units=context.basket_value.units, net=net, base_points=base_points, unit_groups=unit_groups)


def run_points_phase(
    promotions: Iterable[Promotion],
    context: EvaluationContext,
    policy: ConflictPolicy,
    campaign_taken: Mapping[int, int],
) -> PointsPhaseResult:
    """Give points and vouchers for what is paid.

    Args:
        promotions: the loyalty promotions that may apply.
        context: with the basket's value after the price phase, and its base points.
        policy: decides between the promotions that compete.
        campaign_taken: what discounts take from the budgets of their campaigns, by campaign id.
    """
    evaluate = context.observed(evaluate_promotion)
    qualified: list[Candidate] = []
    refused: dict[int, Refusal] = {}
    for promotion in promotions:
        evaluated = evaluate(promotion, context)
        if isinstance(evaluated, Candidate):
            qualified.append(evaluated)
        else:
            refused[promotion.id] = evaluated
    competing = [candidate for candidate in qualified if not candidate.promotion.always_apply]
    always = sorted(
        (candidate for candidate in qualified if candidate.promotion.always_apply),
        key=lambda candidate: candidate.code,
    )
    while True:
        resolution = policy.resolve(competing)
        winners, out_of_stock = _share_stock([*resolution.winners, *always], context)
        if not out_of_stock:
            break
        # A candidate that gets nothing drew nothing: the ones before it keep theirs, and its place is free for the
        # next of its kind.
        refused.update(out_of_stock)
        competing = [candidate for candidate in competing if candidate.promotion.id not in out_of_stock]
        always = [candidate for candidate in always if candidate.promotion.id not in out_of_stock]
    for loss in resolution.losers:
        refused[loss.candidate.promotion.id] = Refusal.lost(loss)
    if any(winner.promotion.campaign_id is not None for winner in winners):
        winners = _share_campaigns(winners, CampaignSharing(context, campaign_taken), refused)
    return PointsPhaseResult(winners, refused)


def _share_campaigns(
    candidates: Sequence[Candidate], campaigns: CampaignSharing, refused: dict[int, Refusal]
) -> list[Candidate]:
    """Let candidates take from the budgets of their campaigns by code, those that always apply after the others.

    What no longer fits is refused, and its place stays free. The others stay in their order.
    """
    by_code = sorted(candidates, key=lambda candidate: (candidate.promotion.always_apply, candidate.code))
    shared, out_of_budget = campaigns.shared(by_code)
    refused.update(out_of_budget)
    winners = {winner.promotion.id: winner for winner in shared}
    return [winners[candidate.promotion.id] for candidate in candidates if candidate.promotion.id in winners]


def _share_stock(
    candidates: Sequence[Candidate], context: EvaluationContext
) -> tuple[list[Candidate], dict[int, Refusal]]:
    """Let candidates draw, in this order, on the stock of the offers that they issue.

    Each was evaluated as if it were alone. Where several issue one offer, those after the first are applied again to
    what the ones before them leave of it: they get less, or are refused (by promotion id).
    """
    stock = context.usage.vouchers_left
    drawn: dict[str, int] = {}
    winners: list[Candidate] = []
    refused: dict[int, Refusal] = {}
    for candidate in candidates:
        offer, winner = candidate.promotion.offer, candidate
        if offer in drawn:
            usage = replace(context.usage, vouchers_left={**stock, offer: stock[offer] - drawn[offer]})
            reapplied = apply_promotion(candidate.promotion, context._replace(usage=usage))
            if isinstance(reapplied, Refusal):
                refused[candidate.promotion.id] = reapplied
                continue
            winner = reapplied
        if offer in stock:
            drawn[offer] = drawn.get(offer, 0) + winner.result.redemptions
        winners.append(winner)
    return winners, refused
