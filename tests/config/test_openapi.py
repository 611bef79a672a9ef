"""The API's document, and the page that shows it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from openapi_spec_validator import validate

from consumers.error_codes import error_codes_registered
from loyalty.services.till.quote import WARNING_CODES
from promotions.engine.benefits.vouchers import VOUCHER_REASONS
from promotions.engine.pipeline.decision import DECIDED_BY, REASONS
from tests.contract import call_problems


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Generate the OpenAPI document, which must be valid and give no warning."""
    file: Path = tmp_path_factory.mktemp("openapi") / "schema.json"
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", str(file))
    return json.loads(file.read_text())


def test_the_document_is_valid(document: Any) -> None:
    validate(document)


def schemas_in(part: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every schema of the document with its place."""
    if isinstance(part, list):
        for index, entry in enumerate(part):
            yield from schemas_in(entry, f"{place}/{index}")
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in ("schema", "items") and isinstance(value, dict):
                yield f"{place}/{name}", value
            elif name in ("properties", "schemas") and isinstance(value, dict):
                yield from ((f"{place}/{key}", schema) for key, schema in value.items())
            if name not in ("example", "examples", "enum"):
                yield from schemas_in(value, f"{place}/{name}")


def test_every_schema_field_and_parameter_is_described(document: Any) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    parts = {f"{operation['operationId']}": operation for operation in operations}
    for operation in operations:
        parts |= {f"{operation['operationId']}?{part['name']}": part for part in operation.get("parameters", ())}
    for name, schema in document["components"]["schemas"].items():
        parts[name] = schema
        parts |= {f"{name}.{field}": part for field, part in schema.get("properties", {}).items()}
    assert [place for place, part in parts.items() if not part.get("description")] == []
    texts = [part["description"].rstrip() for part in parts.values()]
    assert [text for text in texts if not text.endswith((".", "`"))] == []


def test_no_schema_is_open_to_anything(document: Any) -> None:
    said = ("$ref", "anyOf", "oneOf", "allOf", "enum")
    loose = {
        place
        for place, schema in schemas_in(document)
        if not any(word in schema for word in said)
        and (
            "type" not in schema
            or (schema["type"] == "array" and not schema.get("items"))
            or (
                "object" in schema["type"]
                and not any(schema.get(word) for word in ("properties", "additionalProperties"))
                and schema.get("maxProperties") != 0
                and schema.get("additionalProperties") is not False
            )
        )
    }
    assert loose == set()


def test_unknown_fields_of_bodies_are_refused_in_the_document_as_in_the_api(document: Any) -> None:
    schemas, pending, opened, seen = document["components"]["schemas"], [], set(), set()
    for operations in document["paths"].values():
        for operation in operations.values():
            pending += _references(operation.get("requestBody"))
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += _references(schemas[name])
            is_closed = schemas[name].get("additionalProperties") is False
            if "properties" in schemas[name] and not is_closed:
                opened.add(name)
    assert opened == set()
    assert len(seen) > 60


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for entry in part for name in _references(entry)]
    if not isinstance(part, dict) or part.get("readOnly"):
        return []
    names = [part["$ref"].rpartition("/")[2]] if isinstance(part.get("$ref"), str) else []
    return names + [name for value in part.values() for name in _references(value)]


def test_every_tag_is_described_and_used(document: Any) -> None:
    used = {tag for operations in document["paths"].values() for op in operations.values() for tag in op["tags"]}
    assert used == {tag["name"] for tag in document["tags"] if tag["description"]}


def test_every_operation_has_a_name_and_a_summary_of_its_own(document: Any) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert [operation["operationId"] for operation in operations if not operation["summary"]] == []


def test_every_error_code_and_reason_is_named(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["ErrorCode"]["enum"] == list(error_codes_registered())
    assert schemas["NotAppliedReason"]["enum"] == list(REASONS)
    assert schemas["VoucherReason"]["enum"] == list(VOUCHER_REASONS)
    assert schemas["DecidedBy"]["enum"] == list(DECIDED_BY)
    assert schemas["WarningCode"]["enum"] == list(WARNING_CODES)


class Response:
    """An answer of the API, as tests' clients have it."""

    def __init__(self, status_code: int, answer: Any, **headers: str) -> None:
        self.status_code, self.headers = status_code, headers
        self.content = json.dumps(answer).encode()


SITE = {
    **dict.fromkeys(("name", "address_line_1", "town", "county", "postcode", "time_zone"), ""),
    "number": "1",
    "archived": False,
}
NOT_FOUND = {"type": "client_error", "errors": [{"code": "not_found", "detail": "No.", "attr": None}]}


@pytest.mark.parametrize(
    ("method", "sent", "response", "problem"),
    [
        ("GET", None, Response(200, SITE), ""),
        ("GET", None, Response(200, {**SITE, "colour": "red"}), "Additional properties"),
        ("GET", None, Response(200, {"number": "1"}), "required property"),
        ("GET", None, Response(418, SITE), "the status 418 is not described"),
        ("GET", None, Response(404, NOT_FOUND), ""),
        ("GET", None, Response(404, {**NOT_FOUND, "errors": [{"code": "lost"}]}), "is not one of"),
        ("POST", {}, Response(201, SITE), "no operation is described"),
        ("PUT", {"name": "x"}, Response(201, SITE), ""),
        ("PUT", {"colour": "red"}, Response(201, SITE), "the body was taken, and yet"),
        ("PUT", {"name": "x" * 201}, Response(200, SITE), "the body was taken, and yet"),
        ("DELETE", None, Response(409, {**NOT_FOUND}), "409 not_found is not described"),
    ],
)
def test_what_the_document_does_not_describe_is_noticed(
    method: str, sent: Any, response: Response, problem: str
) -> None:
    body = b"" if sent is None else json.dumps(sent).encode()
    problems = call_problems(method, "/api/v1/sites/1", body, response)
    assert any(problem in text for text in problems) if problem else problems == []


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("account", {"get", "patch"}),
        ("conflict-settings", {"get", "patch"}),
        *(
            (f"{name}/bulk", {"post"})
            for name in ("sites", "products", "groups", "consumers", "offers", "campaigns", "promotions", "discounts")
        ),
        *((name, {"get"}) for name in ("sites", "products", "groups", "consumers", "offers", "promotions", "vouchers")),
        ("campaigns", {"get"}),
        ("campaigns/{code}", {"get", "put", "patch", "delete"}),
        ("sites/{number}", {"get", "put", "patch", "delete"}),
        ("products/{sku}", {"get", "put", "patch", "delete"}),
        ("consumers/{consumer_id}", {"get", "put", "patch", "delete"}),
        ("consumers/{consumer_id}/loyalty", {"get"}),
        ("consumers/{consumer_id}/points-adjustments", {"get", "post"}),
        ("points-adjustments/bulk", {"post"}),
        ("consumers/{consumer_id}/claims", {"post"}),
        ("consumers/{consumer_id}/personalized-promotions", {"get"}),
        ("personalized-promotions/{backend_id}", {"get", "put", "patch", "delete"}),
        ("personalized-promotions/{backend_id}/assignments", {"post"}),
        ("personalized-promotions/{backend_id}/consumers/{consumer_id}", {"get"}),
        ("personalized-promotions/{backend_id}/consumers/{consumer_id}/products", {"post", "put", "delete"}),
        ("personalized-promotions/{backend_id}/consumers/{consumer_id}/selection", {"put"}),
        ("vouchers/{code}", {"get"}),
        ("promotions/{code}/uplift", {"get"}),
        ("programme/uplift", {"get"}),
        *((path, {"get"}) for path in ("results", "promotions/{code}/results", "discounts/{code}/results")),
        ("campaigns/{code}/results", {"get"}),
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
