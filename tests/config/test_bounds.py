"""Bodies as no honest client sends them: too large, with keys given twice, with characters that cannot be seen."""

import json
import tracemalloc
from typing import Any

import pytest
from django.test import RequestFactory
from django.test.client import ClientHandler

from config.wsgi import application
from tests.config.admin.sending import recorded_writes
from tests.config.test_api_access import BODIES, ENDPOINTS, module_shop, shop
from tests.consumers.builders import Shop, errors_of

__all__ = ["module_shop", "shop"]

WRITES = [pair for pair in ENDPOINTS if pair[0] in ("POST", "PUT", "PATCH")]
LISTS = [path for method, path in ENDPOINTS if method == "POST" and path.endswith(("/bulk", "/batch", "/assignments"))]
SMALL = {
    "consumers/c/claims": 64,
    "consumers/c/points-adjustments": 64,
    "promotions/x/stop": 64,
    "promotions/x/duplicate": 64,
    "discounts/x/stop": 64,
    "discounts/x/duplicate": 64,
    "transactions/T/void": 64,
    "transactions": 4096,
    "baskets/evaluate": 4096,
    "promotions/x": 8192,
    "discounts/x": 8192,
    "promotions/bulk": 8192,
    "discounts/bulk": 8192,
}
"""KiB that a body may have, where it is not one MiB."""
MILLION = 1_000_000


class Endless:
    """A body that is made while it is read, of a repeated text."""

    def __init__(self, text: bytes, length: int) -> None:
        self.text, self.left, self.given = text, length, 0

    def read(self, size: int = -1) -> bytes:
        size = self.left if size < 0 else min(size, self.left)
        self.left -= size
        self.given += size
        return (self.text * (size // len(self.text) + 1))[:size]

    readline = read


def send(shop: Shop, path: str, stream: Any, *, length: int | None, method: str = "POST") -> Any:
    """The answer to a body of a named length, or in chunks."""
    environ: dict[str, Any] = RequestFactory().generic(method, f"/api/v1/{path}").environ
    environ.pop("CONTENT_LENGTH", None)
    environ |= {
        "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": f"Api-Key {shop.manager_key}",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        **({"HTTP_TRANSFER_ENCODING": "chunked"} if length is None else {"CONTENT_LENGTH": str(length)}),
    }
    return application(environ, lambda *_: pytest.fail("The test's Django starts no answer."))


@pytest.fixture
def served(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop, served by what the server calls, with the connection of the test."""
    monkeypatch.setattr("config.wsgi.django_application", lambda environ, _: ClientHandler()(environ))
    return shop


@pytest.mark.parametrize("text", [b"[1,", b"[{},", b"[[],"], ids=["numbers", "objects", "lists"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_list_that_is_refused_takes_at_most_three_times_its_size(served: Shop, text: bytes, chunked: bool) -> None:
    size = 32 * MILLION
    peaks = {}
    for path in LISTS:
        stream = Endless(text, size)
        tracemalloc.start()
        try:
            answer = send(served, path, stream, length=None if chunked else size)
            peaks[path] = tracemalloc.get_traced_memory()[1] / size
        finally:
            tracemalloc.stop()
        assert (answer.status_code, answer.data["errors"][0]["code"]) == (413, "too_large"), path
        assert stream.given == size, path
    assert {path: peak for path, peak in peaks.items() if peak > 3} == {}
    assert len(LISTS) > 8


def test_a_list_of_one_row_too_many_is_refused_before_its_rows_are_looked_at(shop: Shop, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 0  # the rows would count as so many calls
    limits = {path: 500 if path.endswith("/batch") else 10_000 for path in LISTS}
    statuses = {
        path: [shop.manager.raw("POST", path, b"[" + b"1," * rows + b"1]").status_code for rows in (limit - 1, limit)]
        for path, limit in limits.items()
    }
    taken = {path: codes for path, codes in statuses.items() if codes not in ([400, 413], [200, 413])}
    assert taken == {}


def test_each_call_bounds_the_bytes_of_its_body(served: Shop) -> None:
    wrong = {}
    for method, path in WRITES:
        limit = 1024 * SMALL.get(path, 1024)
        if (method, path) in {("POST", path) for path in LISTS}:
            limit = 32 * 1024 * 1024
        stream = Endless(b" ", limit + 1)
        named = send(served, path, stream, length=limit + 1, method=method)
        within = send(served, path, Endless(b" ", limit), length=limit, method=method)
        chunked = send(served, path, Endless(b" ", limit + 1), length=None, method=method)
        statuses = (named.status_code, within.status_code, chunked.status_code)
        # What is refused by its length is thrown away, so that its sender comes to read the refusal.
        if statuses != (413, 400, 413) or stream.given not in (0, limit + 1):
            wrong[method, path] = (statuses, stream.given)
    assert wrong == {}


@pytest.mark.parametrize("length", [10**10, 10**30])
def test_a_length_that_is_a_lie_is_not_waited_for(served: Shop, length: int) -> None:
    stream = Endless(b" ", 10)
    answer = send(served, "sites/S", stream, length=length, method="PUT")
    assert (answer.status_code, stream.given) == (413, 10)


def nested(body: Any, extra: bytes) -> bytes:
    """The JSON of a body with more members of the object, or of the only row."""
    row = json.dumps(body).encode()[:-1]
    return row + (b"," if len(row) > 1 else b"") + extra + b"}"


@pytest.mark.parametrize(
    ("extra", "code", "path"),
    [
        (b'"zz":1,"zz":1', "duplicate_key", "zz"),
        (b'"zz":{"a":1,"a":2}', "duplicate_key", "zz.a"),
        (b'"z\\u200bz":1', "invisible_character", ""),
        (b'"z\\u0007":1', "control_character", ""),
    ],
)
def test_odd_keys_are_refused_by_every_call(shop: Shop, extra: bytes, code: str, path: str) -> None:
    wrong = {}
    for method, address in WRITES:
        if address in ("transactions", "baskets/evaluate", "transactions/batch") or "/T/" in address:
            continue  # The till's calls refuse what they do not know; see below for what they know.
        body = nested(BODIES.get(address, {}), extra)
        in_list = (method, address) in {("POST", path) for path in LISTS}
        with recorded_writes() as wrote:
            answer = shop.manager.raw(method, address, b"[" + body + b"]" if in_list else body)
        attr = (f"0.{path}" if path else "0") if in_list else path or None
        if (code, attr) not in errors_of(answer) or answer.status_code != 400 or wrote:
            wrong[method, address] = answer.content
    assert wrong == {}


LINE = b'{"line_id":"1","sku":"A","quantity":"1","unit_price_inc_tax":"1.00"%s}'
SALE = b'{"site":"S","currency":"GBP","reference":"R","consumer":"c","lines":[' + LINE + b"]%s}"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (SALE % (b"", b',"site":"S"'), ("duplicate_key", "site")),
        (SALE % (b"", b',"reference" :"R2"'), ("duplicate_key", "reference")),
        (SALE % (b',"sku":"B"', b""), ("duplicate_key", "lines.0.sku")),
        (SALE % (b',"s\\u006bu":"B"', b""), ("duplicate_key", "lines.0.sku")),
        (SALE % (b',"brand":"a\\u0007"', b""), ("control_character", "lines.0.brand")),
        (SALE % (b',"brand":"a\\u200b"', b""), None),
        (SALE % (b"", b',"vouchers":["V\\u200b"]'), None),
        (SALE % (b"", b',"vouchers":["V\\u0001"]'), ("control_character", "vouchers.0")),
        (SALE % (b"", b',"source":"a\\u202eb"'), ("invisible_character", "source")),
        (SALE.replace(b'"sku":"A"', b'"sku":"A\\u200b"') % (b"", b""), ("invisible_character", "lines.0.sku")),
        (
            SALE.replace(b'"R"', "\u200eR".encode().join([b'"', b'"'])) % (b"", b""),
            ("invisible_character", "reference"),
        ),
        (SALE.replace(b'"R"', b'"R\x7f"') % (b"", b""), ("control_character", "reference")),
        (SALE.replace(b'"GBP"', b'"XXX"') % (b"", b""), ("invalid_choice", "currency")),
        (SALE.replace(b'"GBP"', b'"XAU"') % (b"", b""), ("invalid_choice", "currency")),
    ],
)
def test_a_sale_with_odd_keys_or_texts_is_refused_by_name(shop: Shop, body: bytes, error: Any) -> None:
    sold = shop.till.raw("POST", "transactions", body)
    quoted = shop.till.raw("POST", "baskets/evaluate", body)
    batch = shop.till.raw("POST", "transactions/batch", b"[" + body.replace(b'"R', b'"Q') + b"]").json()["results"][0]
    if error is None:
        assert (sold.status_code, quoted.status_code, batch["status"]) == (201, 200, 201)
    else:
        assert errors_of(sold) == errors_of(quoted) == {error}
        assert [(problem["code"], problem["attr"]) for problem in batch["answer"]["errors"]] == [error]


@pytest.mark.parametrize("path", ["returns", "void"])
def test_a_return_with_odd_keys_is_refused_by_name(shop: Shop, path: str) -> None:
    assert shop.till.raw("POST", "transactions", SALE % (b"", b"")).status_code == 201
    lines = b',"lines":[{"line_id":"1","quantity":"1"}]' if path == "returns" else b""
    twice = shop.till.raw("POST", f"transactions/R/{path}", b'{"reference":"B","reference":"B"' + lines + b"}")
    hidden = shop.till.raw("POST", f"transactions/R/{path}", b'{"reference":"B\\u2060"' + lines + b"}")
    assert errors_of(twice) == {("duplicate_key", "reference")}
    assert errors_of(hidden) == {("invisible_character", "reference")}


@pytest.mark.parametrize(
    "collection", ["sites", "products", "groups", "consumers", "personalized-promotions", "offers"]
)
def test_a_new_key_has_no_hidden_characters_and_texts_no_control_characters(shop: Shop, collection: str) -> None:
    bodies = {"personalized-promotions": {"name": "Pick yours"}, "offers": {"name": "x", "value": "1.00"}}
    body = bodies.get(collection, {})
    hidden = shop.manager.put(f"{collection}/K%E2%80%8B", body)
    control = shop.manager.put(f"{collection}/K%07", body)
    name = "first_name" if collection == "consumers" else "name"
    text = shop.manager.put(f"{collection}/K", {**body, name: "be\u0007ll"})
    assert {code for code, _ in errors_of(hidden)} == {"invisible_character"}
    assert {code for code, _ in errors_of(control)} == {"control_character"}
    assert errors_of(text) == {("control_character", name)}


def test_a_currency_is_one_that_people_pay_with(shop: Shop) -> None:
    for code in ("XXX", "XTS", "XAU", "XDR"):
        assert errors_of(shop.manager.patch("account", {"currency": code})) == {("invalid_choice", "currency")}
        offer = {"name": "x", "value": "1.00", "currency": code}
        assert errors_of(shop.manager.put("offers/y", offer)) == {("invalid_choice", "currency")}
    assert shop.manager.put("offers/y", {"name": "x", "value": "1.00", "currency": "XOF"}).status_code in (201, 400)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Thanks {{ promotion_name", "unclosed_insert"),
        ("{{ promotion_name }} {{", "unclosed_insert"),
        ("a\u0007", "control_character"),
    ],
)
def test_a_message_with_an_open_insert_is_refused(shop: Shop, text: str, code: str) -> None:
    body = {
        "type": "fixed_points",
        "name": "x",
        "starts_at": "2026-01-01T00:00:00Z",
        "outcome": {"points": 5, "activity_description": text},
    }
    assert (code, "outcome.activity_description") in errors_of(shop.manager.put("promotions/y", body))
