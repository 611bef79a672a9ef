"""The catalogue."""

from typing import Any

import pytest

from consumers.models import Account
from promotions.models import Product
from tests.consumers.builders import Shop, attrs_of, errors_of, make_shop

BLUE: dict[str, Any] = {
    "name": "Blue widget",
    "product_brand": "Acme",
    "program_brand": "Home",
    "category": "Widgets",
    "labels": ["blue", "sale"],
    "cost_price": "2.00",
    "retail_price": "5.00",
    "sold_by": "weight",
    "no_discount": True,
    "no_points": True,
    "archived": False,
}


@pytest.fixture
def shop(db: None) -> Shop:
    return make_shop()


def body_of(answer: Any) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    return {name: document[name] for name in BLUE}


def test_every_field_is_stored(shop: Shop) -> None:
    answer = shop.manager.put("products/BLUE", BLUE)
    assert answer.status_code == 201
    assert body_of(answer) == BLUE == body_of(shop.manager.get("products/BLUE"))
    assert body_of(shop.manager.put("products/BLUE", answer.json())) == BLUE


def test_a_put_replaces_everything(shop: Shop) -> None:
    shop.manager.put("products/BLUE", BLUE)
    assert body_of(shop.manager.put("products/BLUE", {})) == {
        **dict.fromkeys(("name", "product_brand", "program_brand", "category"), ""),
        "labels": [],
        "cost_price": None,
        "retail_price": None,
        "sold_by": "unit",
        "no_discount": False,
        "no_points": False,
        "archived": False,
    }


def test_a_patch_replaces_lists_and_keeps_the_rest(shop: Shop) -> None:
    shop.manager.put("products/BLUE", BLUE)
    patched = shop.manager.patch("products/BLUE", {"labels": ["new"], "cost_price": None})
    assert body_of(patched) == BLUE | {"labels": ["new"], "cost_price": None}


@pytest.mark.parametrize(
    ("sent", "shown"), [("5", "5.00"), (5, "5.00"), ("5.5", "5.50"), ("5.500", "5.50"), ("0", "0.00"), (0, "0.00")]
)
def test_prices_are_shown_in_the_minor_unit(shop: Shop, sent: Any, shown: str) -> None:
    assert shop.manager.put("products/A", {"retail_price": sent}).json()["retail_price"] == shown


@pytest.mark.parametrize(
    ("currency", "price", "taken"),
    [
        ("GBP", "1.25", True),
        ("GBP", "0.495", True),
        ("GBP", "1.2555", True),
        ("GBP", "1.25555", False),
        ("JPY", "125", True),
        ("JPY", "125.5", True),
        ("KWD", "1.255", True),
        ("KWD", "1.25555", False),
    ],
)
@pytest.mark.django_db
def test_a_price_has_four_decimals_at_most_in_every_currency(currency: str, price: str, taken: bool) -> None:
    shop = make_shop(currency=currency)
    answer = shop.manager.put("products/A", {"cost_price": price})
    if taken:
        assert answer.json()["cost_price"] == price
    else:
        assert errors_of(answer) == {("max_decimal_places", "cost_price")}
        assert not Product.objects.exists()


@pytest.mark.parametrize(
    "price",
    ["-1", "-0.01", 1.5, 1e300, "1,50", "£1", "", " ", "NaN", "Infinity", "1e3", "12345678901", 10**30, True, [], {}],
)
def test_a_price_is_a_decimal_of_zero_or_more(shop: Shop, price: Any) -> None:
    answer = shop.manager.put("products/A", {"retail_price": price})
    assert answer.status_code == 400
    assert attrs_of(answer) == ["retail_price"]
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("labels", "attr"),
    [
        ("sale", "labels"),
        (None, "labels"),
        ({}, "labels"),
        ([""], "labels.0"),
        (["a", 5], "labels.1"),
        (["a", None], "labels.1"),
        ([["a"]], "labels.0"),
        (["x" * 101], "labels.0"),
        (["x"] * 101, "labels"),
    ],
)
def test_labels_are_a_list_of_texts(shop: Shop, labels: Any, attr: str) -> None:
    answer = shop.manager.put("products/A", {"labels": labels})
    assert answer.status_code == 400
    assert attrs_of(answer) == [attr]


def test_a_label_named_twice_counts_once(shop: Shop) -> None:
    assert shop.manager.put("products/A", {"labels": ["b", "a ", "b", "a"]}).json()["labels"] == ["b", "a"]


def test_the_bulk_call_names_bad_prices_by_row(shop: Shop) -> None:
    rows = [{"sku": "A", "retail_price": "1.00"}, {"sku": "B", "retail_price": "1.00001", "cost_price": "x"}]
    assert errors_of(shop.manager.post("products/bulk", rows)) == {
        ("max_decimal_places", "1.retail_price"),
        ("invalid", "1.cost_price"),
    }
    rows[1]["cost_price"] = "1.00001"
    assert errors_of(shop.manager.post("products/bulk", rows)) == {
        ("max_decimal_places", "1.retail_price"),
        ("max_decimal_places", "1.cost_price"),
    }
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("category=Widgets", ["BLUE"]),
        ("product_brand=Acme", ["BLUE"]),
        ("program_brand=Other", []),
        ("sold_by=weight", ["BLUE"]),
        ("sold_by=unit", ["RED"]),
        ("no_discount=true", ["BLUE"]),
        ("no_points=false", ["RED"]),
        ("search=widget", ["BLUE"]),
        ("search=red", ["RED"]),
        ("ordering=-sku", ["RED", "BLUE"]),
        ("ordering=name", ["RED", "BLUE"]),
    ],
)
def test_products_are_found(shop: Shop, query: str, found: list[str]) -> None:
    shop.manager.put("products/BLUE", BLUE)
    shop.manager.put("products/RED", {})
    assert [row["sku"] for row in shop.manager.get(f"products?{query}").json()["results"]] == found


def test_a_list_costs_two_statements(shop: Shop, django_assert_num_queries: Any) -> None:
    shop.manager.post("products/bulk", [{"sku": str(number), **BLUE} for number in range(30)])
    with django_assert_num_queries(2):
        assert len(shop.manager.get("products").json()["results"]) == 30


def test_a_product_that_an_offer_gives_stays(shop: Shop) -> None:
    shop.manager.put("products/A", {})
    shop.manager.put("offers/free", {"name": "Free A", "benefit": "product", "product": "A"})
    answer = shop.manager.delete("products/A")
    assert answer.status_code == 409
    assert errors_of(answer) == {("in_use", None)}
    assert shop.manager.patch("products/A", {"archived": True}).status_code == 200


def test_a_product_that_a_promotion_names_stays(shop: Shop) -> None:
    shop.manager.put("products/A", {})
    rules = {"match": "all", "rules": [{"attribute": "product", "operator": "is", "value": "A"}]}
    promotion = {
        "type": "fixed_points",
        "name": "Five",
        "currency": "GBP",
        "starts_at": "2026-01-01T00:00:00Z",
        "outcome": {"points": 5},
        "eligibility": {"line_item_rules": rules},
    }
    assert shop.manager.put("promotions/five", promotion).status_code == 201
    assert errors_of(shop.manager.delete("products/A")) == {("in_use", None)}


def test_products_are_read_with_each_basket_and_leave_the_rulebook_alone(shop: Shop) -> None:
    before = Account.objects.get().rulebook_version
    shop.manager.put("products/A", BLUE)
    shop.manager.delete("products/A")
    assert Account.objects.get().rulebook_version == before
