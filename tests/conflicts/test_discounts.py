"""Which of the discounts that compete for the units of a basket apply."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from conflicts.resolver import Policy
from promotions.engine.facts.basket import Basket
from promotions.engine.pipeline.decision import Decision
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.builders import (
    applied,
    decide,
    line,
    make_basket,
    make_discount,
    off,
    product_set,
    qualifying,
    reason,
    refusal,
    taken,
)

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


def off_sku(code: str, value: str, *skus: str, **said: Any) -> Promotion:
    """A percentage off products, each unit a matching set."""
    return make_discount(code, value=value, sets=[product_set(*skus)], **said)


def order(decision: Decision) -> list[str]:
    return [winner.promotion.code for winner in decision.applied]


def lost(decision: Decision, code: str) -> tuple[tuple[str, ...], str]:
    found = refusal(decision, code)
    assert found.reason == "lost_conflict"
    return found.won_by, found.decided_by


SHAMPOO = product_set("SHAMPOO", required_quantity=3, discounted_quantity=1)
THREE_FOR_TWO = make_discount("shampoo", value="100", sets=[SHAMPOO])
DRUGSTORE = make_basket(line("SHAMPOO", 3, "4.00", line_id="shampoo"), line("COFFEE", 1, "8.00", line_id="coffee"))


def test_discounts_of_different_units_both_apply() -> None:
    decision = decide(DRUGSTORE, THREE_FOR_TWO, off_sku("coffee", "10", "COFFEE"))
    assert order(decision) == ["shampoo", "coffee"]
    assert decision.total - decision.net == 400 + 80


def test_two_discounts_on_the_same_shampoo_do_not_both_apply() -> None:
    decision = decide(DRUGSTORE, THREE_FOR_TWO, off_sku("tenth", "10", "SHAMPOO"))
    assert order(decision) == ["shampoo"]
    assert lost(decision, "tenth") == (("shampoo",), "bias")


def test_the_smaller_saving_wins_under_the_other_bias() -> None:
    policy = Policy(promotion_bias="min_customer_saving")
    decision = decide(DRUGSTORE, THREE_FOR_TWO, off_sku("tenth", "10", "SHAMPOO"), policy=policy)
    assert (order(decision), decision.net) == (["tenth"], 2000 - 120)
    assert lost(decision, "shampoo") == (("tenth",), "bias")


def test_units_that_only_qualified_are_taken_too() -> None:
    trousers = make_discount(
        "trousers", value="50", sets=[qualifying("TEE", required_quantity=2), product_set("JEANS")]
    )
    basket = make_basket(line("TEE", 3, "10.00", line_id="tee"), line("JEANS", 1, "40.00", line_id="jeans"))
    decision = decide(basket, trousers, off_sku("tees", "30", "TEE"))
    assert order(decision) == ["trousers", "tees"]
    assert taken(applied(decision, "tees")) == {"tee": Decimal(1)}
    assert off(applied(decision, "tees")) == {"tee": 300}
    assert decision.net == 7000 - 2000 - 300


def test_a_discount_is_applied_again_to_the_units_that_are_left() -> None:
    basket = make_basket(line("A", 5, "10.00", line_id="a"))
    pair = make_discount("pair", value="50", sets=[product_set(required_quantity=2)], transaction_redemption_limit=1)
    decision = decide(basket, pair, off_sku("fifth", "10", "A"))
    assert order(decision) == ["pair", "fifth"]
    one = applied(decision, "fifth")
    assert (one.redemptions, one.discount, one.saving) == (3, 300, Fraction(3))


def test_units_beyond_the_maximum_discount_are_left_to_others() -> None:
    capped = make_discount("capped", value="50", maximum_discount="5.00")
    decision = decide(make_basket(line("A", 3, "10.00")), capped, make_discount("tenth", value="10"))
    assert {winner.promotion.code: winner.discount for winner in decision.applied} == {"capped": 500, "tenth": 200}


def test_units_of_sets_that_give_nothing_are_left_to_others() -> None:
    pairs = make_discount("pairs", "fixed_price", value="9.00", sets=[product_set(required_quantity=2)])
    basket = make_basket(line("A", 2, "4.00", line_id="cheap"), line("A", 2, "9.00", line_id="dear"))
    decision = decide(basket, pairs, make_discount("tenth", value="10"))
    assert off(applied(decision, "pairs")) == {"dear": 900}
    assert off(applied(decision, "tenth")) == {"cheap": 80}


def test_discounts_are_ranked_once_by_their_saving_on_the_whole_basket() -> None:
    """The second saves less on what is left than the third, and still comes before it."""
    basket = make_basket(line("A", 2, "10.00"), line("B", 1, "10.00"), line("C", 1, "1.00"))
    first = off_sku("first", "90", "A")
    second = off_sku("second", "50", "A", "C")
    third = off_sku("third", "80", "B")
    decision = decide(basket, third, second, first)
    assert order(decision) == ["first", "second", "third"]
    assert [winner.saving for winner in decision.applied] == [Fraction(18), Fraction(1, 2), Fraction(8)]


def test_won_by_names_only_winners_that_hold_units_the_loser_accepts() -> None:
    basket = make_basket(line("A"), line("B"), line("C"))
    decision = decide(basket, *(off_sku(name, "50", name) for name in "ABC"), off_sku("less", "10", "A", "C"))
    assert order(decision) == ["A", "B", "C"]
    assert lost(decision, "less") == (("A", "C"), "bias")


def test_won_by_is_ordered_by_rank() -> None:
    basket = make_basket(line("A"), line("B"))
    decision = decide(basket, off_sku("a", "50", "A"), off_sku("b", "60", "B"), off_sku("less", "10", "A", "B"))
    assert lost(decision, "less")[0] == ("b", "a")


EQUALS: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({"starts_at": JANUARY}, {"starts_at": FEBRUARY}, "newest", "age"),
    ({"starts_at": FEBRUARY}, {"starts_at": JANUARY}, "oldest", "age"),
    ({}, {}, "newest", "code"),
    ({}, {}, "oldest", "code"),
]


@pytest.mark.parametrize(("loser", "winner", "age", "decided_by"), EQUALS)
@pytest.mark.parametrize("bias", ["max_customer_saving", "min_customer_saving"])
def test_equal_savings_are_decided_by_age_and_then_by_code(
    loser: dict[str, Any], winner: dict[str, Any], age: str, decided_by: str, bias: str
) -> None:
    codes = ("b", "a") if decided_by == "code" else ("a", "b")
    decision = decide(
        make_basket(),
        make_discount(codes[0], **loser),
        make_discount(codes[1], **winner),
        policy=Policy(promotion_age=age, promotion_bias=bias),
    )
    assert order(decision) == [codes[1]]
    assert lost(decision, codes[0]) == ((codes[1],), decided_by)


def test_decided_by_compares_with_the_lowest_of_the_winners_named() -> None:
    basket = make_basket(line("A"), line("B"))
    decision = decide(
        basket,
        off_sku("high", "50", "A"),
        off_sku("low", "20", "B"),
        make_discount("same", "amount", value="2.00", sets=[product_set("B")]),
        make_discount("pair", "amount", value="2.00", sets=[product_set("A", "B", required_quantity=2)]),
    )
    assert lost(decision, "same") == (("low",), "code")
    assert lost(decision, "pair") == (("high", "low"), "code")


# --- how many of a transaction --------------------------------------------------------------------------------------

FOUR = make_basket(*(line(name) for name in "ABCD"))
EACH = [off_sku(name.lower(), f"{40 - 10 * i}", name) for i, name in enumerate("ABCD")]


@pytest.mark.parametrize(
    ("places", "winners"), [(None, "abcd"), (1, "a"), (2, "ab"), (3, "abc"), (4, "abcd"), (9, "abcd")]
)
def test_at_most_discounts_per_transaction_win(places: int | None, winners: str) -> None:
    decision = decide(FOUR, *EACH, policy=Policy(discounts_per_transaction=places))
    assert order(decision) == list(winners)
    for code in set("abcd") - set(winners):
        assert lost(decision, code) == (tuple(winners), "bias")


def test_the_bias_decides_who_gets_the_places() -> None:
    policy = Policy(discounts_per_transaction=1, promotion_bias="min_customer_saving")
    assert order(decide(FOUR, *EACH, policy=policy)) == ["d"]


def test_a_discount_that_finds_no_units_takes_no_place() -> None:
    decision = decide(FOUR, *EACH[:2], off_sku("again", "35", "A"), policy=Policy(discounts_per_transaction=2))
    assert order(decision) == ["a", "b"]
    assert lost(decision, "again") == (("a",), "bias")


def test_promotions_per_type_does_not_limit_discounts() -> None:
    assert order(decide(FOUR, *EACH, policy=Policy(promotions_per_type=1))) == list("abcd")


# --- always apply ---------------------------------------------------------------------------------------------------


def test_always_apply_discounts_follow_by_code_on_the_reduced_prices() -> None:
    decision = decide(
        make_basket(line("A", 1, "100.00")),
        make_discount("z", value="50", always_apply=True),
        make_discount("competes", value="20"),
        make_discount("y", value="10", always_apply=True),
    )
    assert [(winner.promotion.code, winner.discount) for winner in decision.applied] == [
        ("competes", 2000),
        ("y", 800),
        ("z", 3600),
    ]
    assert decision.net == 3600


def test_always_apply_discounts_take_no_place_and_hold_no_units() -> None:
    always = [make_discount(f"always-{i}", value="10", always_apply=True) for i in range(2)]
    decision = decide(FOUR, *EACH, *always, policy=Policy(discounts_per_transaction=1))
    assert order(decision) == ["a", "always-0", "always-1"]


def test_an_always_apply_discount_must_pass_every_other_check() -> None:
    free = make_discount("free", "free_product")
    always = make_discount("always", always_apply=True)
    assert reason(decide(make_basket(), free, always), "always") == "no_value"
    elsewhere = make_discount("always", always_apply=True, sets=[product_set("Z")])
    assert reason(decide(make_basket(), elsewhere), "always") == "no_matching_products"


def test_units_are_sorted_by_their_reduced_prices() -> None:
    basket = make_basket(line("A", 1, "10.00", line_id="a"), line("B", 1, "6.00", line_id="b"))
    half = off_sku("half", "50", "A")
    cheapest_free = make_discount(
        "gift",
        "free_product",
        always_apply=True,
        sets=[product_set(required_quantity=2, discounted_quantity=1)],
    )
    assert off(applied(decide(basket, half, cheapest_free), "gift")) == {"a": 500, "b": 0}
    assert off(applied(decide(basket, cheapest_free), "gift")) == {"a": 0, "b": 600}


@pytest.mark.parametrize(("price", "expected"), [("19.98", "no_matching_products"), ("20.00", "")])
def test_a_required_spend_is_reached_at_current_prices(price: str, expected: str) -> None:
    basket: Basket = make_basket(line("A", 1, price))
    spend = make_discount(
        "spend", "amount", value="1.00", always_apply=True, sets=[product_set(required_spend="10.00")]
    )
    assert reason(decide(basket, make_discount("half"), spend), "spend") == expected
