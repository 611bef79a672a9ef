"""Points without a sale: adjustments by staff and claims of tiered offers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from consumers.models import Consumer
from loyalty.models import LedgerEntry, Offer, Voucher
from loyalty.selectors.verification import ledger_differences
from loyalty.services.rewards.claim import offer_claim
from tests.consumers.builders import MEMBER, Api, Shop, attrs_of, errors_of, make_shop

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MUG: dict[str, Any] = {"name": "Mug", "kind": "tiered", "point_cost": 100, "benefit": "external"}


def open_shop(*, balance: int = 0, **offer: Any) -> Shop:
    """Create a shop with the member c and the tiered offer mug."""
    shop = make_shop()
    shop.manager.put("consumers/c", {"loyalty": MEMBER})
    assert shop.manager.put("offers/mug", MUG | offer).status_code == 201
    if balance:
        assert adjust(shop, "opening", balance).status_code == 201
    return shop


def adjust(shop: Shop, reference: str, points: Any, **fields: Any) -> Any:
    body = {"reference": reference, "points": points, **fields}
    return shop.manager.post("consumers/c/points-adjustments", body)


def claim(shop: Shop, reference: str, offer: str = "mug") -> Any:
    return shop.manager.post("consumers/c/claims", {"reference": reference, "offer": offer})


def balance() -> int:
    """Return the balance; check that it is the sum of the ledger."""
    consumer = Consumer.objects.get(consumer_id="c")
    assert consumer.points_balance == sum(
        LedgerEntry.objects.filter(consumer=consumer).values_list("points", flat=True)
    )
    return consumer.points_balance


@pytest.fixture
def shop(db: None) -> Shop:
    return open_shop()


# --- adjustments ----------------------------------------------------------------------------------------------------


def test_an_adjustment_changes_the_balance_once(shop: Shop) -> None:
    answers = [adjust(shop, "A1", 50, description="Sorry") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["balance"] == balance() == 50


@pytest.mark.parametrize("change", [{"points": 51}, {"points": -50}, {"description": "Other"}])
def test_a_reference_identifies_one_adjustment(shop: Shop, change: dict[str, Any]) -> None:
    adjust(shop, "A1", 50, description="Sorry")
    answer = adjust(shop, **{"reference": "A1", "points": 50, "description": "Sorry", **change})
    assert answer.status_code == 409
    assert errors_of(answer) == {("reference_reused", None)}
    assert balance() == 50


def test_a_reference_belongs_to_one_consumer(shop: Shop) -> None:
    shop.manager.put("consumers/d", {"loyalty": MEMBER})
    assert adjust(shop, "A1", 50).status_code == 201
    other = shop.manager.post("consumers/d/points-adjustments", {"reference": "A1", "points": 7})
    assert (other.status_code, other.json()["balance"]) == (201, 7)


def test_points_are_taken_away_even_below_zero(shop: Shop) -> None:
    assert adjust(shop, "A1", -30).json()["balance"] == balance() == -30


def test_only_a_member_has_points(shop: Shop) -> None:
    shop.manager.put("consumers/d", {})
    answer = shop.manager.post("consumers/d/points-adjustments", {"reference": "A1", "points": 5})
    assert answer.status_code == 400
    assert errors_of(answer) == {("not_a_member", None)}
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("status", ["suspended", "withdrawn"])
def test_the_points_of_a_non_earning_consumer_can_still_be_adjusted(shop: Shop, status: str) -> None:
    shop.manager.patch("consumers/c", {"loyalty": {"status": status}})
    assert adjust(shop, "A1", 5).status_code == 201


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"points": 5}, "reference"),
        ({"reference": "A1"}, "points"),
        ({"reference": "", "points": 5}, "reference"),
        ({"reference": 1, "points": 5}, "reference"),
        ({"reference": "x" * 101, "points": 5}, "reference"),
        ({"reference": "A1", "points": 0}, "points"),
        ({"reference": "A1", "points": "5"}, "points"),
        ({"reference": "A1", "points": 5.0}, "points"),
        ({"reference": "A1", "points": True}, "points"),
        ({"reference": "A1", "points": None}, "points"),
        ({"reference": "A1", "points": [5]}, "points"),
        ({"reference": "A1", "points": 10**12 + 1}, "points"),
        ({"reference": "A1", "points": -(10**12) - 1}, "points"),
        ({"reference": "A1", "points": 10**300}, "points"),
        ({"reference": "A1", "points": 5, "description": "x" * 1001}, "description"),
        ({"reference": "A1", "points": 5, "description": None}, "description"),
        ({"reference": "A1", "points": 5, "at": "2026-01-01T00:00:00Z"}, "at"),
    ],
)
def test_an_invalid_adjustment_is_refused_by_name(shop: Shop, body: dict[str, Any], attr: str) -> None:
    answer = shop.manager.post("consumers/c/points-adjustments", body)
    assert answer.status_code == 400
    assert attrs_of(answer) == [attr]
    assert balance() == 0


def test_the_greatest_adjustments_are_taken(shop: Shop) -> None:
    assert adjust(shop, "A1", 10**12).json()["balance"] == 10**12
    assert adjust(shop, "A2", -(10**12)).json()["balance"] == 0


def test_adjustments_are_listed_newest_first_and_claims_are_none(shop: Shop) -> None:
    adjust(shop, "A1", 100)
    adjust(shop, "A2", 20, description="Gift")
    claim(shop, "C1")
    rows = shop.manager.get("consumers/c/points-adjustments").json()["results"]
    assert [(row["reference"], row["points"], row["description"]) for row in rows] == [
        ("A2", 20, "Gift"),
        ("A1", 100, ""),
    ]
    matching = shop.manager.get("consumers/c/points-adjustments?search=gift").json()["results"]
    assert [row["reference"] for row in matching] == ["A2"]
    page = shop.manager.get("consumers/c/points-adjustments?limit=1").json()
    assert [row["reference"] for row in shop.manager.get(page["next"]).json()["results"]] == ["A1"]


def test_another_account_is_a_404(shop: Shop) -> None:
    other = make_shop("other")
    for path in ("points-adjustments", "claims"):
        assert other.manager.post(f"consumers/c/{path}", {"reference": "1", "points": 5}).status_code in (400, 404)
    assert other.manager.get("consumers/c/points-adjustments").status_code == 404
    assert other.manager.post("consumers/c/points-adjustments", {"reference": "1", "points": 5}).status_code == 404
    assert other.manager.post("consumers/c/claims", {"reference": "1", "offer": "mug"}).status_code == 404


# --- claims ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_claim_debits_the_points_and_issues_the_voucher_once() -> None:
    shop = open_shop(balance=250, valid_days=30, stock=5)
    answers = [claim(shop, "C1") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert answers[0].json() == answers[1].json() == answers[2].json()
    answer = answers[0].json()
    assert (answer["points"], answer["balance"], balance()) == (100, 150, 150)
    voucher = Voucher.objects.get()
    assert answer["voucher"]["code"] == voucher.code
    assert (answer["voucher"]["status"], answer["voucher"]["consumer"]) == ("issued", "c")
    assert voucher.last_day == voucher.issued_at.date() + timedelta(days=30)  # the account's zone is UTC
    assert answer["voucher"]["last_day"] == voucher.last_day.isoformat()
    assert Offer.objects.get().issued == 1
    assert shop.manager.get(f"vouchers/{voucher.code}").json() == answer["voucher"]
    entry = shop.manager.get("consumers/c/loyalty").json()["activity"][0]
    assert (entry["points"], entry["kind"], entry["description"]) == (-100, "claim", "Mug")


@pytest.mark.django_db
def test_a_reference_identifies_one_claim() -> None:
    shop = open_shop(balance=250)
    shop.manager.put("offers/cup", MUG)
    claim(shop, "C1")
    answer = claim(shop, "C1", "cup")
    assert answer.status_code == 409
    assert errors_of(answer) == {("reference_reused", None)}
    assert balance() == 150


@pytest.mark.django_db
def test_a_repeated_claim_returns_its_original_cost() -> None:
    shop = open_shop(balance=250)
    claim(shop, "C1")
    shop.manager.patch("offers/mug", {"point_cost": 200, "archived": True})
    answer = claim(shop, "C1")
    assert (answer.status_code, answer.json()["points"]) == (200, 100)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("offer", "balance_before", "status", "code"),
    [
        ({"point_cost": 100}, 99, 409, "insufficient_points"),
        ({"stock": 0}, 500, 409, "offer_unavailable"),
        ({"archived": True}, 500, 409, "offer_unavailable"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, 500, 409, "offer_unavailable"),
        ({"starts_at": "2999-01-01T00:00:00Z"}, 500, 409, "offer_unavailable"),
        ({"kind": "personalised", "point_cost": None}, 500, 400, "not_tiered"),
    ],
)
def test_a_refused_claim_changes_nothing(offer: dict[str, Any], balance_before: int, status: int, code: str) -> None:
    shop = open_shop(balance=balance_before, **offer)
    answer = claim(shop, "C1")
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"] == code
    assert balance() == balance_before
    assert not Voucher.objects.exists()
    assert Offer.objects.get().issued == 0


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["suspended", "withdrawn"])
def test_only_an_active_member_claims(status: str) -> None:
    shop = open_shop(balance=500)
    shop.manager.patch("consumers/c", {"loyalty": {"status": status}})
    assert errors_of(claim(shop, "C1")) == {("not_a_member", None)}
    assert balance() == 500


def test_a_claim_of_an_unknown_offer_names_it(shop: Shop) -> None:
    assert errors_of(claim(shop, "C1", "nope")) == {("does_not_exist", "offer")}
    bad: list[Any] = [None, 5, [], "", "x" * 65]
    for offer in bad:
        answer = shop.manager.post("consumers/c/claims", {"reference": "C1", "offer": offer})
        assert attrs_of(answer) == ["offer"]


@pytest.mark.django_db
def test_a_claim_marks_the_day_at_the_account() -> None:
    shop = open_shop(balance=500)
    for reference, at in (("C1", NOON.replace(month=7, hour=23, minute=30)), ("C2", NOON)):
        offer_claim(account=shop.account, consumer_id="c", reference=reference, offer_code="mug", at=at)
    assert str(Consumer.objects.get().last_offer_redeemed_on) == "2026-07-11"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rows", "change", "message"),
    [
        (Consumer, {"points_balance": 9}, "shop: points balance of c is 9, history says 400"),
        (
            Consumer,
            {"last_offer_redeemed_on": None},
            "shop: day of the last offer of c is none, history says 2026-03-10",
        ),
        (
            Consumer,
            {"last_offer_redeemed_on": "2026-03-11"},
            "shop: day of the last offer of c is 2026-03-11, history says 2026-03-10",
        ),
        (Offer, {"issued": 0}, "shop: vouchers issued of mug is 0, history says 1"),
        (Voucher, {"claim_reference": "C2"}, "shop: claims of c / C2 is 1, history says 0"),
    ],
)
def test_the_verification_covers_claims(rows: Any, change: dict[str, Any], message: str) -> None:
    shop = open_shop(balance=500)
    offer_claim(account=shop.account, consumer_id="c", reference="C1", offer_code="mug", at=NOON)
    assert not list(ledger_differences())
    rows.objects.update(**change)
    assert [str(difference) for difference in ledger_differences()] == [message]


@pytest.mark.django_db(transaction=True)
def test_concurrent_claims_spend_points_and_stock_once() -> None:
    shop = open_shop(balance=350, stock=2)
    start = Barrier(8)

    def claim_at_once(number: int) -> int:
        start.wait()
        try:
            answer = Api(shop.manager_key).post("consumers/c/claims", {"reference": f"C{number % 4}", "offer": "mug"})
        finally:
            connection.close()
        status: int = answer.status_code
        return status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(claim_at_once, range(8)))
    assert statuses == [200, 200, 201, 201, 409, 409, 409, 409]
    assert (balance(), Voucher.objects.count(), Offer.objects.get().issued) == (150, 2, 2)


@pytest.mark.django_db(transaction=True)
def test_an_adjustment_sent_many_times_at_once_is_made_once() -> None:
    shop = open_shop()
    start = Barrier(6)

    def adjust_at_once(_: int) -> int:
        start.wait()
        try:
            answer = Api(shop.manager_key).post("consumers/c/points-adjustments", {"reference": "A1", "points": 5})
        finally:
            connection.close()
        status: int = answer.status_code
        return status

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(adjust_at_once, range(6))) == [200] * 5 + [201]
    assert balance() == 5
