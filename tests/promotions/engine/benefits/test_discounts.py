"""What a discount takes off, and of which units. Amounts in minor units."""

import sys
from decimal import Decimal
from fractions import Fraction
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.basket import Basket, Line, ProductFacts
from promotions.engine.facts.consumer import Usage
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.pipeline.strategy import ReturnLimit, ReturnPolicy, ReturnStrategy
from tests.promotions.engine.builders import (
    applied,
    condition,
    decide,
    every,
    line,
    make_basket,
    make_discount,
    make_promotion,
    make_rulebook,
    make_shopper,
    off,
    product_set,
    qualifying,
    reason,
    sku,
    taken,
)
from tests.promotions.engine.matching.test_selection import fitting, most_by_trying


def priced(*prices: str, name: str = "A") -> Basket:
    """A basket of single units, each line named by its price."""
    return make_basket(*(line(name, 1, price, line_id=price) for price in prices))


def result(decision: Decision, code: str = "promo") -> tuple[int, int]:
    """Redemptions and amount off."""
    winner = applied(decision, code)
    return winner.redemptions, winner.discount


def proposed(decision: Decision) -> list[tuple[str, str, int]]:
    return [(product.discount, product.sku, product.quantity) for product in decision.add_products]


# --- the examples of the specification ------------------------------------------------------------------------------

HALF_PRICE_TROUSERS = make_discount(
    value="50", sets=[qualifying("TEE", required_quantity=2), product_set("TROUSERS", required_quantity=1)]
)


@pytest.mark.parametrize(
    ("tees", "trousers", "expected"), [(2, 1, (1, 1500)), (4, 1, (1, 1500)), (4, 2, (2, 3000)), (3, 2, (1, 1500))]
)
def test_two_t_shirts_make_trousers_half_price(tees: int, trousers: int, expected: tuple[int, int]) -> None:
    decision = decide(make_basket(line("TEE", tees), line("TROUSERS", trousers, "30.00")), HALF_PRICE_TROUSERS)
    assert result(decision) == expected


def test_only_the_t_shirts_that_qualify_are_taken_and_cost_what_they_did() -> None:
    decision = decide(
        make_basket(line("TEE", 4, line_id="tees"), line("TROUSERS", 1, "30.00", line_id="trousers")),
        HALF_PRICE_TROUSERS,
    )
    winner = applied(decision)
    assert taken(winner) == {"tees": Decimal(2), "trousers": Decimal(1)}
    assert off(winner) == {"tees": 0, "trousers": 1500}
    assert [(each.line_id, each.total, each.discount, each.net) for each in decision.lines] == [
        ("tees", 4000, 0, 4000),
        ("trousers", 3000, 1500, 1500),
    ]


def test_three_for_two_of_six_prices_is_two_matching_sets_in_sorted_order() -> None:
    three_for_two = make_discount(value="100", sets=[product_set(required_quantity=3, discounted_quantity=1)])
    decision = decide(priced("12.00", "7.00", "10.00", "9.00", "8.00", "11.00"), three_for_two)
    assert result(decision) == (2, 1700)
    assert {name: amount for name, amount in off(applied(decision)).items() if amount} == {"7.00": 700, "10.00": 1000}


TEN_OFF_EIGHTY = make_discount("promo", "amount", value="10", sets=[product_set(required_spend="80")])


@pytest.mark.parametrize(
    ("prices", "expected"),
    [(("79.99",), None), (("80.00",), (1, 1000)), (("30.00", "49.99", "0.01"), (1, 1000)), (("250.00",), (1, 1000))],
)
def test_ten_off_every_order_of_eighty_or_more(prices: tuple[str, ...], expected: tuple[int, int] | None) -> None:
    decision = decide(priced(*prices), TEN_OFF_EIGHTY)
    if expected is None:
        assert reason(decision) == "no_matching_products"
    else:
        assert result(decision) == expected


# --- what each type takes off ---------------------------------------------------------------------------------------

TRIO = product_set(required_quantity=3)
TYPES: list[tuple[str, str | None, dict[str, int]]] = [
    ("amount", "6.00", {"1.00": 100, "2.00": 200, "3.00": 300}),
    ("amount", "1.00", {"1.00": 17, "2.00": 33, "3.00": 50}),
    ("amount", "99.00", {"1.00": 100, "2.00": 200, "3.00": 300}),
    ("percentage", "50", {"1.00": 50, "2.00": 100, "3.00": 150}),
    ("percentage", "0.1", {"1.00": 0, "2.00": 0, "3.00": 1}),
    ("percentage", "100", {"1.00": 100, "2.00": 200, "3.00": 300}),
    ("fixed_price", "5.00", {"1.00": 17, "2.00": 33, "3.00": 50}),
    ("fixed_price", "0", {"1.00": 100, "2.00": 200, "3.00": 300}),
    ("free_product", None, {"1.00": 100, "2.00": 200, "3.00": 300}),
]


@pytest.mark.parametrize(("discount_type", "value", "expected"), TYPES)
def test_a_matching_set_is_shared_by_value(discount_type: str, value: str | None, expected: dict[str, int]) -> None:
    decision = decide(priced("1.00", "2.00", "3.00"), make_discount("promo", discount_type, value=value, sets=[TRIO]))
    assert off(applied(decision)) == expected
    assert decision.net == 600 - sum(expected.values())


@pytest.mark.parametrize("value", ["6.00", "6.01", "100"])
def test_a_fixed_price_never_raises_a_price(value: str) -> None:
    decision = decide(priced("1.00", "2.00", "3.00"), make_discount("promo", "fixed_price", value=value, sets=[TRIO]))
    assert (reason(decision), decision.net) == ("no_value", 600)


def test_a_fixed_price_is_for_the_discounted_units_of_all_sets_together() -> None:
    meal = make_discount("promo", "fixed_price", value="5.00", sets=[product_set("BAP"), product_set("TEA")])
    assert result(decide(make_basket(line("BAP", 2, "4.50"), line("TEA", 2, "3.00")), meal)) == (2, 500)


def test_an_amount_is_for_each_matching_set() -> None:
    pair = make_discount("promo", "amount", value="1.50", sets=[product_set(required_quantity=2)])
    assert result(decide(make_basket(line("A", 7, "10.00")), pair)) == (3, 450)


def test_a_unit_that_is_not_discounted_bears_nothing() -> None:
    second_half_price = make_discount(sets=[product_set(required_quantity=2, discounted_quantity=1)])
    assert off(applied(decide(priced("4.00", "9.00"), second_half_price))) == {"4.00": 200, "9.00": 0}


# --- rounding and sharing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "quantity", "price", "expected"),
    [
        ("10", 1, "0.05", (1, 1)),
        ("10", 1, "0.04", None),
        ("50", 3, "0.01", (3, 3)),
        ("33", 2, "1.50", (2, 100)),
        ("33.333", 1, "1.00", (1, 33)),
        ("12.5", 1, "0.20", (1, 3)),
    ],
)
def test_a_percentage_is_rounded_half_up_once_for_each_matching_set(
    value: str, quantity: int, price: str, expected: tuple[int, int] | None
) -> None:
    decision = decide(make_basket(line("A", quantity, price)), make_discount(value=value))
    assert reason(decision) == "no_value" if expected is None else result(decision) == expected


def test_a_matching_set_of_several_units_is_rounded_as_a_whole() -> None:
    by_one = make_discount("one", value="50")
    by_three = make_discount("three", value="50", sets=[TRIO])
    basket = make_basket(line("A", 3, "0.01"))
    assert result(decide(basket, by_one), "one") == (3, 3)
    assert result(decide(basket, by_three), "three") == (1, 2)


def test_the_last_penny_goes_to_the_largest_remainder() -> None:
    three_for_twenty = make_discount("promo", "fixed_price", value="20.00", sets=[TRIO])
    basket = make_basket(line("TEE1", 1, "10.00"), line("TEE2", 1, "12.00"), line("TEE3", 1, "7.00"))
    assert list(off(applied(decide(basket, three_for_twenty))).values()) == [310, 373, 217]


def test_equal_remainders_go_by_sku_then_unit_price() -> None:
    penny = make_discount("promo", "amount", value="0.01", sets=[product_set(required_quantity=2)])
    by_sku = decide(make_basket(line("B", line_id="b"), line("A", line_id="a")), penny)
    assert off(applied(by_sku)) == {"b": 0, "a": 1}
    three = make_discount("promo", "amount", value="0.02", sets=[product_set(required_quantity=4)])
    by_price = decide(
        make_basket(
            line("B", 1, "6.00", line_id="b"), line("A", 2, "3.00", line_id="two"), line("A", 1, "6.00", line_id="a")
        ),
        three,
    )
    assert off(applied(by_price)) == {"b": 0, "two": 1, "a": 1}


def test_the_parts_of_a_unit_group_are_shown_in_the_order_of_lines() -> None:
    trio = make_discount("promo", "amount", value="0.02", sets=[TRIO])
    lines = [line("A", 1, "1.00", line_id=name) for name in "xyz"]
    assert off(applied(decide(make_basket(*lines), trio))) == {"x": 0, "y": 1, "z": 1}


@pytest.mark.parametrize(
    ("currency", "price", "value", "expected"),
    [("JPY", "105", "50", 53), ("KWD", "0.105", "50", 53), ("GBP", "1.05", "50", 53), ("JPY", "9", "5", 0)],
)
def test_rounding_is_to_the_minor_unit_of_the_currency(currency: str, price: str, value: str, expected: int) -> None:
    basket = make_basket(line("A", 1, price, currency=currency), currency=currency)
    decision = decide(basket, make_discount(value=value, currency=currency))
    assert decision.total - decision.net == expected


@pytest.mark.parametrize(
    ("currency", "price", "amount", "spend"), [("JPY", "800", "100", "800"), ("KWD", "0.800", "0.100", "0.800")]
)
def test_amounts_are_in_the_discounts_currency(currency: str, price: str, amount: str, spend: str) -> None:
    basket = make_basket(line("A", 1, price, currency=currency), currency=currency)
    discount = make_discount(
        "promo", "amount", value=amount, currency=currency, sets=[product_set(required_spend=spend)]
    )
    decision = decide(basket, discount)
    assert result(decision) == (1, 100)
    assert applied(decision).saving == Fraction(amount)


def test_a_discount_of_another_currency_does_not_apply() -> None:
    assert reason(decide(make_basket(), make_discount(currency="EUR"))) == "currency"


# --- the maximum discount -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maximum", "expected", "units"),
    [
        (None, (4, 2000), 4),
        ("20.00", (4, 2000), 4),
        ("19.99", (4, 1999), 4),
        ("10.00", (2, 1000), 2),
        ("10.01", (3, 1001), 3),
        ("0.01", (1, 1), 1),
    ],
)
def test_a_maximum_discount_is_for_the_whole_transaction_and_no_set_is_formed_beyond_it(
    maximum: str | None, expected: tuple[int, int], units: int
) -> None:
    decision = decide(make_basket(line("A", 4)), make_discount(maximum_discount=maximum))
    assert result(decision) == expected
    assert sum(taken(applied(decision)).values()) == units


def test_the_cheapest_sets_spend_the_maximum_discount_first() -> None:
    decision = decide(priced("2.00", "4.00", "6.00"), make_discount(maximum_discount="2.50"))
    assert off(applied(decision)) == {"2.00": 100, "4.00": 150}


# --- which units: price order, overlapping sets, as many as possible -------------------------------------------------


@pytest.mark.parametrize(("order", "expected"), [("cheapest", ["1.00", "2.00"]), ("most_expensive", ["8.00", "9.00"])])
def test_units_are_taken_in_price_order(order: str, expected: list[str]) -> None:
    pair = make_discount(price_order=order, sets=[product_set(required_quantity=2)], transaction_redemption_limit=1)
    assert sorted(off(applied(decide(priced("9.00", "1.00", "2.00", "8.00"), pair)))) == expected


def test_most_expensive_first_discounts_the_dearest_of_each_set() -> None:
    discount = make_discount(
        value="100", price_order="most_expensive", sets=[product_set(required_quantity=3, discounted_quantity=1)]
    )
    decision = decide(priced("12.00", "7.00", "10.00", "9.00", "8.00", "11.00"), discount)
    assert result(decision) == (2, 1200 + 900)


@pytest.mark.parametrize("order", ["cheapest", "most_expensive"])
def test_units_of_one_price_are_taken_by_sku(order: str) -> None:
    discount = make_discount(price_order=order, transaction_redemption_limit=1)
    decision = decide(make_basket(line("B", line_id="b"), line("A", line_id="a")), discount)
    assert list(off(applied(decision))) == ["a"]


def test_overlapping_sets_are_assigned_so_that_the_most_matching_sets_fit() -> None:
    meal = make_discount(
        "promo", "fixed_price", value="5.00", sets=[product_set("BAP"), product_set("TEA", "COLA"), product_set("COLA")]
    )
    basket = make_basket(line("BAP", 1, "4.50"), line("COLA", 1, "1.50"), line("TEA", 1, "3.00"))
    assert result(decide(basket, meal)) == (1, 400)


def test_no_unit_serves_two_sets() -> None:
    discount = make_discount(sets=[qualifying("A"), product_set("A")])
    assert reason(decide(make_basket(line("A", 1)), discount)) == "no_matching_products"
    assert result(decide(make_basket(line("A", 5)), discount)) == (2, 1000)


def test_sets_take_units_in_the_order_written_and_deal_them_first_to_last() -> None:
    pay, free = qualifying("A"), product_set("A")
    basket = priced("1.00", "2.00", "3.00", "4.00")
    assert off(applied(decide(basket, make_discount("promo", "free_product", sets=[pay, free])))) == {
        "1.00": 0,
        "2.00": 0,
        "3.00": 300,
        "4.00": 400,
    }
    assert result(decide(basket, make_discount("promo", "free_product", sets=[free, pay]))) == (2, 300)


SETS = st.integers(1, 3).flatmap(
    lambda sets: st.tuples(
        st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2**sets - 1)), min_size=1, max_size=4),
        st.lists(st.integers(1, 2), min_size=sets, max_size=sets),
    )
)


@given(SETS)
def test_the_number_of_matching_sets_is_the_greatest_possible(
    case: tuple[list[tuple[int, int]], list[int]],
) -> None:
    unit_groups, demands = case
    sets = [
        product_set(
            "none", *(str(i) for i, (_, mask) in enumerate(unit_groups) if mask >> j & 1), required_quantity=wanted
        )
        for j, wanted in enumerate(demands)
    ]
    basket = make_basket(*(line(str(i), units, f"{i + 1}.00") for i, (units, _) in enumerate(unit_groups)))
    decision = decide(basket, make_discount(sets=sets))
    most = most_by_trying(tuple(units for units, _ in unit_groups), fitting(unit_groups, demands))
    assert sum(winner.redemptions for winner in decision.applied) == most


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (product_set(), {"a", "b", "x"}),
        (product_set("A", "X"), {"a", "x"}),
        (product_set(rules=every(condition("category", "is", "tea"))), {"a"}),
        (product_set(rules=sku("b")), {"b"}),
        (product_set(rules=every(condition("quantity", "is_at_least", 2))), {"b"}),
    ],
)
def test_a_set_takes_the_products_of_its_source(source: dict[str, Any], names: set[str]) -> None:
    basket = make_basket(
        line("A", line_id="a"),
        line("B", 2, line_id="b"),
        line("X", line_id="x"),
        products={"A": ProductFacts(category="Tea")},
    )
    assert set(off(applied(decide(basket, make_discount(sets=[source]))))) == names


# --- a required spend -----------------------------------------------------------------------------------------------


def test_a_set_with_a_spend_matches_once_however_much_is_spent() -> None:
    assert result(decide(make_basket(line("A", 100, "80.00")), TEN_OFF_EIGHTY)) == (1, 1000)


@pytest.mark.parametrize(("discounted", "expected"), [(None, 1050), (1, 50), (2, 450), (9, 1050)])
def test_a_set_with_a_spend_discounts_all_its_units_or_the_first_of_them(discounted: int | None, expected: int) -> None:
    spend = product_set(required_spend="20.00", discounted_quantity=discounted)
    decision = decide(priced("1.00", "8.00", "12.00"), make_discount(sets=[spend]))
    assert result(decision) == (1, expected)
    assert len(taken(applied(decision))) == 3


def test_several_sets_with_a_spend_take_units_in_the_order_written() -> None:
    basket = make_basket(line("A", 1, "10.00", line_id="a"), line("B", 1, "10.00", line_id="b"))
    anything, a = product_set(required_spend="10.00"), product_set("A", required_spend="10.00")
    assert reason(decide(basket, make_discount(sets=[anything, a]))) == "no_matching_products"
    decision = decide(basket, make_discount(sets=[a | {"gets_discount": False}, anything]))
    assert off(applied(decision)) == {"a": 0, "b": 500}


def test_a_set_with_a_spend_gets_what_the_sets_with_a_quantity_leave() -> None:
    sets = [product_set(required_spend="20.00"), product_set("A", required_quantity=2, gets_discount=False)]
    basket = make_basket(line("A", 3, "5.00", line_id="a"), line("B", 1, "15.00", line_id="b"))
    decision = decide(basket, make_discount(sets=sets))
    assert result(decision) == (1, 1000)
    assert taken(applied(decision)) == {"a": Decimal(3), "b": Decimal(1)}
    lacking = make_basket(line("A", 3, "5.00"), line("B", 1, "14.99"))
    assert reason(decide(lacking, make_discount(sets=sets))) == "no_matching_products"


def test_a_set_with_a_quantity_matches_once_where_another_has_a_spend() -> None:
    sets = [product_set("A", required_quantity=1), qualifying("B", required_spend="10.00")]
    assert result(decide(make_basket(line("A", 5), line("B", 5)), make_discount(sets=sets))) == (1, 500)


def test_a_set_with_a_spend_may_only_qualify() -> None:
    gift = make_discount("promo", "free_product", sets=[product_set("GIFT"), qualifying(required_spend="50.00")])
    enough = make_basket(line("GIFT", 2, "5.00", line_id="gift"), line("A", 1, "45.00", line_id="a"))
    assert off(applied(decide(enough, gift))) == {"gift": 500, "a": 0}
    short = make_basket(line("GIFT", 1, "5.00"), line("A", 1, "49.99"))
    assert reason(decide(short, gift)) == "no_matching_products"


# --- matching sets that would give nothing --------------------------------------------------------------------------


@pytest.mark.parametrize("discount_type", ["amount", "percentage", "free_product"])
def test_free_units_make_no_matching_set(discount_type: str) -> None:
    assert reason(decide(make_basket(line("A", 3, "0.00")), make_discount("promo", discount_type))) == "no_value"


def test_a_matching_set_that_gives_nothing_counts_no_redemption_and_holds_no_units() -> None:
    decision = decide(priced("0.00", "5.00"), make_discount())
    assert result(decision) == (1, 250)
    assert list(off(applied(decision))) == ["5.00"]


def test_a_limit_counts_only_matching_sets_that_give_something() -> None:
    decision = decide(priced("0.00", "5.00", "6.00"), make_discount(transaction_redemption_limit=1))
    assert off(applied(decision)) == {"5.00": 250}


def test_sets_that_a_fixed_price_does_not_lower_are_not_formed() -> None:
    pair = make_discount("promo", "fixed_price", value="5.00", sets=[product_set(required_quantity=2)])
    decision = decide(priced("1.00", "2.00", "3.00", "4.00"), pair)
    assert result(decision) == (1, 200)
    assert list(off(applied(decision))) == ["3.00", "4.00"]


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["total", "customer"])
@pytest.mark.parametrize(("used", "left"), [(0, 3), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_a_limit_leaves_the_cheapest_sets_that_it_still_allows(name: str, used: int, left: int) -> None:
    overrides: dict[str, Any] = {f"{name}_redemption_limit": 3}
    discount = make_discount(**overrides)
    counted: dict[str, Any] = {f"{name}_redemptions": {discount.id: used}}
    decision = decide(priced("1.00", "2.00", "3.00", "4.00", "5.00"), discount, usage=Usage(**counted))
    if left:
        assert result(decision) == (left, sum(50 * n for n in range(1, left + 1)))
    else:
        assert reason(decision) == f"{name}_limit"


def test_a_transaction_limit_starts_again_with_each_transaction() -> None:
    discount = make_discount(transaction_redemption_limit=2)
    usage = Usage(total_redemptions={discount.id: 50}, customer_redemptions={discount.id: 50})
    assert result(decide(make_basket(line("A", 5)), discount, usage=usage)) == (2, 1000)


def test_the_least_of_three_limits_counts() -> None:
    limits: dict[str, Any] = {
        "total_redemption_limit": 9,
        "customer_redemption_limit": 4,
        "transaction_redemption_limit": 3,
    }
    discount = make_discount(**limits)
    for total, customer, left in [(0, 0, 3), (7, 0, 2), (0, 3, 1)]:
        usage = Usage(total_redemptions={discount.id: total}, customer_redemptions={discount.id: customer})
        assert applied(decide(make_basket(line("A", 5)), discount, usage=usage)).redemptions == left


def test_limits_are_checked_after_products_and_before_the_value() -> None:
    discount = make_discount("promo", total_redemption_limit=1, sets=[product_set("A")])
    usage = Usage(total_redemptions={discount.id: 1})
    assert reason(decide(make_basket(line("A", 1, "0.00")), discount, usage=usage)) == "total_limit"
    assert reason(decide(make_basket(line("B")), discount, usage=usage)) == "no_matching_products"


def test_limits_reduce_matching_sets_before_savings_are_compared() -> None:
    basket = make_basket(line("A", 4))
    limited = make_discount("limited", value="50", transaction_redemption_limit=1)
    other = make_discount("other", value="20")
    decision = decide(basket, limited, other)
    assert [(winner.promotion.code, winner.saving) for winner in decision.applied] == [("other", Fraction(8))]
    assert reason(decision, "limited") == "lost_conflict"


# --- the checks before ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "anonymous", "expected"),
    [
        ({}, True, ""),
        ({"customer_redemption_limit": 1}, True, "consumer_required"),
        ({"customer_rules": every(condition("is_loyalty_member", "is", value=True))}, True, "consumer_required"),
        ({"customer_rules": every(condition("is_loyalty_member", "is", value=True))}, False, ""),
        ({"customer_rules": every(condition("groups", "is", "vip"))}, False, "customer_rules"),
        ({"sets": [product_set(personalized_promotion="PP")]}, True, "consumer_required"),
        ({"site_rules": every(condition("town", "is", "Leeds"))}, False, "site_rules"),
        ({"transaction_rules": every(condition("total_inc_tax", "is_at_least", "10.01"))}, False, "transaction_rules"),
        ({"line_item_rules": sku("B")}, False, "line_item_rules"),
        ({"draft": True}, False, "draft"),
    ],
)
def test_a_discount_requires_a_consumer_only_where_it_needs_one(
    overrides: dict[str, Any], anonymous: bool, expected: str
) -> None:
    assert reason(decide(make_basket(), make_discount(**overrides), anonymous=anonymous)) == expected


def test_transaction_rules_see_the_total_before_any_discount() -> None:
    first = make_discount("a", always_apply=True)
    second = make_discount(
        "b", always_apply=True, transaction_rules=every(condition("total_inc_tax", "is_at_least", "10.00"))
    )
    assert decide(make_basket(), first, second).net == 250


# --- products for the till to add -----------------------------------------------------------------------------------

GIFT = make_discount(
    "gift", "free_product", sets=[qualifying("BAP", required_quantity=2), product_set("CAKE", default_product="CAKE")]
)


@pytest.mark.parametrize(
    ("baps", "cakes", "expected"), [(1, 0, []), (2, 0, [1]), (3, 0, [1]), (6, 0, [3]), (2, 1, []), (6, 1, [])]
)
def test_a_free_product_that_a_qualifying_basket_lacks_is_proposed(baps: int, cakes: int, expected: list[int]) -> None:
    lines = [line("BAP", baps), *([line("CAKE", cakes)] if cakes else [])]
    decision = decide(make_basket(*lines), GIFT)
    assert proposed(decision) == [("gift", "CAKE", quantity) for quantity in expected]
    assert reason(decision, "gift") == ("" if cakes else "no_matching_products")


def test_adding_what_is_proposed_makes_it_free() -> None:
    ((_, added, quantity),) = proposed(decide(make_basket(line("BAP", 5)), GIFT))
    decision = decide(make_basket(line("BAP", 5), line(added, quantity, "2.50")), GIFT)
    assert (result(decision, "gift"), decision.add_products) == ((2, 500), ())


@pytest.mark.parametrize(("limit", "used", "expected"), [(1, 0, [1]), (2, 0, [2]), (3, 1, [2]), (1, 1, [])])
def test_no_more_is_proposed_than_the_limits_leave(limit: int, used: int, expected: list[int]) -> None:
    gift = make_discount(
        "gift",
        "free_product",
        sets=[qualifying("BAP"), product_set("CAKE", default_product="CAKE")],
        total_redemption_limit=limit,
    )
    decision = decide(make_basket(line("BAP", 5)), gift, usage=Usage(total_redemptions={gift.id: used}))
    assert [quantity for _, _, quantity in proposed(decision)] == expected


def test_only_the_sets_that_are_not_present_are_proposed() -> None:
    cake, tea = (
        product_set("CAKE", default_product="CAKE"),
        product_set("TEA", required_quantity=2, default_product="TEA"),
    )
    gift = make_discount("gift", "free_product", sets=[qualifying("BAP"), cake, tea])
    assert proposed(decide(make_basket(line("BAP", 3)), gift)) == [("gift", "CAKE", 3), ("gift", "TEA", 6)]
    assert proposed(decide(make_basket(line("BAP", 3), line("TEA", 4)), gift)) == [("gift", "CAKE", 2)]
    assert proposed(decide(make_basket(line("BAP", 3), line("TEA", 1)), gift)) == []


def test_nothing_is_proposed_at_a_return() -> None:
    limits = {GIFT.id: ReturnLimit(position=0, redemptions=1, points=0)}
    case = EvaluationCase(
        basket=make_basket(line("BAP", 2)),
        shopper=make_shopper(),
        usage=Usage(),
        strategy=ReturnStrategy(limits=limits, paid=2000, base_points=20),
    )
    decision = evaluate(case, make_rulebook([GIFT]), ReturnPolicy(limits=limits))
    assert (reason(decision, "gift"), decision.add_products) == ("no_matching_products", ())


def test_only_a_discount_of_free_products_proposes_one() -> None:
    half = make_discount(sets=[qualifying("BAP"), product_set("CAKE", default_product="CAKE")])
    assert proposed(decide(make_basket(line("BAP")), half)) == []


def test_a_basket_that_does_not_qualify_is_proposed_nothing() -> None:
    sets = [qualifying("BAP"), product_set("CAKE", default_product="CAKE")]
    gift = make_discount("gift", "free_product", sets=sets, customer_rules=every(condition("groups", "is", "vip")))
    assert proposed(decide(make_basket(line("BAP")), gift)) == []


def test_proposals_are_ordered_by_code() -> None:
    def gift(code: str, added: str) -> Any:
        return make_discount(code, "free_product", sets=[qualifying("BAP"), product_set(added, default_product=added)])

    decision = decide(make_basket(line("BAP")), gift("b", "CAKE"), gift("a", "TEA"))
    assert proposed(decision) == [("a", "TEA", 1), ("b", "CAKE", 1)]


def test_a_gift_for_a_spend_that_an_earlier_discount_lowered_is_not_proposed() -> None:
    half = make_discount("half")
    gift = make_discount(
        "gift",
        "free_product",
        always_apply=True,
        sets=[qualifying("BAP", required_spend="10.00"), product_set("CAKE", default_product="CAKE")],
    )
    assert proposed(decide(make_basket(line("BAP", 1, "19.98")), half, gift)) == []
    assert proposed(decide(make_basket(line("BAP", 1, "20.00")), half, gift)) == [("gift", "CAKE", 1)]


# --- weighed goods and many units -----------------------------------------------------------------------------------


def test_weighed_goods_are_one_unit_worth_the_whole_line() -> None:
    decision = decide(make_basket(line("CHEESE", "0.350", "10.00", line_id="1")), make_discount())
    assert result(decision) == (1, 175)
    assert taken(applied(decision)) == {"1": Decimal("0.350")}


def test_two_weighed_lines_are_two_units_each_of_all_that_was_weighed() -> None:
    basket = make_basket(
        line("CHEESE", "0.5", line_id="1"), line("CHEESE", "0.5", line_id="2"), line("A", 1, line_id="3")
    )
    pair = make_discount(sets=[product_set("CHEESE", required_quantity=2, discounted_quantity=1)])
    decision = decide(basket, pair)
    assert taken(applied(decision)) == {"1": Decimal("0.5"), "2": Decimal("0.5")}
    assert off(applied(decision)) == {"1": 250, "2": 0}


MANY: list[dict[str, Any]] = [
    {"value": "33.3"},
    {"sets": [product_set(required_quantity=3, discounted_quantity=1)]},
    {"sets": [product_set("A", "B", required_quantity=7), qualifying("B", "C", required_quantity=2)]},
    {"sets": [product_set("A", required_quantity=2), qualifying(required_spend="10.00")]},
    {"maximum_discount": "12.34"},
    {"always_apply": True, "transaction_redemption_limit": 5},
]


def test_a_million_units_take_no_more_steps_than_ten() -> None:
    discounts = [make_discount(f"d{i}", **overrides) for i, overrides in enumerate(MANY)]

    def steps(quantity: int) -> int:
        calls = 0

        def count(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        basket = make_basket(
            *(line(name, quantity, price) for name, price in (("A", "1.99"), ("B", "3.33"), ("C", "2.00")))
        )
        sys.setprofile(count)
        try:
            decide(basket, *discounts)
        finally:
            sys.setprofile(None)
        return calls

    steps(1)  # what is remembered between calls is remembered now
    assert steps(1_000_003) <= 1.5 * steps(13)


def test_a_million_units_add_up() -> None:
    trio = make_discount("promo", "fixed_price", value="10.00", sets=[TRIO])
    decision = decide(make_basket(line("A", 1_000_000, "3.34")), trio)
    assert result(decision) == (333_333, 2 * 333_333)
    assert decision.net == 334_000_000 - 2 * 333_333


# --- how the till writes it -----------------------------------------------------------------------------------------


def test_a_loyalty_promotion_counts_what_is_left_after_discounts() -> None:
    basket = make_basket(line("BLUE", 4, "5.00"))
    decision = decide(basket, make_discount("tenth", value="10"), make_promotion("x2", "points_multiplier"))
    assert (decision.base_points, decision.promotion_points) == (18, 18)


def test_a_discount_earns_no_points_and_shows_its_saving_in_money() -> None:
    lines: list[Line] = [line("A", 1, "12.34")]
    winner = applied(decide(make_basket(*lines), make_discount(value="50")))
    assert (winner.points, winner.vouchers, winner.discount, winner.saving) == (0, 0, 617, Fraction("6.17"))
