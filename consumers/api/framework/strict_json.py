"""JSON that is bounded before it is decoded, and in which no key is given twice.

A decoded body takes many times the memory of its text: `[1,1,…]` eight times, `[{},{},…]` thirty. So rows, values and
objects are counted in the text, which costs a few passes of C over the bytes and no memory to speak of.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec

MAX_VALUES = 3_000_000
"""Values of a body, with the commas and brackets of its texts: 10,000 rows of 300."""
MAX_CONTAINERS = 500_000
"""Objects and lists of a body: 10,000 rows of 50. An empty object takes some 64 bytes, one with a key 184."""

# A text that does not end is read to the end of the body, once: read again from each of its marks, it would take hours.
_TEXT = r'"(?:[^"\\]|\\.)*+"?+'
_FLAT = rf'(?:[^{{}}\[\]"]|{_TEXT})*+'
_TOKEN = re.compile(rf"\{{{_FLAT}\}}|\[{_FLAT}\]|{_TEXT}|[\[\]{{}},]".encode(), re.DOTALL)
"""An object or a list without another in it as a whole, a text, or a mark: most of a row is skipped at once."""
_LIST = re.compile(rb"[ \t\r\n]*\[")
_CONTAINERS = (dict, list)
_SPACED_COLON = re.compile(rb"[ \t\r\n]:")


class OutOfBounds(Exception):
    """The body has more rows, values or objects than are taken; the text says which."""


class DuplicateKey(Exception):
    """An object has a key twice. ``path`` names the second."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"The key {path} is sent twice.")


def check_bounds(raw: bytes, *, max_rows: int | None = None) -> None:
    """Refuse a body that would take too much when decoded; what is not JSON is the decoder's to refuse.

    Args:
        raw: the body.
        max_rows: rows of a list at the top; None for a body that is no list.

    Raises:
        OutOfBounds: more rows, values or objects than are taken.
    """
    if max_rows is None and len(raw) <= MAX_CONTAINERS:
        return
    commas, containers = raw.count(b","), raw.count(b"{") + raw.count(b"[")
    if commas + containers > MAX_VALUES or containers > MAX_CONTAINERS:
        raise OutOfBounds(f"One call can have at most {MAX_VALUES:,} values and {MAX_CONTAINERS:,} objects. Split it.")
    if max_rows is not None and commas >= max_rows and (start := _LIST.match(raw)):
        _check_rows(raw, start.end(), max_rows)


def _check_rows(raw: bytes, start: int, max_rows: int) -> None:
    """Count the rows of a list that begins before ``start``, up to the first that is too many."""
    depth, rows = 1, 1
    for token in _TOKEN.finditer(raw, start):
        match token.group():
            case b"[" | b"{":
                depth += 1
            case b"]" | b"}":
                depth -= 1
                if not depth:
                    return
            case b"," if depth == 1:
                rows += 1
                if rows > max_rows:
                    raise OutOfBounds(f"One call can have at most {max_rows} rows. Split it.")


def document_decoded(raw: bytes) -> Any:
    """Return the document of a body.

    Raises:
        ValueError: it is not JSON, not UTF-8, ``NaN`` or a number out of range.
        RecursionError: it is nested too deeply to be read.
        DuplicateKey: an object has a key twice.
    """
    text = raw.decode()
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_distinct)
    except _HasDuplicate:
        raise DuplicateKey(next(_duplicate_paths(json.loads(text, object_pairs_hook=_Pairs)))) from None


def check_keys(raw: bytes) -> None:
    """Refuse JSON in which an object has a key twice; a decoder of types keeps the last and says nothing.

    In nearly all bodies the keys are as many as the colons that follow a quotation mark, which costs a count and a
    decoding without types. Others are read again, slowly.

    Raises:
        DuplicateKey: an object has a key twice.
    """
    if b"\\" not in raw and not _SPACED_COLON.search(raw) and raw.count(b'":') == _key_count(raw):
        return
    for path in _duplicate_paths(json.loads(raw, object_pairs_hook=_Pairs)):
        raise DuplicateKey(path)


class _HasDuplicate(Exception):
    """An object has a key twice; which one, a second reading says."""


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, in order."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise _HasDuplicate
    return document


def _key_count(raw: bytes) -> int:
    try:
        return _keys(msgspec.json.decode(raw))
    except msgspec.ValidationError:  # a number beyond all bounds
        return -1


def _keys(value: Any) -> int:
    """Return how many keys a document has."""
    if isinstance(value, dict):
        return len(value) + sum(_keys(inner) for inner in value.values() if inner.__class__ in _CONTAINERS)
    if isinstance(value, list):
        return sum(_keys(inner) for inner in value if inner.__class__ in _CONTAINERS)
    return 0


def _duplicate_paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, _Pairs):
        names: set[str] = set()
        for name, inner in value:
            place = f"{path}.{name}" if path else name
            if name in names:
                yield place
            names.add(name)
            yield from _duplicate_paths(inner, place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _duplicate_paths(inner, f"{path}.{index}" if path else str(index))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is out of range")
    return number
