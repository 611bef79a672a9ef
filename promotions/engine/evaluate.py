"""The one pipeline: basket, shopper, promotions, policy and moment in; a decision out.

The same function answers a quote, a commit, a simulation and a replay of history.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor

from promotions.engine.basket import Basket, Run
from promotions.engine.decision import (
    REASONS,
    Applied,
    Candidate,
    ConflictPolicy,
    Decision,
    LineResult,
    LineShare,
    Refusal,
)
from promotions.engine.eligibility import Situation, judge
from promotions.engine.money import allocate, exponent
from promotions.engine.outcomes import Worth
from promotions.engine.rulebook import Promotion, Rulebook
from promotions.engine.shopper import Shopper, Usage


def evaluate(
    basket: Basket,
    *,
    shopper: Shopper | None,
    usage: Usage,
    rulebook: Rulebook,
    policy: ConflictPolicy,
    explain: Iterable[Promotion] = (),
) -> Decision:
    """Decide what applies to a basket.

    Args:
        basket: what is bought, when and where.
        shopper: who buys; None for a basket without a known consumer.
        usage: counters and progress of (at least) the rulebook's candidates and of the promotions to explain.
        rulebook: the account's promotions.
        policy: how conflicts are decided.
        explain: promotions whose refusal is wanted, beyond those of the candidates.
    """
    worth = _worth(basket, shopper, rulebook)
    situation = Situation(basket=basket, shopper=shopper, usage=usage, rulebook=rulebook, worth=worth)
    qualified, refused = _qualify(rulebook.candidates(basket, shopper), situation)
    competing = [candidate for candidate in qualified if not candidate.promotion.always_apply]
    always = sorted((c for c in qualified if c.promotion.always_apply), key=lambda candidate: candidate.code)
    resolution = policy.resolve(competing)
    for loss in resolution.losers:
        refused[loss.candidate.promotion.id] = Refusal(
            promotion=loss.candidate.promotion,
            reason="lost_conflict",
            detail=_lost(loss.won_by, loss.decided_by),
            won_by=loss.won_by,
            decided_by=loss.decided_by,
        )
    winners = [*resolution.winners, *always]
    _explain(explain, situation, refused, {winner.promotion.id for winner in winners})
    return Decision(
        basket=basket,
        worth=worth,
        total=basket.total_minor,
        net=sum(worth.net),
        base_points=sum(worth.base_points),
        lines=_line_results(basket, worth),
        applied=tuple(_applied(winner, basket, worth) for winner in winners),
        refused=tuple(
            sorted(refused.values(), key=lambda refusal: (refusal.promotion.code, refusal.promotion.source.family))
        ),
    )


def nearest_first(refused: Iterable[Refusal]) -> list[Refusal]:
    """Refusals, those first whose promotions failed latest in the order of checks."""
    return sorted(refused, key=lambda refusal: (-REASONS.index(refusal.reason), refusal.promotion.code))


def _worth(basket: Basket, shopper: Shopper | None, rulebook: Rulebook) -> Worth:
    """The runs' net values, and the base points on them: one whole number for the transaction, shared over runs."""
    net = tuple(run.total_inc_tax for run in basket.runs)
    rate = rulebook.terms.earn_rates.get(basket.currency, Fraction(0))
    points = 0
    if shopper is not None and shopper.is_loyalty_member:
        points = floor(sum(net) * rate / 10 ** exponent(basket.currency))
    return Worth(units=tuple(run.units for run in basket.runs), net=net, base_points=tuple(allocate(points, net)))


def _qualify(candidates: Sequence[Promotion], situation: Situation) -> tuple[list[Candidate], dict[int, Refusal]]:
    qualified: list[Candidate] = []
    refused: dict[int, Refusal] = {}
    for promotion in candidates:
        judged = judge(promotion, situation)
        if isinstance(judged, Candidate):
            qualified.append(judged)
        else:
            refused[promotion.id] = judged
    return qualified, refused


def _explain(
    promotions: Iterable[Promotion], situation: Situation, refused: dict[int, Refusal], applied: set[int]
) -> None:
    for promotion in promotions:
        if promotion.id not in refused and promotion.id not in applied:
            judged = judge(promotion, situation)
            if isinstance(judged, Refusal):
                refused[promotion.id] = judged


def _lost(won_by: tuple[str, ...], decided_by: str) -> str:
    why = {"bias": "because of what it saves", "age": "because of its age", "code": "because of its code"}
    return f"Lost to {', '.join(won_by)} {why[decided_by]}."


def _line_results(basket: Basket, worth: Worth) -> tuple[LineResult, ...]:
    """Each line's part of its run, in the order of lines."""
    discounts = [0] * len(basket.lines)
    points = [0] * len(basket.lines)
    for run in basket.runs:
        units = [basket.lines[position].units for position in run.lines]
        for position, share in zip(run.lines, allocate(worth.base_points[run.index], units), strict=True):
            points[position] = share
        lowered = run.total_inc_tax - worth.net[run.index]
        for position, share in zip(run.lines, allocate(lowered, units), strict=True):
            discounts[position] = share
    return tuple(
        LineResult(
            line_id=line.line_id,
            total=line.total_inc_tax,
            discount=discounts[position],
            net=line.total_inc_tax - discounts[position],
            base_points=points[position],
        )
        for position, line in enumerate(basket.lines)
    )


def _applied(winner: Candidate, basket: Basket, worth: Worth) -> Applied:
    given = winner.given
    weights = [Fraction(worth.net[run] * units, worth.units[run]) for run, units in given.taken]
    shares = allocate(given.points, weights)
    lines = [
        line
        for (run, units), points in zip(given.taken, shares, strict=True)
        for line in _lines_of_run(basket, basket.runs[run], units, points)
    ]
    return Applied(
        promotion=winner.promotion,
        redemptions=given.redemptions,
        points=given.points,
        discount=0,
        saving=winner.saving,
        vouchers=given.vouchers,
        lines=tuple(lines),
    )


def _lines_of_run(basket: Basket, run: Run, units: int, points: int) -> list[LineShare]:
    """The first so many units of a run, in the order of its lines."""
    parts: list[tuple[int, int]] = []
    left = units
    for position in run.lines:
        if not left:
            break
        part = min(left, basket.lines[position].units)
        parts.append((position, part))
        left -= part
    shares = allocate(points, [part for _, part in parts])
    return [
        LineShare(
            line_id=basket.lines[position].line_id,
            quantity=_quantity(basket, position, part),
            discount=0,
            points=share,
        )
        for (position, part), share in zip(parts, shares, strict=True)
    ]


def _quantity(basket: Basket, position: int, units: int) -> Decimal:
    """Units as a quantity: the one unit of weighed goods is all that was weighed."""
    line = basket.lines[position]
    return line.quantity if line.quantity != line.units else Decimal(units)
