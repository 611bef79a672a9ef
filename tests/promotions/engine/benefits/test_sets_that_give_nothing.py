"""A matching set that would give nothing does not stand in the way of one that gives something."""

import sys
from decimal import Decimal
from fractions import Fraction
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.basket import Basket, Line
from promotions.engine.facts.consumer import Usage
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.pipeline.strategy import ReturnLimit, ReturnPolicy, ReturnStrategy
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.benefits.naive_discount import (
    NaiveDiscount,
    NaiveResult,
    NaiveSet,
    NaiveUnit,
    naive_result,
)
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
    sku,
    taken,
)


def basket_of(prices: str) -> Basket:
    """A basket of single units, named by their prices: ``"5 5 10"``."""
    units = enumerate(prices.split())
    return make_basket(*(line(f"P{price}", 1, price, line_id=f"{number}") for number, price in units))


def given_by(decision: Decision) -> tuple[int, int]:
    """Redemptions and amount off, none where it does not apply."""
    if reason(decision):
        return 0, 0
    winner = applied(decision)
    return winner.redemptions, winner.discount


TRIO = product_set(required_quantity=3)
THREE_FOR_20 = make_discount("promo", "fixed_price", value="20.00", sets=[TRIO])
THREE_FOR_20_DEAR = make_discount("promo", "fixed_price", value="20.00", sets=[TRIO], price_order="most_expensive")
THREE_FOR_TWO = make_discount("promo", "free_product", sets=[TRIO | {"discounted_quantity": 1}])
TWO_FOR_ONE = make_discount("promo", "free_product", sets=[product_set(required_quantity=2, discounted_quantity=1)])
TENTH_EACH = make_discount("promo", value="10")


@pytest.mark.parametrize(
    ("discount", "prices", "expected"),
    [
        (THREE_FOR_20, "5 5 10 10", (1, 500)),
        (THREE_FOR_20, "1 1 1 10 10 10", (1, 1000)),
        (THREE_FOR_20, "5 5 5 5 10 10 10 10", (2, 1000)),
        (THREE_FOR_20, "5 10 10", (1, 500)),
        (THREE_FOR_20, "5 5 10", (0, 0)),
        (THREE_FOR_20, "1 10 10 10", (1, 100)),
        (THREE_FOR_20_DEAR, "1 10 10 10", (1, 1000)),
        (THREE_FOR_20_DEAR, "1 1 1 10 10 10", (1, 1000)),
        # The cheap trio stands aside; the units of the dear one are formed but once.
        (THREE_FOR_20, "1 1 1 8 8 8 9 9 9", (2, 400 + 700)),
        # 5 10 10 stands; of the others 10 10 5 gives 5.00, and 5 5 5 ends it.
        (THREE_FOR_20, "5 5 5 5 5 5 5 10 10 10 10", (2, 1000)),
        (THREE_FOR_TWO, "0 10 12 14", (1, 1000)),
        (THREE_FOR_TWO, "0 10 12", (0, 0)),
        (THREE_FOR_TWO, "0 0 10 12 14", (1, 1000)),
        (THREE_FOR_TWO, "0 10 11 12 13 14", (1, 1200)),
        (TWO_FOR_ONE, "0 10 12", (1, 1000)),
        (TWO_FOR_ONE, "0 10", (0, 0)),
        (TENTH_EACH, "0.04 0.04 1.00", (1, 10)),
        (TENTH_EACH, "0.04 0.04", (0, 0)),
    ],
)
def test_units_of_sets_that_give_nothing_are_formed_again(
    discount: Promotion, prices: str, expected: tuple[int, int]
) -> None:
    decision = decide(basket_of(prices), discount)
    assert given_by(decision) == expected
    if not expected[0]:
        assert reason(decision) == "no_value"


MEAL_DEAL = make_discount(
    "promo",
    "fixed_price",
    value="6.00",
    sets=[product_set("SAND", "SAND2"), product_set("TEA", "COLA"), product_set("CRISPS")],
)


def test_a_meal_deal_takes_the_dear_sandwich_and_drink_where_the_cheap_ones_would_give_nothing() -> None:
    basket = make_basket(
        line("SAND", 1, "3.00", line_id="cheap sandwich"),
        line("SAND2", 1, "5.00", line_id="dear sandwich"),
        line("TEA", 1, "1.50", line_id="tea"),
        line("COLA", 1, "2.00", line_id="cola"),
        line("CRISPS", 1, "1.00", line_id="crisps"),
    )
    decision = decide(basket, MEAL_DEAL)
    assert off(applied(decision)) == {"dear sandwich": 125, "cola": 50, "crisps": 25}


def test_which_units_of_a_set_from_the_dear_end_are_discounted_goes_by_price_order() -> None:
    basket = basket_of("0 10 12 14")
    assert off(applied(decide(basket, THREE_FOR_TWO))) == {"1": 1000, "2": 0, "3": 0}
    dear = make_discount(
        "promo", "free_product", price_order="most_expensive", sets=[TRIO | {"discounted_quantity": 1}]
    )
    assert off(applied(decide(basket, dear))) == {"3": 1400, "2": 0, "1": 0}


def test_ties_at_the_dear_end_are_broken_by_sku() -> None:
    sets = [product_set("CHEAP", "A", "B", required_quantity=2)]
    pair = make_discount("promo", "fixed_price", value="12.00", sets=sets)
    basket = make_basket(line("CHEAP", 2, "5.00"), line("B", 1, "10.00"), line("A", 1, "10.00"))
    decision = decide(basket, pair)
    assert given_by(decision) == (1, 800)
    basket = make_basket(
        line("CHEAP", 1, "1.00"), line("B", 1, "10.00", line_id="b"), line("A", 1, "10.00", line_id="a")
    )
    assert taken(applied(decide(basket, pair))) == {"a": Decimal(1), "b": Decimal(1)}


def test_a_set_takes_dear_units_only_as_far_as_the_others_can_be_filled() -> None:
    """The first set would like the one unit that the second needs too."""
    sets = [product_set("A", "B"), product_set("B")]
    pair = make_discount("promo", "fixed_price", value="12.00", sets=sets)
    basket = make_basket(
        line("A", 1, "1.00", line_id="1"), line("A", 1, "4.00", line_id="4"), line("B", 1, "9.00", line_id="9")
    )
    assert taken(applied(decide(basket, pair))) == {"4": Decimal(1), "9": Decimal(1)}


@pytest.mark.parametrize(("limit", "expected"), [(1, (1, 500)), (2, (2, 1000)), (None, (2, 1000))])
def test_limits_cut_the_sets_from_the_end(limit: int | None, expected: tuple[int, int]) -> None:
    limited = make_discount("promo", "fixed_price", value="20.00", sets=[TRIO], transaction_redemption_limit=limit)
    assert given_by(decide(basket_of("5 5 5 5 10 10 10 10"), limited)) == expected


@pytest.mark.parametrize(
    ("maximum", "expected"), [("0.10", (1, 10)), ("0.12", (2, 12)), ("0.15", (2, 15)), ("0.16", (2, 15))]
)
def test_a_maximum_is_spent_along_the_list(maximum: str, expected: tuple[int, int]) -> None:
    """Dealt: 0.04 and 0.04 for nothing, twice, then 5.00 and 5.00 for 0.10. Again: 5.00 and 0.04 for 0.05."""
    pairs = make_discount("promo", value="1", sets=[product_set(required_quantity=2)], maximum_discount=maximum)
    assert given_by(decide(basket_of("0.04 0.04 0.04 5.00 5.00 0.04 5.00"), pairs)) == expected


def test_a_set_from_the_dear_end_holds_its_units_and_leaves_the_others() -> None:
    decision = decide(basket_of("5 5 10 10"), THREE_FOR_20, make_discount("tenth", value="10"))
    assert off(applied(decision, "tenth")) == {"1": 50}


def test_discounts_with_a_required_spend_form_no_sets_again() -> None:
    sets = [product_set("A", required_spend="1.00"), product_set("B", required_quantity=1)]
    pair = make_discount("promo", "free_product", sets=[sets[0] | {"gets_discount": False}, sets[1]])
    basket = make_basket(line("A", 1, "5.00"), line("B", 1, "0.00"), line("B", 1, "3.00"))
    assert reason(decide(basket, pair)) == "no_value"


@pytest.mark.parametrize("sets", [[TRIO], [product_set("A", "B"), product_set("B", "C", required_quantity=2)]])
def test_a_million_units_take_no_longer_to_form_again_than_a_dozen(sets: list[dict[str, Any]]) -> None:
    discount = make_discount("promo", "fixed_price", value="12.00", sets=sets)

    def steps(quantity: int) -> int:
        calls = 0

        def count(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        prices = (("A", "1.00"), ("B", "1.50"), ("C", "2.00"), ("A", "7.00"), ("B", "8.00"), ("C", "9.00"))
        basket = make_basket(*(line(name, quantity, price) for name, price in prices))
        sys.setprofile(count)
        try:
            assert given_by(decide(basket, discount))[0]
        finally:
            sys.setprofile(None)
        return calls

    steps(1)  # what is remembered between calls is remembered now
    assert steps(1_000_003) <= 1.5 * steps(13)


def test_a_million_units_are_formed_again_to_the_penny() -> None:
    basket = make_basket(line("A", 1_000_000, "5.00"), line("B", 1_000_000, "10.00"))
    # Dealt: 333,333 × 5 5 5 for nothing, 5 10 10, then 333,332 × 10 10 10. Again: 10 10 5.
    assert given_by(decide(basket, THREE_FOR_20)) == (333_334, 500 + 333_332 * 1000 + 500)


# --- against a slow reading of the rule -------------------------------------------------------------------------------

SKUS = "ABCD"
PRICES = ["0.00", "0.01", "0.04", "1.00", "1.99", "5.00", "10.00"]
VALUES = {
    "amount": ["0.01", "2.50"],
    "percentage": ["1", "10", "33.3", "100"],
    "fixed_price": ["0.00", "1.00", "4.99", "12.00"],
    "free_product": ["0"],
}
SOURCES = ("products", "rules", "personalized")


@st.composite
def _cases(draw: st.DrawFn) -> tuple[NaiveDiscount, list[tuple[str, list[str]]], int | None, list[Line]]:
    """A discount, the source and the SKUs of each of its sets, a limit, and one line for each unit group, in order."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    value = Fraction(draw(st.sampled_from(VALUES[kind])))
    sets = []
    for number in range(draw(st.integers(1, 3))):
        quantity = draw(st.integers(1, 3))
        gets_discount = number == 0 or draw(st.booleans())
        sets.append(NaiveSet(quantity=quantity, discounted=draw(st.integers(1, quantity)), gets_discount=gets_discount))
    naive = NaiveDiscount(
        kind=kind,
        value=value if kind == "percentage" else value * 100,
        sets=tuple(draw(st.permutations(sets))),
        most_expensive=draw(st.booleans()),
        maximum=draw(st.sampled_from([None, None, 1, 100])) if kind == "percentage" else None,
    )
    some_skus = st.lists(st.sampled_from(SKUS), min_size=1, max_size=4, unique=True)
    fitting = [(draw(st.sampled_from(SOURCES)), draw(some_skus)) for _ in sets]
    keys = draw(
        st.lists(st.tuples(st.sampled_from(SKUS), st.sampled_from(PRICES)), min_size=1, max_size=6, unique=True)
    )
    keys.sort(key=lambda key: (key[0], Decimal(key[1])))
    lines = [line(sku, draw(st.integers(1, 4)), price) for sku, price in keys]
    return naive, fitting, draw(st.sampled_from([None, None, 1, 2])), lines


def _set_of(number: int, naive_set: NaiveSet, source: str, skus: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {"required_quantity": naive_set.quantity, "gets_discount": naive_set.gets_discount}
    if naive_set.gets_discount:
        fields["discounted_quantity"] = naive_set.discounted
    match source:
        case "products":
            return product_set(*skus, **fields)
        case "rules":
            return product_set(rules=sku(*skus), **fields)
        case _:
            return product_set(personalized_promotion=f"L{number}", **fields)


def _decided(
    naive: NaiveDiscount, fitting: list[tuple[str, list[str]]], limit: int | None, lines: list[Line]
) -> Decision:
    sets = [
        _set_of(number, naive_set, source, skus)
        for number, (naive_set, (source, skus)) in enumerate(zip(naive.sets, fitting, strict=True))
    ]
    value = str(Decimal(naive.value.numerator) / naive.value.denominator / (1 if naive.kind == "percentage" else 100))
    discount = make_discount(
        "promo",
        naive.kind,
        value=None if naive.kind == "free_product" else value,
        maximum_discount=None if naive.maximum is None else str(Decimal(naive.maximum) / 100),
        price_order="most_expensive" if naive.most_expensive else "cheapest",
        sets=sets,
        transaction_redemption_limit=limit,
    )
    lists = {f"L{number}": make_list(*skus, selected=skus) for number, (_, skus) in enumerate(fitting)}
    personalized = {backend_id: make_personalized() for backend_id in lists}
    return decide(make_basket(*lines), discount, shopper=make_shopper(personalized=lists), personalized=personalized)


def _by_run(decision: Decision, lines: list[Line]) -> NaiveResult:
    """What the engine took and took off, by the place of SKU and price in sorted order."""
    result = NaiveResult()
    if reason(decision):
        return result
    keys = sorted({(row.sku, row.unit_inc_tax) for row in lines})
    run_of = {row.line_id: keys.index((row.sku, row.unit_inc_tax)) for row in lines}
    winner = applied(decision)
    result.redemptions = winner.redemptions
    for share in winner.lines:
        run = run_of[share.line_id]
        result.taken[run] = result.taken.get(run, 0) + int(share.quantity)
        result.off[run] = result.off.get(run, 0) + share.discount
    return result


@given(case=_cases(), random=st.randoms(use_true_random=False))
def test_sets_are_formed_again_as_dealing_unit_by_unit_would(case: Any, random: Any) -> None:
    naive, fitting, limit, lines = case
    units = [
        NaiveUnit(
            unit_group=run,
            price=int(row.unit_inc_tax),
            fits=frozenset(number for number, (_, skus) in enumerate(fitting) if row.sku in skus),
        )
        for run, row in enumerate(lines)
        for _ in range(row.units)
    ]
    expected = naive_result(naive, units, limit=limit)
    single = [
        row._replace(line_id=f"{row.line_id} {number}", units=1, quantity=Decimal(1))
        for row in lines
        for number in range(row.units)
    ]
    random.shuffle(single)
    for as_sent in (lines, single):
        decision = _decided(naive, fitting, limit, as_sent)
        result = _by_run(decision, as_sent)
        assert (result.redemptions, result.taken) == (expected.redemptions, expected.taken)
        assert result.off == {run: expected.off.get(run, 0) for run in expected.taken}
        if not expected.redemptions:
            assert reason(decision) == ("no_value" if expected.matching_sets_found else "no_matching_products")
    without = naive_result(naive, units, limit=limit, forms_again=False)
    assert sum(expected.off.values()) >= sum(without.off.values())
    assert expected.redemptions >= without.redemptions


# --- returns ----------------------------------------------------------------------------------------------------------


def test_at_a_return_sets_are_formed_again_within_the_redemptions_of_the_sale() -> None:
    """Sold 5 5 10 10 for 5.00 off; the dear ones come back, and what is left makes no trio."""
    sale = decide(basket_of("5 5 10 10"), THREE_FOR_20)
    assert given_by(sale) == (1, 500)
    for left, expected in (("5 10 10", (1, 500)), ("5 5 10", (0, 0)), ("10 10", (0, 0))):
        limits = {THREE_FOR_20.id: ReturnLimit(position=0, redemptions=1, points=0)}
        case = EvaluationCase(
            basket=basket_of(left),
            shopper=make_shopper(),
            usage=Usage(),
            strategy=ReturnStrategy(limits=limits, paid=sale.net, base_points=sale.base_points),
        )
        decision = evaluate(case, make_rulebook([THREE_FOR_20]), ReturnPolicy(limits=limits))
        assert sum(row.discount for row in decision.applied) == expected[1]
        assert sum(row.redemptions for row in decision.applied) == expected[0]
