"""An observer sees the evaluation of each candidate, and changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from conflicts.resolver import Policy
from promotions.engine.facts.consumer import Usage
from promotions.engine.pipeline.context import EvaluationContext, Evaluator, Observer
from promotions.engine.pipeline.decision import Candidate, Decision, Refusal
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.builders import (
    condition,
    every,
    line,
    make_basket,
    make_discount,
    make_promotion,
    make_rulebook,
    make_shopper,
    make_voucher,
    product_set,
    selection,
    sku,
)

MakePromotions = Callable[[], list[Promotion]]


def _competing() -> list[Promotion]:
    """Two discounts on the same units, one that always applies, and points on what is left of the price."""
    return [
        make_discount("half", sets=[product_set("A")]),
        make_discount("both", sets=[product_set("A"), product_set("B")], value="30"),
        make_discount("always", "amount", value="1.00", always_apply=True),
        make_promotion("points", "points_multiplier", multiplier="3"),
        make_promotion("tea", product_selection=selection(sku("B"))),
    ]


def _refused() -> list[Promotion]:
    return [
        make_promotion("web", transaction_rules=every(condition("source", "is", "web"))),
        make_discount("two", sets=[product_set("A", required_quantity=9)]),
        make_promotion("points"),
    ]


def decided(promotions: list[Promotion], observer: Observer | None = None) -> Decision:
    rulebook = make_rulebook(promotions)
    basket = make_basket(line("A", 3, "4.00"), line("B", 2, "2.50"))
    case = EvaluationCase(
        basket=basket,
        shopper=make_shopper(today=basket.today),
        usage=Usage(),
        vouchers=[make_voucher()],
        explain=tuple(rulebook),
    )
    return evaluate(case, rulebook, Policy(), observer)


def recording(codes: list[str]) -> Observer:
    def observe(evaluator: Evaluator) -> Evaluator:
        def recorded(promotion: Promotion, context: EvaluationContext) -> Candidate | Refusal:
            codes.append(promotion.code)
            return evaluator(promotion, context)

        return recorded

    return observe


def comparable(decision: Decision) -> Any:
    """A decision without the compiled promotions, which differ from run to run."""
    return (
        decision.net,
        decision.base_points,
        decision.lines,
        [
            (winner.promotion.code, winner.redemptions, winner.points, winner.discount, winner.lines)
            for winner in decision.applied
        ],
        [(refusal.promotion.code, refusal.reason, refusal.detail, refusal.won_by) for refusal in decision.refused],
        decision.vouchers,
    )


@pytest.mark.parametrize("make", [_competing, _refused])
def test_a_decision_is_the_same_with_and_without_an_observer(make: MakePromotions) -> None:
    assert comparable(decided(make(), recording([]))) == comparable(decided(make()))


def test_each_candidate_is_observed_and_explained_promotions_are_not() -> None:
    observed: list[str] = []
    decision = decided(_refused(), recording(observed))
    assert sorted(set(observed)) == ["points", "two"]
    assert {refusal.promotion.code for refusal in decision.refused} == {"two", "web"}


def test_a_discount_that_is_applied_again_is_observed_again() -> None:
    observed: list[str] = []
    decided(_competing(), recording(observed))
    assert observed.count("both") == 2
    assert observed.count("half") == 1
