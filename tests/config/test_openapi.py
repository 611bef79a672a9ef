"""The API's document, and the page that shows it."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from openapi_spec_validator import validate


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Generate the OpenAPI document, which must be valid and give no warning."""
    file: Path = tmp_path_factory.mktemp("openapi") / "schema.json"
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", str(file))
    return json.loads(file.read_text())


def test_the_document_is_valid(document: Any) -> None:
    validate(document)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("account", {"get", "patch"}),
        ("conflict-settings", {"get", "patch"}),
        *(
            (f"{name}/bulk", {"post"})
            for name in ("sites", "products", "groups", "consumers", "offers", "promotions", "discounts")
        ),
        *((name, {"get"}) for name in ("sites", "products", "groups", "consumers", "offers", "promotions", "vouchers")),
        ("sites/{number}", {"get", "put", "patch", "delete"}),
        ("products/{sku}", {"get", "put", "patch", "delete"}),
        ("consumers/{consumer_id}", {"get", "put", "patch", "delete"}),
        ("consumers/{consumer_id}/loyalty", {"get"}),
        ("consumers/{consumer_id}/points-adjustments", {"get", "post"}),
        ("consumers/{consumer_id}/claims", {"post"}),
        ("consumers/{consumer_id}/personalized-promotions", {"get"}),
        ("personalized-promotions/{backend_id}", {"get", "put", "patch", "delete"}),
        ("personalized-promotions/{backend_id}/assignments", {"post"}),
        ("personalized-promotions/{backend_id}/consumers/{consumer_id}", {"get"}),
        ("personalized-promotions/{backend_id}/consumers/{consumer_id}/products", {"post", "put", "delete"}),
        ("personalized-promotions/{backend_id}/consumers/{consumer_id}/selection", {"put"}),
        ("vouchers/{code}", {"get"}),
        ("baskets/evaluate", {"post"}),
        ("transactions", {"get", "post"}),
    ],
)
def test_each_path_is_described_with_its_methods(document: Any, path: str, methods: set[str]) -> None:
    assert set(document["paths"][f"/api/v1/{path}"]) == methods


def test_every_operation_asks_for_a_key_and_says_how_it_refuses(document: Any) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["security"] == [{"ApiKey": []}], (method, path)
            assert {"400", "401", "406", "429", "503"} <= set(operation["responses"]), (method, path)


@pytest.mark.parametrize(
    ("path", "filters"),
    [
        ("vouchers", {"status", "offer", "consumer"}),
        ("transactions", {"status", "consumer", "site", "promotion"}),
        ("promotions", {"status", "type", "currency", "site"}),
        ("promotions/{code}/versions", set()),
        ("discounts/{code}/versions", set()),
        ("consumers/{consumer_id}/points-adjustments", set()),
    ],
)
def test_lists_are_described_as_pages(document: Any, path: str, filters: set[str]) -> None:
    operation = document["paths"][f"/api/v1/{path}"]["get"]
    page = operation["responses"]["200"]["content"]["application/json"]["schema"]
    if "$ref" in page:
        page = document["components"]["schemas"][page["$ref"].rpartition("/")[2]]
    assert set(page["properties"]) == {"results", "next", "previous"}
    assert {"limit", "cursor", "ordering", "search"} | filters <= {
        parameter["name"] for parameter in operation["parameters"]
    }


def test_put_answers_201_and_200(document: Any) -> None:
    assert {"200", "201"} <= set(document["paths"]["/api/v1/sites/{number}"]["put"]["responses"])


@pytest.mark.django_db
def test_document_and_page_are_served_without_a_key_and_from_here(client: Client) -> None:
    assert client.get("/api/v1/schema").status_code == 200
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert b"/api/v1/schema" in client.get("/api/v1/docs?script=").content
    text = page.content.decode()
    assert 'src="http' not in text
    assert 'href="http' not in text
