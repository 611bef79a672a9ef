"""What the till is told of a consumer's lists: as they stand after a quote, a commit, a return, a void."""

from typing import Any

import pytest

from loyalty.models import Voucher
from tests.loyalty.till.shop import Json, Shop, make_line, make_set, make_shop

BASKET = [make_line("TEA", "2", "3.00"), make_line("CAKE", "1", "4.00")]


@pytest.fixture
def shop(db: None) -> Shop:
    shop = make_shop()
    shop.member("c")
    for sku in ("TEA", "CAKE", "WINE"):
        shop.product(sku)
    shop.listed("PP", "TEA", "WINE", lock_after_first_apply=True)
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")
    return shop


def state(answer: Json) -> tuple[bool, bool, list[str]]:
    """Return whether a choice is required, whether it is final, and the choice."""
    [shown] = answer["personalized"]
    assert (shown["backend_id"], shown["locks_after_first_apply"]) == ("PP", True)
    return shown["requires_selection"], shown["locked"], shown["selected"]


OPEN: tuple[bool, bool, list[str]] = (True, False, [])
FINAL = (False, True, ["TEA"])


def test_a_commit_tells_the_choice_that_it_made_final_a_return_keeps_it_and_a_void_frees_it(shop: Shop) -> None:
    assert state(shop.evaluate(sold=BASKET)) == OPEN
    assert state(shop.sell("T1", sold=BASKET)) == FINAL
    assert state(shop.sell_again("T1", sold=BASKET)) == FINAL
    assert state(shop.call("get", "transactions/T1").json()) == FINAL
    preview = shop.preview("T1", TEA="2")
    assert state(preview) == FINAL
    assert state(shop.give_back("T1", "R1", TEA="2")) == FINAL
    assert state(shop.void("T1")) == OPEN
    assert state(shop.call("get", "transactions/T1").json()) == OPEN
    assert state(shop.evaluate(sold=BASKET)) == OPEN


def test_a_void_keeps_a_choice_that_the_consumer_made_before(shop: Shop) -> None:
    path = "personalized-promotions/PP/consumers/c"
    pushed = {"products": [{"sku": "TEA", "selected": True}, {"sku": "WINE", "selected": False}]}
    assert shop.call("put", f"{path}/products", pushed, role="manager").status_code == 200
    assert state(shop.sell("T1", sold=BASKET)) == FINAL
    assert state(shop.void("T1")) == (False, False, ["TEA"])
    assert shop.call("get", path).json()["locked"] is False


def test_a_return_tells_what_was_chosen_since_the_sale(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line("CAKE", "2", "4.00")])
    chosen = {"products": ["WINE"]}
    assert shop.call("put", "personalized-promotions/PP/consumers/c/selection", chosen).status_code == 200
    assert state(shop.give_back("T1", "R1", CAKE="1")) == (False, True, ["WINE"])
    assert state(shop.give_back("T1", "R2", CAKE="1")) == (False, True, ["WINE"])


def test_the_lists_of_all_discounts_in_force_in_the_currency_are_told(shop: Shop) -> None:
    shop.listed("OTHER", "WINE")
    shop.listed("UNUSED", "WINE")
    never = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "Nowhere"}]}
    shop.discount("elsewhere", make_set(personalized_promotion="OTHER"), value="50", conditions={"site_rules": never})
    shop.discount("euros", make_set(personalized_promotion="UNUSED"), value="50", currency="EUR")
    backend_ids = [shown["backend_id"] for shown in shop.evaluate(sold=BASKET)["personalized"]]
    assert backend_ids == ["OTHER", "PP"]
    assert [shown["backend_id"] for shown in shop.sell("T1", sold=BASKET)["personalized"]] == backend_ids
    assert shop.evaluate(sold=BASKET, consumer=None)["personalized"] == []


def test_a_default_product_that_was_taken_by_itself_is_not_made_final(shop: Shop) -> None:
    sets = [make_set(personalized_promotion="PP", default_product="WINE"), make_set(personalized_promotion="PP")]
    shop.call("patch", "discounts/yours", {"product_sets": sets}, role="manager")
    basket = [*BASKET, make_line("WINE", "1", "1.00")]
    assert state(shop.sell("T1", sold=basket)) == FINAL


@pytest.mark.parametrize("whole", [lambda shop: shop.void("T1"), lambda shop: shop.give_back("T1", "R2", CAKE="1")])
def test_an_external_voucher_is_told_until_the_sale_is_wholly_taken_back(shop: Shop, whole: Any) -> None:
    shop.offer("mug", benefit="external", value=None)
    code = shop.voucher("mug")

    def external(answer: Json) -> list[str]:
        return [applied["promotion"] for applied in answer["applied"] if applied["type"] == "external"]

    assert external(shop.sell("T1", sold=BASKET, vouchers=[code])) == ["mug"]
    assert external(shop.give_back("T1", "R1", TEA="2")) == ["mug"]
    assert Voucher.objects.get().status == "redeemed"
    assert external(whole(shop)) == []
    assert external(shop.call("get", "transactions/T1").json()) == []
    assert Voucher.objects.get().status == "issued"
