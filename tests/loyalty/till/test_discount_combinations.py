"""Sets formed again, amounts for every spend and the best total: sold, and returned in any number of parts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from conflicts.models import ConflictSettings
from consumers.models import Consumer
from loyalty.models import Transaction
from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from tests.loyalty.till.shop import Json, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

EVERY_10 = {"rules": {"match": "all", "rules": []}, "required_spend": "10.00", "repeats": True}


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    for sku in "ABC":
        shop.product(sku)
    shop.member()
    return shop


def best_total(shop: Shop) -> None:
    answer = shop.call("patch", "conflict-settings", {"discount_combination": "best_total"}, role="manager")
    assert answer.status_code == 200, answer.content


def bundle_and_halves(shop: Shop) -> None:
    shop.discount("bundle", make_set(products=["A"]), make_set(products=["B"]), kind="amount", value="6.00")
    for sku in "AB":
        shop.discount(sku.lower(), make_set(products=[sku]), value="50")


SHAMPOO_AND_COFFEE = [make_line("A", "1", "10.00"), make_line("B", "1", "8.00")]


def figures(answer: Json) -> dict[str, tuple[int, str]]:
    return {row["promotion"]: (row["redemptions"], row["discount"]) for row in answer["applied"]}


def test_the_setting_reaches_the_next_sale(shop: Shop) -> None:
    bundle_and_halves(shop)
    assert figures(shop.sell("T1", sold=SHAMPOO_AND_COFFEE)) == {"bundle": (1, "6.00")}
    best_total(shop)
    answer = shop.sell("T2", sold=SHAMPOO_AND_COFFEE)
    assert figures(answer) == {"a": (1, "5.00"), "b": (1, "4.00")}
    assert answer["warnings"] == []
    [lost] = shop.evaluate(sold=SHAMPOO_AND_COFFEE)["not_applied"]
    assert (lost["promotion"], lost["won_by"], lost["decided_by"]) == ("bundle", ["a", "b"], "combination")


def test_a_combination_that_is_not_proved_is_told_and_kept_with_the_sale(shop: Shop) -> None:
    best_total(shop)
    for number in range(7):
        shop.discount(f"d{number}", value=str(10 + number))
    for answer in (shop.evaluate(), shop.sell("T1"), shop.call("get", "transactions/T1").json()):
        assert [warning["code"] for warning in answer["warnings"]] == ["combination_not_proved"]
        assert figures(answer) == {"d6": (1, "0.48")}


def test_what_the_best_total_applied_is_applied_again_to_what_is_left(shop: Shop) -> None:
    """The bundle that lost replaces nothing, whatever the setting says by now."""
    bundle_and_halves(shop)
    best_total(shop)
    shop.sell("T1", sold=SHAMPOO_AND_COFFEE)
    ConflictSettings.objects.update(discount_combination="ranked")
    answer = shop.give_back("T1", "R1", B="1")
    assert figures(answer) == {"a": (1, "5.00")}
    assert (answer["net_total_inc_tax"], answer["refund_due"]) == ("5.00", "4.00")


def test_a_returned_gift_takes_no_discount_away(shop: Shop) -> None:
    shop.discount("3for2", make_set(3, 1), kind="free_product")
    sold = [make_line(sku, "1", price) for sku, price in (("G", "0"), ("A", "10"), ("B", "12"), ("C", "14"))]
    assert figures(shop.sell("T1", sold=sold)) == {"3for2": (1, "10.00")}
    answer = shop.give_back("T1", "R1", G="1")
    assert figures(answer) == {"3for2": (1, "10.00")}
    assert (answer["net_total_inc_tax"], answer["refund_due"]) == ("26.00", "0.00")


def test_an_amount_for_every_spend_counts_its_redemptions_and_gives_them_back(shop: Shop) -> None:
    shop.discount("every", EVERY_10, kind="amount", value="1.00", total_redemption_limit=5)
    assert figures(shop.sell("T1", sold=[make_line("A", "4", "10.00")])) == {"every": (4, "4.00")}
    assert figures(shop.evaluate(sold=[make_line("A", "4", "10.00")])) == {"every": (1, "1.00")}
    answer = shop.give_back("T1", "R1", A="3")
    assert figures(answer) == {"every": (1, "1.00")}
    assert (answer["net_total_inc_tax"], answer["refund_due"]) == ("9.00", "27.00")
    assert Promotion.objects.get(code="every").redemptions == 1
    shop.give_back("T1", "R2", A="1")
    assert Promotion.objects.get(code="every").redemptions == 0


SOLD = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from(["0.00", "1.00", "5.00", "10.00"]),
        st.lists(st.integers(0, 2), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda sold: sold[0],
)
"""Lines: a SKU, its price and, for each unit, which of three returns it is part of."""


@pytest.mark.parametrize("combination", ["ranked", "best_total"])
def test_a_sale_and_its_return_in_any_number_of_parts_leave_nothing(shop: Shop, combination: str) -> None:
    shop.discount("trio", make_set(3), kind="fixed_price", value="12.00", total_redemption_limit=40)
    shop.discount("gift", make_set(2, 1, products=["A", "B"]), kind="free_product", transaction_redemption_limit=1)
    shop.discount("meal", make_set(products=["A"]), make_set(products=["C"]), kind="fixed_price", value="6.00")
    shop.discount("every", EVERY_10, kind="amount", value="1.00", total_redemption_limit=40)
    shop.call("patch", "conflict-settings", {"discount_combination": combination}, role="manager")

    @hypothesis_settings(max_examples=15)
    @given(sold=SOLD)
    def sold_and_returned(sold: list[tuple[str, str, list[int]]]) -> None:
        reference = f"T{Transaction.objects.count()}"
        lines = [make_line(sku, str(len(steps)), price) for sku, price, steps in sold]
        sale = shop.sell(reference, sold=lines)
        last, refunded = sale, Decimal(0)
        for step in sorted({step for _, _, steps in sold for step in steps}):
            back = {sku: str(steps.count(step)) for sku, _, steps in sold if step in steps}
            answer = shop.give_back(reference, f"{reference}-{step}", **back)
            for code, (redemptions, _) in figures(answer).items():
                assert redemptions <= figures(last)[code][0]
            last, refunded = answer, refunded + Decimal(answer["refund_due"])
        assert last["status"] == "returned"
        assert refunded == Decimal(sale["net_total_inc_tax"])
        assert set(Promotion.objects.values_list("redemptions", flat=True)) == {0}
        assert Consumer.objects.get().points_balance == 0

    sold_and_returned()
    assert not list(ledger_differences())
