"""The examples of the OpenAPI document are calls that were made: each is made again, and answered as it is printed.

    RECORD_EXAMPLES=1 .venv/bin/python -m pytest tests/config/test_openapi_examples.py

writes the answers of the calls below to ``config/openapi_examples.json`` anew.
"""

import json
import os
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from config.openapi import EXAMPLES
from loyalty.services.results.count import results_count
from loyalty.services.uplift.population import populations_update
from tests.consumers.builders import Shop, make_shop
from tests.contract import document, resolved, schema_problems

NOON = "2026-03-04T12:00:00Z"
CHANGING = {"code", "next", "previous", "vouchers", "vouchers_cancelled"}
"""Fields whose values are drawn anew in each run: codes of vouchers, addresses of pages."""

LINES = [
    {"line_id": "1", "sku": "TEA", "quantity": "3", "unit_price_inc_tax": "3.00"},
    {"line_id": "2", "sku": "CAKE", "quantity": "2", "unit_price_inc_tax": "4.50"},
]
BASKET = {"site": "001", "currency": "GBP", "consumer": "c-1", "occurred_at": NOON, "lines": LINES}
TEA = {"name": "Breakfast tea", "category": "Tea", "retail_price": "3.00"}
SITE = {"name": "Leeds", "town": "Leeds", "time_zone": "Europe/London"}
CONSUMER = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "groups": ["gold"],
    "loyalty": {"enrolled_on": "2025-01-01", "cards": [{"number": "1001", "type": "gold"}]},
}
OFFER = {"name": "A free coffee", "kind": "tiered", "point_cost": 10, "value": "2.50", "valid_days": 30}
PROMOTION = {
    "name": "50 points on Wednesdays",
    "type": "fixed_points",
    "starts_at": "2026-01-01T00:00:00Z",
    "outcome": {"points": 50},
    "eligibility": {
        "transaction_rules": {
            "match": "all",
            "rules": [{"attribute": "transaction_weekday", "operator": "is", "value": "wednesday"}],
        },
        "control_group": {"group": "gold", "percentage": "10"},
        "customer_redemption_limit": 1,
        "customer_limit_period": "week",
    },
}
DISCOUNT = {
    "name": "Three teas for two",
    "discount_type": "free_product",
    "starts_at": "2026-01-01T00:00:00Z",
    "product_sets": [{"products": ["TEA"], "required_quantity": 3, "discounted_quantity": 1}],
    "campaign": "tea-weeks",
    "funding": [{"party": "Leaf & Co", "share": "60"}],
    "ledger_class": "4711",
}
CAMPAIGN = {
    "name": "Tea weeks",
    "starts_at": "2026-01-01T00:00:00Z",
    "ends_at": "2026-02-01T00:00:00Z",
    "owner": "Ada",
    "budget": {"amount": "1000.00", "when_short": "refuse"},
}
LIST = "personalized-promotions/picks"
OF_CONSUMER = f"{LIST}/consumers/c-1"

CALLS: tuple[tuple[str, str, str, Any], ...] = (
    ("account_get", "GET", "account", None),
    (
        "account_change",
        "PATCH",
        "account",
        {"point_value": "0.01", "universal_holdout": {"percentage": "5", "starts_on": "2026-01-01"}},
    ),
    ("conflict_settings_get", "GET", "conflict-settings", None),
    ("conflict_settings_change", "PATCH", "conflict-settings", {"promotions_per_type": 2}),
    ("sites_replace", "PUT", "sites/001", SITE),
    ("sites_change", "PATCH", "sites/001", {"county": "West Yorkshire"}),
    ("sites_get", "GET", "sites/001", None),
    ("sites_bulk", "POST", "sites/bulk", [{"number": "002", **SITE}]),
    ("sites_list", "GET", "sites", None),
    ("sites_delete", "DELETE", "sites/002", None),
    ("groups_replace", "PUT", "groups/gold", {"name": "Gold members"}),
    ("groups_change", "PATCH", "groups/gold", {"name": "Gold"}),
    ("groups_get", "GET", "groups/gold", None),
    ("groups_bulk", "POST", "groups/bulk", [{"code": "silver", "name": "Silver"}]),
    ("groups_list", "GET", "groups", None),
    ("groups_delete", "DELETE", "groups/silver", None),
    ("products_replace", "PUT", "products/TEA", TEA),
    ("products_change", "PATCH", "products/TEA", {"labels": ["fair trade"]}),
    ("products_get", "GET", "products/TEA", None),
    ("products_bulk", "POST", "products/bulk", [{"sku": "CAKE", "name": "Cake"}, {"sku": "MUG"}]),
    ("products_list", "GET", "products", None),
    ("consumers_replace", "PUT", "consumers/c-1", CONSUMER),
    ("consumers_change", "PATCH", "consumers/c-1", {"email": "ada@example.org"}),
    ("consumers_get", "GET", "consumers/c-1", None),
    ("consumers_bulk", "POST", "consumers/bulk", [{"consumer_id": "c-2"}]),
    ("consumers_list", "GET", "consumers", None),
    ("consumers_delete", "DELETE", "consumers/c-2", None),
    (
        "consumers_points_adjustments_create",
        "POST",
        "consumers/c-1/points-adjustments",
        {"reference": "1", "points": 20},
    ),
    ("consumers_points_adjustments_list", "GET", "consumers/c-1/points-adjustments", None),
    (
        "points_adjustments_bulk",
        "POST",
        "points-adjustments/bulk",
        [{"consumer": "c-1", "reference": "opening", "points": 1250, "description": "Opening balance"}],
    ),
    ("offers_replace", "PUT", "offers/coffee", OFFER),
    ("offers_change", "PATCH", "offers/coffee", {"stock": 100}),
    ("offers_get", "GET", "offers/coffee", None),
    ("offers_bulk", "POST", "offers/bulk", [{"code": "cake", **OFFER}]),
    ("offers_list", "GET", "offers", None),
    ("offers_delete", "DELETE", "offers/cake", None),
    ("consumers_claims_create", "POST", "consumers/c-1/claims", {"reference": "1", "offer": "coffee"}),
    ("vouchers_list", "GET", "vouchers", None),
    ("campaigns_replace", "PUT", "campaigns/tea-weeks", CAMPAIGN),
    ("campaigns_change", "PATCH", "campaigns/tea-weeks", {"description": "With our tea supplier"}),
    ("campaigns_get", "GET", "campaigns/tea-weeks", None),
    ("campaigns_bulk", "POST", "campaigns/bulk", [{"code": "easter", "name": "Easter"}]),
    ("campaigns_list", "GET", "campaigns", None),
    ("campaigns_delete", "DELETE", "campaigns/easter", None),
    ("promotions_replace", "PUT", "promotions/wednesday", PROMOTION),
    ("promotions_change", "PATCH", "promotions/wednesday", {"description": "For everybody"}),
    ("promotions_get", "GET", "promotions/wednesday", None),
    ("promotions_bulk", "POST", "promotions/bulk", [{"code": "draft", **PROMOTION, "draft": True}]),
    ("promotions_duplicate", "POST", "promotions/wednesday/duplicate", {"code": "thursday", "name": "50 on Thursdays"}),
    ("promotions_list", "GET", "promotions", None),
    ("promotions_versions_list", "GET", "promotions/wednesday/versions", None),
    ("promotions_uplift_get", "GET", "promotions/wednesday/uplift?metric=sales", None),
    ("programme_uplift_get", "GET", "programme/uplift?metric=sales", None),
    ("promotions_delete", "DELETE", "promotions/draft", None),
    ("discounts_replace", "PUT", "discounts/tea-3-for-2", DISCOUNT),
    ("discounts_change", "PATCH", "discounts/tea-3-for-2", {"total_redemption_limit": 1000}),
    ("discounts_get", "GET", "discounts/tea-3-for-2", None),
    ("discounts_bulk", "POST", "discounts/bulk", [{"code": "draft", **DISCOUNT, "draft": True}]),
    ("discounts_duplicate", "POST", "discounts/tea-3-for-2/duplicate", {"code": "copy", "name": "A copy"}),
    ("discounts_list", "GET", "discounts", None),
    ("discounts_versions_list", "GET", "discounts/tea-3-for-2/versions", None),
    ("discounts_delete", "DELETE", "discounts/draft", None),
    ("personalized_promotions_replace", "PUT", LIST, {"name": "Your picks", "maximum_distinct_products": 1}),
    ("personalized_promotions_change", "PATCH", LIST, {"description": "Choose one"}),
    ("personalized_promotions_get", "GET", LIST, None),
    ("personalized_promotions_bulk", "POST", "personalized-promotions/bulk", [{"backend_id": "old", "name": "Old"}]),
    ("personalized_promotions_list", "GET", "personalized-promotions", None),
    ("personalized_promotions_delete", "DELETE", "personalized-promotions/old", None),
    (
        "personalized_promotions_assignments_create",
        "POST",
        f"{LIST}/assignments",
        [{"consumer": "c-1", "products": ["TEA"]}],
    ),
    (
        "personalized_promotions_consumers_products_create",
        "POST",
        f"{OF_CONSUMER}/products",
        {"products": ["CAKE", "MUG"]},
    ),
    ("personalized_promotions_consumers_selection_replace", "PUT", f"{OF_CONSUMER}/selection", {"products": ["CAKE"]}),
    ("personalized_promotions_consumers_get", "GET", OF_CONSUMER, None),
    ("personalized_promotions_consumers_products_delete", "DELETE", f"{OF_CONSUMER}/products", {"products": ["MUG"]}),
    (
        "personalized_promotions_consumers_products_replace",
        "PUT",
        f"{OF_CONSUMER}/products",
        {"products": [{"sku": "TEA", "selected": True}, {"sku": "CAKE"}]},
    ),
    ("consumers_personalized_promotions_get", "GET", "consumers/c-1/personalized-promotions", None),
    ("baskets_evaluate", "POST", "baskets/evaluate?explain=true", BASKET),
    ("transactions_create", "POST", "transactions", {"reference": "leeds-1-000017", **BASKET}),
    ("transactions_batch", "POST", "transactions/batch", [{"reference": "leeds-1-000018", **BASKET}]),
    (
        "transactions_returns_create",
        "POST",
        "transactions/leeds-1-000017/returns",
        {"reference": "leeds-1-R-000004", "lines": [{"line_id": "2", "quantity": "1"}]},
    ),
    ("transactions_void", "POST", "transactions/leeds-1-000018/void", {"reference": "leeds-1-V-000001"}),
    ("transactions_get", "GET", "transactions/leeds-1-000017", None),
    ("transactions_list", "GET", "transactions?consumer=c-1", None),
    ("promotions_results_get", "GET", "promotions/wednesday/results?by=day", None),
    ("discounts_results_get", "GET", "discounts/tea-3-for-2/results?by=site", None),
    ("campaigns_results_get", "GET", "campaigns/tea-weeks/results?by=week", None),
    ("results_get", "GET", "results?from=2026-03-01&to=2026-03-31", None),
    ("consumers_loyalty_get", "GET", "consumers/c-1/loyalty", None),
    ("promotions_stop", "POST", "promotions/wednesday/stop", {}),
    ("discounts_stop", "POST", "discounts/tea-3-for-2/stop", {}),
    ("products_delete", "DELETE", "products/MUG", None),
)
"""(operation, method, path, body), in the order in which they are made."""


def made(shop: Shop) -> list[dict[str, Any]]:
    """Make every call; return each with its status and answer."""
    recorded = []
    for operation, method, path, body in CALLS:
        if operation == "promotions_results_get":
            results_count(clock=timezone.now)
        if operation == "promotions_uplift_get":
            populations_update(clock=timezone.now, for_at_most=timedelta(minutes=1))
        response = shop.manager.call(method, path, body)
        assert response.status_code < 300, (operation, response.content)
        call: dict[str, Any] = {"operation": operation, "status": response.status_code}
        if body is not None:
            call["body"] = body
        if response.content:
            call["answer"] = json.loads(response.content)
        recorded.append(call)
    return recorded


def comparable(value: Any, name: str = "") -> Any:
    """Return an answer without what is drawn anew in each run."""
    if isinstance(value, dict):
        return {key: comparable(inner, key) for key, inner in value.items()}
    if name in CHANGING:
        return "…"
    if isinstance(value, list):
        return [comparable(inner) for inner in value]
    return value


@pytest.fixture
def calls(db: None) -> list[dict[str, Any]]:
    with time_machine.travel("2026-03-04T12:00:30Z", tick=False):
        return made(make_shop())


def test_the_examples_are_what_is_answered(calls: list[dict[str, Any]]) -> None:
    if os.environ.get("RECORD_EXAMPLES"):
        EXAMPLES.write_text(json.dumps(calls, indent=1, ensure_ascii=False) + "\n")
    assert comparable(calls) == comparable(json.loads(EXAMPLES.read_text()))


def test_every_operation_has_an_example_that_fits_its_schema() -> None:
    lacking, wrong = [], {}
    for operations in document()["paths"].values():
        for operation in operations.values():
            name = operation["operationId"]
            parts = [operation["requestBody"]] if "requestBody" in operation else []
            answers = [resolved(answer) for status, answer in operation["responses"].items() if status.startswith("2")]
            with_content = [answer for answer in answers if "content" in answer]
            if with_content and not any("example" in answer["content"]["application/json"] for answer in with_content):
                lacking.append(name)
            for part in [*parts, *with_content]:
                media_type = part["content"]["application/json"]
                if "example" in media_type:
                    if problems := schema_problems(media_type["schema"], media_type["example"]):
                        wrong[name] = problems
                elif part in parts:
                    lacking.append(name)
    # Voucher codes are drawn anew in each run, so that no path can name one here.
    assert (lacking, wrong) == (["vouchers_get"], {})
