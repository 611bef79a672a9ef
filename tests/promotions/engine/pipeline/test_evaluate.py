"""A decision depends on what is bought, not on how it is written down."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflicts.resolver import Policy
from promotions.engine.facts.basket import Basket, Line, ProductFacts
from promotions.engine.facts.consumer import Usage
from promotions.engine.pipeline.decision import Decision
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.builders import (
    applied,
    condition,
    decide,
    every,
    line,
    make_basket,
    make_promotion,
    reason,
    selection,
    sku,
    taken,
)

TEA = every(condition("category", "is", "tea"))
PRODUCTS = {
    "A": ProductFacts(category="Tea", labels=("new",)),
    "B": ProductFacts(category="Tea", retail_price=Decimal(3)),
    "C": ProductFacts(category="Coffee"),
}
SELECTIONS: list[dict[str, Any] | None] = [
    None,
    selection(TEA),
    selection(sku("A"), sku("C", "D")),
    selection(sku("A", "B"), sku("B", "C"), match="all"),
    selection(TEA, sku("A", "C", "D"), match="all", units=[2, 1]),
]
QUANTITIES: list[dict[str, Any] | None] = [
    None,
    {"apply_to": "all"},
    {"apply_to": "every", "units": 2},
    {"apply_to": "every", "units": 3},
    {"apply_to": "first", "units": 3},
]
PRICINGS: list[dict[str, Any] | None] = [None, {"order": "most_expensive"}, {"by": "tax"}, {"by": "ex_tax"}]
OUTCOMES: list[tuple[str, dict[str, Any]]] = [
    ("fixed_points", {"points": 7}),
    ("points_multiplier", {"multiplier": "2.5"}),
    ("points_multiplier", {"multiplier": "1.7", "multiplier_scope": "line_items"}),
    ("bonus_points", {"conversion_units": "1.5"}),
    ("bonus_points", {"conversion_units": "2", "issue_points_on": "quantity", "whole_ratio_units_only": False}),
    ("redeem_offer", {}),
]
SAID = st.tuples(
    st.sampled_from(OUTCOMES),
    st.fixed_dictionaries(
        {
            "product_selection": st.sampled_from(SELECTIONS),
            "quantity_rule": st.sampled_from(QUANTITIES),
            "pricing_rule": st.sampled_from(PRICINGS),
            "line_item_rules": st.sampled_from([None, every(condition("quantity", "is_at_least", 3))]),
            "transaction_rules": st.sampled_from([None, every(condition("total_inc_tax", "is_at_least", "20"))]),
            "total_redemption_limit": st.sampled_from([None, None, 2]),
            "always_apply": st.booleans(),
        }
    ),
)


def promotions_of(draws: Sequence[tuple[tuple[str, dict[str, Any]], dict[str, Any]]]) -> list[Promotion]:
    return [
        make_promotion(f"p{i}", promotion_type, **outcome, **others)
        for i, ((promotion_type, outcome), others) in enumerate(draws)
    ]


PROMOTIONS = st.lists(SAID, min_size=1, max_size=4).map(promotions_of)
PRICES = st.sampled_from([("1.00", "0.80"), ("1.00", "0.90"), ("2.49", "2.00"), ("10.00", "8.33"), ("0.00", "0.00")])
WHOLE_LINES = st.lists(
    st.builds(
        lambda sku, quantity, price, category: line(sku, quantity, price[0], ex_tax=price[1], category=category),
        st.sampled_from("ABCD"),
        st.integers(1, 6),
        PRICES,
        st.sampled_from(["", "Tea"]),
    ),
    min_size=1,
    max_size=5,
)
WEIGHED = st.lists(
    st.builds(lambda quantity, price: line("W", quantity, price), st.sampled_from(["0.5", "1.333"]), st.just("9.99")),
    max_size=2,
)
POLICIES = st.builds(
    Policy,
    promotion_bias=st.sampled_from(["max_customer_saving", "min_customer_saving"]),
    promotions_per_type=st.integers(1, 2),
)


def basket_of(lines: Sequence[Line]) -> Basket:
    numbered = [basket_line._replace(line_id=str(i)) for i, basket_line in enumerate(lines)]
    return make_basket(*numbered, products=PRODUCTS)


def summary(decision: Decision) -> dict[str, Any]:
    """What must not depend on how the basket is written: everything but the lines' names."""
    skus = {basket_line.line_id: basket_line.sku for basket_line in decision.basket.lines}

    def by_sku(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        totals: dict[str, Any] = {}
        for line_id, amount in pairs:
            totals[skus[line_id]] = totals.get(skus[line_id], 0) + amount
        return totals

    return {
        "totals": (decision.total, decision.net, decision.base_points, decision.points),
        "base_points": by_sku([(row.line_id, row.base_points) for row in decision.lines]),
        "applied": [
            (
                winner.promotion.code,
                winner.redemptions,
                winner.points,
                winner.vouchers,
                winner.saving,
                by_sku([(share.line_id, share.quantity) for share in winner.lines]),
                by_sku([(share.line_id, share.points) for share in winner.lines]),
            )
            for winner in decision.applied
        ],
        "refused": [
            (refusal.promotion.code, refusal.reason, refusal.won_by, refusal.decided_by) for refusal in decision.refused
        ],
    }


def split(lines: Sequence[Line], random: Any) -> list[Line]:
    """The same units, each line of whole units in two where it has more than one; in another order."""
    parts: list[Line] = []
    for basket_line in lines:
        split_units = random.randint(1, basket_line.units - 1) if basket_line.units > 1 else 0
        if split_units:
            parts.append(basket_line._replace(units=split_units, quantity=Decimal(split_units)))
        parts.append(
            basket_line._replace(units=basket_line.units - split_units, quantity=basket_line.quantity - split_units)
        )
    random.shuffle(parts)
    return parts


@given(WHOLE_LINES, WEIGHED, PROMOTIONS, POLICIES, st.randoms(use_true_random=False))
def test_splitting_and_reordering_lines_changes_nothing(
    lines: list[Line], weighed: list[Line], promotions: list[Promotion], policy: Policy, random: Any
) -> None:
    whole = decide(basket_of([*lines, *weighed]), *promotions, policy=policy)
    parts = decide(basket_of([*split(lines, random), *weighed]), *promotions, policy=policy)
    assert summary(parts) == summary(whole)


@given(WHOLE_LINES, PROMOTIONS, POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_promotions_changes_nothing(
    lines: list[Line], promotions: list[Promotion], policy: Policy, random: Any
) -> None:
    shuffled = list(promotions)
    random.shuffle(shuffled)
    basket = basket_of(lines)
    assert decide(basket, *shuffled, policy=policy) == decide(basket, *promotions, policy=policy)


@given(
    WHOLE_LINES,
    PROMOTIONS,
    POLICIES,
    SAID,
    st.sampled_from(
        [
            {"draft": True},
            {"currency": "EUR"},
            {"site_rules": every(condition("town", "is", "Nowhere"))},
            {"customer_rules": every(condition("groups", "is", "nobody"))},
            {"product_selection": selection(sku("nothing"))},
        ]
    ),
)
def test_a_promotion_that_does_not_qualify_changes_nothing(
    lines: list[Line], promotions: list[Promotion], policy: Policy, draw: Any, fault: dict[str, Any]
) -> None:
    (promotion_type, outcome), others = draw
    other = make_promotion("other", promotion_type, **outcome, **(others | fault))
    basket = basket_of(lines)
    without = decide(basket, *promotions, policy=policy)
    joined = decide(basket, *promotions, other, policy=policy)
    assert replace(joined, refused=()) == replace(without, refused=())
    assert [refusal for refusal in joined.refused if refusal.promotion is not other] == list(without.refused)


@given(WHOLE_LINES, PROMOTIONS, st.integers(1, 3))
def test_under_the_greatest_saving_no_loser_of_a_kind_saves_more_than_its_first_winner(
    lines: list[Line], promotions: list[Promotion], per_type: int
) -> None:
    basket = basket_of(lines)
    decision = decide(basket, *promotions, policy=Policy(promotions_per_type=per_type))
    for lost in decision.refused:
        if lost.reason == "lost_conflict":
            alone = applied(decide(basket, lost.promotion), lost.promotion.code)
            first = applied(decision, lost.won_by[0])
            assert first.saving >= alone.saving
            assert lost.won_by[-1] in [winner.promotion.code for winner in decision.applied]


@given(WHOLE_LINES, WEIGHED, PROMOTIONS, POLICIES)
def test_shares_add_up_and_no_unit_is_taken_twice(
    lines: list[Line], weighed: list[Line], promotions: list[Promotion], policy: Policy
) -> None:
    basket = basket_of([*lines, *weighed])
    decision = decide(basket, *promotions, policy=policy)
    bought = {row.line_id: row.quantity for row in basket.lines}
    assert sum(row.base_points for row in decision.lines) == decision.base_points
    assert tuple(row.net for row in decision.lines) == basket.line_totals
    for winner in decision.applied:
        assert sum(share.points for share in winner.lines) == winner.points
        assert len({share.line_id for share in winner.lines}) == len(winner.lines)
        assert all(0 < share.quantity <= bought[share.line_id] for share in winner.lines)


@given(WHOLE_LINES, SAID)
def test_more_redemptions_are_left_than_used(lines: list[Line], draw: Any) -> None:
    (promotion,) = promotions_of([draw])
    limit = promotion.total_limit
    if limit is not None:
        usage = Usage(total_redemptions={promotion.id: limit - 1})
        decision = decide(basket_of(lines), promotion, usage=usage)
        assert sum(winner.redemptions for winner in decision.applied) <= 1


@given(WHOLE_LINES, PROMOTIONS)
def test_an_anonymous_basket_has_its_prices_and_no_points(lines: list[Line], promotions: list[Promotion]) -> None:
    basket = basket_of(lines)
    decision = decide(basket, *promotions, anonymous=True)
    assert (decision.points, decision.applied) == (0, ())
    assert decision.net == decision.total == sum(basket.line_totals)
    assert {refusal.reason for refusal in decision.refused} == {"consumer_required"}


# --- what a decision says -------------------------------------------------------------------------------------------


def test_competing_promotions_come_first_by_kind_then_those_that_always_apply_by_code() -> None:
    decision = decide(
        make_basket(),
        make_promotion("z-always", always_apply=True),
        make_promotion("a-always", always_apply=True),
        make_promotion("offer", "redeem_offer"),
        make_promotion("fixed"),
        make_promotion("times", "points_multiplier"),
        make_promotion("bonus", "bonus_points"),
    )
    assert [winner.promotion.code for winner in decision.applied] == [
        "bonus",
        "fixed",
        "times",
        "offer",
        "a-always",
        "z-always",
    ]


def test_a_member_earns_base_points_and_those_of_two_promotions() -> None:
    decision = decide(make_basket(line(price="10.00")), make_promotion("fixed"), make_promotion("x", "bonus_points"))
    assert (decision.base_points, decision.promotion_points, decision.points) == (10, 51, 61)


def test_a_promotion_is_explained_only_on_request() -> None:
    decision = decide(make_basket(), make_promotion("draft", draft=True))
    assert reason(decision, "draft") == "draft"


LINE_ORDERS: list[Callable[[list[Line]], list[Line]]] = [lambda lines: lines, lambda lines: lines[::-1]]


@pytest.mark.parametrize("order", LINE_ORDERS)
def test_two_lines_of_one_unit_equal_one_line_of_two(order: Callable[[list[Line]], list[Line]]) -> None:
    promotion = make_promotion(quantity_rule={"apply_to": "every", "units": 2})
    together = decide(make_basket(line("A", 2, line_id="1")), promotion)
    apart = decide(make_basket(*order([line("A", line_id="1"), line("A", line_id="2")])), promotion)
    assert (apart.points, apart.net) == (together.points, together.net)
    assert taken(applied(apart)) == {"1": Decimal(1), "2": Decimal(1)}


def test_splitting_weighed_goods_matters() -> None:
    promotion = make_promotion(quantity_rule={"apply_to": "every", "units": 2})
    assert reason(decide(make_basket(line("A", "1.5")), promotion)) == "no_matching_products"
    assert reason(decide(make_basket(line("A", "0.5"), line("A", "0.75")), promotion)) == ""


def test_a_million_units_take_no_more_steps_than_ten() -> None:
    promotions = promotions_of([(outcome, {"quantity_rule": QUANTITIES[2]}) for outcome in OUTCOMES])

    def steps(quantity: int) -> int:
        calls = 0

        def count(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            decide(make_basket(line("A", quantity), line("B", quantity, "2.49")), *promotions)
        finally:
            sys.setprofile(None)
        return calls

    steps(1)  # what is remembered between calls is remembered now
    assert steps(1_000_000) <= 1.2 * steps(10)
