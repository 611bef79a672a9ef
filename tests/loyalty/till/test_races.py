"""Sales that happen at the same time, each in a thread and a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from consumers.models import Consumer
from loyalty.models import LedgerEntry, Offer, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from tests.loyalty.till.shop import Shop, make_basket, make_line, make_shop

pytestmark = pytest.mark.django_db(transaction=True)

TILLS = 8


@pytest.fixture
def shop() -> Shop:
    return make_shop()


def at_once(shop: Shop, tills: int, sale: Callable[[int], dict[str, Any]]) -> list[Any]:
    """The answers to sales that all tills commit in the same moment."""
    start = Barrier(tills)

    def till(number: int) -> Any:
        own = Shop(account=shop.account, keys=shop.keys, client=Client())
        start.wait()
        try:
            return own.call("post", "transactions", sale(number))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(tills) as pool:
        return list(pool.map(till, range(tills)))


def test_one_reference_committed_at_once_awards_once_and_answers_all_alike(shop: Shop) -> None:
    shop.member()
    shop.promotion("fifty", customer_redemption_limit=5)
    answers = at_once(shop, TILLS, lambda _: make_basket(reference="T1"))
    assert sorted(answer.status_code for answer in answers) == [200] * (TILLS - 1) + [201]
    assert len({answer.content for answer in answers}) == 1
    assert Consumer.objects.get().points_balance == 53
    assert Transaction.objects.count() == 1


def test_a_consumers_own_sales_wait_for_each_other(shop: Shop) -> None:
    shop.member()
    shop.promotion("once", customer_redemption_limit=1)
    answers = at_once(shop, TILLS, lambda till: make_basket(reference=f"T{till}"))
    assert {answer.status_code for answer in answers} == {201}
    assert sum(len(answer.json()["applied"]) for answer in answers) == 1
    assert Consumer.objects.get().points_balance == 50 + 3 * TILLS
    assert not list(ledger_differences())


def test_a_total_limit_holds_over_many_consumers(shop: Shop) -> None:
    for till in range(TILLS):
        shop.member(f"c{till}")
    every = {"points": 10, "quantity_rule": {"apply_to": "every", "units": 1}}
    shop.promotion("five", outcome=every, total_redemption_limit=5)
    answers = at_once(
        shop, TILLS, lambda till: make_basket(reference=f"T{till}", consumer=f"c{till}", sold=[make_line(quantity="2")])
    )
    assert sum(one["redemptions"] for answer in answers for one in answer.json()["applied"]) == 5
    assert Promotion.objects.get().redemptions == 5
    assert not list(ledger_differences())


def test_a_stock_of_vouchers_holds_over_many_consumers(shop: Shop) -> None:
    for till in range(TILLS):
        shop.member(f"c{till}")
    Offer.objects.create(account=shop.account, code="coffee", name="Coffee", value="1", perceived_value="1", stock=3)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"})
    answers = at_once(shop, TILLS, lambda till: make_basket(reference=f"T{till}", consumer=f"c{till}"))
    assert {answer.status_code for answer in answers} == {201}
    assert Voucher.objects.count() == Offer.objects.get().issued == 3
    assert not list(ledger_differences())


def test_unlimited_promotions_count_every_redemption_in_any_order(shop: Shop) -> None:
    for till in range(TILLS):
        shop.member(f"c{till}")
    for code in ("a", "b", "c"):
        shop.promotion(code, always_apply=True)
    at_once(shop, TILLS, lambda till: make_basket(reference=f"T{till}", consumer=f"c{till}"))
    assert set(Promotion.objects.values_list("redemptions", flat=True)) == {TILLS}
    assert LedgerEntry.objects.count() == 4 * TILLS
