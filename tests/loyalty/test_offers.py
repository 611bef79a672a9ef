"""Offers: what each kind and benefit needs, and what is fixed when."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from consumers.models import Account
from loyalty.models import Offer
from tests.consumers.builders import MEMBER, Shop, errors_of, make_shop

POUND: dict[str, Any] = {
    "name": "A pound off",
    "description": "Off your next basket",
    "currency": "GBP",
    "kind": "personalised",
    "point_cost": None,
    "benefit": "amount",
    "value": "1.00",
    "product": None,
    "perceived_value": "0.80",
    "starts_at": "2026-01-01T00:00:00Z",
    "ends_at": "2026-12-31T23:00:00Z",
    "valid_days": 30,
    "stock": 100,
    "archived": False,
}


@pytest.fixture
def shop(db: None) -> Shop:
    shop = make_shop()
    shop.manager.put("products/TEA", {})
    return shop


def values_of(answer: Any) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    return {name: document[name] for name in POUND}


def test_every_field_is_stored(shop: Shop) -> None:
    answer = shop.manager.put("offers/pound", POUND)
    assert answer.status_code == 201
    assert values_of(answer) == POUND == values_of(shop.manager.get("offers/pound"))
    assert values_of(shop.manager.put("offers/pound", answer.json())) == POUND


def test_omitted_fields_have_their_defaults(shop: Shop) -> None:
    assert values_of(shop.manager.put("offers/x", {"name": "x", "value": "1"})) == POUND | {
        "name": "x",
        "description": "",
        "perceived_value": "1.00",
        "starts_at": None,
        "ends_at": None,
        "valid_days": None,
        "stock": None,
    }


@pytest.mark.parametrize(
    ("body", "worth"),
    [
        ({"value": "2.50"}, "2.50"),
        ({"value": "2.50", "perceived_value": "0"}, "0.00"),
        ({"value": "250", "currency": "JPY"}, "250"),
        ({"benefit": "product", "product": "TEA"}, "3.46"),
        ({"benefit": "product", "product": "TEA", "currency": "EUR"}, "0.00"),
        ({"benefit": "product", "product": "MUG"}, "0.00"),
        ({"benefit": "percentage", "value": "10"}, "0.00"),
        ({"benefit": "external", "value": "5.00"}, "0.00"),
    ],
)
def test_a_voucher_is_worth_what_it_takes_off_unless_the_retailer_says_otherwise(
    shop: Shop, body: dict[str, Any], worth: str
) -> None:
    shop.manager.put("products/TEA", {"name": "Tea", "retail_price": "3.455"})
    shop.manager.put("products/MUG", {"name": "Mug"})
    answer = shop.manager.put("offers/x", {"name": "x", **body})
    assert answer.json()["perceived_value"] == worth
    assert shop.manager.patch("offers/x", {"name": "y"}).json()["perceived_value"] == worth


@pytest.mark.parametrize(
    "body",
    [
        {"benefit": "amount", "value": "1.00"},
        {"benefit": "percentage", "value": "100"},
        {"benefit": "percentage", "value": "12.5"},
        {"benefit": "product", "product": "TEA"},
        {"benefit": "external"},
        {"benefit": "external", "value": "5.00"},
        {"kind": "tiered", "point_cost": 1, "benefit": "external"},
        {"currency": "JPY", "value": "100", "perceived_value": "100"},
        {"value": "1", "stock": 0},
        {"value": "1", "starts_at": "2026-06-01T00:00:00+02:00"},
    ],
)
def test_valid_offers_are_stored(shop: Shop, body: dict[str, Any]) -> None:
    answer = shop.manager.put("offers/x", {"name": "x", **body})
    assert answer.status_code == 201
    assert shop.manager.put("offers/x", answer.json()).status_code == 200


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"value": None}, {("required", "value")}),
        ({"value": "0"}, {("min_value", "value")}),
        ({"value": "-1"}, {("min_value", "value")}),
        ({"value": "1.001"}, {("max_decimal_places", "value")}),
        ({"value": 1.5}, {("invalid", "value")}),
        ({"currency": "JPY", "value": "1.50"}, {("max_decimal_places", "value")}),
        ({"currency": "QQQ"}, {("invalid_choice", "currency")}),
        ({"benefit": "percentage", "value": None}, {("required", "value")}),
        ({"benefit": "percentage", "value": "0"}, {("min_value", "value")}),
        ({"benefit": "percentage", "value": "100.01"}, {("max_value", "value")}),
        ({"benefit": "product", "value": None}, {("required", "product")}),
        ({"benefit": "product", "product": "TEA"}, {("not_used", "value")}),
        ({"benefit": "product", "product": "NOPE", "value": None}, {("does_not_exist", "product")}),
        ({"product": "TEA"}, {("not_used", "product")}),
        ({"benefit": "external", "product": "TEA"}, {("not_used", "product")}),
        ({"benefit": "smile"}, {("invalid_choice", "benefit")}),
        ({"kind": "tiered"}, {("required", "point_cost")}),
        ({"kind": "tiered", "point_cost": 0}, {("min_value", "point_cost")}),
        ({"kind": "tiered", "point_cost": 10**12}, {("max_value", "point_cost")}),
        ({"point_cost": 5}, {("not_used", "point_cost")}),
        ({"kind": ["tiered"]}, {("invalid_choice", "kind")}),
        ({"perceived_value": "1.005"}, {("max_decimal_places", "perceived_value")}),
        ({"perceived_value": None}, {("null", "perceived_value")}),
        ({"valid_days": 0}, {("min_value", "valid_days")}),
        ({"valid_days": 36501}, {("max_value", "valid_days")}),
        ({"stock": -1}, {("min_value", "stock")}),
        ({"stock": "5"}, {("invalid", "stock")}),
        ({"starts_at": "2026-01-01T00:00:00"}, {("offset", "starts_at")}),
        ({"starts_at": "2026-01-01"}, {("offset", "starts_at")}),
        ({"starts_at": "soon"}, {("invalid", "starts_at")}),
        ({"starts_at": 5}, {("invalid", "starts_at")}),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, {("range", "starts_at")}),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, {("range", "ends_at")}),
        ({"starts_at": "2026-13-01T00:00:00Z"}, {("invalid", "starts_at")}),
        (
            {"starts_at": "2026-06-01T00:00:00Z", "ends_at": "2026-06-01T00:00:00Z"},
            {("invalid", "ends_at")},
        ),
        ({"name": ""}, {("blank", "name")}),
        ({"issued": 5, "colour": 1}, {("unknown_field", "colour")}),
    ],
)
def test_invalid_offers_are_refused(shop: Shop, body: dict[str, Any], problems: set[tuple[str, str]]) -> None:
    answer = shop.manager.put("offers/x", {"name": "x", "value": "1.00", **body})
    assert answer.status_code == 400
    assert errors_of(answer) == problems
    assert not Offer.objects.exists()


def test_the_product_must_belong_to_the_account(shop: Shop) -> None:
    body = {"name": "x", "benefit": "product", "product": "TEA"}
    assert errors_of(make_shop("other").manager.put("offers/x", body)) == {("does_not_exist", "product")}


def issue_voucher(shop: Shop) -> None:
    """Create a tiered offer with a stock of 2 and issue one voucher of it."""
    shop.manager.put(
        "offers/mug", {"name": "Mug", "kind": "tiered", "point_cost": 10, "benefit": "external", "stock": 2}
    )
    shop.manager.put("consumers/c", {"loyalty": MEMBER})
    shop.manager.post("consumers/c/points-adjustments", {"reference": "1", "points": 100})
    assert shop.manager.post("consumers/c/claims", {"reference": "1", "offer": "mug"}).status_code == 201


def test_the_stock_is_never_below_the_vouchers_issued(shop: Shop) -> None:
    issue_voucher(shop)
    assert errors_of(shop.manager.patch("offers/mug", {"stock": 0})) == {("min_value", "stock")}
    assert shop.manager.patch("offers/mug", {"stock": 1}).json()["issued"] == 1
    assert shop.manager.patch("offers/mug", {"stock": None}).json()["issued"] == 1


def test_kind_and_currency_are_fixed_once_vouchers_are_out(shop: Shop) -> None:
    issue_voucher(shop)
    for patch in ({"kind": "personalised", "point_cost": None}, {"currency": "EUR"}):
        answer = shop.manager.patch("offers/mug", patch)
        assert answer.status_code == 409
        assert errors_of(answer) == {("in_use", None)}
    for same in ({"currency": "GBP"}, {"currency": ""}):
        assert shop.manager.patch("offers/mug", same).json()["currency"] == "GBP"
    assert shop.manager.patch("offers/mug", {"name": "Big mug", "point_cost": 20}).status_code == 200
    assert shop.manager.delete("offers/mug").status_code == 409


def test_the_migration_gives_offers_without_a_currency_that_of_their_account(shop: Shop) -> None:
    for code, currency in (("old", ""), ("euro", "EUR")):
        Offer.objects.create(account=Account.objects.get(), code=code, name=code, value=1, currency=currency)
    import_module("loyalty.migrations.0013_fill_offer_currencies").fill_offer_currencies(
        apps, connection.schema_editor()
    )
    assert dict(Offer.objects.values_list("code", "currency")) == {"old": "GBP", "euro": "EUR"}


def test_an_offer_that_a_promotion_references_keeps_its_kind(shop: Shop) -> None:
    shop.manager.put("offers/pound", POUND)
    promotion = {
        "type": "redeem_offer",
        "name": "Thanks",
        "currency": "GBP",
        "starts_at": "2026-01-01T00:00:00Z",
        "outcome": {"offer": "pound"},
    }
    assert shop.manager.put("promotions/thanks", promotion).status_code == 201
    assert shop.manager.patch("offers/pound", {"kind": "tiered", "point_cost": 5}).status_code == 409
    assert shop.manager.delete("offers/pound").status_code == 409
    assert shop.manager.patch("offers/pound", {"archived": True}).status_code == 200


def test_an_unused_offer_can_be_deleted(shop: Shop) -> None:
    shop.manager.put("offers/pound", POUND)
    assert shop.manager.delete("offers/pound").status_code == 204
    assert shop.manager.get("offers/pound").status_code == 404


def test_the_bulk_call_creates_and_replaces(shop: Shop) -> None:
    shop.manager.put("offers/pound", POUND)
    created_at = Offer.objects.get().created_at
    rows = [{"code": "pound", **POUND, "name": "One pound"}, {"code": "tea", "name": "Tea", "benefit": "external"}]
    assert shop.manager.post("offers/bulk", rows).json() == {"created": 1, "updated": 1}
    assert dict(Offer.objects.values_list("code", "name")) == {"pound": "One pound", "tea": "Tea"}
    assert Offer.objects.get(code="pound").created_at == created_at
    rows[1] |= {"kind": "tiered"}
    rows[0] |= {"product": "NOPE"}
    assert errors_of(shop.manager.post("offers/bulk", rows)) == {("does_not_exist", "0.product")}
    rows[0] |= {"product": None}
    assert errors_of(shop.manager.post("offers/bulk", rows)) == {("required", "1.point_cost")}


def test_each_change_is_recorded_with_its_author_and_raises_the_rulebook_version(shop: Shop) -> None:
    before = Account.objects.get().rulebook_version
    shop.manager.put("offers/pound", POUND)
    shop.manager.patch("offers/pound", {"name": "x"})
    shop.manager.delete("offers/pound")
    changes = list(Offer.history.order_by("history_id").values_list("history_type", "name", "history_change_reason"))
    assert changes == [
        ("+", "A pound off", "API key manager"),
        ("~", "x", "API key manager"),
        ("-", "x", "API key manager"),
    ]
    assert Account.objects.get().rulebook_version == before + 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=tiered", ["mug"]),
        ("benefit=amount", ["pound"]),
        ("product=TEA", ["tea"]),
        ("currency=EUR", []),
        ("currency=GBP", ["mug", "pound", "tea"]),
        ("search=pound", ["pound"]),
        ("ordering=-code", ["tea", "pound", "mug"]),
    ],
)
def test_offers_are_filtered(shop: Shop, query: str, expected: list[str]) -> None:
    shop.manager.put("offers/pound", POUND)
    shop.manager.put("offers/tea", {"name": "Tea", "benefit": "product", "product": "TEA"})
    shop.manager.put("offers/mug", {"name": "Mug", "kind": "tiered", "point_cost": 5, "benefit": "external"})
    assert [row["code"] for row in shop.manager.get(f"offers?{query}").json()["results"]] == expected


def test_a_list_costs_two_statements(shop: Shop, django_assert_num_queries: Any) -> None:
    row = {"name": "Tea", "benefit": "product", "product": "TEA"}
    shop.manager.post("offers/bulk", [{"code": str(number), **row} for number in range(30)])
    with django_assert_num_queries(2):
        assert len(shop.manager.get("offers").json()["results"]) == 30
