"""Tills sell and take back while runs count, each in a thread and a connection of its own."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep

import pytest
from django.db import connections
from django.test import Client

from consumers.services.schedule import database_now
from loyalty.models import PromotionResult
from loyalty.selectors.results_verification import results_differences
from loyalty.services.results.count import results_count
from tests.loyalty.till.shop import Json, Shop, make_basket, make_line, make_return, make_set, make_shop

pytestmark = pytest.mark.django_db(transaction=True)

TILLS, SALES = 3, 6


def until_taken(shop: Shop, path: str, body: Json) -> None:
    """Make a call as a till does, which repeats it while the database is busy."""
    while (answer := shop.call("post", path, body)).status_code == 503:
        sleep(int(answer.headers["Retry-After"]))
    assert answer.status_code in (200, 201), answer.content


def sell_and_take_back(shop: Shop, till: int) -> None:
    own = Shop(account=shop.account, keys=shop.keys, client=Client())
    lines = [make_line("TEA", "3", "10.00"), make_line("BAP", "1", "5.00")]
    try:
        for number in range(SALES):
            reference = f"{till}-{number}"
            basket = make_basket(*lines, reference=reference, consumer="c" if number % 2 else "")
            until_taken(own, "transactions", basket)
            # Repeated by a till that heard no answer: it burns an id.
            until_taken(own, "transactions", basket)
            until_taken(own, f"transactions/{reference}/returns", make_return(f"R{reference}", TEA="1"))
    finally:
        connections.close_all()


def count_often(stop: Event) -> None:
    """Count, and wait a moment in which a till takes its turn: without it the tills wait for whole seconds."""
    try:
        while not stop.wait(0.01):
            results_count(clock=database_now, batch_size=2)
    finally:
        connections.close_all()


def test_what_tills_sell_and_take_back_while_runs_count_is_counted_once() -> None:
    shop = make_shop()
    shop.member()
    shop.product("TEA", cost_price="4")
    shop.discount("d", make_set(products=["TEA"]), value="10")
    shop.promotion("p", outcome={"points": 5})
    shop.client.handler.load_middleware()
    stop = Event()
    with ThreadPoolExecutor(TILLS + 2) as pool:
        runs = [pool.submit(count_often, stop) for _ in range(2)]
        tills = [pool.submit(sell_and_take_back, shop, till) for till in range(TILLS)]
        for till in tills:
            till.result()
        stop.set()
        for run in runs:
            run.result()
    results_count(clock=database_now)
    assert [str(difference) for difference in results_differences()] == []
    assert sum(PromotionResult.objects.filter(promotion__code="d").values_list("baskets", flat=True)) == TILLS * SALES
