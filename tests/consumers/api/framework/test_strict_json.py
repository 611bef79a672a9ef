"""Bodies are bounded before they are decoded, and no object has a key twice."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.api.framework.strict_json import (
    MAX_VALUES,
    DuplicateKey,
    OutOfBounds,
    check_bounds,
    check_keys,
    document_decoded,
)

MEGABYTES = 32_000_000
TEXTS = st.text(st.sampled_from('ab"\\,[]{}: \n'), max_size=4)
DOCUMENTS = st.recursive(
    st.none() | st.integers(0, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def taken(raw: bytes, max_rows: int) -> bool:
    try:
        check_bounds(raw, max_rows=max_rows)
    except OutOfBounds:
        return False
    return True


@given(rows=st.lists(DOCUMENTS, max_size=6), indent=st.sampled_from([None, 0, 2]), max_rows=st.integers(1, 6))
def test_a_list_is_taken_if_it_has_no_more_rows_than_the_limit(rows: list[Any], indent: int, max_rows: int) -> None:
    assert taken(json.dumps(rows, indent=indent).encode(), max_rows) == (len(rows) <= max_rows)


@pytest.mark.parametrize(
    ("start", "repeated", "end"),
    [
        (b"[", b"1,", b"1]"),
        (b"[", b"{},", b"{}]"),
        (b"[[", b"[],", b"[]]]"),
        (b"[", b'"",', b'""]'),
        (b'[{"products":[', b'"x",', b'"x"]}]'),
        (b'[{"a":', b'[{"a":', b"1}]"),
        (b'{"lines":[', b'{"a":1},', b"{}]}"),
        (b"[", b'{"number":"1"},', b"{}]"),
    ],
)
def test_a_refused_body_takes_no_memory_beside_its_own(start: bytes, repeated: bytes, end: bytes) -> None:
    raw = start + repeated * (MEGABYTES // len(repeated)) + end
    tracemalloc.start()
    try:
        assert not taken(raw, 10_000)
        assert tracemalloc.get_traced_memory()[1] < len(raw) / 4
    finally:
        tracemalloc.stop()


def test_a_text_without_an_end_is_read_once() -> None:
    # Read again from each of its quotation marks, it would take hours.
    raw = b"[" + b"1," * 10 + b'"' + b'\\"' * 1_000_000
    assert taken(raw, 12)


def test_the_largest_honest_bodies_are_taken() -> None:
    row = {"consumer": "c-000001", "products": [f"SKU-{number:06}" for number in range(100)]}
    raw = json.dumps([row] * 10_000).encode()
    assert taken(raw, 10_000)
    assert raw.count(b",") < MAX_VALUES


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a": 1, "a": 2}', "a"),
        ('{"a":1,"b":{"c":[{"d":1},{"e":1,"d":2,"e":1}]}}', "b.c.1.e"),
        ('[{"a":1},{"a" : 1, "\\u0061":1}]', "1.a"),
        ('{"":1,"":1}', ""),
        ('{"a\\":":1,"b":[],"b":1}', "b"),
        ('{":":":","a":1,":":1}', ":"),
    ],
)
def test_a_key_that_is_given_twice_is_named(text: str, path: str) -> None:
    for read in (document_decoded, check_keys):
        with pytest.raises(DuplicateKey) as refused:
            read(text.encode())
        assert refused.value.path == path


@given(document=DOCUMENTS, separators=st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]))
def test_other_documents_are_read_as_they_are(document: Any, separators: tuple[str, str]) -> None:
    raw = json.dumps(document, separators=separators).encode()
    check_keys(raw)
    assert document_decoded(raw) == document


PAIRS = st.recursive(
    st.integers(0, 9) | st.text(st.sampled_from('":a'), max_size=3),
    lambda inner: st.lists(st.tuples(st.sampled_from(["a", "b", ":", 'a":']), inner), max_size=4),
    max_leaves=12,
)


@given(pairs=st.lists(st.tuples(st.sampled_from("abc"), PAIRS), max_size=4), space=st.sampled_from(["", " "]))
def test_both_readers_find_the_same_duplicates(pairs: list[Any], space: str) -> None:
    def written(value: Any) -> tuple[str, bool]:
        if not isinstance(value, list):
            return json.dumps(value), False
        parts = [(name, written(inner)) for name, inner in value]
        names = [name for name, _ in parts]
        text = ",".join(f"{json.dumps(name)}{space}:{inner}" for name, (inner, _) in parts)
        return f"{{{text}}}", len(set(names)) < len(names) or any(twice for _, (_, twice) in parts)

    text, twice = written(pairs)
    for read in (document_decoded, check_keys):
        try:
            read(text.encode())
        except DuplicateKey:
            assert twice, text
        else:
            assert not twice, text
