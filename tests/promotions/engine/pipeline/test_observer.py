"""What is put around the looks at promotions sees each of them, and changes nothing."""

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

Drawn = Callable[[], list[Promotion]]


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


def noting(seen: list[str]) -> Observer:
    def around(look: Evaluator) -> Evaluator:
        def noted(promotion: Promotion, situation: EvaluationContext) -> Candidate | Refusal:
            seen.append(promotion.code)
            return look(promotion, situation)

        return noted

    return around


def told(decision: Decision) -> Any:
    """All of a decision but the compiled promotions, which are of one run."""
    return (
        decision.net,
        decision.base_points,
        decision.lines,
        [(one.promotion.code, one.redemptions, one.points, one.discount, one.lines) for one in decision.applied],
        [(one.promotion.code, one.reason, one.detail, one.won_by) for one in decision.refused],
        decision.vouchers,
    )


@pytest.mark.parametrize("drawn", [_competing, _refused])
def test_a_decision_is_the_same_with_and_without_an_observer(drawn: Drawn) -> None:
    assert told(decided(drawn(), noting([]))) == told(decided(drawn()))


def test_each_candidate_is_observed_and_explained_promotions_are_not() -> None:
    seen: list[str] = []
    decision = decided(_refused(), noting(seen))
    assert sorted(set(seen)) == ["points", "two"]
    assert {one.promotion.code for one in decision.refused} == {"two", "web"}


def test_a_discount_that_is_applied_again_is_observed_again() -> None:
    seen: list[str] = []
    decided(_competing(), noting(seen))
    assert seen.count("both") == 2
    assert seen.count("half") == 1
