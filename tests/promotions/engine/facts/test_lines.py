"""Prices of four decimals, weighed goods, and lines that are left out: tables, and a slow reading."""

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.basket import (
    Basket,
    Line,
    LineTraits,
    ProductFacts,
    UnitPrice,
    line_traits,
    make_line,
    value_lines,
)
from promotions.engine.pipeline.decision import Decision
from tests.promotions.engine.builders import (
    applied,
    condition,
    decide,
    every,
    line,
    make_basket,
    make_discount,
    make_promotion,
    make_voucher,
    off,
    product_set,
    reason,
    sku,
    taken,
)
from tests.promotions.engine.facts.naive_lines import NaiveLine, half_up, naive_units, shared_by_value

FREE = make_discount("free", value="100")
HALF = make_discount("half", value="50")
TENTH_OF_ALL = make_discount(
    "tenth", value="10", sets=[product_set(required_spend="0.01", discounted_quantity=None, rules={})]
)
TWO_FOR_ONE = make_discount("two", value="100", sets=[product_set(required_quantity=2, discounted_quantity=1)])
EACH = make_promotion("each", points=5, quantity_rule={"apply_to": "every", "units": 1})


def screws(*quantities: int, price: str = "0.495") -> Basket:
    return make_basket(*(line("SCREW", bought, price, line_id=str(i)) for i, bought in enumerate(quantities)))


# --- prices of four decimals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantities", "totals"),
    [((500,), (24750,)), ((3,), (149,)), ((1, 1, 1), (50, 50, 49)), ((2, 1), (100, 49)), ((1, 2), (50, 99))],
)
def test_a_runs_total_is_rounded_once_and_its_dearer_units_come_first(
    quantities: tuple[int, ...], totals: tuple[int, ...]
) -> None:
    basket = screws(*quantities)
    assert (basket.line_totals, basket.total_minor) == (totals, sum(totals))
    assert value_lines(basket.lines) == (totals, sum(totals), sum(totals))


@pytest.mark.parametrize(
    ("currency", "price", "quantity", "total"),
    [
        ("JPY", "0.4", 3, "1"),
        ("JPY", "1.5", 1, "2"),
        ("KWD", "0.0005", 1, "0.001"),
        ("KWD", "0.0004", 1, "0.000"),
        ("CLF", "0.0001", 3, "0.0003"),
        ("GBP", "0.0001", 49, "0.00"),
        ("GBP", "0.0001", 50, "0.01"),
    ],
)
def test_every_currency_has_prices_of_four_decimals(currency: str, price: str, quantity: int, total: str) -> None:
    basket = make_basket(line("A", quantity, price, currency=currency), currency=currency)
    assert f"{basket.total_inc_tax:f}" == total


def test_the_total_without_tax_is_rounded_for_each_run_too() -> None:
    basket = make_basket(line("A", 3, "0.50", ex_tax="0.4125"), line("B", 1, "0.50", ex_tax="0.4125"))
    assert basket.total_ex_tax == Decimal("1.24") + Decimal("0.41")


def test_all_of_three_screws_free_is_nothing_to_pay() -> None:
    decision = decide(screws(3), FREE)
    assert (decision.net, applied(decision, "free").discount, applied(decision, "free").redemptions) == (0, 149, 3)


def test_the_pricing_rule_sorts_by_the_price_that_the_till_sent() -> None:
    """Both units are worth 0.50, or 0.49 with the half penny of a run that others share."""
    first = make_promotion("first", quantity_rule={"apply_to": "first", "units": 1})
    basket = make_basket(line("A", 1, "0.4951", line_id="a"), line("B", 1, "0.495", line_id="b"))
    assert taken(applied(decide(basket, first), "first")) == {"b": 1}


# --- weighed goods ---------------------------------------------------------------------------------------------------

BY_WEIGHT = ProductFacts(sold_by_weight=True)


@pytest.mark.parametrize(
    ("quantity", "weighed", "product", "is_weighed"),
    [
        ("3", None, None, False),
        ("3.000", True, None, True),
        ("3", None, BY_WEIGHT, True),
        ("3", False, BY_WEIGHT, False),
        ("0.5", False, BY_WEIGHT, True),
        ("0.5", None, None, True),
        ("3", None, ProductFacts(), False),
        ("3", True, ProductFacts(), True),
    ],
)
def test_a_line_is_weighed_as_the_till_says_or_else_as_its_product_is_sold(
    quantity: str, weighed: bool | None, product: ProductFacts | None, is_weighed: bool
) -> None:
    traits = line_traits(quantity=Decimal(quantity), product=product, weighed=weighed)
    assert traits == LineTraits(is_weighed=is_weighed)


def test_three_kilograms_are_one_unit_worth_the_whole_line() -> None:
    assert decide(make_basket(line("A", "3", "12.00")), TWO_FOR_ONE).net == 2400
    assert decide(make_basket(line("A", "3", "12.00", weighed=True)), TWO_FOR_ONE).net == 3600


def test_two_weighed_lines_are_two_units_and_the_cheaper_one_is_free() -> None:
    lines = [line("A", "0.755", "12.00", weighed=True), line("A", "2", "12.00", weighed=True)]
    assert decide(make_basket(*lines), TWO_FOR_ONE).net == 2400
    assert decide(make_basket(lines[0], lines[0]._replace(line_id="2")), TWO_FOR_ONE).net == 906


def test_quantity_in_rules_is_the_sum_of_the_quantities_sent() -> None:
    basket = make_basket(line("A", "0.755", weighed=True), line("A", 2, "9.00"), line("A", 3, weighed=True))
    assert {unit_group.item.quantity for unit_group in basket.unit_groups} == {Decimal("5.755")}


def left_of_counted(quantity: str) -> Line:
    return make_line(line_id="1", sku="A", quantity=Decimal(quantity), unit_price=UnitPrice(1000, 1000))


def test_what_is_left_of_a_counted_unit_is_weighed_and_the_others_are_counted() -> None:
    basket = make_basket(left_of_counted("2.5"))
    assert [(group.units, group.weight, group.total_inc_tax) for group in basket.unit_groups] == [
        (2, None, 2000),
        (1, Decimal("0.5"), 500),
    ]
    assert basket.line_totals == (2500,)


def test_a_line_in_two_runs_is_told_once() -> None:
    decision = decide(make_basket(left_of_counted("2.5")), HALF, EACH, make_promotion("twice", "points_multiplier"))
    (row,) = decision.lines
    assert (row.total, row.net, row.base_points) == (2500, 1250, 12)
    assert taken(applied(decision, "half")) == taken(applied(decision, "each")) == {"1": Decimal("2.5")}
    assert (off(applied(decision, "half")), applied(decision, "each").points) == ({"1": 1250}, 15)
    assert [share.points for share in applied(decision, "twice").lines] == [12]


# --- left out of discounts and points --------------------------------------------------------------------------------


def shelf() -> Basket:
    return make_basket(
        line("A", 1, "10.00", line_id="a"),
        line("GIFT", 1, "25.00", line_id="gift", no_discount=True, no_points=True),
        line("BOOK", 1, "20.00", line_id="book", no_discount=True),
        line("BAG", 1, "0.10", line_id="bag", no_points=True),
        line("BOTTLE", 2, "-0.25", line_id="bottle", no_discount=True, no_points=True),
    )


def by_line(decision: Decision, field: str) -> dict[str, int]:
    return {row.line_id: getattr(row, field) for row in decision.lines}


def test_lines_that_are_left_out_are_in_the_totals() -> None:
    decision = decide(shelf(), TENTH_OF_ALL, EACH)
    assert (decision.total, decision.total - decision.net, decision.net) == (5460, 101, 5359)
    assert by_line(decision, "net") == {"a": 900, "gift": 2500, "book": 2000, "bag": 9, "bottle": -50}
    assert by_line(decision, "base_points") == {"a": 9, "gift": 0, "book": 20, "bag": 0, "bottle": 0}
    assert set(taken(applied(decision, "each"))) == {"a", "book"}
    assert applied(decision, "each").points == 10


@pytest.mark.parametrize(
    ("voucher", "net"),
    [
        (make_voucher(value="50"), {"a": 0, "book": 2000, "bag": 0}),
        (make_voucher(kind="percentage", value="50"), {"a": 500, "book": 2000, "bag": 5}),
        (make_voucher(kind="product", product="BAG"), {"a": 1000, "book": 2000, "bag": 0}),
        (make_voucher(kind="product", product="BOOK"), {"a": 1000, "book": 2000, "bag": 10}),
    ],
)
def test_a_voucher_pays_nothing_of_a_line_without_discounts(voucher: object, net: dict[str, int]) -> None:
    decision = decide(shelf(), vouchers=[voucher])  # type: ignore[list-item]
    assert by_line(decision, "net") == {"gift": 2500, "bottle": -50, **net}


def test_a_voucher_with_nothing_to_lower_is_not_applicable() -> None:
    decision = decide(make_basket(line("BOOK", no_discount=True)), vouchers=[make_voucher()])
    assert [(voucher.code, voucher.reason) for voucher in decision.vouchers_refused] == [("V", "not_applicable")]


def test_a_line_without_discounts_counts_toward_no_required_spend_and_no_set() -> None:
    spend = make_discount("spend", value="10", sets=[product_set(required_spend="30", discounted_quantity=None)])
    dear = line("BOOK", 1, "40.00", no_discount=True)
    assert reason(decide(make_basket(line("A", 1, "29.99"), dear), spend), "spend") == "no_matching_products"
    assert reason(decide(make_basket(line("A", 1, "30.00"), dear), spend), "spend") == ""
    assert reason(decide(make_basket(line("A"), dear), TWO_FOR_ONE), "two") == "no_matching_products"


def test_a_line_without_points_is_in_no_product_selection() -> None:
    only = make_promotion("only", product_selection={"match": "any", "sets": [{"rules": sku("BAG")}]})
    assert reason(decide(shelf(), only), "only") == "no_matching_products"
    whole = make_promotion("whole", "points_multiplier", multiplier="2")
    decision = decide(shelf(), whole)
    assert (applied(decision, "whole").points, set(taken(applied(decision, "whole")))) == (30, {"a", "book"})


WEEK = {"period": {"unit": "days", "length": 7}}


def rule_for(name: str, value: object) -> dict[str, object]:
    return every(condition("sku", "is", name), condition("quantity", "is", value))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"line_item_rules": sku("BOOK")}, ""),
        ({"line_item_rules": sku("BAG")}, ""),
        ({"line_item_rules": sku("GIFT")}, "line_item_rules"),
        ({"line_item_rules": rule_for("BOTTLE", 2)}, "line_item_rules"),
        ({"transaction_rules": every(condition("total_inc_tax", "is", "30.10"))}, ""),
        ({"transaction_rules": every(condition("total_ex_tax", "is", "30.10"))}, ""),
        ({"transaction_rules": every(condition("total_inc_tax", "is", "54.60"))}, "transaction_rules"),
        ({"application_rules": [{**WEEK, "measure": "spend", "threshold": "30.10"}]}, ""),
        ({"application_rules": [{**WEEK, "measure": "spend", "threshold": "30.11"}]}, "application_rules"),
        ({"application_rules": [{**WEEK, "measure": "quantity", "threshold": 3}]}, ""),
        ({"application_rules": [{**WEEK, "measure": "quantity", "threshold": 4}]}, "application_rules"),
    ],
)
def test_one_flag_counts_in_rules_and_both_count_nowhere_but_in_the_totals(
    fields: dict[str, Any], expected: str
) -> None:
    assert reason(decide(shelf(), make_promotion("ruled", **fields)), "ruled") == expected


def test_both_flags_leave_the_other_lines_of_a_sku_their_quantity() -> None:
    basket = make_basket(line("A", 2), line("A", 5, no_discount=True, no_points=True))
    assert reason(decide(basket, make_promotion("two", line_item_rules=rule_for("A", 2))), "two") == ""


@pytest.mark.parametrize(("bottles", "total", "net", "points"), [(4, 100, 0, 1), (8, 0, -100, 0), (6, 50, -50, 0)])
def test_a_net_total_below_zero_earns_nothing(bottles: int, total: int, net: int, points: int) -> None:
    lines = [line("BUN", 1, "2.00"), line("BOTTLE", bottles, "-0.25", no_discount=True, no_points=True)]
    decision = decide(make_basket(*lines), HALF)
    assert (decision.total, decision.net, decision.base_points) == (total, net, points)


def test_half_a_penny_below_zero_is_rounded_up() -> None:
    bottle = line("BOTTLE", 1, "-0.125", no_discount=True, no_points=True)
    assert make_basket(line("A"), bottle).total_minor == 1000 - 12


# --- against a slow reading ------------------------------------------------------------------------------------------

PRICES = ["0.495", "0.4951", "0.0049", "1.00", "2.3333", "0"]
NEGATIVE = ["-0.25", "-0.1255"]


@st.composite
def naive_lines(draw: st.DrawFn) -> NaiveLine:
    no_discount, no_points = draw(st.booleans()), draw(st.booleans())
    prices = PRICES + NEGATIVE if no_discount and no_points else PRICES
    return NaiveLine(
        sku=draw(st.sampled_from("AB")),
        quantity=draw(st.sampled_from(["1", "2", "3", "7", "0.5", "1.255"])),
        inc_tax=draw(st.sampled_from(prices)),
        ex_tax=draw(st.sampled_from(["0.4125", "0.3"])),
        weighed=draw(st.booleans()),
        no_discount=no_discount,
        no_points=no_points,
    )


LINES = st.lists(naive_lines(), min_size=1, max_size=7)


def basket_of(lines: list[NaiveLine]) -> Basket:
    return make_basket(
        *(
            line(
                row.sku,
                row.quantity,
                row.inc_tax,
                ex_tax=row.ex_tax,
                line_id=str(number),
                weighed=row.weighed,
                no_discount=row.no_discount,
                no_points=row.no_points,
            )
            for number, row in enumerate(lines)
        )
    )


@given(LINES)
def test_a_basket_is_worth_what_its_units_are_worth_one_by_one(lines: list[NaiveLine]) -> None:
    basket, units = basket_of(lines), naive_units(lines)
    worth = [0] * len(lines)
    for unit in units:
        worth[unit.line] += unit.value
    assert basket.line_totals == tuple(worth)
    assert (basket.total_minor, basket.total_ex_minor) == (
        sum(worth),
        sum(unit.value for unit in naive_units(lines, price="ex_tax")),
    )
    counting = [unit for unit in units if not (unit.no_discount and unit.no_points)]
    assert basket.total_inc_tax * 100 == sum(unit.value for unit in counting)


@given(LINES, st.integers(1, 500))
def test_a_decision_is_that_of_its_units_one_by_one(lines: list[NaiveLine], pence: int) -> None:
    units = naive_units(lines)
    total = sum(unit.value for unit in units)
    voucher = make_voucher(value=f"{pence / 100:.2f}")
    decision = decide(basket_of(lines), HALF, EACH, vouchers=[voucher])
    discountable = [unit for unit in units if not unit.no_discount]
    for unit in discountable:
        unit.value -= half_up(Fraction(unit.value, 2))
    paid = min(pence, sum(unit.value for unit in discountable))
    shares = shared_by_value(paid, discountable) if paid else {}
    net_of_run: dict[int, int] = {}
    for unit in units:
        net_of_run[unit.run] = net_of_run.get(unit.run, 0) + unit.value
    for run, share in shares.items():
        net_of_run[run] -= share
    earning = {unit.run for unit in units if not unit.no_points}
    net = sum(net_of_run.values())
    base = sum(net_of_run[run] for run in earning) // 100 if net >= 0 else 0
    assert (decision.total, decision.net, decision.base_points) == (total, net, base)
    assert decision.promotion_points == 5 * sum(not unit.no_points for unit in units)
    assert sum(row.net for row in decision.lines) == net
    assert all(not row.base_points for row, sent in zip(decision.lines, lines, strict=True) if sent.no_points)
    assert all(not row.discount for row, sent in zip(decision.lines, lines, strict=True) if sent.no_discount)


@given(LINES, st.sampled_from(["cheapest", "most_expensive"]))
def test_the_first_unit_is_that_of_the_price_sent(lines: list[NaiveLine], order: str) -> None:
    first = make_promotion(
        "first", quantity_rule={"apply_to": "first", "units": 1}, pricing_rule={"order": order, "by": "inc_tax"}
    )
    earning = [unit for unit in naive_units(lines) if not unit.no_points]
    decision = decide(basket_of(lines), first)
    if not earning:
        assert reason(decision, "first") == "no_matching_products"
        return
    sign = 1 if order == "cheapest" else -1
    best = min((sign * unit.sent, unit.sku) for unit in earning)
    (line_id,) = taken(applied(decision, "first"))
    assert best in {(sign * unit.sent, unit.sku) for unit in earning if unit.line == int(line_id)}


def totals(decision: Decision) -> tuple[object, ...]:
    winners = [(given.promotion.code, given.redemptions, given.points, given.discount) for given in decision.applied]
    return decision.total, decision.net, decision.points, winners, [paid.discount for paid in decision.vouchers]


@given(LINES, st.randoms(use_true_random=False))
def test_splitting_and_reordering_lines_changes_no_total(lines: list[NaiveLine], random: Random) -> None:
    promotions = (HALF, TENTH_OF_ALL, TWO_FOR_ONE, EACH, make_promotion("spent", "bonus_points"))
    split: list[NaiveLine] = []
    for row in lines:
        if row.is_one_unit:
            split.append(row)
        else:
            split += [NaiveLine(**{**vars(row), "quantity": "1"}) for _ in range(int(row.quantity))]
    random.shuffle(split)
    vouchers = [make_voucher(value="1.23")]
    assert totals(decide(basket_of(lines), *promotions, vouchers=vouchers)) == totals(
        decide(basket_of(split), *promotions, vouchers=vouchers)
    )
