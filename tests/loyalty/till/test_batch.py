"""Offline batches: each basket by itself, the oldest first, answered as a single call would be."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from consumers.models import Consumer
from loyalty.models import Transaction
from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from tests.loyalty.till.shop import Answer, Json, Shop, make_basket, make_line, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member()
    return shop


def on_day(day: int) -> str:
    return datetime(2026, 3, day, 12, tzinfo=UTC).isoformat()


def send(shop: Shop, *baskets: Json) -> list[Json]:
    answer = shop.call("post", "transactions/batch", list(baskets))
    assert answer.status_code == 200, answer.content
    results: list[Json] = answer.json()["results"]
    return results


def outcomes(results: list[Json]) -> list[tuple[str | None, int]]:
    return [(result["reference"], result["status"]) for result in results]


def raw(shop: Shop, body: bytes) -> Answer:
    key = {"Authorization": f"Api-Key {shop.keys['till']}"}
    return shop.client.post("/api/v1/transactions/batch", body, content_type="application/json", headers=key)


def test_a_batch_is_committed_oldest_first_whatever_its_order(shop: Shop) -> None:
    shop.promotion("once", customer_redemption_limit=1)
    baskets = [make_basket(reference=f"T{day}", occurred_at=on_day(day)) for day in (3, 1, 2)]
    results = send(shop, *baskets)
    assert outcomes(results) == [("T1", 201), ("T2", 201), ("T3", 201)]
    assert [bool(result["answer"]["applied"]) for result in results] == [True, False, False]
    assert not list(ledger_differences())


def test_moments_are_compared_whatever_their_offset(shop: Shop) -> None:
    late = make_basket(reference="late", occurred_at="2026-03-04T12:00:00+00:00")
    early = make_basket(reference="early", occurred_at="2026-03-04T13:30:00+02:00")
    assert outcomes(send(shop, late, early)) == [("early", 201), ("late", 201)]


def test_baskets_of_the_same_moment_keep_their_order(shop: Shop) -> None:
    assert outcomes(send(shop, *(make_basket(reference=reference) for reference in "bca"))) == [
        ("b", 201),
        ("c", 201),
        ("a", 201),
    ]


def test_a_basket_without_a_moment_happened_now(shop: Shop) -> None:
    undated = make_basket(reference="now", occurred_at=None)
    results = send(shop, undated, make_basket(reference="then"))
    assert outcomes(results) == [("then", 201), ("now", 201)]
    assert timezone.now() - Transaction.objects.get(reference="now").occurred_at < timedelta(minutes=1)


def test_each_answer_equals_that_of_a_single_call(shop: Shop) -> None:
    shop.promotion("fifty")
    (result,) = send(shop, make_basket(reference="T1"))
    again = shop.call("post", "transactions", make_basket(reference="T1"))
    assert (again.status_code, again.json()) == (200, result["answer"])


def test_a_refused_basket_affects_no_other_and_gets_the_answer_of_a_single_call(shop: Shop) -> None:
    shop.sell("used")
    bad = [
        make_basket(reference="used", sold=[make_line(quantity="9")]),
        make_basket(reference="nobody", consumer="x"),
        make_basket(reference="coming", occurred_at="2999-01-01T00:00:00Z"),
        make_basket(reference="changed", expected={"points": 99}, on_difference="refuse"),
        make_basket(reference="dear", sold=[{**make_line(), "unit_price_inc_tax": "dear"}]),
        {"reference": "bare"},
        {"lines": []},
    ]
    results = send(shop, *bad, make_basket(reference="good"))
    answers = {result["reference"]: (result["status"], result["answer"]) for result in results}
    for body in bad:
        alone = shop.call("post", "transactions", body)
        assert answers[body.get("reference")] == (alone.status_code, alone.json())
    assert {status for status, _ in answers.values()} == {400, 409, 201}
    assert set(Transaction.objects.values_list("reference", flat=True)) == {"used", "good"}


@pytest.mark.parametrize("body", [None, 5, "T1", [], [[]], True])
def test_an_entry_that_is_no_basket_is_refused_at_its_position(shop: Shop, body: Json) -> None:
    results = send(shop, make_basket(reference="good"), body)
    assert outcomes(results) == [("good", 201), (None, 400)]


def test_a_batch_sent_again_writes_nothing(shop: Shop) -> None:
    shop.promotion("fifty")
    baskets = [make_basket(reference=f"T{day}", occurred_at=on_day(day)) for day in (1, 2)]
    first = send(shop, *baskets)
    again = send(shop, *baskets)
    assert outcomes(again) == [("T1", 200), ("T2", 200)]
    assert [result["answer"] for result in again] == [result["answer"] for result in first]
    assert Consumer.objects.get().points_balance == 106


def test_an_undated_sale_sent_twice_is_one_sale(shop: Shop) -> None:
    undated = make_basket(reference="T1", occurred_at=None)
    assert shop.call("post", "transactions", undated).status_code == 201
    assert outcomes(send(shop, undated, undated)) == [("T1", 200), ("T1", 200)]
    dated = make_basket(reference="T1", occurred_at=Transaction.objects.get().occurred_at.isoformat())
    assert outcomes(send(shop, dated)) == [("T1", 409)]


def test_one_reference_twice_in_a_batch_is_one_sale(shop: Shop) -> None:
    same, other = make_basket(reference="T1"), make_basket(reference="T1", sold=[make_line("CAKE")])
    assert outcomes(send(shop, same, same, other)) == [("T1", 201), ("T1", 200), ("T1", 409)]


def test_late_sales_are_evaluated_at_their_own_moment_by_todays_definitions(shop: Shop) -> None:
    march: Json = {"starts_at": datetime(2026, 3, 2, tzinfo=UTC), "ends_at": datetime(2026, 3, 4, tzinfo=UTC)}
    shop.promotion("short", **march)
    shop.promotion("short", outcome={"points": 7}, **march)
    results = send(shop, *(make_basket(reference=f"T{day}", occurred_at=on_day(day)) for day in (1, 3, 5)))
    assert [result["answer"]["points"]["promotion"] for result in results] == [0, 7, 0]


def test_late_sales_meet_todays_counters(shop: Shop) -> None:
    shop.promotion("once", total_redemption_limit=1)
    shop.sell("T5", occurred_at=on_day(5))
    (result,) = send(shop, make_basket(reference="T1", occurred_at=on_day(1)))
    assert result["answer"]["applied"] == []
    assert Promotion.objects.get().redemptions == 1


def test_a_sale_may_be_as_late_as_the_account_allows(shop: Shop) -> None:
    type(shop.account).objects.update(late_transaction_days=30)
    shop.account.refresh_from_db()
    now = timezone.now()
    moments = {"old": now - timedelta(days=31), "late": now - timedelta(days=29), "ahead": now + timedelta(minutes=9)}
    results = send(shop, *(make_basket(reference=name, occurred_at=at.isoformat()) for name, at in moments.items()))
    assert outcomes(results) == [("old", 400), ("late", 201), ("ahead", 400)]
    assert results[0]["answer"]["errors"][0]["attr"] == "occurred_at"


def test_at_most_500_baskets_are_accepted_at_once(shop: Shop) -> None:
    assert shop.call("post", "transactions/batch", [{}] * 500).status_code == 200
    answer = shop.call("post", "transactions/batch", [{}] * 501)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (413, "too_large")


def test_an_empty_batch_has_no_results(shop: Shop) -> None:
    assert send(shop) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[",
        b'"T1"',
        b"[nonsense]",
        b'[{"reference": "\xff"}]',
        b'[{"reference": "\xed\xa0\x80"}]',
        b'[{"occurred_at": "\xff"}]',
        b"[" * 100_000 + b"]" * 100_000,
        b'[{"reference": "\\ud800"}]',
        b'[{"reference": 1e999}]',
    ],
)
def test_an_unreadable_batch_is_refused(shop: Shop, body: bytes) -> None:
    answer = raw(shop, body)
    assert answer.status_code in (200, 400), answer.content
    if answer.status_code == 200:
        assert [result["status"] for result in answer.json()["results"]] == [400]
    assert not Transaction.objects.exists()


def test_an_invalid_moment_stops_only_its_basket(shop: Shop) -> None:
    moments = ["yesterday", "0001-01-01T00:00:00+14:00", 5, "2026-03-04T12:00:00"]
    bad = [make_basket(reference=str(i), occurred_at=moment) for i, moment in enumerate(moments)]
    results = send(shop, *bad, make_basket(reference="good"))
    assert [result["status"] for result in results] == [201, 400, 400, 400, 400]


def test_a_transaction_called_batch_can_be_read(shop: Shop) -> None:
    sale = shop.sell("batch")
    assert shop.call("get", "transactions/batch").json() == sale
    assert json.loads(Transaction.objects.get().answer) == sale
