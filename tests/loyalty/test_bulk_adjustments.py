"""Balances of many consumers are adjusted in one call: all of them or none, each reference once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from consumers.api.framework.views import ApiView
from consumers.models import Consumer
from loyalty.models import LedgerEntry
from loyalty.selectors.verification import ledger_differences
from tests.consumers.builders import MEMBER, Shop, errors_of, make_shop

PATH = "points-adjustments/bulk"


def row(consumer: str = "c", reference: str = "opening", points: Any = 1250, **fields: Any) -> dict[str, Any]:
    return {"consumer": consumer, "reference": reference, "points": points, **fields}


def open_shop() -> Shop:
    shop = make_shop()
    for consumer_id in ("c", "d"):
        shop.manager.put(f"consumers/{consumer_id}", {"loyalty": MEMBER})
    shop.manager.put("consumers/guest", {})
    return shop


@pytest.fixture
def shop(db: None) -> Shop:
    return open_shop()


def balances() -> dict[str, int]:
    assert list(ledger_differences()) == []
    return dict(Consumer.objects.exclude(consumer_id="guest").values_list("consumer_id", "points_balance"))


def test_balances_are_adjusted_once_by_their_reference(shop: Shop) -> None:
    rows = [row(description="Opening balance"), row("d", points=-40), row(reference="gift", points=5)]
    first = shop.manager.post(PATH, rows)
    assert (first.status_code, first.json()) == (200, {"created": 3, "unchanged": 0})
    assert shop.manager.post(PATH, rows).json() == {"created": 0, "unchanged": 3}
    assert shop.manager.post(PATH, [*rows, row("d", "gift", 1)]).json() == {"created": 1, "unchanged": 3}
    assert balances() == {"c": 1255, "d": -39}
    [opening] = shop.manager.get("consumers/c/points-adjustments?search=opening").json()["results"]
    assert (opening["points"], opening["description"]) == (1250, "Opening balance")


def test_a_reference_of_a_single_call_is_the_same_reference(shop: Shop) -> None:
    shop.manager.post("consumers/c/points-adjustments", {"reference": "opening", "points": 1250})
    assert shop.manager.post(PATH, [row()]).json() == {"created": 0, "unchanged": 1}
    assert balances() == {"c": 1250, "d": 0}


@pytest.mark.parametrize(
    ("rows", "status", "errors"),
    [
        ([row(), row("nobody")], 400, [("does_not_exist", "1.consumer")]),
        ([row(), row("guest")], 400, [("not_a_member", "1.consumer")]),
        ([row(), row("d"), row()], 400, [("duplicate", "2.reference")]),
        ([row(), row("d", points=0)], 400, [("zero", "1.points")]),
        ([row(), row("d", points="x")], 400, [("invalid", "1.points")]),
        ([row(), {"consumer": "d"}], 400, [("required", "1.reference"), ("required", "1.points")]),
        ([row(), row("d", expires_on="2027-01-31")], 400, [("unknown_field", "1.expires_on")]),
        ({"consumer": "c"}, 400, [("invalid", None)]),
    ],
)
def test_one_wrong_row_refuses_all(shop: Shop, rows: Any, status: int, errors: Any) -> None:
    answer = shop.manager.post(PATH, rows)
    assert answer.status_code == status, answer.json()
    assert sorted((error["code"], error["attr"]) for error in answer.json()["errors"]) == sorted(errors)
    assert not LedgerEntry.objects.exists()


def test_a_reference_with_other_points_conflicts(shop: Shop) -> None:
    shop.manager.post(PATH, [row()])
    answer = shop.manager.post(PATH, [row("d"), row(points=5)])
    assert (answer.status_code, errors_of(answer)) == (409, {("reference_reused", None)})
    assert "Reference opening of consumer c was used" in answer.json()["errors"][0]["detail"]
    assert balances() == {"c": 1250, "d": 0}


def test_a_balance_that_no_column_holds_is_refused(shop: Shop) -> None:
    Consumer.objects.filter(consumer_id="c").update(points_balance=2**63 - 2)
    answer = shop.manager.post(PATH, [row(points=2)])
    assert (answer.status_code, errors_of(answer)) == (400, {("max_value", "0.points")})


def test_consumers_of_another_account_are_unknown_and_tills_may_not_adjust(shop: Shop) -> None:
    other = make_shop("other")
    assert errors_of(other.manager.post(PATH, [row()])) == {("does_not_exist", "0.consumer")}
    assert shop.till.post(PATH, [row()]).status_code == 403
    assert balances() == {"c": 0, "d": 0}


def test_rows_count_against_the_rate_of_the_key(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    monkeypatch.setattr(ApiView, "count_rows", lambda _view, rows: counted.append(rows))
    shop.manager.post(PATH, [row(reference=str(number), points=1) for number in range(5)])
    assert counted == [5]


def test_a_call_takes_a_few_statements_whatever_its_rows(shop: Shop, django_assert_num_queries: Any) -> None:
    for consumer_id in range(20):
        shop.manager.put(f"consumers/m{consumer_id}", {"loyalty": MEMBER})
    with django_assert_num_queries(8):
        shop.manager.post(PATH, [row(), row("d")])
    with django_assert_num_queries(8):
        shop.manager.post(PATH, [row(f"m{number}") for number in range(20)])


@pytest.mark.django_db(transaction=True)
def test_two_calls_at_once_adjust_once() -> None:
    if connection.vendor == "sqlite":
        # SQLite admits one writer at a time, whatever the code does.
        return
    shop = open_shop()
    barrier = Barrier(2)

    def call(consumers: list[str]) -> int:
        barrier.wait()
        answer: int = shop.manager.post(PATH, [row(consumer) for consumer in consumers]).status_code
        connection.close()
        return answer

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(call, (["c", "d"], ["d", "c"]))) == [200, 200]
    assert balances() == {"c": 1250, "d": 1250}
