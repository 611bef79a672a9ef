"""Many tills do everything at once to the same consumers, promotions and sales: the books still balance."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections
from django.db.models import F
from django.test import Client

from loyalty.models import Offer, Transaction
from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from tests.loyalty.till.shop import Shop, make_basket, make_line, make_return, make_set, make_shop
from tests.soak.size import size

pytestmark = pytest.mark.django_db(transaction=True)

ON_POSTGRESQL = connection.vendor == "postgresql"
TILLS = 16 if ON_POSTGRESQL else 8
CALLS = size(600, 10_000) if ON_POSTGRESQL else size(160, 2_000)
CONSUMERS = [f"c{i}" for i in range(50)]
SKUS = [f"P{i}" for i in range(8)]
EXPECTED = {200, 201, 400, 409}
REFUSALS = {"more_than_bought", "voided", "insufficient_points", "offer_unavailable"}


@dataclass
class Street:
    """The sales and vouchers that the tills share, and the database errors that they met."""

    shop: Shop
    sales: list[dict[str, Any]] = field(default_factory=list)
    vouchers: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def only(sku: str) -> dict[str, Any]:
    rules = {"match": "all", "rules": [{"attribute": "sku", "operator": "is", "value": sku}]}
    selection = {"match": "any", "sets": [{"name": sku, "rules": rules}]}
    return {"product_selection": selection, "quantity_rule": {"apply_to": "every", "units": 1}}


def make_street() -> Street:
    """Make a shop: 50 members, 10 promotions that run out, others that do not, offers with a stock and without."""
    shop = make_shop()
    for consumer_id in CONSUMERS:
        shop.member(consumer_id)
    for sku in SKUS:
        shop.product(sku)
    for code, stock in (("few", CALLS // 8), ("many", None)):
        shop.offer(code, stock=stock)
        shop.promotion(f"gives-{code}", kind="redeem_offer", outcome={"offer": code}, always_apply=True)
    shop.offer("mug", kind="tiered", point_cost=30, benefit="external", value=None, stock=CALLS // 20)
    for i, sku in enumerate(SKUS):
        outcome = {"points": i + 1, **only(sku)}
        shop.promotion(f"limited-{sku}", outcome=outcome, always_apply=True, total_redemption_limit=CALLS // 6)
    shop.promotion("unlimited", kind="points_multiplier", outcome={"multiplier": "2"}, customer_redemption_limit=9)
    shop.discount("ten", make_set(products=SKUS[:4]), value="10", total_redemption_limit=CALLS // 2)
    shop.discount("pairs", make_set(2, products=SKUS[2:6]), kind="amount", value="1.00", total_redemption_limit=CALLS)
    shop.discount("always", value="5", always_apply=True)
    return Street(shop=shop)


def work(street: Street, number: int) -> None:
    """Send the calls of one till: sales, returns, voids, repeats, adjustments and claims."""
    shop = Shop(account=street.shop.account, keys=street.shop.keys, client=Client())
    shop.client.handler = street.shop.client.handler
    random = Random(number)

    def record_database_errors(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, params, many, context)
        except DatabaseError as error:
            street.faults.append(f"{error} in {sql[:200]}")
            raise

    try:
        with connection.execute_wrapper(record_database_errors):
            for call in range(CALLS // TILLS):
                _do(street, shop, random, f"{number}-{call}")
    finally:
        connections.close_all()


def _do(street: Street, shop: Shop, random: Random, reference: str) -> None:
    match random.choices(["sell", "return", "void", "again", "adjust", "claim"], [55, 20, 7, 8, 5, 5])[0]:
        case "return" if street.sales:
            sale = random.choice(street.sales)
            line = random.choice(sale["lines"])
            back = make_return(f"R{reference}", **{line["line_id"]: str(random.randint(1, 2))})
            _ask(shop, f"transactions/{sale['reference']}/returns", back)
        case "void" if street.sales:
            _ask(shop, f"transactions/{random.choice(street.sales)['reference']}/void", {"reference": f"V{reference}"})
        case "again" if street.sales:
            assert _ask(shop, "transactions", random.choice(street.sales)).status_code == 200
        case "adjust":
            body = {"reference": reference, "points": random.choice((-20, -5, 10, 40)), "description": "By hand"}
            _ask(shop, f"consumers/{random.choice(CONSUMERS)}/points-adjustments", body)
        case "claim":
            claim = {"reference": reference, "offer": "mug"}
            _ask(shop, f"consumers/{random.choice(CONSUMERS)}/claims", claim)
        case _:
            _sell(street, shop, random, f"T{reference}")


def _sell(street: Street, shop: Shop, random: Random, reference: str) -> None:
    consumer = random.choice([*CONSUMERS, None])
    codes = []
    if street.vouchers and random.random() < 0.3:
        consumer, code = random.choice(street.vouchers)
        codes = [code]
    bought = random.sample(SKUS, random.randint(1, 4))
    lines = [make_line(sku, str(random.randint(1, 3)), "5.00") for sku in bought]
    body = make_basket(reference=reference, consumer=consumer, sold=lines, vouchers=codes)
    answer = _ask(shop, "transactions", body)
    assert answer.status_code == 201
    street.sales.append(body)
    if consumer:
        street.vouchers += [(consumer, voucher["code"]) for voucher in answer.json()["vouchers_issued"]]


def _ask(shop: Shop, path: str, body: dict[str, Any]) -> Any:
    """Call the API; check that the answer is a success or an expected refusal, and return it."""
    answer = shop.call("post", path, body, role="manager")
    assert answer.status_code in EXPECTED, (path, answer.status_code, answer.content)
    if answer.status_code >= 400:
        assert {error["code"] for error in answer.json()["errors"]} <= REFUSALS, answer.content
    return answer


def test_sales_returns_and_voids_of_many_tills_leave_a_balanced_ledger(
    record_property: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Limits and stocks begin with more left than this, and most of them end with nothing.
    monkeypatch.setattr("loyalty.services.till.commit.LOCK_FREE_MARGIN", CALLS // 15)
    street = make_street()
    street.shop.client.handler.load_middleware()
    connections.close_all()  # the pool has one connection for each till, and none for this thread
    with ThreadPoolExecutor(TILLS) as pool:
        list(pool.map(lambda number: work(street, number), range(TILLS)))
    record_property("calls", CALLS)
    record_property("tills", TILLS)
    record_property("sales", len(street.sales))
    # The database broke no deadlock: all transactions take their locks in the same order.
    assert street.faults == []
    assert Transaction.objects.count() == len(street.sales)
    assert not list(ledger_differences())
    assert not Promotion.objects.filter(redemptions__gt=F("total_redemption_limit")).exists()
    assert not Offer.objects.filter(issued__gt=F("stock")).exists()
    assert Transaction.objects.filter(status="voided").exists()
    assert Transaction.objects.filter(status="partly_returned").exists()
