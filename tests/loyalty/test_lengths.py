"""How long keys may be: one bound for each kind, wherever it is named."""

from collections.abc import Callable
from typing import Any

import pytest

from consumers.lengths import MAX_CONSUMER_ID_LENGTH, MAX_KEY_LENGTH, MAX_REFERENCE_LENGTH
from promotions.engine.definition import fields
from promotions.engine.definition.fields import MAX_SKU_LENGTH
from tests.consumers.builders import Shop, make_shop

pytestmark = pytest.mark.django_db

Send = Callable[[Shop, str], Any]

STARTS = {"name": "x", "starts_at": "2026-01-01T00:00:00Z", "currency": "GBP"}
LINE = {"line_id": "1", "sku": "A", "quantity": "1", "unit_price_inc_tax": "1.00"}


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.manager.put("sites/1", {})
    return shop


def basket(shop: Shop, **values: Any) -> Any:
    body = {"site": "1", "currency": "GBP", "lines": [LINE], **values}
    return shop.till.post("baskets/evaluate", body)


def sold(shop: Shop, **values: Any) -> Any:
    return shop.till.post("transactions", {"site": "1", "currency": "GBP", "lines": [LINE], "reference": "T", **values})


def discount(shop: Shop, product_set: dict[str, Any]) -> Any:
    values = {**STARTS, "discount_type": "free_product", "product_sets": [{"required_quantity": 1, **product_set}]}
    return shop.manager.put("discounts/d", values)


def promotion(shop: Shop, **eligibility: Any) -> Any:
    values = {**STARTS, "type": "fixed_points", "outcome": {"points": 1}, "eligibility": eligibility}
    return shop.manager.put("promotions/p", values)


def rule(attribute: str, value: str) -> dict[str, Any]:
    return {"match": "all", "rules": [{"attribute": attribute, "operator": "is", "value": value}]}


def product(shop: Shop, sku: str) -> str:
    shop.manager.put(f"products/{sku}", {})
    return sku


def consumer(shop: Shop, consumer_id: str) -> str:
    shop.manager.put(f"consumers/{consumer_id}", {})
    return consumer_id


def group(shop: Shop, code: str) -> str:
    shop.manager.put(f"groups/{code}", {})
    return code


def site(shop: Shop, number: str) -> str:
    shop.manager.put(f"sites/{number}", {})
    return number


def listed(shop: Shop, sku: str) -> Any:
    shop.manager.put("personalized-promotions/lists", {"name": "Lists"})
    consumer(shop, "c")
    rows = {"products": [{"sku": product(shop, sku)}]}
    return shop.manager.put("personalized-promotions/lists/consumers/c/products", rows)


SKUS: dict[str, Send] = {
    "product": lambda shop, sku: shop.manager.put(f"products/{sku}", {}),
    "bulk": lambda shop, sku: shop.manager.post("products/bulk", [{"sku": sku}]),
    "product set": lambda shop, sku: discount(shop, {"products": [product(shop, sku)]}),
    "default product": lambda shop, sku: discount(shop, {"rules": {}, "default_product": product(shop, sku)}),
    "rule": lambda shop, sku: promotion(shop, line_item_rules=rule("product", product(shop, sku))),
    "offer": lambda shop, sku: shop.manager.put(
        "offers/o", {"name": "o", "benefit": "product", "product": product(shop, sku)}
    ),
    "list": listed,
    "till": lambda shop, sku: basket(shop, lines=[{**LINE, "sku": sku}]),
}
CONSUMER_IDS: dict[str, Send] = {
    "consumer": lambda shop, key: shop.manager.put(f"consumers/{key}", {}),
    "till": lambda shop, key: basket(shop, consumer=consumer(shop, key)),
}
SITES: dict[str, Send] = {
    "site": lambda shop, number: shop.manager.put(f"sites/{number}", {}),
    "home site": lambda shop, number: shop.manager.put("consumers/c", {"home_site": site(shop, number)}),
    "rule": lambda shop, number: promotion(shop, customer_rules=rule("home_site", site(shop, number))),
    "till": lambda shop, number: basket(shop, site=site(shop, number)),
}
GROUPS: dict[str, Send] = {
    "group": lambda shop, code: shop.manager.put(f"groups/{code}", {}),
    "consumer": lambda shop, code: shop.manager.put("consumers/c", {"groups": [group(shop, code)]}),
    "control group": lambda shop, code: promotion(shop, control_group={"group": group(shop, code), "percentage": "10"}),
}
CARDS: dict[str, Send] = {
    "consumer": lambda shop, number: shop.manager.put(
        "consumers/c", {"loyalty": {"enrolled_on": "2026-01-01", "cards": [{"number": number}]}}
    ),
    "till": lambda shop, number: basket(shop, loyalty_card=number),
}
ALL = [{"line_id": "1", "quantity": "1"}]
REFERENCES: dict[str, Send] = {
    "sale": lambda shop, reference: sold(shop, reference=reference),
    "return": lambda shop, reference: (
        sold(shop),
        shop.till.post("transactions/T/returns", {"reference": reference, "lines": ALL}),
    )[-1],
    "void": lambda shop, reference: (sold(shop), shop.till.post("transactions/T/void", {"reference": reference}))[-1],
}
KINDS = {
    "SKU": (MAX_SKU_LENGTH, SKUS),
    "consumer id": (MAX_CONSUMER_ID_LENGTH, CONSUMER_IDS),
    "site": (MAX_KEY_LENGTH, SITES),
    "group": (MAX_KEY_LENGTH, GROUPS),
    "card": (MAX_KEY_LENGTH, CARDS),
    "reference": (MAX_REFERENCE_LENGTH, REFERENCES),
}
PLACES = [(kind, place) for kind, (_, places) in KINDS.items() for place in places]


@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_the_longest_key_is_taken_everywhere_and_a_longer_one_nowhere(shop: Shop, kind: str, place: str) -> None:
    length, places = KINDS[kind]
    longer = places[place](shop, "k" * (length + 1))
    assert longer.status_code == 400, longer.content
    longest = places[place](shop, "k" * length)
    assert longest.status_code in (200, 201), longest.content


def test_the_engines_bound_of_keys_is_that_of_the_tables() -> None:
    assert fields.MAX_KEY_LENGTH == MAX_KEY_LENGTH
