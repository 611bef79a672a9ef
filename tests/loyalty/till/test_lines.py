"""Prices of four decimals, weighed goods, and lines that are left out, from a till's body to a return of it."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

import pytest

from consumers.models import Consumer
from loyalty.models import PromotionUsage, Transaction
from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from tests.loyalty.till.shop import Json, Shop, make_basket, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = make_shop()
    shop.member()
    yield shop
    assert not list(ledger_differences())


def nets(answer: Json) -> list[str]:
    return [row["net_total_inc_tax"] for row in answer["lines"]]


def stored_line(reference: str = "T1") -> Json:
    return Transaction.objects.get(reference=reference).lines[0]


def bottle(quantity: str = "1", price: str = "-0.25", **values: Json) -> Json:
    return make_line("BOTTLE", quantity, price, no_discount=True, no_points=True, **values)


# --- prices ----------------------------------------------------------------------------------------------------------


def test_three_screws_come_back_one_by_one_and_nothing_is_left_over(shop: Shop) -> None:
    sale = shop.sell("T1", sold=[make_line("SCREW", "3", "0.495")])
    assert (sale["net_total_inc_tax"], sale["points"]["base"]) == ("1.49", 1)
    refunds = [shop.give_back("T1", f"R{i}", SCREW="1")["refund_due"] for i in range(3)]
    assert sum(map(Decimal, refunds)) == Decimal("1.49")
    assert Consumer.objects.get().points_balance == 0


def test_the_price_is_stored_as_it_was_sent(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line("SCREW", "3", "0.495", unit_price_ex_tax="0.4125")])
    assert (stored_line()["unit_price_inc_tax"], stored_line()["unit_price_ex_tax"]) == ("0.495", "0.4125")
    assert Transaction.objects.get().total_ex_tax == Decimal("1.24")


# --- weighed goods ---------------------------------------------------------------------------------------------------


def test_what_was_weighed_at_the_sale_stays_one_unit_on_a_return(shop: Shop) -> None:
    shop.discount("one", make_set(), value="50", transaction_redemption_limit=1)
    assert shop.sell("T1", sold=[make_line("HAM", "2.5", "10.00")])["discount_total"] == "12.50"
    assert shop.give_back("T1", "R1", HAM="0.5")["refund_due"] == "2.50"
    assert shop.give_back("T1", "R2", HAM="1")["net_total_inc_tax"] == "5.00"
    assert stored_line()["weighed"] is True


@pytest.mark.parametrize(("says", "off"), [({}, "0.00"), ({"weighed": False}, "12.00"), ({"weighed": True}, "0.00")])
def test_a_product_sold_by_weight_is_weighed_unless_the_till_counts_it(shop: Shop, says: Json, off: str) -> None:
    shop.product("CHEESE", sold_by="weight")
    shop.discount("two", make_set(2, 1), value="100")
    assert shop.evaluate(sold=[make_line("CHEESE", "3", "12.00", **says)])["discount_total"] == off


def test_a_line_stays_what_it_was_when_its_product_changes(shop: Shop) -> None:
    product = shop.product("CHEESE", sold_by="weight", no_points=True)
    shop.discount("two", make_set(2, 1), value="100")
    sale = shop.sell("T1", sold=[make_line("CHEESE", "3", "12.00")])
    assert (sale["discount_total"], sale["points"]["base"]) == ("0.00", 0)
    product.sold_by, product.no_points = "unit", False
    product.save()
    left = shop.give_back("T1", "R1", CHEESE="1")
    assert (left["net_total_inc_tax"], left["points"]["base"]) == ("24.00", 0)


def test_what_is_left_of_a_counted_unit_is_weighed_and_the_others_are_counted(shop: Shop) -> None:
    shop.discount("each", make_set(), value="50")
    shop.sell("T1", sold=[make_line("ROPE", "4", "10.00")])
    left = shop.give_back("T1", "R1", ROPE="1.5")
    assert (left["net_total_inc_tax"], left["refund_due"]) == ("12.50", "7.50")
    assert [(row["line_id"], row["base_points"]) for row in left["lines"]] == [("ROPE", 12)]
    assert [(row["redemptions"], row["lines"][0]["quantity"]) for row in left["applied"]] == [(3, "2.5")]
    assert shop.give_back("T1", "R2", ROPE="2.5")["refund_due"] == "12.50"


def test_a_part_of_a_unit_that_came_back_counts_once_in_history(shop: Shop) -> None:
    period = {"period": {"unit": "days", "length": 30}}
    shop.sell("T1", sold=[make_line("ROPE", "4", "10.00")])
    shop.give_back("T1", "R1", ROPE="1.5")
    for code, rule in (
        ("spent", {"measure": "spend", "threshold": "35"}),
        ("rich", {"measure": "spend", "threshold": "35.01"}),
        ("bought", {"measure": "quantity", "threshold": 3}),
        ("many", {"measure": "quantity", "threshold": 4}),
    ):
        shop.promotion(code, outcome={"points": 1}, application_rules=[{**rule, **period}])
    Promotion.objects.update(starts_at="2026-01-01T00:00:00Z")
    answer = shop.evaluate(sold=[make_line("ROPE", "0.5", "20.00")])
    assert {row["promotion"]: row["reason"] for row in answer["not_applied"]}.get("rich") == "application_rules"


# --- left out --------------------------------------------------------------------------------------------------------


def test_a_bottle_brought_back_is_sold_in_the_same_basket(shop: Shop) -> None:
    sale = shop.sell("T1", sold=[make_line(price="5.00"), bottle("4")])
    assert (sale["total_inc_tax"], sale["net_total_inc_tax"], sale["points"]["base"]) == ("4.00", "4.00", 5)
    assert nets(sale) == ["5.00", "-1.00"]


@pytest.mark.parametrize("line", [bottle(), bottle(price="0.25")])
def test_the_flags_of_the_line_and_of_the_product_come_to_the_same(shop: Shop, line: Json) -> None:
    shop.product("BOTTLE", no_discount=True, no_points=True)
    plain = {name: value for name, value in line.items() if not name.startswith("no_")}
    told = [shop.evaluate(sold=[make_line(), row]) for row in (line, plain, {**line, "no_points": False})]
    assert told[0] == told[1] == told[2]


def test_an_account_without_a_catalogue_has_the_flags_of_the_line_alone(shop: Shop) -> None:
    shop.product("BOTTLE", no_discount=True, no_points=True)
    shop.account.catalogue_enabled = False
    shop.account.save()
    plain = make_line("BOTTLE", price="-0.25")
    answer = shop.call("post", "baskets/evaluate", make_basket(make_line(), plain))
    assert [error["code"] for error in answer.json()["errors"]] == ["min_value"]
    assert shop.evaluate(sold=[make_line(), bottle()])["total_inc_tax"] == "2.75"


def test_a_basket_worth_less_than_nothing_is_refused(shop: Shop) -> None:
    answer = shop.call("post", "transactions", make_basket(make_line(price="0.99"), bottle("4"), reference="T1"))
    assert answer.status_code == 400
    assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [("negative_total", "lines")]
    assert not Transaction.objects.exists()


def test_the_net_total_may_be_below_zero_and_comes_back(shop: Shop) -> None:
    shop.discount("all", make_set(), value="50")
    sale = shop.sell("T1", sold=[make_line(price="2.00"), bottle("8")])
    assert (sale["net_total_inc_tax"], sale["points"]["base"]) == ("-1.00", 0)
    left = shop.give_back("T1", "R1", TEA="1")
    assert (left["net_total_inc_tax"], left["refund_due"]) == ("-2.00", "1.00")
    assert shop.give_back("T1", "R2", BOTTLE="8")["not_recovered"] == "2.00"


def test_after_a_return_base_points_are_on_what_was_paid_for_the_lines_that_earn(shop: Shop) -> None:
    sale = shop.sell("T1", sold=[make_line(price="5.00"), bottle("16"), make_line("CAKE", price="3.00")])
    assert (sale["net_total_inc_tax"], sale["points"]["base"]) == ("4.00", 8)
    assert shop.give_back("T1", "R1", CAKE="1")["points"]["base"] == 5
    # The bottles go back to the customer, who has paid 1.00 for what is left.
    assert shop.give_back("T1", "R2", BOTTLE="16")["points"]["base"] == 1
    assert shop.give_back("T1", "R3", TEA="1")["points"]["base"] == 0


def test_a_repeat_says_of_its_lines_what_the_sale_said(shop: Shop) -> None:
    line = make_line(quantity="2")
    body = make_basket({**line, "weighed": True}, reference="T1")
    assert shop.call("post", "transactions", body).status_code == 201
    assert shop.call("post", "transactions", body).status_code == 200
    assert shop.call("post", "transactions", make_basket(line, reference="T1")).status_code == 409
    spelled_out = {**line, "weighed": None, "no_discount": False, "no_points": None}
    assert shop.call("post", "transactions", make_basket(line, reference="T2")).status_code == 201
    assert shop.call("post", "transactions", make_basket(spelled_out, reference="T2")).status_code == 200


# --- sales of before -------------------------------------------------------------------------------------------------


def test_a_sale_stored_without_these_facts_is_read_as_it_was(shop: Shop) -> None:
    shop.discount("each", make_set(), value="50")
    shop.sell("T1", sold=[make_line(quantity="3", price="4.00")])
    assert not {"weighed", "no_discount", "no_points"} & set(stored_line())
    shop.product("TEA", sold_by="weight", no_discount=True, no_points=True)
    left = shop.give_back("T1", "R1", TEA="1")
    assert (left["net_total_inc_tax"], left["points"]["base"], left["applied"][0]["redemptions"]) == ("4.00", 4, 2)


# --- everything comes back -------------------------------------------------------------------------------------------


def random_line(chance: Random, number: int) -> Json:
    flags = {"no_discount": chance.random() < 0.3, "no_points": chance.random() < 0.3}
    price = chance.choice(["0.495", "2.3333", "4.00", "0"])
    if all(flags.values()) and chance.random() < 0.5:
        price = "-0.255"
    return {
        "line_id": str(number),
        "sku": chance.choice(["A", "B"]),
        "quantity": chance.choice(["1", "2", "5", "0.5", "1.25"]),
        "unit_price_inc_tax": price,
        "weighed": chance.choice([None, True, False]),
        **flags,
    }


@pytest.mark.parametrize("seed", range(12))
def test_a_sale_that_comes_back_in_parts_leaves_nothing(shop: Shop, seed: int) -> None:
    chance = Random(seed)
    shop.discount("half", make_set(), value="50", total_redemption_limit=1000)
    shop.discount("tenth", make_set(2, 1), value="10", always_apply=True)
    shop.promotion("each", outcome={"points": 5, "quantity_rule": {"apply_to": "every", "units": 1}})
    shop.promotion("twice", kind="points_multiplier", outcome={"multiplier": "2"})
    lines = [make_line("BASE", "3", "9.99")] + [random_line(chance, number) for number in range(5)]
    sale = shop.sell("T1", sold=lines)
    base, points = sale["points"]["base"], sale["points"]["total"]
    left = {line["line_id"]: Decimal(line["quantity"]) for line in lines}
    number, answer = 0, sale
    while left:
        line_id = chance.choice(sorted(left))
        part = min(left[line_id], chance.choice([Decimal("0.2"), Decimal(1), Decimal(3)]))
        left[line_id] -= part
        if not left[line_id]:
            del left[line_id]
        answer = shop.give_back("T1", f"R{number}", **{line_id: f"{part:f}"})
        number += 1
        assert answer["points"]["base"] <= base
        assert answer["points"]["total"] <= points
        base, points = answer["points"]["base"], answer["points"]["total"]
        assert len({row["line_id"] for row in answer["lines"]}) == len(answer["lines"]) == len(left)
    assert (answer["status"], answer["net_total_inc_tax"], answer["applied"]) == ("returned", "0.00", [])
    assert Consumer.objects.get().points_balance == 0
    assert set(Promotion.objects.values_list("redemptions", flat=True)) == {0}
    assert set(PromotionUsage.objects.values_list("redemptions", flat=True)) <= {0}
