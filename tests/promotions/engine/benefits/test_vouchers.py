"""Vouchers presented at the till: what they pay, in which order, and why one does not. Amounts in minor units."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from promotions.engine.benefits.vouchers import PresentedVoucher
from promotions.engine.facts.basket import Basket
from promotions.engine.pipeline.decision import AppliedVoucher, Decision
from tests.promotions.engine.builders import (
    NOON,
    decide,
    line,
    make_basket,
    make_discount,
    make_promotion,
    make_voucher,
    off,
    product_set,
    reason,
    taken,
)

BASKET = make_basket(
    line("TEA", 2, "3.00", line_id="tea"),
    line("BAP", 1, "4.50", line_id="bap"),
    line("BAP", 1, "4.00", line_id="small"),
)


def paid(decision: Decision) -> AppliedVoucher:
    (voucher,) = decision.vouchers
    return voucher


def refusals(decision: Decision) -> list[tuple[str, str]]:
    return [(voucher.code, voucher.reason) for voucher in decision.vouchers_refused]


# --- what a voucher pays --------------------------------------------------------------------------------------------

PAY: list[tuple[PresentedVoucher, dict[str, int]]] = [
    (make_voucher(value="1.45"), {"tea": 60, "bap": 45, "small": 40}),
    (make_voucher(value="14.50"), {"tea": 600, "bap": 450, "small": 400}),
    (make_voucher(value="99.00"), {"tea": 600, "bap": 450, "small": 400}),
    (make_voucher(kind="percentage", value="10"), {"tea": 60, "bap": 45, "small": 40}),
    (make_voucher(kind="percentage", value="100"), {"tea": 600, "bap": 450, "small": 400}),
    (make_voucher(kind="product", product="BAP"), {"small": 400}),
    (make_voucher(kind="product", product="TEA"), {"tea": 300}),
    (make_voucher(kind="external"), {}),
]


@pytest.mark.parametrize(("voucher", "expected"), PAY)
def test_a_voucher_pays_what_its_offer_says(voucher: PresentedVoucher, expected: dict[str, int]) -> None:
    decision = decide(BASKET, vouchers=[voucher])
    paid_voucher = paid(decision)
    assert (off(paid_voucher), paid_voucher.discount) == (expected, sum(expected.values()))
    assert (paid_voucher.code, paid_voucher.offer, paid_voucher.benefit) == (
        "V",
        "gift",
        voucher.benefit and voucher.benefit.kind,
    )
    assert decision.net == 1450 - sum(expected.values())
    assert refusals(decision) == []


def test_an_amount_is_shared_over_unit_groups_by_value_to_the_penny() -> None:
    basket = make_basket(line("C", line_id="c"), line("B", line_id="b"), line("A", line_id="a"))
    assert off(paid(decide(basket, vouchers=[make_voucher(value="1.00")]))) == {"c": 33, "b": 33, "a": 34}


@pytest.mark.parametrize(("value", "price", "expected"), [("10", "0.05", 1), ("33.3", "1.00", 33), ("50", "0.01", 1)])
def test_a_percentage_is_rounded_half_up_once(value: str, price: str, expected: int) -> None:
    decision = decide(make_basket(line("A", 1, price)), vouchers=[make_voucher(kind="percentage", value=value)])
    assert paid(decision).discount == expected


def test_a_product_voucher_makes_one_unit_free() -> None:
    paid_voucher = paid(decide(BASKET, vouchers=[make_voucher(kind="product", product="TEA")]))
    assert (taken(paid_voucher), off(paid_voucher)) == ({"tea": Decimal(1)}, {"tea": 300})


def test_a_product_voucher_frees_the_unit_that_is_cheapest_after_discounts() -> None:
    half = make_discount(
        value="50", price_order="most_expensive", sets=[product_set("BAP")], transaction_redemption_limit=1
    )
    decision = decide(BASKET, half, vouchers=[make_voucher(kind="product", product="BAP")])
    assert off(paid(decision)) == {"bap": 225}


def test_a_product_voucher_is_not_spent_on_a_unit_that_is_free_already() -> None:
    free = make_discount("free", "free_product", sets=[product_set("BAP")], transaction_redemption_limit=1)
    decision = decide(BASKET, free, vouchers=[make_voucher(kind="product", product="BAP")])
    assert off(paid(decision)) == {"bap": 450}


def test_a_weighed_product_is_free_as_a_whole() -> None:
    basket = make_basket(line("CHEESE", "0.350", "10.00", line_id="1"), line("A", line_id="2"))
    paid_voucher = paid(decide(basket, vouchers=[make_voucher(kind="product", product="CHEESE")]))
    assert (taken(paid_voucher), off(paid_voucher)) == ({"1": Decimal("0.350")}, {"1": 350})


@pytest.mark.parametrize(
    ("currency", "price", "value", "expected"), [("JPY", "500", "120", 120), ("KWD", "5.000", "1.234", 1234)]
)
def test_amounts_are_in_the_offers_currency(currency: str, price: str, value: str, expected: int) -> None:
    basket = make_basket(line("A", 1, price, currency=currency), currency=currency)
    assert paid(decide(basket, vouchers=[make_voucher(value=value, currency=currency)])).discount == expected


def test_a_million_units_are_paid_for_to_the_penny() -> None:
    decision = decide(make_basket(line("A", 1_000_000, "0.03")), vouchers=[make_voucher(value="12345.67")])
    assert (paid(decision).discount, decision.net) == (1_234_567, 3_000_000 - 1_234_567)


# --- why one does not pay -------------------------------------------------------------------------------------------

SOON, JUST_OVER = NOON + timedelta(seconds=1), NOON
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"benefit": None}, "unknown"),
    ({"is_own": False}, "other_consumer"),
    ({"status": "redeemed"}, "redeemed"),
    ({"status": "cancelled"}, "cancelled"),
    ({"issued_at": SOON}, "not_yet_valid"),
    ({"issued_at": SOON, "expires_at": JUST_OVER}, "not_yet_valid"),
    ({"expires_at": JUST_OVER}, "expired"),
    ({"expires_at": NOON - timedelta(days=1)}, "expired"),
    ({"kind": "product", "product": "WINE"}, "not_applicable"),
    ({"currency": "EUR"}, "not_applicable"),
    ({"kind": "percentage", "value": "0.01"}, "not_applicable"),
    # the state of another consumer's voucher is not disclosed, and a spent one does not expire
    ({"is_own": False, "status": "redeemed"}, "other_consumer"),
    ({"is_own": False, "expires_at": JUST_OVER}, "other_consumer"),
    ({"status": "redeemed", "expires_at": JUST_OVER}, "redeemed"),
    ({"status": "redeemed", "issued_at": SOON}, "redeemed"),
    ({"is_own": False, "issued_at": SOON}, "other_consumer"),
    ({"expires_at": JUST_OVER, "currency": "EUR"}, "expired"),
    ({"kind": "external", "currency": "EUR"}, "not_applicable"),
    ({"kind": "external", "status": "redeemed"}, "redeemed"),
    ({"kind": "external", "is_own": False}, "other_consumer"),
]


@pytest.mark.parametrize(("overrides", "expected"), REFUSED)
def test_a_voucher_that_does_not_pay_has_a_reason(overrides: dict[str, Any], expected: str) -> None:
    decision = decide(BASKET, vouchers=[make_voucher(**overrides)])
    assert (refusals(decision), decision.vouchers, decision.net) == ([("V", expected)], (), 1450)


GOOD: list[dict[str, Any]] = [
    {},
    {"expires_at": SOON},
    {"expires_at": SOON, "status": "expired"},
    {"issued_at": NOON},
    {"issued_at": NOON + timedelta(microseconds=999_999)},
]


@pytest.mark.parametrize("overrides", GOOD)
def test_a_voucher_is_good_from_the_second_of_its_issue_until_its_end_at_the_moment_of_the_sale(
    overrides: dict[str, Any],
) -> None:
    assert paid(decide(BASKET, vouchers=[make_voucher(**overrides)])).discount == 100


@pytest.mark.parametrize("kind", ["amount", "percentage", "product"])
def test_a_voucher_that_would_give_nothing_stays_unused(kind: str) -> None:
    free = make_basket(line("A", 3, "0.00"))
    decision = decide(free, vouchers=[make_voucher(kind=kind, value="50", product="A")])
    assert refusals(decision) == [("V", "not_applicable")]


def test_an_external_voucher_is_reported_though_nothing_is_left_to_pay() -> None:
    paid_voucher = paid(decide(make_basket(line("A", 1, "0.00")), vouchers=[make_voucher(kind="external")]))
    assert (paid_voucher.benefit, paid_voucher.discount, paid_voucher.lines) == ("external", 0, ())


# --- order ----------------------------------------------------------------------------------------------------------

HALF, FIVE = make_voucher("half", "percentage", "50"), make_voucher("five", "amount", "5.00")


@pytest.mark.parametrize(
    ("vouchers", "expected"),
    [([HALF, FIVE], {"half": 725, "five": 500}), ([FIVE, HALF], {"five": 500, "half": 475})],
)
def test_vouchers_pay_in_the_order_presented(vouchers: list[PresentedVoucher], expected: dict[str, int]) -> None:
    decision = decide(BASKET, vouchers=vouchers)
    assert {voucher.code: voucher.discount for voucher in decision.vouchers} == expected
    assert [voucher.code for voucher in decision.vouchers] == list(expected)
    assert decision.net == 1450 - sum(expected.values())


def test_a_voucher_after_one_that_paid_everything_stays_unused() -> None:
    decision = decide(
        BASKET, vouchers=[make_voucher("all", value="14.50"), make_voucher("late"), make_voucher("bad", is_own=False)]
    )
    assert [voucher.code for voucher in decision.vouchers] == ["all"]
    assert refusals(decision) == [("late", "not_applicable"), ("bad", "other_consumer")]


def test_vouchers_pay_after_discounts_and_before_points_are_counted() -> None:
    basket = make_basket(line("A", 1, "100.00"))
    decision = decide(
        basket,
        make_discount("tenth", value="10"),
        make_discount("fifth", value="20", always_apply=True),
        make_promotion("x2", "points_multiplier"),
        vouchers=[make_voucher(value="22.00")],
    )
    assert [winner.discount for winner in decision.applied] == [1000, 1800, 0]
    assert (paid(decision).discount, decision.net) == (2200, 5000)
    assert (decision.base_points, decision.promotion_points) == (50, 50)


def test_a_promotion_gives_nothing_on_what_a_voucher_paid() -> None:
    decision = decide(BASKET, make_promotion("x2", "points_multiplier"), vouchers=[make_voucher(value="99.00")])
    assert (reason(decision, "x2"), decision.base_points) == ("no_value", 0)


def split_in_two(basket: Basket) -> Basket:
    return make_basket(line("TEA", 1, "3.00", line_id="t1"), *basket.lines[1:], line("TEA", 1, "3.00", line_id="t2"))


@pytest.mark.parametrize("voucher", [voucher for voucher, _ in PAY])
def test_a_voucher_pays_the_same_however_lines_are_split(voucher: PresentedVoucher) -> None:
    whole, parts = decide(BASKET, vouchers=[voucher]), decide(split_in_two(BASKET), vouchers=[voucher])
    assert (parts.net, paid(parts).discount) == (whole.net, paid(whole).discount)
