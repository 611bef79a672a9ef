"""The one pipeline: basket, shopper, promotions, policy and moment in; a decision out.

The same function answers a quote, a commit, a simulation and a replay of history.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from promotions.engine.benefits.rewards import BasketValue, RewardResult
from promotions.engine.benefits.vouchers import PaidVoucher, PresentedVoucher
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.matching.prices import Prices
from promotions.engine.money import allocate, exponent
from promotions.engine.pipeline.checks import (
    CHECKS,
    CHECKS_AGAIN,
    CHECKS_OF_CANDIDATES,
    EvaluationContext,
    Evaluator,
    Observer,
    as_it_is,
    evaluate_promotion,
    matched,
)
from promotions.engine.pipeline.decision import (
    REASON_ORDER,
    Applied,
    AppliedVoucher,
    Candidate,
    ConflictPolicy,
    Decision,
    Refusal,
)
from promotions.engine.pipeline.line_shares import cut_shares, line_results, point_shares
from promotions.engine.pipeline.near_miss import near_miss, sentence
from promotions.engine.pipeline.price_phase import run_price_phase
from promotions.engine.pipeline.returns import ReturnPolicy
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook


def evaluate(
    basket: Basket,
    *,
    shopper: Shopper | None,
    usage: Usage,
    rulebook: Rulebook,
    policy: ConflictPolicy,
    vouchers: Sequence[PresentedVoucher] = (),
    explain: Sequence[Promotion] = (),
    most: int = 0,
    standing: ReturnPolicy | None = None,
    candidates: Sequence[Promotion] | None = None,
    around: Observer = as_it_is,
) -> Decision:
    """Decide what applies to a basket.

    Args:
        basket: what is bought, when and where.
        shopper: who buys; None for a basket without a known consumer.
        usage: counters and progress of (at least) the rulebook's candidates and of the promotions to explain.
        rulebook: the account's promotions.
        policy: how conflicts are decided.
        vouchers: presented at the till, in this order.
        explain: promotions whose refusal is wanted, beyond those of the candidates.
        most: how many refusals are kept, each with what it lacked: those that came nearest. 0 keeps those of the
            candidates as they are.
        standing: for what a return leaves of a transaction; its promotions are all that the rulebook has, and it is
            the policy too.
        candidates: what the rulebook has for the basket and the shopper, where the caller has asked it already.
        around: what is put around each look at a candidate; the decision is the same whatever it is.
    """
    if candidates is None:
        candidates = rulebook.candidates(basket, shopper) if standing is None else list(rulebook)
    prices = Prices.of(basket.runs)
    before = EvaluationContext(
        basket=basket,
        shopper=shopper,
        usage=usage,
        rulebook=rulebook,
        prices=prices,
        worth=_unearned(basket, prices),
        stands=standing.stands if standing else None,
        checks=CHECKS_OF_CANDIDATES if standing is None else CHECKS_AGAIN,
    )
    discounts = [promotion for promotion in candidates if promotion.is_discount]
    settled = run_price_phase(discounts, before, policy=policy, vouchers=vouchers, around=around)
    refused = dict(settled.refused)

    worth = _worth(basket, settled.prices, shopper, rulebook, most=standing.paid if standing else None)
    after = before._replace(worth=worth)
    loyalty = [promotion for promotion in candidates if not promotion.is_discount]
    rewarded = _reward(loyalty, after, policy, refused, around(evaluate_promotion))

    winners = [*settled.winners, *rewarded]
    if explain:
        _explain(explain, after._replace(checks=CHECKS), refused, {winner.promotion.id for winner in winners})
    kept = list(refused.values())
    if most:
        nearest = kept if len(kept) <= most else nearest_first(kept)[:most]
        kept = [_with_near_miss(refusal, after) for refusal in nearest]
    return Decision(
        basket=basket,
        worth=worth,
        total=basket.total_minor,
        net=sum(worth.net),
        base_points=sum(worth.base_points),
        lines=line_results(basket, settled.prices, worth),
        applied=tuple(_applied(winner, basket, worth) for winner in winners),
        vouchers=tuple(_applied_voucher(paid, basket) for paid in settled.paid),
        refused=tuple(sorted(kept, key=lambda refusal: (refusal.promotion.code, refusal.promotion.source.family))),
        vouchers_refused=tuple(settled.vouchers_refused),
        add_products=settled.add_products,
        personalized=settled.personalized,
        choices=settled.choices,
        listed=settled.listed,
    )


def nearest_first(refused: Iterable[Refusal]) -> list[Refusal]:
    """Refusals, those first whose promotions failed latest in the order of checks."""
    return sorted(refused, key=lambda refusal: (-REASON_ORDER[refusal.reason], refusal.promotion.code))


def _unearned(basket: Basket, prices: Prices) -> BasketValue:
    """The runs' values while discounts compete: base points are earned on what is paid, and wait for it."""
    return BasketValue(
        units=tuple([run.units for run in basket.runs]), net=tuple(prices.by_run(len(basket.runs))), base_points=()
    )


def _worth(
    basket: Basket, prices: Prices, shopper: Shopper | None, rulebook: Rulebook, *, most: int | None = None
) -> BasketValue:
    """The runs' net values, and the base points on them: one whole number for the transaction, shared over runs.

    ``most`` is an amount beyond which no base points are given.
    """
    net = tuple(prices.by_run(len(basket.runs)))
    rate = rulebook.terms.earn_rates.get(basket.currency, Fraction(0))
    points = 0
    if shopper is not None and shopper.is_loyalty_member:
        counted = sum(net) if most is None else min(sum(net), most)
        points = counted * rate.numerator // (rate.denominator * 10 ** exponent(basket.currency))
    return BasketValue(
        units=tuple([run.units for run in basket.runs]), net=net, base_points=tuple(allocate(points, net))
    )


def _reward(
    promotions: Iterable[Promotion],
    situation: EvaluationContext,
    policy: ConflictPolicy,
    refused: dict[int, Refusal],
    look: Evaluator,
) -> list[Candidate]:
    """The points phase: loyalty promotions that win, then those that always apply by code; refusals are noted."""
    qualified: list[Candidate] = []
    for promotion in promotions:
        judged = look(promotion, situation)
        if isinstance(judged, Candidate):
            qualified.append(judged)
        else:
            refused[promotion.id] = judged
    competing = [candidate for candidate in qualified if not candidate.promotion.always_apply]
    always = sorted((c for c in qualified if c.promotion.always_apply), key=lambda candidate: candidate.code)
    while True:
        resolution = policy.resolve(competing)
        rewarded, without = _stock_shared([*resolution.winners, *always], situation)
        if not without:
            break
        # Who got nothing drew nothing: those before it stand, and its place is free for the next of its kind.
        refused.update(without)
        competing = [candidate for candidate in competing if candidate.promotion.id not in without]
        always = [candidate for candidate in always if candidate.promotion.id not in without]
    for loss in resolution.losers:
        refused[loss.candidate.promotion.id] = Refusal.lost(loss)
    return rewarded


def _stock_shared(
    candidates: Sequence[Candidate], situation: EvaluationContext
) -> tuple[list[Candidate], dict[int, Refusal]]:
    """Let candidates draw, in this order, from what is left of the offers that they issue.

    Each was judged as if it were alone. Where several issue one offer, those after the first are judged again on what
    the ones before them leave of it: they are cut to that, or refused, by promotion id.
    """
    left = situation.usage.vouchers_left
    drawn: dict[str, int] = {}
    kept: list[Candidate] = []
    without: dict[int, Refusal] = {}
    for candidate in candidates:
        offer, judged = candidate.promotion.offer, candidate
        if offer in drawn:
            usage = replace(situation.usage, vouchers_left={**left, offer: left[offer] - drawn[offer]})
            again = matched(candidate.promotion, situation._replace(usage=usage))
            if isinstance(again, Refusal):
                without[candidate.promotion.id] = again
                continue
            judged = again
        if offer in left and situation.stands is None:
            drawn[offer] = drawn.get(offer, 0) + judged.given.redemptions
        kept.append(judged)
    return kept, without


def _explain(
    promotions: Iterable[Promotion], situation: EvaluationContext, refused: dict[int, Refusal], applied: set[int]
) -> None:
    for promotion in promotions:
        if promotion.id not in refused and promotion.id not in applied:
            judged = evaluate_promotion(promotion, situation)
            if isinstance(judged, Refusal):
                refused[promotion.id] = judged


def _with_near_miss(refusal: Refusal, situation: EvaluationContext) -> Refusal:
    miss = near_miss(refusal.promotion, refusal.reason, situation)
    if miss is None:
        return refusal
    said = sentence(miss, situation.basket.currency)
    return refusal._replace(detail=f"{refusal.detail} {said}".strip(), near_miss=miss)


def _applied(winner: Candidate, basket: Basket, worth: BasketValue) -> Applied:
    given = winner.given
    if isinstance(given, RewardResult):
        points, discount, vouchers = given.points, 0, given.vouchers
        net, all_units = worth.net, worth.units
        weights = [
            net[run] if units == all_units[run] else Fraction(net[run] * units, all_units[run])
            for run, units in given.taken
        ]
        lines = point_shares(basket, given.taken, allocate(points, weights))
    else:
        points, discount, vouchers = 0, given.off, 0
        lines = cut_shares(basket, given.cuts)
    return Applied(
        promotion=winner.promotion,
        redemptions=given.redemptions,
        points=points,
        discount=discount,
        saving=winner.saving,
        vouchers=vouchers,
        lines=lines,
    )


def _applied_voucher(paid: PaidVoucher, basket: Basket) -> AppliedVoucher:
    return AppliedVoucher(
        code=paid.voucher.code,
        offer=paid.voucher.offer,
        benefit=paid.kind,
        discount=paid.off,
        lines=cut_shares(basket, paid.cuts),
    )
