"""Voids: a return of everything that also frees the personalized locks of the sale."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from consumers.models import Consumer
from loyalty.models import LedgerEntry, Offer, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from promotions.models import PersonalizedList, Promotion
from tests.loyalty.till.shop import Json, Shop, make_basket, make_line, make_return, make_set, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Yield a shop with one member; check afterwards that the ledger has no differences."""
    shop = make_shop()
    shop.member()
    yield shop
    assert not list(ledger_differences())


def error_of(shop: Shop, path: str, body: Json) -> tuple[int, str]:
    answer = shop.call("post", path, body)
    return answer.status_code, answer.json()["errors"][0]["code"]


def stored_choice() -> tuple[list[str], bool]:
    """Return the consumer's choice from their list, and whether it is final."""
    listed = PersonalizedList.objects.get()
    return listed.selected, listed.locked


def add_choice_discount(shop: Shop, *selected: str) -> None:
    """Create a discount on the consumer's choice of three products, final after its first use."""
    for sku in ("TEA", "CAKE", "BAP"):
        shop.product(sku)
    shop.listed("PP", "TEA", "CAKE", "BAP", selected=selected, lock_after_first_apply=True)
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")


def test_a_void_takes_everything_back(shop: Shop) -> None:
    shop.offer("pound", stock=1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "pound"})
    shop.promotion("once", total_redemption_limit=1)
    shop.discount("half", value="50")
    sale = shop.sell("T1", sold=[make_line(quantity="4")])
    assert sale["points"]["total"] == 56
    answer = shop.void("T1")
    assert answer["status"] == "voided"
    assert (answer["refund_due"], answer["not_recovered"], answer["net_total_inc_tax"]) == ("6.00", "0.00", "0.00")
    assert answer["reversed"] == {
        "points": 56,
        "discount": "6.00",
        "redemptions": [
            {"promotion": "half", "redemptions": 4},
            {"promotion": "once", "redemptions": 1},
            {"promotion": "thanks", "redemptions": 1},
        ],
        "vouchers_cancelled": [sale["vouchers_issued"][0]["code"]],
        "vouchers_already_redeemed": [],
    }
    consumer = Consumer.objects.get()
    assert (consumer.points_balance, consumer.last_transaction_on, consumer.last_promotion_redeemed_on) == (
        0,
        None,
        None,
    )
    assert set(Promotion.objects.values_list("redemptions", flat=True)) == {0}
    assert Offer.objects.get().issued == 0
    assert shop.call("get", "transactions/T1").json() == answer


def test_a_void_is_a_return_of_everything(shop: Shop) -> None:
    shop.promotion("fifty")
    shop.discount("3for8", make_set(3), kind="fixed_price", value="8.00")
    for reference in ("T1", "T2"):
        shop.sell(reference, sold=[make_line(quantity="5"), make_line("CAKE", price="2.00")])
    returned, voided = shop.give_back("T1", "R1", TEA="5", CAKE="1"), shop.void("T2")
    own = ("reference", "return_reference", "status", "points")
    assert {**returned, **dict.fromkeys(own)} == {**voided, **dict.fromkeys(own)}
    assert voided["points"]["balance"] == 0


def test_a_void_after_partial_returns_takes_the_rest(shop: Shop) -> None:
    shop.promotion("pairs", outcome={"points": 50, "quantity_rule": {"apply_to": "every", "units": 2}})
    shop.sell("T1", sold=[make_line(quantity="5")])
    assert shop.give_back("T1", "R1", TEA="2")["refund_due"] == "6.00"
    answer = shop.void("T1")
    assert (answer["refund_due"], answer["reversed"]["points"]) == ("9.00", 59)
    assert answer["reversed"]["redemptions"] == [{"promotion": "pairs", "redemptions": 1}]
    assert Consumer.objects.get().points_balance == 0


def test_an_amount_that_could_not_be_recovered_is_settled_by_a_void(shop: Shop) -> None:
    shop.discount("3for15", make_set(3), kind="fixed_price", value="15.00")
    shop.sell("T1", sold=[make_line(quantity="3", price="10.00")])
    assert shop.give_back("T1", "R1", TEA="1")["not_recovered"] == "5.00"
    answer = shop.void("T1")
    assert (answer["refund_due"], answer["not_recovered"]) == ("15.00", "0.00")


def test_a_repeated_void_returns_the_stored_answer(shop: Shop) -> None:
    shop.sell("T1")
    first = shop.void("T1")
    again = shop.call("post", "transactions/T1/void", {"reference": "V1"})
    assert (again.status_code, again.json()) == (200, first)
    assert LedgerEntry.objects.count() == 2


def test_a_voided_sale_is_neither_voided_nor_returned_again(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line(quantity="2")])
    shop.give_back("T1", "R1", TEA="1")
    shop.void("T1")
    assert error_of(shop, "transactions/T1/void", {"reference": "V2"}) == (409, "voided")
    for query in ("", "?preview=true"):
        assert error_of(shop, f"transactions/T1/returns{query}", make_return("R2", TEA="1")) == (409, "voided")
    stored = shop.call("post", "transactions/T1/returns", make_return("R1", TEA="1"))
    assert (stored.status_code, stored.json()["status"]) == (200, "partly_returned")


def test_a_reference_used_for_another_void_is_a_conflict(shop: Shop) -> None:
    shop.sell("T1")
    shop.sell("T2")
    shop.void("T1")
    assert error_of(shop, "transactions/T2/void", {"reference": "V1"}) == (409, "reference_reused")
    assert Transaction.objects.get(reference="T2").status == "committed"


def test_a_voided_sale_keeps_its_reference(shop: Shop) -> None:
    sale = shop.sell("T1")
    shop.void("T1")
    again = shop.call("post", "transactions", make_basket(reference="T1"))
    assert (again.status_code, again.json()) == (200, sale)
    assert Consumer.objects.get().points_balance == 0


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "reference"),
        ({"reference": ""}, "reference"),
        ({"reference": 5}, "reference"),
        ({"reference": "V\x00"}, "reference"),
        ({"reference": "V1", "lines": []}, "lines"),
        ({"reference": "V1", "occurred_at": "soon"}, "occurred_at"),
    ],
)
def test_bad_input_is_refused_by_name(shop: Shop, body: Json, attr: str) -> None:
    shop.sell("T1")
    answer = shop.call("post", "transactions/T1/void", body)
    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == [attr]
    assert Transaction.objects.get().status == "committed"


def test_a_void_makes_its_redeemed_voucher_valid_again(shop: Shop) -> None:
    shop.offer("pound")
    code = shop.voucher("pound")
    shop.sell("T1", vouchers=[code])
    assert Consumer.objects.get().last_offer_redeemed_on is not None
    shop.void("T1")
    assert Voucher.objects.get().status == "issued"
    assert Consumer.objects.get().last_offer_redeemed_on is None
    assert shop.sell("T2", vouchers=[code])["discount_total"] == "1.00"
    assert Voucher.objects.get().redeemed_by == Transaction.objects.get(reference="T2")


def test_a_voucher_redeemed_elsewhere_since_is_unchanged(shop: Shop) -> None:
    shop.offer("pound")
    code = shop.voucher("pound")
    shop.sell("T1", vouchers=[code])
    shop.give_back("T1", "R1", TEA="1")
    shop.sell("T2", vouchers=[code])
    shop.void("T1")
    assert Voucher.objects.get().status == "redeemed"


@pytest.mark.parametrize(("moment", "status"), [("2026-03-04T18:00:00Z", "issued"), (None, "expired")])
def test_a_voucher_that_has_ended_when_the_sale_is_voided_is_expired(
    shop: Shop, moment: str | None, status: str
) -> None:
    shop.offer("pound")
    code = shop.voucher("pound", expires_at=datetime(2026, 3, 5, tzinfo=UTC))
    shop.sell("T1", vouchers=[code])
    answer = shop.call("post", "transactions/T1/void", {"reference": "V1", "occurred_at": moment})
    assert answer.status_code == 201
    assert Voucher.objects.get().status == status


def test_a_redeemed_voucher_is_reported_and_not_cancelled(shop: Shop) -> None:
    shop.offer("pound", stock=1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "pound"})
    code = shop.sell("T1")["vouchers_issued"][0]["code"]
    shop.sell("T2", vouchers=[code])
    assert shop.void("T1")["reversed"]["vouchers_already_redeemed"] == [code]
    assert Voucher.objects.get(code=code).status == "redeemed"


@pytest.mark.parametrize("order", [("T1", "T2"), ("T2", "T1")])
def test_voiding_the_issuing_and_the_redeeming_sale_cancels_the_voucher(shop: Shop, order: tuple[str, str]) -> None:
    shop.offer("pound", stock=1)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "pound"})
    code = shop.sell("T1")["vouchers_issued"][0]["code"]
    shop.sell("T2", vouchers=[code])
    cancelled = [shop.void(sale, f"V-{sale}")["reversed"]["vouchers_cancelled"] for sale in order]
    assert cancelled == [[], [code]]
    assert Voucher.objects.get().status == "cancelled"
    assert Offer.objects.get().issued == 0


def test_a_voucher_is_valid_again_even_if_another_of_its_sale_was_not_recovered(shop: Shop) -> None:
    shop.offer("pound", stock=2)
    each = {"offer": "pound", "quantity_rule": {"apply_to": "every", "units": 1}}
    shop.promotion("thanks", kind="redeem_offer", outcome=each)
    codes = {voucher["code"] for voucher in shop.sell("T0", sold=[make_line(quantity="2")])["vouchers_issued"]}
    paid = {shop.sell(f"T-{code}", vouchers=[code])["reference"]: code for code in codes}
    (missed,) = shop.give_back("T0", "R1", TEA="1")["reversed"]["vouchers_already_redeemed"]
    for sale in paid:
        shop.void(sale, f"V-{sale}")
    assert Voucher.objects.get(code=missed).status == "cancelled"
    assert Voucher.objects.get(code=(codes - {missed}).pop()).status == "issued"
    assert len(shop.void("T0", "V0")["reversed"]["vouchers_cancelled"]) == 1


# --- personalized locks ---------------------------------------------------------------------------------------------


def test_a_void_frees_the_choice_and_the_lock_that_the_sale_made(shop: Shop) -> None:
    add_choice_discount(shop)
    shop.sell("T1")
    assert stored_choice() == (["TEA"], True)
    shop.void("T1")
    assert stored_choice() == ([], False)
    assert shop.sell("T2", sold=[make_line("CAKE")])["discount_total"] == "1.50"


def test_a_void_keeps_a_choice_that_was_made_before_the_sale(shop: Shop) -> None:
    add_choice_discount(shop, "TEA", "CAKE")
    shop.sell("T1")
    assert stored_choice() == (["TEA", "CAKE"], True)
    shop.void("T1")
    assert stored_choice() == (["TEA", "CAKE"], False)


@pytest.mark.parametrize("parts", [("2",), ("1", "1")])
def test_a_return_frees_no_lock(shop: Shop, parts: tuple[str, ...]) -> None:
    add_choice_discount(shop)
    shop.sell("T1", sold=[make_line(quantity="2")])
    for i, part in enumerate(parts):
        shop.give_back("T1", f"R{i}", TEA=part)
        assert stored_choice() == (["TEA"], True)


def test_a_void_after_a_full_return_frees_the_lock(shop: Shop) -> None:
    add_choice_discount(shop)
    shop.sell("T1")
    shop.give_back("T1", "R1", TEA="1")
    answer = shop.void("T1")
    assert (answer["refund_due"], answer["reversed"]["points"]) == ("0.00", 0)
    assert stored_choice() == ([], False)


def test_a_void_frees_no_lock_of_another_sale(shop: Shop) -> None:
    add_choice_discount(shop)
    shop.sell("T1")
    shop.sell("T2")
    shop.void("T2")
    assert stored_choice() == (["TEA"], True)


def test_a_void_keeps_a_choice_that_was_made_after_the_sale(shop: Shop) -> None:
    add_choice_discount(shop)
    shop.sell("T1")
    shop.listed("PP", "CAKE", "BAP", selected=["BAP"], lock_after_first_apply=True)
    shop.void("T1")
    assert stored_choice() == (["BAP"], False)


def test_a_default_product_locks_nothing_and_a_void_frees_nothing(shop: Shop) -> None:
    for sku in ("TEA", "CAKE"):
        shop.product(sku)
    shop.listed("PP", "TEA", "CAKE", lock_after_first_apply=True)
    shop.discount("yours", make_set(personalized_promotion="PP", default_product="TEA"), value="50")
    assert shop.sell("T1")["discount_total"] == "1.50"
    assert stored_choice() == ([], False)
    shop.call("put", "personalized-promotions/PP/consumers/c/selection", {"products": ["CAKE"]})
    shop.void("T1")
    assert stored_choice() == (["CAKE"], True)
