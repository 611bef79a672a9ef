"""Texts in Unicode NFC: however an accent was typed, a key names one row, and a text has one length."""

import json
from unicodedata import normalize
from urllib.parse import quote

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from consumers.models import Consumer, ConsumerGroup, Site
from consumers.normal_form import is_normal_json, normalized, normalized_document, normalized_json, normalized_query
from tests.consumers.builders import Shop, attrs_of

CAFE = "CAFÉ"
DECOMPOSED = normalize("NFD", CAFE)

TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('eE\u0301\u0308\u0327ﬁ\u1100\u1161\u11a8\u0344\\"/n'))
DOCUMENTS = st.recursive(
    TEXTS | st.integers(-(2**60), 2**60) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@given(DOCUMENTS, st.booleans())
def test_json_is_normalised_however_it_is_written(document: object, escaped: bool) -> None:
    raw = json.dumps(document, ensure_ascii=escaped).encode()
    expected = normalized_document(document)
    assert json.loads(normalized_json(raw)) == expected
    if is_normal_json(raw):
        assert document == expected


@given(DOCUMENTS)
def test_normalising_twice_changes_nothing_more(document: object) -> None:
    once = normalized_document(document)
    assert normalized_document(once) == once


@pytest.mark.parametrize(
    ("raw", "is_normal"),
    [
        (b'{"sku": "A"}', True),
        (b'{"sku": "caf\\u00e9"}', True),
        (b'{"sku": "cafe\\u0301"}', False),
        ('{"sku": "café"}'.encode(), True),
        ('{"sku": "cafe\u0301"}'.encode(), False),
        ('{"sku": "caf\\u0065\u0301"}'.encode(), False),
        (b"\xff", True),
    ],
)
def test_most_json_is_passed_over_without_decoding_it(raw: bytes, is_normal: bool) -> None:
    assert is_normal_json(raw) is is_normal


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[" * 5000, b'["e\\u0301", 1e999]', b'"\\ud800e\\u0301"'])
def test_what_is_no_json_is_left_to_its_reader(raw: bytes) -> None:
    assert normalized_json(raw) == raw


def test_passwords_are_taken_as_they_are() -> None:
    form = normalized_query(QueryDict(f"name={quote(DECOMPOSED)}&password={quote(DECOMPOSED)}"))
    assert (form["name"], form["password"]) == (CAFE, DECOMPOSED)


@pytest.mark.parametrize(("path", "body"), [("sites", {"name": "x"}), ("products", {}), ("groups", {"name": "x"})])
def test_a_row_has_one_key_however_the_path_is_written(shop: Shop, path: str, body: dict[str, str]) -> None:
    assert shop.manager.put(f"{path}/{quote(DECOMPOSED)}", body).status_code == 201
    assert shop.manager.put(f"{path}/{quote(CAFE)}", body).status_code == 200
    row = shop.manager.get(f"{path}/{quote(DECOMPOSED)}").json()
    assert CAFE in row.values()


def test_a_body_is_normalised_in_names_values_and_bulk(shop: Shop) -> None:
    rows = [{"sku": DECOMPOSED, "name": DECOMPOSED, "labels": [DECOMPOSED, CAFE]}]
    assert shop.manager.post("products/bulk", rows).status_code == 200
    row = shop.manager.get(f"products/{quote(CAFE)}").json()
    assert (row["sku"], row["name"], row["labels"]) == (CAFE, CAFE, [CAFE])
    assert attrs_of(shop.manager.put("products/A", {DECOMPOSED: 1})) == [CAFE]


def test_lengths_count_afterwards(shop: Shop) -> None:
    assert shop.manager.put("sites/1", {"name": "e\u0301" * 200}).status_code == 201
    assert Site.objects.get().name == "é" * 200


def test_query_parameters_are_normalised(shop: Shop) -> None:
    shop.manager.put("products/A", {"category": CAFE})
    for written in (CAFE, DECOMPOSED):
        assert len(shop.manager.get(f"products?category={quote(written)}").json()["results"]) == 1
        assert len(shop.manager.get(f"products?search={quote(written)}").json()["results"]) == 1


def test_rules_and_references_name_rows_in_one_form(shop: Shop) -> None:
    shop.manager.put(f"groups/{quote(CAFE)}", {"name": "x"})
    shop.manager.put(f"consumers/{quote(DECOMPOSED)}", {"groups": [DECOMPOSED]})
    assert list(Consumer.objects.values_list("consumer_id", "groups__code")) == [(CAFE, CAFE)]
    assert ConsumerGroup.objects.count() == 1


@given(st.text())
def test_a_text_is_normalised_as_unicode_says(text: str) -> None:
    assert normalized(text) == normalize("NFC", text)
