"""Call every path below /api/v1/ of the URL configuration: access by role, and no input causes a server error."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote

import pytest
from django.db import transaction
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from consumers.models import ApiKey
from promotions.models import Promotion
from tests.config.admin.sending import recorded_writes
from tests.consumers.builders import MEMBER, Api, Shop, errors_of, make_shop, make_staff
from tests.database import module_transaction

KEYS = {"number": "S", "sku": "A", "consumer_id": "c", "reference": "T", "code": "x", "backend_id": "PP"}
TILL_MAY = {
    ("POST", "baskets/evaluate"),
    ("GET", "transactions"),
    ("POST", "transactions"),
    ("GET", "transactions/batch"),
    ("POST", "transactions/batch"),
    ("GET", "transactions/T"),
    ("POST", "transactions/T/returns"),
    ("POST", "transactions/T/void"),
    ("GET", "consumers/c/loyalty"),
    ("GET", "consumers/c/personalized-promotions"),
    ("GET", "personalized-promotions/PP/consumers/c"),
    ("PUT", "personalized-promotions/PP/consumers/c/selection"),
    ("GET", "promotions"),
    ("GET", "promotions/x"),
    ("GET", "promotions/bulk"),
    ("GET", "discounts"),
    ("GET", "discounts/x"),
    ("GET", "discounts/bulk"),
}


def patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        elif route.startswith("api/v1/"):
            yield route.removeprefix("api/v1/"), entry.callback


def views() -> Iterator[tuple[str, Any]]:
    """(path, view) of everything the API answers; keys are those of ``KEYS``."""
    for route, view in patterns(get_resolver()):
        if route in ("schema", "docs"):
            continue
        path = route
        for name, key in KEYS.items():
            path = path.replace(f"<key:{name}>", key)
        assert "<" not in path, f"{path}: say in KEYS which row to ask for"
        yield path, view


def methods(view: Any) -> list[str]:
    names = getattr(view, "actions", None) or ("get", "post", "put", "patch", "delete")
    return [name.upper() for name in names if getattr(view, "actions", None) or hasattr(view.cls, name)]


BODIES: dict[str, Any] = {
    "consumers/c/claims": {"reference": "1", "offer": "x"},
    "consumers/c/points-adjustments": {"reference": "1", "points": 5},
    "personalized-promotions/PP/consumers/c/products": {"products": ["A"]},
    "transactions/T/returns": {"reference": "R", "lines": [{"line_id": "1", "quantity": "1"}]},
    "transactions/T/void": {"reference": "V"},
    "promotions/x/duplicate": {"code": "y", "name": "y"},
    "discounts/x/duplicate": {"code": "y", "name": "y"},
    "personalized-promotions/PP/consumers/c/selection": {"products": []},
}
"""What is sent where an empty body would be refused before a row is looked for."""

VIEWS = dict(views())
FIELDS = {
    path: [*view.cls.input_class().fields, getattr(view.cls, "key_name", "reference")]
    if view.cls.input_class
    else ["reference", "lines", "consumer", "vouchers", "code", "name"]
    for path, view in VIEWS.items()
}
ENDPOINTS = sorted((method, path) for path, view in VIEWS.items() for method in methods(view))
WRITES = [
    (method, path)
    for method, path in ENDPOINTS
    if method == "POST" or (method in ("PUT", "PATCH") and not path.endswith("/bulk"))
]


@pytest.fixture(scope="module")
def module_shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[Shop]:
    """Make one shop for this module; each test rolls back its changes."""
    with django_db_blocker.unblock(), module_transaction():
        yield filled_shop()


@pytest.fixture
def shop(module_shop: Shop, db: None) -> Shop:
    """A shop with one row of each kind, under the keys that the paths name."""
    return module_shop


def filled_shop() -> Shop:
    """Make a shop with one row of each kind."""
    shop = make_shop()
    rows: dict[str, dict[str, Any]] = {
        "sites/S": {},
        "products/A": {"retail_price": "1.00"},
        "groups/x": {},
        "consumers/c": {"loyalty": MEMBER},
        "personalized-promotions/PP": {"name": "Pick yours"},
        "offers/x": {"name": "x", "value": "1.00"},
        "campaigns/x": {"name": "x"},
        "promotions/x": {
            "type": "fixed_points",
            "name": "x",
            "currency": "GBP",
            "starts_at": "2026-01-01T00:00:00Z",
            "outcome": {"points": 5},
        },
        "discounts/x": {
            "discount_type": "percentage",
            "name": "x",
            "starts_at": "2026-01-01T00:00:00Z",
            "value": "10",
            "product_sets": [{"rules": None}],
        },
    }
    for path, body in rows.items():
        assert shop.manager.put(path, body).status_code == 201, path
    return shop


def test_the_url_configuration_lists_every_endpoint() -> None:
    assert {("GET", "account"), ("POST", "sites/bulk"), ("DELETE", "sites/S"), ("POST", "transactions")} <= set(
        ENDPOINTS
    )
    assert len(ENDPOINTS) > 50


def test_every_call_needs_a_key(db: None) -> None:
    statuses = {
        (method, path): APIClient().generic(method, f"/api/v1/{path}").status_code for method, path in ENDPOINTS
    }
    assert set(statuses.values()) == {401}, statuses


def test_a_till_may_do_what_the_contract_says_and_nothing_else(shop: Shop) -> None:
    open_to_tills = {
        (method, path)
        for method, path in ENDPOINTS
        if shop.till.call(method, path, None if method in ("GET", "DELETE") else {}).status_code != 403
    }
    assert open_to_tills == TILL_MAY


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (method, path)
        for method, path in ENDPOINTS
        if path.partition("/")[2] not in ("", "bulk", "batch", "evaluate") and path != "programme/uplift"
    ],
)
def test_a_row_of_another_account_is_a_404(shop: Shop, method: str, path: str) -> None:
    other = make_shop("other")
    if method == "PUT" and path.count("/") == 1:
        # It makes a row of its own account, or is refused; the other account's stays as it was.
        before = list(Promotion.objects.filter(account=shop.account).values("family", "name"))
        assert other.manager.put(path, {"name": "theirs"}).status_code in (201, 400)
        assert list(Promotion.objects.filter(account=shop.account).values("family", "name")) == before
        return
    body = None if method in ("GET", "DELETE") else BODIES.get(path, {})
    assert other.manager.call(method, path, body).status_code == 404


def test_a_till_of_another_account_finds_no_row(shop: Shop) -> None:
    other = make_shop("other")
    statuses = {
        (method, path): other.till.call(method, path, None if method == "GET" else BODIES.get(path, {})).status_code
        for method, path in sorted(TILL_MAY)
        if path.partition("/")[2] not in ("", "bulk", "batch", "evaluate")
    }
    assert {pair: status for pair, status in statuses.items() if status != 404} == {}


def test_a_list_has_no_row_of_another_account(shop: Shop) -> None:
    other = make_shop("other")
    lists = [path for method, path in ENDPOINTS if method == "GET" and "/" not in path]
    answers = {path: other.manager.get(path).json() for path in lists}
    assert {path: answer["results"] for path, answer in answers.items() if answer.get("results")} == {}
    assert (answers["account"]["code"], "results" in answers["conflict-settings"]) == ("other", False)


def test_the_document_describes_every_endpoint_and_no_other() -> None:
    generator = cast("Any", SchemaGenerator)()
    document = generator.get_schema(request=None, public=True)
    described = {
        (method.upper(), _as_asked(path)) for path, operations in document["paths"].items() for method in operations
    }
    # Beside the calls for many, these paths are the rows whose keys are "bulk" and "batch".
    answered = {
        (method, path) for method, path in ENDPOINTS if method == "POST" or not path.endswith(("/bulk", "/batch"))
    }
    assert (described - answered, answered - described) == (set(), set())


def _as_asked(path: str) -> str:
    """A path of the document with the keys of ``KEYS``."""
    path = path.removeprefix("/api/v1/")
    for name, key in KEYS.items():
        path = path.replace(f"{{{name}}}", key)
    return path


def test_a_method_that_a_path_lacks_is_a_405(shop: Shop) -> None:
    verbs = {"GET", "POST", "PUT", "PATCH", "DELETE"}
    statuses = {
        (verb, path): shop.manager.call(verb, path, None if verb in ("GET", "DELETE") else {}).status_code
        for path, view in VIEWS.items()
        for verb in sorted(verbs - set(methods(view)))
    }
    assert {pair: status for pair, status in statuses.items() if status != 405} == {}


def test_a_manager_may_do_everything(shop: Shop) -> None:
    statuses = {}
    for method, path in ENDPOINTS:
        with transaction.atomic():
            body: Any = None if method in ("GET", "DELETE") else {}
            statuses[method, path] = shop.manager.call(method, path, body).status_code
            transaction.set_rollback(True)
    assert {pair: status for pair, status in statuses.items() if status in (401, 403)} == {}


def test_a_call_refused_to_a_till_changes_nothing(shop: Shop) -> None:
    wrote = {}
    for method, path in set(ENDPOINTS) - TILL_MAY:
        with recorded_writes() as statements:
            shop.till.call(method, path, None if method in ("GET", "DELETE") else {"name": "Changed"})
        if statements:
            wrote[method, path] = statements
    assert wrote == {}


@pytest.mark.parametrize("over", ["revoked", "expired", "unknown", "of a session"])
def test_an_invalid_key_is_refused_everywhere(shop: Shop, over: str) -> None:
    client = Api({"unknown": "abcdefgh.nonsense", "of a session": ""}.get(over, shop.manager_key))
    if over == "revoked":
        ApiKey.objects.update(revoked=True)
    elif over == "expired":
        ApiKey.objects.update(expiry_date=timezone.now() - timedelta(seconds=1))
    elif over == "of a session":
        client.client.force_login(make_staff(shop.account).user, backend="consumers.access.MembershipBackend")
    statuses, statements = {}, []
    for method, path in ENDPOINTS:
        with recorded_writes() as wrote:
            body: Any = None if method in ("GET", "DELETE") else {}
            statuses[method, path] = client.call(method, path, body).status_code
        statements += wrote
    assert (set(statuses.values()), statements) == ({401}, []), statuses


ODD: list[bytes] = [
    b"",
    b"nonsense",
    b"null",
    b"1",
    b'"x"',
    b"[]",
    b"[null]",
    b"[[]]",
    b"[{}]",
    b"{}",
    b'{"\\u0000": 1}',
    b'{"name": "\\u0000"}',
    b'{"name": "\\ud800"}',
    b'[{"name": "\\ud800"}]',
    b'{"name": 1e400}',
    b"[" * 50_000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b'{"name": "' + "🎈".encode() * 5_000 + b'"}',
    b'{"points": ' + b"9" * 4_000 + b"}",
    b"\xff\xfe{}",
]
QUERIES = (
    *("limit", "cursor", "ordering", "search", "archived", "status", "type", "offer", "consumer", "site", "group"),
    *("live_at", "product", "explain", "promotion", "currency", "kind", "issued_from", "occurred_before", "is_member"),
)
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**300,
    1.5,
    "",
    "x" * 30_000,
    "\U0001f388",
    "NaN",
    "1e999999",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    [],
    [None],
    [[]],
    {},
    {"x": {}},
    {"rules": [{"rules": []}]},
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_no_body_causes_a_server_error(shop: Shop, method: str, path: str) -> None:
    for body in ODD:
        answer = shop.manager.raw(method, path, body)
        assert answer.status_code < 500, (method, path, body[:60], answer.content)
        if answer.status_code >= 400:
            assert answer.json()["errors"], body[:60]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_no_field_value_causes_a_server_error(shop: Shop, method: str, path: str) -> None:
    """Send each value in every field at once, and then alone in the fields that the refusal of all does not name.

    A field is read by itself: one that is refused among others is refused in the same way alone.
    """
    is_of_rows = path.endswith("/bulk") and method == "POST"

    def call(body: dict[str, Any]) -> Any:
        answer = shop.manager.call(method, path, [body] if is_of_rows else body)
        assert answer.status_code < 500, (method, path, str(body)[:200], answer.content)
        return answer

    names = FIELDS[path]
    for value in VALUES:
        refused = fields_refused(call(dict.fromkeys(names, value)), is_of_rows=is_of_rows)
        for name in names:
            if name not in refused:
                call({name: value})


def fields_refused(answer: Any, *, is_of_rows: bool) -> set[str]:
    """Return the fields of a body that the errors of its answer name."""
    if answer.status_code != 400:
        return set()
    paths = [(attr or "").split(".") for _, attr in errors_of(answer)]
    return {path[1] if is_of_rows and len(path) > 1 else path[0] for path in paths}


@pytest.mark.parametrize(("method", "path"), [pair for pair in ENDPOINTS if pair[0] == "GET"])
def test_no_query_string_causes_a_server_error(shop: Shop, method: str, path: str) -> None:
    """Send each value in every parameter that the path has, one at a time, and in all that it has not at once.

    Those are refused by their names, before any value is read.
    """
    answer = shop.manager.get(f"{path}?{named(QUERIES, 'x')}")
    refused = errors_of(answer) if answer.status_code == 400 else set()
    unknown = {name for code, name in refused if code == "unknown_parameter" and name}
    for value in ("", "x", "\x00", "-1", "🎈", "9" * 400, "true", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00"):
        for query in (named(unknown, value), *(named([name], value) for name in set(QUERIES) - unknown)):
            answer = shop.manager.get(f"{path}?{query}")
            assert answer.status_code < 500, (path, query, answer.content)


def named(names: Iterable[str], value: str) -> str:
    """Return a query string that gives these parameters a value."""
    return "&".join(f"{name}={quote(value)}" for name in names)


@pytest.mark.parametrize("key", ["\x00", "x" * 5_000, "🎈", "..", "\n", "a/b/c", "%", " "])
def test_no_key_causes_a_server_error(shop: Shop, key: str) -> None:
    for method, path in ENDPOINTS:
        parts = path.split("/")
        if len(parts) > 1 and parts[1] not in ("bulk", "evaluate"):
            parts[1] = quote(key, safe="")
            answer = shop.manager.call(method, "/".join(parts), None if method in ("GET", "DELETE") else {})
            assert answer.status_code < 500, (method, path, key, answer.content)
