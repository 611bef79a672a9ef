"""Bodies and query strings as no client should send them."""

from typing import Any

import pytest

from consumers.models import Site
from tests.consumers.builders import Shop, attrs_of, errors_of


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"{'name': 'x'}",
        b'{"name": "x",}',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"name": "x"}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": 1e999}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name": "x"}{"name": "y"}',
        b'{"name": "a\x00b"}',
        b"[]",
        b"null",
        b"true",
        b"1",
        b'"text"',
        b'[{"name": "x"}]',
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_body_that_is_not_a_json_object_is_refused(shop: Shop, method: str, body: bytes) -> None:
    shop.manager.put("sites/1", {"name": "before"})
    answer = shop.manager.raw(method, "sites/1", body)
    assert answer.status_code == 400, body[:40]
    assert answer.json()["errors"]
    assert Site.objects.get().name == "before"


@pytest.mark.parametrize(
    ("text", "attr"),
    [
        ('{"name": "a\\u0000b"}', "name"),
        ('{"name": "\\ud800"}', "name"),
        ('{"\\ud800": "x"}', None),
        ('{"nam\\u0000e": "x"}', None),
        ('{"x": {"y": ["ok", "\\u0000"]}}', "x.y.1"),
        ('{"name": ' + "[" * 70 + "]" * 70 + "}", "name" + ".0" * 63),
    ],
)
def test_text_that_cannot_be_stored_is_named_by_its_path(shop: Shop, text: str, attr: str | None) -> None:
    answer = shop.manager.raw("PUT", "sites/1", text.encode())
    assert answer.status_code == 400
    assert attrs_of(answer) == [attr]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_a_415(shop: Shop, content_type: str) -> None:
    assert shop.manager.raw("PUT", "sites/1", b"name=x", content_type).status_code == 415


def test_a_body_that_is_too_large_is_a_413(shop: Shop, settings: Any) -> None:
    settings.API_MAX_BODY_BYTES = 1000
    answer = shop.manager.put("sites/1", {"name": "x" * 1000})
    assert answer.status_code == 413
    assert errors_of(answer) == {("too_large", None)}
    assert not Site.objects.exists()


def test_unknown_fields_are_refused_by_name(shop: Shop) -> None:
    answer = shop.manager.put("sites/1", {"name": "x", "colour": "red", "": 1, "a.b": 2})
    assert answer.status_code == 400
    assert errors_of(answer) == {("unknown_field", "colour"), ("unknown_field", None), ("unknown_field", "a.b")}


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["x"], {}, {"x": "y"}, "x" * 201, -(10**30)])
def test_a_text_is_a_string_of_its_length(shop: Shop, value: Any) -> None:
    answer = shop.manager.put("sites/1", {"name": value})
    assert answer.status_code == 400
    assert attrs_of(answer) == ["name"]
    assert not Site.objects.exists()


@pytest.mark.parametrize("name", ["🛍️ Łódź 東京", "line\nbreak", "<script>", "' OR 1=1 --", "%s {} ${x}", "a\u202eb"])
def test_any_other_text_is_stored_unchanged(shop: Shop, name: str) -> None:
    assert shop.manager.put("sites/1", {"name": name}).status_code == 201
    assert shop.manager.get("sites/1").json()["name"] == name


@pytest.mark.parametrize("value", [0, 1, "true", "false", None, [], {}])
def test_a_flag_is_true_or_false(shop: Shop, value: Any) -> None:
    assert attrs_of(shop.manager.put("sites/1", {"archived": value})) == ["archived"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=1001",
        "limit=1.5",
        "limit=%C2%B2",
        "limit=99999999999999999999",
        "cursor=x",
        "cursor=%00",
        "cursor=a:b:c",
        "ordering=secret",
        "ordering=--name",
        "ordering=account__code",
        "search=%00",
        "name%00=x",
        "archived=maybe",
        "town=%00",
    ],
)
def test_a_query_string_that_does_not_hold_is_named(shop: Shop, query: str) -> None:
    answer = shop.manager.get(f"sites?{query}")
    assert answer.status_code == 400
    assert attrs_of(answer)[0] in {"limit", "cursor", "ordering", "search", "name", "archived", "town"}


@pytest.mark.parametrize("query", ["search=%FF%FE", "search=" + "x" * 200, "search=%22%5C", "search=%25_"])
def test_odd_query_strings_are_no_fault(shop: Shop, query: str) -> None:
    assert shop.manager.get(f"sites?{query}").status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "sites"), ("PUT", "sites/1"), ("POST", "baskets/evaluate")])
def test_an_address_of_too_many_parameters_is_refused(shop: Shop, method: str, path: str) -> None:
    many = "&".join(f"a{number}=1" for number in range(1001))
    assert errors_of(shop.manager.raw(method, f"{path}?{many}", b"{}")) == {("parse_error", None)}
    assert not Site.objects.exists()


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "TRACE"])
def test_a_method_that_a_path_has_not_is_a_405(shop: Shop, method: str) -> None:
    assert shop.manager.client.generic(method, "/api/v1/sites/1").status_code == 405


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_an_unknown_path_is_a_404_in_json(shop: Shop, settings: Any, method: str, debug: bool) -> None:
    settings.DEBUG = debug
    answer = shop.manager.call(method, "nonsense")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "not_found"
