"""Returns: the promotions of the sale are applied again to the units left; the difference is taken back once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from consumers.models import Consumer, ConsumerGroup, Membership, Site
from loyalty.choices import TransactionKind
from loyalty.models import AppliedPromotion, LedgerEntry, Offer, Reversal, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from promotions.models import Product, Promotion
from tests.loyalty.till.shop import Json, Shop, make_basket, make_line, make_return, make_set, make_shop

pytestmark = pytest.mark.django_db

EVERY = {"apply_to": "every", "units": 1}
Rules = Json


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Yield a shop with one member; check afterwards that the ledger has no differences."""
    shop = make_shop()
    shop.member()
    yield shop
    assert not list(ledger_differences())


def single_rule(attribute: str, operator: str, value: Json) -> Rules:
    return {"match": "all", "rules": [{"attribute": attribute, "operator": operator, "value": value}]}


def on_day(day: int) -> str:
    return datetime(2026, 3, day, 12, tzinfo=UTC).isoformat()


def applied_by_code(answer: Json) -> dict[str, tuple[int, int]]:
    """Return redemptions and points by promotion."""
    return {row["promotion"]: (row["redemptions"], row["points"]) for row in answer["applied"]}


def amounts_of(answer: Json) -> tuple[str, str, str]:
    """Return the net total left, the refund due and the amount not recovered."""
    return answer["net_total_inc_tax"], answer["refund_due"], answer["not_recovered"]


def balance(consumer_id: str = "c") -> int:
    return Consumer.objects.get(consumer_id=consumer_id).points_balance


# --- on the terms of the sale ---------------------------------------------------------------------------------------


def test_a_return_applies_the_promotions_of_the_sale_to_the_remaining_units(shop: Shop) -> None:
    shop.promotion("pairs", outcome={"points": 50, "quantity_rule": {"apply_to": "every", "units": 2}})
    shop.sell("T1", sold=[make_line(quantity="4")])
    answer = shop.give_back("T1", "R1", TEA="1")
    assert answer["status"] == "partly_returned"
    assert answer["points"] == {"base": 9, "promotion": 50, "total": 59, "balance": 59}
    assert applied_by_code(answer) == {"pairs": (1, 50)}
    assert amounts_of(answer) == ("9.00", "3.00", "0.00")
    assert answer["reversed"] == {
        "points": 53,
        "discount": "0.00",
        "redemptions": [{"promotion": "pairs", "redemptions": 1}],
        "vouchers_cancelled": [],
        "vouchers_already_redeemed": [],
    }
    assert balance() == 59


def test_promotions_count_in_the_version_that_applied(shop: Shop) -> None:
    shop.promotion("fifty", outcome={"points": 50, "quantity_rule": EVERY})
    shop.sell("T1", sold=[make_line(quantity="3")])
    shop.promotion("fifty", outcome={"points": 7})
    answer = shop.give_back("T1", "R1", TEA="1")
    assert applied_by_code(answer) == {"fifty": (2, 100)}
    assert answer["applied"][0]["version"] == 1


def test_discounts_count_in_the_version_that_applied(shop: Shop) -> None:
    shop.discount("half", value="50")
    shop.sell("T1", sold=[make_line(quantity="3", price="4.00")])
    shop.discount("half", value="10")
    assert amounts_of(shop.give_back("T1", "R1", TEA="1")) == ("4.00", "2.00", "0.00")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "promotions/fifty/stop", {}),
        ("patch", "promotions/fifty", {"archived": True}),
        ("patch", "promotions/fifty", {"ends_at": "2026-01-02T00:00:00Z"}),
        ("patch", "promotions/fifty", {"eligibility": {"total_redemption_limit": 1}}),
        ("patch", "promotions/fifty", {"eligibility": {"customer_redemption_limit": 1}}),
        ("patch", "promotions/fifty", {"eligibility": {"site_rules": single_rule("town", "is", "York")}}),
        ("patch", "promotions/fifty", {"eligibility": {"line_item_rules": single_rule("sku", "is", "CAKE")}}),
    ],
)
def test_a_return_ignores_later_changes_of_a_promotion(shop: Shop, method: str, path: str, body: Rules) -> None:
    shop.promotion("fifty", outcome={"points": 50, "quantity_rule": EVERY})
    shop.sell("T1", sold=[make_line(quantity="3")])
    assert shop.call(method, path, body, role="manager").status_code == 200
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"fifty": (2, 100)}
    assert Promotion.objects.get().redemptions == 2


def test_products_count_as_they_were_at_the_sale(shop: Shop) -> None:
    shop.product("TEA", category="Drinks")
    drinks = single_rule("category", "is", "Drinks")
    shop.promotion(
        "drinks", outcome={"points": 50, "product_selection": {"match": "any", "sets": [{"name": "", "rules": drinks}]}}
    )
    shop.discount("cheap", make_set(rules=drinks), value="50")
    shop.sell("T1", sold=[make_line(quantity="2")])
    Product.objects.update(category="Food")
    answer = shop.give_back("T1", "R1", TEA="1")
    assert set(applied_by_code(answer)) == {"cheap", "drinks"}
    assert amounts_of(answer) == ("1.50", "1.50", "0.00")


def test_the_earn_rate_is_that_of_the_sale(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line(quantity="2")])
    shop.call("patch", "account", {"points_per_currency_unit": "5"}, role="manager")
    assert shop.give_back("T1", "R1", TEA="1")["points"]["base"] == 3


def test_the_rate_of_another_currency_is_that_of_the_sale(shop: Shop) -> None:
    shop.call("patch", "account", {"other_earn_rates": {"EUR": "2"}}, role="manager")
    assert shop.sell("T1", currency="EUR", sold=[make_line(quantity="2")])["points"]["base"] == 12
    shop.call("patch", "account", {"other_earn_rates": {"EUR": None}}, role="manager")
    assert shop.give_back("T1", "R1", TEA="1")["points"]["base"] == 6


def test_the_value_of_a_point_is_that_of_the_sale(shop: Shop) -> None:
    shop.promotion("fifty")
    shop.sell("T1", sold=[make_line(quantity="2")])
    shop.call("patch", "account", {"point_value": "0.5"}, role="manager")
    assert shop.give_back("T1", "R1", TEA="1")["applied"][0]["saving"] == "0.50"


def test_the_membership_is_that_of_the_sale(shop: Shop) -> None:
    shop.promotion("fifty")
    shop.sell("T1", sold=[make_line(quantity="2")])
    Membership.objects.update(status="withdrawn")
    assert shop.give_back("T1", "R1", TEA="1")["points"] == {"base": 3, "promotion": 50, "total": 53, "balance": 53}


def test_the_customers_groups_are_not_checked_again(shop: Shop) -> None:
    vip = ConsumerGroup.objects.create(account=shop.account, code="vip")
    consumer = Consumer.objects.get()
    consumer.groups.add(vip)
    shop.promotion("vips", customer_rules=single_rule("groups", "is_any_of", ["vip"]))
    shop.sell("T1", sold=[make_line(quantity="2")])
    consumer.groups.clear()
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"vips": (1, 50)}


def test_the_site_is_not_checked_again(shop: Shop) -> None:
    shop.promotion("leeds", site_rules=single_rule("town", "is", "Leeds"))
    shop.sell("T1", sold=[make_line(quantity="2")])
    Site.objects.update(town="York")
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"leeds": (1, 50)}


def test_application_rules_are_not_checked_again(shop: Shop) -> None:
    often = {"measure": "transactions", "threshold": "2", "period": {"unit": "days", "length": 30}}
    shop.promotion("often", application_rules=[often])
    shop.sell("T1", occurred_at=on_day(1))
    shop.sell("T2", occurred_at=on_day(2), sold=[make_line(quantity="2")])
    shop.void("T1")
    assert applied_by_code(shop.give_back("T2", "R1", TEA="1")) == {"often": (1, 50)}


def test_the_stock_and_dates_of_an_offer_are_not_checked_again(shop: Shop) -> None:
    shop.offer("coffee", stock=1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    shop.sell("T1", sold=[make_line(quantity="2")])
    over = {"ends_at": "2026-01-02T00:00:00Z", "archived": True}
    assert shop.call("patch", "offers/coffee", over, role="manager").status_code == 200
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"thanks": (1, 0)}
    assert Voucher.objects.get().status == "issued"


def test_a_choice_is_that_of_the_sale(shop: Shop) -> None:
    for sku in ("TEA", "CAKE"):
        shop.product(sku)
    shop.listed("PP", "TEA", "CAKE", selected=["TEA"])
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")
    sold = shop.sell("T1", sold=[make_line(quantity="2"), make_line("CAKE", price="4.00")])
    assert sold["net_total_inc_tax"] == "7.00"
    shop.listed("PP", "CAKE", selected=["CAKE"])
    assert amounts_of(shop.give_back("T1", "R1", TEA="1")) == ("5.50", "1.50", "0.00")


def test_without_a_choice_the_products_discounted_at_the_sale_stay_discounted(shop: Shop) -> None:
    for sku in ("TEA", "CAKE"):
        shop.product(sku)
    shop.listed("PP", "TEA", "CAKE", maximum_distinct_products=1)
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")
    sold = shop.sell("T1", sold=[make_line(), make_line("CAKE", price="4.00")])
    assert sold["net_total_inc_tax"] == "5.50"
    assert amounts_of(shop.give_back("T1", "R1", TEA="1")) == ("4.00", "1.50", "0.00")


def test_an_archived_definition_still_applies_to_sales_made_under_it(shop: Shop) -> None:
    shop.product("TEA")
    shop.listed("PP", "TEA")
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")
    shop.sell("T1", sold=[make_line(quantity="2")])
    shop.call("patch", "personalized-promotions/PP", {"archived": True}, role="manager")
    assert amounts_of(shop.give_back("T1", "R1", TEA="1")) == ("1.50", "1.50", "0.00")


def test_a_voucher_keeps_its_value_at_the_sale(shop: Shop) -> None:
    shop.offer("five", value="5")
    shop.sell("T1", vouchers=[shop.voucher("five")], sold=[make_line(quantity="4", price="5.00")])
    assert shop.call("patch", "offers/five", {"value": "1.00"}, role="manager").status_code == 200
    assert amounts_of(shop.give_back("T1", "R1", TEA="1")) == ("10.00", "5.00", "0.00")


# --- evaluated again ------------------------------------------------------------------------------------------------


def test_transaction_rules_are_evaluated_on_the_remaining_units(shop: Shop) -> None:
    shop.promotion("ten", transaction_rules=single_rule("total_inc_tax", "is_at_least", "10.00"))
    shop.sell("T1", sold=[make_line(quantity="5")])
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"ten": (1, 50)}
    assert applied_by_code(shop.give_back("T1", "R2", TEA="1")) == {}
    assert balance() == 9


def test_line_item_rules_are_evaluated_on_the_remaining_units(shop: Shop) -> None:
    shop.promotion("three", line_item_rules=single_rule("quantity", "is_at_least", 3))
    shop.sell("T1", sold=[make_line(quantity="4")])
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"three": (1, 50)}
    assert applied_by_code(shop.give_back("T1", "R2", TEA="1")) == {}


def test_products_are_selected_from_the_remaining_units(shop: Shop) -> None:
    sets = [{"name": sku, "rules": single_rule("sku", "is", sku), "units": 1} for sku in ("TEA", "CAKE")]
    shop.promotion("both", outcome={"points": 50, "product_selection": {"match": "all", "sets": sets}})
    shop.sell("T1", sold=[make_line(quantity="2"), make_line("CAKE", "2")])
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"both": (1, 50)}
    assert applied_by_code(shop.give_back("T1", "R2", CAKE="2")) == {}


def test_a_return_never_increases_redemptions(shop: Shop) -> None:
    shop.promotion("once", outcome={"points": 50, "quantity_rule": EVERY}, customer_redemption_limit=1)
    shop.sell("T1", sold=[make_line(quantity="3")])
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"once": (1, 50)}


def test_a_return_never_increases_points(shop: Shop) -> None:
    first = {"apply_to": "first", "units": 1}
    spend = {"issue_points_on": "currency", "conversion_units": "1", "conversion_points": 1, "quantity_rule": first}
    shop.promotion("cheapest", kind="bonus_points", outcome=spend)
    sold = shop.sell("T1", sold=[make_line(price="2.00"), make_line("CAKE", price="9.00")])
    assert applied_by_code(sold) == {"cheapest": (1, 2)}
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"cheapest": (1, 2)}


def test_a_later_return_never_increases_points(shop: Shop) -> None:
    first = {"apply_to": "first", "units": 1}
    spend = {"issue_points_on": "currency", "conversion_units": "1", "conversion_points": 1, "quantity_rule": first}
    shop.promotion("dearest", kind="bonus_points", outcome={**spend, "pricing_rule": {"order": "most_expensive"}})
    sold = [make_line(price="2.00"), make_line("CAKE", price="9.00"), make_line("BAP", price="5.00")]
    assert applied_by_code(shop.sell("T1", sold=sold)) == {"dearest": (1, 9)}
    assert applied_by_code(shop.give_back("T1", "R1", CAKE="1")) == {"dearest": (1, 5)}
    assert applied_by_code(shop.give_back("T1", "R2", BAP="1")) == {"dearest": (1, 2)}


def test_a_discount_gets_no_more_redemptions_though_units_are_free_again(shop: Shop) -> None:
    shop.product("TEA")
    shop.discount("tenth", value="10")
    shop.discount("pair", make_set(2, products=["TEA"]), kind="amount", value="8.00")
    sold = shop.sell("T1", sold=[make_line(quantity="2", price="10.00"), make_line("CAKE", price="20.00")])
    assert sold["net_total_inc_tax"] == "30.00"
    answer = shop.give_back("T1", "R1", TEA="1")
    assert applied_by_code(answer) == {"tenth": (1, 0)}
    assert amounts_of(answer) == ("29.00", "1.00", "0.00")


def test_a_promotion_dropped_by_a_return_never_applies_again(shop: Shop) -> None:
    twelve_or_three = {
        "match": "any",
        "rules": [{"attribute": "total_inc_tax", "operator": "is", "value": value} for value in ("12.00", "3.00")],
    }
    shop.promotion("fifty", transaction_rules=twelve_or_three)
    shop.sell("T1", sold=[make_line(quantity="4")])
    assert applied_by_code(shop.give_back("T1", "R1", TEA="2")) == {}
    assert applied_by_code(shop.give_back("T1", "R2", TEA="1")) == {}


def test_a_promotion_that_lost_a_conflict_at_the_sale_replaces_none_on_return(shop: Shop) -> None:
    shop.promotion("small", outcome={"points": 10})
    shop.promotion(
        "large", outcome={"points": 20}, transaction_rules=single_rule("total_inc_tax", "is_at_least", "6.00")
    )
    assert applied_by_code(shop.sell("T1", sold=[make_line(quantity="2")])) == {"large": (1, 20)}
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {}


# --- money ----------------------------------------------------------------------------------------------------------


def test_three_for_two_is_applied_to_the_remaining_units(shop: Shop) -> None:
    shop.discount("3for2", make_set(3, 1), kind="free_product")
    sold = shop.sell("T1", sold=[make_line(f"P{price}", price=f"{price}.00") for price in range(7, 13)])
    assert sold["net_total_inc_tax"] == "40.00"
    assert amounts_of(shop.give_back("T1", "R1", P12="1")) == ("38.00", "2.00", "0.00")
    answer = shop.give_back("T1", "R2", P7="1")
    assert amounts_of(answer) == ("30.00", "8.00", "0.00")
    assert applied_by_code(answer) == {"3for2": (1, 0)}
    assert answer["reversed"]["discount"] == "-1.00"


def test_discounts_are_worked_out_in_the_order_in_which_they_applied(shop: Shop) -> None:
    shop.product("TEA")
    shop.discount("half", make_set(products=["TEA"]), value="50")
    shop.discount("tenth", value="10")
    shop.discount("fifth", value="20", always_apply=True)
    sold = shop.sell("T1", sold=[make_line(price="10.00"), make_line("CAKE", "2", price="20.00")])
    assert sold["net_total_inc_tax"] == "32.80"  # 5 and 36, less a fifth
    answer = shop.give_back("T1", "R1", CAKE="1")
    assert [row["promotion"] for row in answer["applied"]] == ["half", "tenth", "fifth"]
    assert amounts_of(answer) == ("18.40", "14.40", "0.00")
    answer = shop.give_back("T1", "R2", TEA="1")
    assert [row["promotion"] for row in answer["applied"]] == ["tenth", "fifth"]
    assert amounts_of(answer) == ("14.40", "4.00", "0.00")


def test_a_percentage_voucher_applies_to_the_price_after_discounts(shop: Shop) -> None:
    shop.offer("tenth", benefit="percentage", value="10")
    shop.discount("pound", make_set(2), kind="amount", value="1.00")
    sold = shop.sell("T1", vouchers=[shop.voucher("tenth")], sold=[make_line(quantity="3", price="5.00")])
    assert sold["net_total_inc_tax"] == "12.60"  # 15 less 1, less a tenth
    assert amounts_of(shop.give_back("T1", "R1", TEA="1")) == ("8.10", "4.50", "0.00")
    assert amounts_of(shop.give_back("T1", "R2", TEA="1")) == ("4.50", "3.60", "0.00")


def test_the_free_product_of_a_voucher_comes_back_without_money(shop: Shop) -> None:
    shop.offer("tea", benefit="product", value=None, product=shop.product("TEA"))
    code = shop.voucher("tea")
    shop.sell("T1", vouchers=[code], sold=[make_line(), make_line("CAKE", price="4.00")])
    answer = shop.give_back("T1", "R1", TEA="1")
    assert amounts_of(answer) == ("4.00", "0.00", "0.00")
    assert Voucher.objects.get(code=code).status == "redeemed"
    assert amounts_of(shop.give_back("T1", "R2", CAKE="1")) == ("0.00", "4.00", "0.00")
    assert Voucher.objects.get(code=code).status == "issued"


def test_an_amount_that_cannot_be_recovered_is_answered_and_settled_by_later_returns(shop: Shop) -> None:
    shop.discount("3for20", make_set(3), kind="fixed_price", value="20.00")
    sold = shop.sell("T1", sold=[make_line(quantity="3", price="12.00")])
    assert (sold["net_total_inc_tax"], sold["points"]["base"]) == ("20.00", 20)
    first = shop.give_back("T1", "R1", TEA="1")
    assert amounts_of(first) == ("24.00", "0.00", "4.00")
    assert (first["points"]["base"], first["reversed"]["points"]) == (20, 0)
    second = shop.give_back("T1", "R2", TEA="1")
    assert amounts_of(second) == ("12.00", "8.00", "0.00")
    assert second["points"]["base"] == 12
    third = shop.give_back("T1", "R3", TEA="1")
    assert amounts_of(third) == ("0.00", "12.00", "0.00")
    assert (third["status"], third["points"]["base"], balance()) == ("returned", 0, 0)


def test_base_points_are_limited_by_the_amount_paid(shop: Shop) -> None:
    shop.product("TEA")
    shop.discount("3for15", make_set(3, products=["TEA"]), kind="fixed_price", value="15.00")
    shop.promotion("double", kind="points_multiplier", outcome={"multiplier": "2"})
    sold = shop.sell("T1", sold=[make_line(quantity="3", price="10.00"), make_line("CAKE", price="2.00")])
    assert sold["points"]["base"] == 17
    answer = shop.give_back("T1", "R1", TEA="1")
    assert amounts_of(answer) == ("22.00", "0.00", "5.00")
    assert answer["points"] == {"base": 17, "promotion": 17, "total": 34, "balance": 34}
    assert sum(line["base_points"] for line in answer["lines"]) == 17
    answer = shop.give_back("T1", "R2", CAKE="1")
    assert amounts_of(answer) == ("20.00", "0.00", "3.00")
    assert Transaction.objects.get().paid == Decimal(17)


def test_weighed_goods_are_returned_by_weight(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line(quantity="1.250", price="4.00")])
    answer = shop.give_back("T1", "R1", TEA="0.500")
    assert amounts_of(answer) == ("3.00", "2.00", "0.00")
    assert amounts_of(shop.give_back("T1", "R2", TEA="0.750")) == ("0.00", "3.00", "0.00")


def test_a_currency_without_decimals(shop: Shop) -> None:
    shop.discount("tenth", value="15", currency="JPY")
    shop.sell("T1", currency="JPY", sold=[make_line(quantity="3", price="333")])
    assert amounts_of(shop.give_back("T1", "R1", TEA="1")) == ("566", "283", "0")


# --- a sale and its full return leave everything as it was ------------------------------------------------------------


def fill_shop(shop: Shop) -> None:
    """Create promotions of every kind, with limits and stock, and the offer of a voucher that pays."""
    shop.offer("coffee", stock=20)
    shop.offer("pound")
    shop.discount("3for2", make_set(3, 1), kind="free_product", total_redemption_limit=50)
    shop.discount("3for8", make_set(2), kind="fixed_price", value="8.00", transaction_redemption_limit=1)
    shop.promotion("each", outcome={"points": 7, "quantity_rule": EVERY}, customer_redemption_limit=4)
    spend = {"issue_points_on": "currency", "conversion_units": "2", "conversion_points": 3}
    shop.promotion("spent", kind="bonus_points", outcome=spend)
    shop.promotion("double", kind="points_multiplier", outcome={"multiplier": "1.5"}, always_apply=True)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee", "quantity_rule": EVERY})


def sale_effects() -> tuple[Json, ...]:
    """Return every figure that a sale changes and its full return restores."""
    consumer = Consumer.objects.get()
    return (
        consumer.points_balance,
        consumer.last_transaction_on,
        consumer.last_promotion_redeemed_on,
        consumer.last_offer_redeemed_on,
        sorted(Promotion.objects.values_list("code", "redemptions")),
        sorted(Offer.objects.values_list("code", "issued")),
        sorted(Voucher.objects.exclude(status="cancelled").values_list("code", "status", "redeemed_by")),
    )


SOLD = st.lists(
    st.tuples(st.sampled_from(["3.00", "5.00", "7.49"]), st.lists(st.integers(0, 2), min_size=1, max_size=4)),
    min_size=1,
    max_size=3,
)
"""Lines: a price and, for each unit, which of three returns it is part of."""


def test_partial_returns_reverse_the_same_as_a_single_full_return(shop: Shop) -> None:
    fill_shop(shop)
    code = shop.voucher("pound")
    before = sale_effects()

    @hypothesis_settings(max_examples=20)
    @given(sold=SOLD)
    def sold_and_returned(sold: list[tuple[str, list[int]]]) -> None:
        reference = f"T{Transaction.objects.count()}"
        bought = [make_line(f"P{i}", str(len(steps)), price) for i, (price, steps) in enumerate(sold)]
        sale = shop.sell(reference, vouchers=[code], sold=bought)
        last, refunded, points = sale, Decimal(0), 0
        for step in sorted({step for _, steps in sold for step in steps}):
            back = {f"P{i}": str(steps.count(step)) for i, (_, steps) in enumerate(sold) if step in steps}
            answer = shop.give_back(reference, f"{reference}-{step}", **back)
            assert answer["points"]["total"] <= last["points"]["total"]
            for promotion, (redemptions, given_points) in applied_by_code(answer).items():
                assert redemptions <= applied_by_code(last)[promotion][0]
                assert given_points <= applied_by_code(last)[promotion][1]
            last, refunded = answer, refunded + Decimal(answer["refund_due"])
            points += answer["reversed"]["points"]
        assert last["status"] == "returned"
        assert refunded == Decimal(sale["net_total_inc_tax"])
        assert points == sale["points"]["total"]
        assert sale_effects() == before

    sold_and_returned()
    assert not list(ledger_differences())


def test_a_full_return_frees_limits_and_stock(shop: Shop) -> None:
    shop.offer("coffee", stock=1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    shop.promotion("once", total_redemption_limit=1, customer_redemption_limit=1)
    shop.sell("T1")
    assert shop.evaluate()["applied"] == []
    shop.give_back("T1", "R1", TEA="1")
    assert set(applied_by_code(shop.evaluate())) == {"once", "thanks"}
    assert set(applied_by_code(shop.sell("T2"))) == {"once", "thanks"}


def test_a_limit_set_below_its_count_prevents_no_return(shop: Shop) -> None:
    shop.promotion("each", outcome={"points": 5, "quantity_rule": EVERY}, total_redemption_limit=9)
    shop.sell("T1", sold=[make_line(quantity="3")])
    shop.sell("T2", sold=[make_line(quantity="3")])
    shop.promotion("each", outcome={"points": 5, "quantity_rule": EVERY}, total_redemption_limit=4)
    assert applied_by_code(shop.give_back("T1", "R1", TEA="1")) == {"each": (2, 10)}
    assert Promotion.objects.get().redemptions == 5
    assert applied_by_code(shop.evaluate()) == {}
    shop.give_back("T1", "R2", TEA="2")
    assert applied_by_code(shop.evaluate(sold=[make_line(quantity="3")])) == {"each": (1, 5)}


def test_a_balance_may_go_below_zero(shop: Shop) -> None:
    shop.promotion("fifty")
    shop.sell("T1")
    spent = {"reference": "A1", "points": -53, "description": "Spent"}
    assert shop.call("post", "consumers/c/points-adjustments", spent, role="manager").status_code == 201
    assert shop.give_back("T1", "R1", TEA="1")["points"]["balance"] == balance() == -53


def test_the_ledger_records_points_awarded_and_points_reversed(shop: Shop) -> None:
    shop.promotion("fifty")
    shop.sell("T1", sold=[make_line(quantity="2")])
    shop.give_back("T1", "R1", TEA="1")
    shop.give_back("T1", "R2", TEA="1")
    entries = LedgerEntry.objects.order_by("id").values_list("points", "kind", "promotion__code", "reference")
    assert list(entries) == [
        (6, "base", None, ""),
        (50, "promotion", "fifty", ""),
        (-3, "return", None, "R1"),
        (-3, "return", None, "R2"),
        (-50, "return", "fifty", "R2"),
    ]


# --- vouchers -------------------------------------------------------------------------------------------------------


def issue_three_vouchers(shop: Shop) -> list[str]:
    """Sell three units that issue a voucher each; return the vouchers' codes."""
    shop.offer("pound", stock=3)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "pound", "quantity_rule": EVERY})
    issued = shop.sell("T1", sold=[make_line(quantity="3")])["vouchers_issued"]
    return [voucher["code"] for voucher in issued]


def test_unused_vouchers_are_taken_back_into_the_stock(shop: Shop) -> None:
    codes = issue_three_vouchers(shop)
    answer = shop.give_back("T1", "R1", TEA="1")
    (gone,) = answer["reversed"]["vouchers_cancelled"]
    assert gone in codes
    assert sorted(voucher["code"] for voucher in answer["vouchers_issued"]) == sorted(set(codes) - {gone})
    assert shop.call("get", f"vouchers/{gone}", role="manager").json()["status"] == "cancelled"
    assert Offer.objects.get().issued == 2
    refused = shop.evaluate(vouchers=[gone])["vouchers_refused"]
    assert refused == [{"code": gone, "reason": "cancelled"}]


def test_an_expired_voucher_is_taken_back_too(shop: Shop) -> None:
    issue_three_vouchers(shop)
    Voucher.objects.update(status="expired", expires_at=datetime(2026, 3, 5, tzinfo=UTC))
    assert len(shop.give_back("T1", "R1", TEA="3")["reversed"]["vouchers_cancelled"]) == 3
    assert Offer.objects.get().issued == 0


def test_a_redeemed_voucher_is_reported_and_stays_redeemed(shop: Shop) -> None:
    codes = issue_three_vouchers(shop)
    shop.sell("T2", vouchers=[codes[0]])
    answer = shop.give_back("T1", "R1", TEA="3")
    assert sorted(answer["reversed"]["vouchers_cancelled"]) == sorted(codes[1:])
    assert answer["reversed"]["vouchers_already_redeemed"] == [codes[0]]
    assert Voucher.objects.get(code=codes[0]).status == "redeemed"
    assert Offer.objects.get().issued == 1


def test_unused_vouchers_are_cancelled_before_redeemed_ones_are_reported(shop: Shop) -> None:
    codes = issue_three_vouchers(shop)
    shop.sell("T2", vouchers=[codes[2]])
    for reference in ("R1", "R2"):
        reversed_ = shop.give_back("T1", reference, TEA="1")["reversed"]
        assert (len(reversed_["vouchers_cancelled"]), reversed_["vouchers_already_redeemed"]) == (1, [])
    reversed_ = shop.give_back("T1", "R3", TEA="1")["reversed"]
    assert (reversed_["vouchers_cancelled"], reversed_["vouchers_already_redeemed"]) == ([], [codes[2]])


def test_each_redeemed_voucher_is_reported_once(shop: Shop) -> None:
    codes = issue_three_vouchers(shop)
    shop.sell("T2", vouchers=codes[:2])
    reported = []
    for reference in ("R1", "R2", "R3"):
        reported += shop.give_back("T1", reference, TEA="1")["reversed"]["vouchers_already_redeemed"]
    assert sorted(reported) == sorted(codes[:2])
    assert shop.void("T1")["reversed"]["vouchers_already_redeemed"] == []


@pytest.mark.parametrize("parts", [("2",), ("1", "1")])
def test_a_redeemed_voucher_is_valid_again_after_a_full_return(shop: Shop, parts: tuple[str, ...]) -> None:
    shop.offer("pound")
    code = shop.voucher("pound")
    shop.sell("T1", vouchers=[code], sold=[make_line(quantity="2")])
    for i, part in enumerate(parts):
        assert Voucher.objects.get().status == "redeemed"
        shop.give_back("T1", f"R{i}", TEA=part)
    assert Voucher.objects.get().status == "issued"
    assert shop.sell("T2", vouchers=[code])["discount_total"] == "1.00"


def test_a_redeemed_voucher_past_its_end_is_expired_after_a_full_return(shop: Shop) -> None:
    shop.offer("pound")
    code = shop.voucher("pound", expires_at=datetime(2026, 3, 5, tzinfo=UTC))
    shop.sell("T1", vouchers=[code])
    shop.give_back("T1", "R1", TEA="1")
    assert shop.call("get", f"vouchers/{code}", role="manager").json()["status"] == "expired"


def test_a_voucher_that_no_longer_reduces_the_price_stays_redeemed(shop: Shop) -> None:
    shop.offer("cake", benefit="product", value=None, product=shop.product("CAKE"))
    code = shop.voucher("cake")
    shop.sell("T1", vouchers=[code], sold=[make_line(), make_line("CAKE")])
    answer = shop.give_back("T1", "R1", CAKE="1")
    assert answer["applied"] == []
    assert Voucher.objects.get().status == "redeemed"


# --- once -----------------------------------------------------------------------------------------------------------


def test_a_preview_equals_the_return_and_writes_and_locks_nothing(shop: Shop) -> None:
    fill_shop(shop)
    shop.sell("T1", vouchers=[shop.voucher("pound")], sold=[make_line(quantity="5")])
    before = sale_effects()
    with CaptureQueriesContext(connection) as queries:
        previewed = shop.preview("T1", TEA="2")
    statements = [query["sql"] for query in queries.captured_queries]
    assert all(sql.startswith(("SELECT", "WITH")) and "FOR UPDATE" not in sql for sql in statements), statements
    assert (sale_effects(), Reversal.objects.count(), Transaction.objects.get().state) == (before, 0, "")
    returned = shop.give_back("T1", "R1", TEA="2")
    assert {**previewed, "return_reference": "R1"} == returned


def test_a_repeated_return_returns_the_stored_answer(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line(quantity="3"), make_line("CAKE")])
    first = shop.give_back("T1", "R1", TEA="1", CAKE="1")
    shop.give_back("T1", "R2", TEA="1")
    turned = {"reference": "R1", "lines": make_return("R1", CAKE="1.000", TEA="1.0")["lines"]}
    again = shop.call("post", "transactions/T1/returns", turned)
    assert (again.status_code, again.json()) == (200, first)
    assert balance() == 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("transactions/T1/returns", make_return("R1", TEA="2")),
        ("transactions/T1/returns", {**make_return("R1", TEA="1"), "occurred_at": on_day(5)}),
        ("transactions/T2/returns", make_return("R1", TEA="1")),
        ("transactions/T1/void", {"reference": "R1"}),
    ],
)
def test_a_reference_used_for_another_return_is_a_conflict(shop: Shop, path: str, body: Rules) -> None:
    shop.sell("T1", sold=[make_line(quantity="3")])
    shop.sell("T2", sold=[make_line(quantity="3")])
    shop.give_back("T1", "R1", TEA="1")
    answer = shop.call("post", path, body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "reference_reused")
    assert balance() == 15


def test_another_account_may_use_the_same_references(shop: Shop) -> None:
    other = make_shop("other")
    other.member()
    for seller in (shop, other):
        seller.sell("T1")
        seller.give_back("T1", "R1", TEA="1")
    assert Reversal.objects.count() == 2


@pytest.mark.parametrize(
    ("lines", "code", "attr"),
    [
        ({"TEA": "3"}, "more_than_bought", "lines.0.quantity"),
        ({"CAKE": "1", "TEA": "2.5"}, "more_than_bought", "lines.1.quantity"),
        ({"CAKE": "1", "BAP": "1"}, "does_not_exist", "lines.1.line_id"),
        ({"TEA": "0"}, "min_value", "lines.0.quantity"),
        ({"TEA": "-1"}, "min_value", "lines.0.quantity"),
        ({"TEA": "1.0001"}, "max_decimal_places", "lines.0.quantity"),
        ({"TEA": "many"}, "invalid", "lines.0.quantity"),
        ({}, "length", "lines"),
    ],
)
def test_more_than_is_left_and_unknown_lines_are_refused(shop: Shop, lines: Json, code: str, attr: str) -> None:
    shop.sell("T1", sold=[make_line(quantity="3"), make_line("CAKE")])
    shop.give_back("T1", "R1", TEA="1")
    for query in ("", "?preview=true"):
        answer = shop.call("post", f"transactions/T1/returns{query}", make_return("R2", **lines))
        assert answer.status_code == 400
        assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [(code, attr)]
    assert balance() == 9


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"lines": [{"line_id": "TEA", "quantity": "1"}]}, "reference"),
        ({**make_return(" ", TEA="1")}, "reference"),
        ({**make_return("R" * 101, TEA="1")}, "reference"),
        ({**make_return("R1", TEA="1"), "why": "broken"}, "why"),
        ({**make_return("R1", TEA="1"), "occurred_at": "2026-03-05T12:00:00"}, "occurred_at"),
        ({**make_return("R1", TEA="1"), "occurred_at": "2026-03-03T12:00:00Z"}, "occurred_at"),
        ({**make_return("R1", TEA="1"), "occurred_at": "2999-03-03T12:00:00Z"}, "occurred_at"),
        ({"reference": "R1", "lines": [{"line_id": "TEA", "quantity": "1"}] * 2}, "lines.1.line_id"),
        ({"reference": "R1", "lines": [{"line_id": "TEA", "quantity": 0.5}]}, "lines.0.quantity"),
    ],
)
def test_bad_input_is_refused_by_name(shop: Shop, body: Rules, attr: str) -> None:
    shop.sell("T1", sold=[make_line(quantity="3")])
    answer = shop.call("post", "transactions/T1/returns", body)
    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == [attr]
    assert not Reversal.objects.exists()


def test_a_return_in_the_future_is_called_that(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line(quantity="3")])
    later = {"occurred_at": "2999-03-03T12:00:00Z"}
    for path, body in (("returns", {**make_return("R1", TEA="1"), **later}), ("void", {"reference": "V1", **later})):
        answer = shop.call("post", f"transactions/T1/{path}", body)
        errors = [(error["code"], error["attr"]) for error in answer.json()["errors"]]
        assert (answer.status_code, errors) == (400, [("in_the_future", "occurred_at")])


@pytest.mark.parametrize("value", ["yes", "maybe", "tru", "2"])
def test_an_unreadable_preview_flag_is_refused_and_returns_nothing(shop: Shop, value: str) -> None:
    shop.sell("T1", sold=[make_line(quantity="3")])
    answer = shop.call("post", f"transactions/T1/returns?preview={value}", make_return("R1", TEA="1"))
    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == ["preview"]
    assert not Reversal.objects.exists()


@pytest.mark.parametrize("reference", ["T9", "T%00", "%FF", "x" * 3000])
def test_a_transaction_that_the_account_does_not_have_is_not_found(shop: Shop, reference: str) -> None:
    other = make_shop("other")
    other.member()
    other.sell("T9")
    for path, body in (("returns", make_return("R1", TEA="1")), ("void", {"reference": "R1"})):
        assert shop.call("post", f"transactions/{reference}/{path}", body).status_code == 404
    preview = shop.call("post", f"transactions/{reference}/returns?preview=true", make_return("R1", TEA="1"))
    assert preview.status_code == 404


def test_a_full_return_leaves_nothing_to_return(shop: Shop) -> None:
    shop.sell("T1")
    shop.give_back("T1", "R1", TEA="1")
    assert shop.call("post", "transactions/T1/returns", make_return("R2", TEA="1")).status_code == 400


# --- the consumer's columns, and rules about them, after a return ----------------------------------------------------


def last_days() -> tuple[date | None, date | None, date | None]:
    consumer = Consumer.objects.get(consumer_id="c")
    return consumer.last_transaction_on, consumer.last_promotion_redeemed_on, consumer.last_offer_redeemed_on


def test_the_last_days_are_those_of_sales_not_returned(shop: Shop) -> None:
    shop.offer("pound")
    shop.promotion("fifty", transaction_rules=single_rule("total_inc_tax", "is_at_least", "6.00"))
    first, third = date(2026, 3, 1), date(2026, 3, 3)
    shop.sell("T1", occurred_at=on_day(1), vouchers=[shop.voucher("pound")], sold=[make_line(quantity="2")])
    shop.sell("T3", occurred_at=on_day(3), vouchers=[shop.voucher("pound")], sold=[make_line(quantity="3")])
    assert last_days() == (third, third, third)
    shop.give_back("T3", "R1", TEA="2")
    assert last_days() == (third, first, third)
    shop.give_back("T3", "R2", TEA="1")
    assert last_days() == (first, first, first)
    shop.give_back("T1", "R3", TEA="2")
    assert last_days() == (None, None, None)


def test_the_last_days_stay_when_an_older_sale_is_returned(shop: Shop) -> None:
    shop.promotion("fifty")
    shop.sell("T1", occurred_at=on_day(1))
    shop.sell("T3", occurred_at=on_day(3))
    shop.give_back("T1", "R1", TEA="1")
    assert last_days() == (date(2026, 3, 3), date(2026, 3, 3), None)


def test_rules_about_the_last_transaction_change_at_once(shop: Shop) -> None:
    shop.promotion("back", customer_rules=single_rule("last_transaction_on", "is_not_in_last_days", 5))
    shop.sell("T1", occurred_at=on_day(3))
    assert applied_by_code(shop.evaluate(occurred_at=on_day(4))) == {}
    shop.give_back("T1", "R1", TEA="1")
    assert applied_by_code(shop.evaluate(occurred_at=on_day(4))) == {"back": (1, 50)}


def rule(measure: str, threshold: str, **more: Json) -> Rules:
    return {"measure": measure, "threshold": threshold, "period": {"unit": "days", "length": 30}, **more}


def test_a_returned_transaction_is_not_counted(shop: Shop) -> None:
    shop.promotion("third", application_rules=[rule("transactions", "3")])
    shop.sell("T1", occurred_at=on_day(1))
    shop.sell("T2", occurred_at=on_day(2), sold=[make_line(quantity="2")])
    shop.give_back("T1", "R1", TEA="1")
    shop.give_back("T2", "R2", TEA="1")
    assert applied_by_code(shop.sell("T3", occurred_at=on_day(3))) == {}
    assert applied_by_code(shop.sell("T4", occurred_at=on_day(4))) == {"third": (1, 50)}


@pytest.mark.parametrize(("measure", "threshold"), [("spend", "15.00"), ("quantity", "5")])
def test_progress_excludes_returned_units(shop: Shop, measure: str, threshold: str) -> None:
    shop.promotion("much", application_rules=[rule(measure, threshold)])
    shop.sell("T1", occurred_at=on_day(1), sold=[make_line(quantity="4")])
    assert applied_by_code(shop.evaluate(occurred_at=on_day(2))) == {"much": (1, 50)}
    shop.give_back("T1", "R1", TEA="1")
    assert applied_by_code(shop.evaluate(occurred_at=on_day(2))) == {}
    assert applied_by_code(shop.evaluate(occurred_at=on_day(2), sold=[make_line(quantity="2")])) == {"much": (1, 50)}


def test_counting_does_not_restart_after_a_sale_that_the_promotion_fell_out_of(shop: Shop) -> None:
    two = single_rule("quantity", "is_at_least", 2)
    shop.promotion("second", line_item_rules=two, application_rules=[rule("transactions", "2", counting="every")])
    pair = [make_line(quantity="2")]
    assert applied_by_code(shop.sell("T1", occurred_at=on_day(1), sold=pair)) == {}
    assert applied_by_code(shop.sell("T2", occurred_at=on_day(2), sold=pair)) == {"second": (1, 50)}
    assert applied_by_code(shop.evaluate(occurred_at=on_day(3), sold=pair)) == {}
    shop.give_back("T2", "R1", TEA="1")
    assert applied_by_code(shop.sell("T3", occurred_at=on_day(3), sold=pair)) == {"second": (1, 50)}


def test_a_late_sale_after_a_return_counts_at_its_own_moment(shop: Shop) -> None:
    shop.promotion("third", application_rules=[rule("transactions", "3", counting="every")])
    for day in (1, 3, 5):
        shop.sell(f"T{day}", occurred_at=on_day(day))
    shop.give_back("T5", "R1", TEA="1")
    assert applied_by_code(shop.sell("T2", occurred_at=on_day(2))) == {}
    assert applied_by_code(shop.sell("T6", occurred_at=on_day(6))) == {"third": (1, 50)}


# --- anonymous and imported sales ------------------------------------------------------------------------------------


def test_an_anonymous_sale_is_returned_without_points(shop: Shop) -> None:
    shop.discount("pair", make_set(2), kind="amount", value="1.00", total_redemption_limit=2)
    shop.sell("T1", consumer=None, sold=[make_line(quantity="4")])
    answer = shop.give_back("T1", "R1", TEA="1")
    assert amounts_of(answer) == ("8.00", "2.00", "0.00")
    assert answer["points"] == {"base": 0, "promotion": 0, "total": 0, "balance": None}
    assert Promotion.objects.get().redemptions == 1
    assert shop.void("T1")["refund_due"] == "8.00"
    assert Promotion.objects.get().redemptions == 0


def test_a_customer_who_is_no_member_has_no_balance(shop: Shop) -> None:
    Consumer.objects.create(account=shop.account, consumer_id="d")
    shop.sell("T1", consumer="d", sold=[make_line(quantity="2")])
    assert shop.give_back("T1", "R1", TEA="1")["points"]["balance"] is None


def test_an_imported_past_sale_can_be_returned(shop: Shop) -> None:
    shop.promotion("third", application_rules=[rule("transactions", "2")])
    past = Transaction(
        account=shop.account,
        reference="P1",
        fingerprint="past",
        kind=TransactionKind.PAST_SALE,
        occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        local_day=date(2026, 3, 1),
        recorded_at=timezone.now(),
        site=Site.objects.get(),
        consumer=Consumer.objects.get(),
        currency="GBP",
        total_inc_tax=Decimal("6.00"),
        total_ex_tax=Decimal("5.00"),
        discount_total=Decimal(0),
        net_total_inc_tax=Decimal("6.00"),
        paid=Decimal("6.00"),
        lines=[
            {
                **make_line(quantity="2"),
                "unit_price_ex_tax": "2.50",
                "category": "",
                "brand": "",
                "product": None,
                "total": "6.00",
                "net": "6.00",
                "discount": "0.00",
                "base_points": 0,
            }
        ],
    )
    past.save()
    Consumer.objects.update(last_transaction_at=past.occurred_at, last_transaction_on=past.local_day)
    answer = shop.give_back("P1", "R1", TEA="1")
    assert amounts_of(answer) == ("3.00", "3.00", "0.00")
    assert answer["points"]["total"] == 0
    assert applied_by_code(shop.evaluate()) == {"third": (1, 50)}
    shop.give_back("P1", "R2", TEA="1")
    assert applied_by_code(shop.evaluate()) == {}
    assert shop.call("get", "transactions/P1").json()["status"] == "returned"


# --- records of a return ---------------------------------------------------------------------------------------------


def test_a_return_goes_by_the_type_that_a_discount_had_at_the_sale(shop: Shop) -> None:
    shop.discount("tea", make_set(2), kind="fixed_price", value="5.00")
    sold = shop.sell("T1", lines=[make_line(quantity="4", price="4.00")])
    assert (sold["net_total_inc_tax"], sold["applied"][0]["type"]) == ("10.00", "fixed_price")
    change = {"discount_type": "percentage", "value": "50"}
    assert shop.call("patch", "discounts/tea", change, role="manager").status_code == 200
    left = shop.give_back("T1", "R1", TEA="2")
    assert (left["net_total_inc_tax"], left["refund_due"], left["applied"][0]["type"]) == (
        "5.00",
        "5.00",
        "fixed_price",
    )
    sold = shop.sell("T2", lines=[make_line(quantity="4", price="4.00")])
    assert (sold["net_total_inc_tax"], sold["applied"][0]["version"]) == ("8.00", 2)


def test_a_transaction_shows_its_state_after_returns(shop: Shop) -> None:
    shop.promotion("small", outcome={"points": 10})
    shop.promotion("large", outcome={"points": 20})
    shop.sell("T1", sold=[make_line(quantity="2")])
    answer = shop.give_back("T1", "R1", TEA="1")
    shown = shop.call("get", "transactions/T1?explain=true").json()
    assert [refusal["promotion"] for refusal in shown.pop("not_applied")] == ["small"]
    assert shown.pop("held_out") == []
    assert shown == answer
    listed = shop.call("get", "transactions?status=partly_returned").json()["results"]
    assert listed == [answer]


def test_a_commit_repeated_after_a_return_returns_its_original_answer(shop: Shop) -> None:
    sale = shop.sell("T1", sold=[make_line(quantity="2")])
    shop.give_back("T1", "R1", TEA="1")
    again = shop.call("post", "transactions", make_basket(reference="T1", sold=[make_line(quantity="2")]))
    assert (again.status_code, again.json()) == (200, sale)


def test_warnings_and_personalized_states_of_the_sale_stay_in_the_answer(shop: Shop) -> None:
    shop.product("TEA")
    shop.listed("PP", "TEA")
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")
    for reference, who in (("T1", {"consumer": "c"}), ("T2", {"consumer": None, "loyalty_card": "0815"})):
        sale = shop.sell(reference, sold=[make_line(quantity="2")], **who)
        answer = shop.give_back(reference, f"R-{reference}", TEA="1")
        assert answer["personalized"] or answer["warnings"]
        assert (answer["personalized"], answer["warnings"]) == (sale["personalized"], sale["warnings"])


def test_a_managers_key_and_a_tills_may_return_and_no_key_may_not(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line(quantity="2")])
    assert shop.call("post", "transactions/T1/returns", make_return("R1", TEA="1"), role="manager").status_code == 201
    answer = shop.client.post("/api/v1/transactions/T1/void", {"reference": "V"}, content_type="application/json")
    assert answer.status_code == 401


@pytest.mark.parametrize("promotions", [1, 12])
def test_statements_do_not_grow_with_lines_or_promotions(shop: Shop, promotions: int) -> None:
    fill_shop(shop)
    for i in range(promotions):
        shop.promotion(f"more{i:02}", always_apply=True, customer_redemption_limit=100, outcome={"points": 1})
    sold = [make_line(f"P{i}", "2") for i in range(promotions)]
    shop.sell("T1", vouchers=[shop.voucher("pound")], sold=sold)
    back = {f"P{i}": "2" for i in range(promotions)}
    with CaptureQueriesContext(connection) as queries:
        shop.give_back("T1", "R1", **back)
    ends = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
    statements = [query["sql"] for query in queries.captured_queries if not query["sql"].startswith(ends)]
    assert len(statements) <= 24, "\n".join(sql[:150] for sql in statements)


def test_a_late_return_is_dated_when_it_happened(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line(quantity="2")])
    when = datetime(2026, 3, 6, 9, tzinfo=UTC)
    body = {**make_return("R1", TEA="1"), "occurred_at": when.isoformat()}
    assert shop.call("post", "transactions/T1/returns", body).status_code == 201
    assert LedgerEntry.objects.get(kind="return").at == when
    assert timezone.now() - LedgerEntry.objects.get(kind="return").created_at < timedelta(minutes=5)
    assert AppliedPromotion.objects.count() == 0
