"""An amount off for every so much that is spent: 5 off every 50."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.consumer import Usage
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.pipeline.strategy import ReturnLimit, ReturnPolicy, ReturnStrategy
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.builders import (
    applied,
    decide,
    line,
    make_basket,
    make_discount,
    make_list,
    make_personalized,
    make_rulebook,
    make_shopper,
    off,
    product_set,
    reason,
    taken,
)


def every(spend: str, value: str = "5.00", *skus: str, **fields: Any) -> Promotion:
    sets = [product_set(*skus, required_spend=spend, repeats=True)]
    return make_discount("promo", "amount", value=value, sets=sets, **fields)


EVERY_50 = every("50.00")


def given_by(decision: Decision) -> tuple[int, int]:
    """Redemptions and amount off, none where it does not apply."""
    if reason(decision):
        return 0, 0
    winner = applied(decision)
    return winner.redemptions, winner.discount


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("49.99", (0, 0)),
        ("50.00", (1, 500)),
        ("99.99", (1, 500)),
        ("100.00", (2, 1000)),
        ("149.00", (2, 1000)),
        ("200.00", (4, 2000)),
    ],
)
def test_the_amount_is_off_as_often_as_the_spend_is_reached(price: str, expected: tuple[int, int]) -> None:
    decision = decide(make_basket(line("A", 1, price)), EVERY_50)
    assert given_by(decision) == expected
    if expected == (0, 0):
        assert reason(decision) == "no_matching_products"


def test_what_is_taken_off_is_at_most_what_the_units_are_worth() -> None:
    assert given_by(decide(make_basket(line("A", 1, "149.00")), every("50.00", "80.00"))) == (2, 14_900)


def test_the_amount_is_shared_over_all_units_of_the_set_and_these_are_held() -> None:
    basket = make_basket(
        line("A", 2, "80.00", line_id="a"), line("B", 1, "40.00", line_id="b"), line("C", 1, "9.00", line_id="c")
    )
    decision = decide(basket, every("50.00", "5.00", "A", "B"), make_discount("others", value="5"))
    winner = applied(decision)
    assert (winner.redemptions, winner.discount) == (4, 2000)
    assert taken(winner) == {"a": Decimal(2), "b": Decimal(1)}
    assert off(winner) == {"a": 1600, "b": 400}
    assert off(applied(decision, "others")) == {"c": 45}


@pytest.mark.parametrize(
    ("limits", "used", "expected"),
    [
        ({"transaction_redemption_limit": 3}, 0, (3, 1500)),
        ({"customer_redemption_limit": 5}, 4, (1, 500)),
        ({"total_redemption_limit": 6}, 4, (2, 1000)),
        ({"total_redemption_limit": 4}, 4, (0, 0)),
    ],
)
def test_limits_cut_the_redemptions(limits: dict[str, Any], used: int, expected: tuple[int, int]) -> None:
    discount = every("50.00", **limits)
    usage = Usage(total_redemptions={discount.id: used}, customer_redemptions={discount.id: used})
    decision = decide(make_basket(line("A", 1, "200.00")), discount, usage=usage)
    assert given_by(decision) == expected
    if expected == (0, 0):
        assert reason(decision) == "total_limit"


def test_only_the_units_that_others_left_count() -> None:
    basket = make_basket(line("A", 1, "100.00"), line("B", 1, "99.00"))
    decision = decide(basket, make_discount("half", value="50", sets=[product_set("A")]), EVERY_50)
    assert given_by(decision) == (1, 500)


def test_a_spend_on_a_personalized_list_repeats() -> None:
    sets = [product_set(personalized_promotion="PP", required_spend="10.00", repeats=True)]
    discount = make_discount("promo", "amount", value="1.00", sets=sets)
    decision = decide(
        make_basket(line("A", 3, "10.00", line_id="a"), line("B", 1, "90.00")),
        discount,
        shopper=make_shopper(personalized={"PP": make_list("A")}),
        personalized={"PP": make_personalized(locks=True)},
    )
    assert given_by(decision) == (3, 300)
    assert decision.choices_to_lock == {"PP": ("A",)}


@given(
    units=st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 12_000)), min_size=1, max_size=8),
    spend=st.integers(1, 9_000),
    value=st.integers(1, 9_000),
    limit=st.sampled_from([None, 1, 2, 5]),
    data=st.data(),
)
def test_splitting_and_reordering_lines_change_nothing(
    units: list[tuple[str, int]], spend: int, value: int, limit: int | None, data: st.DataObject
) -> None:
    discount = every(f"{spend / 100:.2f}", f"{value / 100:.2f}", transaction_redemption_limit=limit)
    worth = sum(price for _, price in units)
    expected = worth // spend if limit is None else min(limit, worth // spend)
    counts: dict[tuple[str, int], int] = {}
    for unit in units:
        counts[unit] = counts.get(unit, 0) + 1
    together = [line(sku, quantity, f"{price / 100:.2f}") for (sku, price), quantity in counts.items()]
    apart = [
        line(sku, 1, f"{price / 100:.2f}", line_id=str(number))
        for number, (sku, price) in enumerate(data.draw(st.permutations(units)))
    ]
    for lines in (together, apart):
        decision = decide(make_basket(*lines), discount)
        assert given_by(decision) == ((expected, min(expected * value, worth)) if expected else (0, 0))


@pytest.mark.parametrize(
    ("left", "had", "expected"), [("120.00", 4, (2, 1000)), ("200.00", 3, (3, 1500)), ("49.00", 4, (0, 0))]
)
def test_a_return_leaves_the_redemptions_that_what_is_left_is_worth(
    left: str, had: int, expected: tuple[int, int]
) -> None:
    limits = {EVERY_50.id: ReturnLimit(position=0, redemptions=had, points=0)}
    case = EvaluationCase(
        basket=make_basket(line("A", 1, left)),
        shopper=make_shopper(),
        usage=Usage(),
        strategy=ReturnStrategy(limits=limits, paid=18_000, base_points=180),
    )
    decision = evaluate(case, make_rulebook([EVERY_50]), ReturnPolicy(limits=limits))
    assert sum(row.redemptions for row in decision.applied) == expected[0]
    assert sum(row.discount for row in decision.applied) == expected[1]
