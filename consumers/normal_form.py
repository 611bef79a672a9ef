"""Put every text that enters into Unicode NFC: an accent typed in one key or two is one text, one SKU, one sale.

Each way in does it once: JSON bodies (``normalized_json``, ``normalized_document``), keys in paths, query strings and
forms (``NormalizedTextsMiddleware``), cells of files.
"""

import re
from collections.abc import Callable
from typing import Final
from unicodedata import is_normalized, normalize

import msgspec
from django.http import HttpRequest, HttpResponse, QueryDict

from consumers.types import JsonObject

_FORM: Final = "NFC"
_ESCAPE_OF_A_MARK = re.compile(rb"\\u(?!0[0-2])")
"""Escapes of characters from U+0300 on: texts of lower ones are normal, as no two of them are one character."""


def normalized(text: str) -> str:
    """Return a text in NFC."""
    return text if text.isascii() else normalize(_FORM, text)


def normalized_document(document: object) -> object:
    """Return a JSON document with all its texts in NFC, names too."""
    return _document_with(document, normalized)


def decomposed_document(document: object) -> object:
    """Return a JSON document with every accent of its texts apart (NFD), as some tills write them."""
    return _document_with(document, _decomposed)


def _decomposed(text: str) -> str:
    return normalize("NFD", text)


def _document_with(document: object, text_form: Callable[[str], str]) -> object:
    match document:
        case str():
            return text_form(document)
        case list():
            return [_document_with(entry, text_form) for entry in document]
        case dict():
            return {text_form(name): _document_with(value, text_form) for name, value in document.items()}
    return document


def is_normal_json(raw: bytes) -> bool:
    """Return whether no text of some JSON needs to be changed, without decoding it; nearly always so.

    Bytes that are not UTF-8 are no JSON: their reader says so.
    """
    if raw.isascii():
        return _ESCAPE_OF_A_MARK.search(raw) is None
    try:
        # An escape and a mark after it are normal apart, and not together.
        return b"\\u" not in raw and is_normalized(_FORM, raw.decode())
    except UnicodeDecodeError:
        return True


def normalized_json(raw: bytes) -> bytes:
    """Return JSON with all its texts in NFC. What is no JSON is returned as it is: its reader says what is wrong."""
    if is_normal_json(raw):
        return raw
    try:
        return msgspec.json.encode(normalized_document(msgspec.json.decode(raw)))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return raw


def normalized_query(query: QueryDict) -> QueryDict:
    """Return the values of a query string or form with all texts but passwords in NFC."""
    pairs: JsonObject = dict(query.lists())
    if all(is_normalized(_FORM, text) for name, texts in pairs.items() for text in (name, *texts)):
        return query
    changed = QueryDict(mutable=True)
    for name, texts in pairs.items():
        changed.setlistdefault(normalized(name)).extend(
            texts if "password" in name else [normalized(text) for text in texts]
        )
    return changed


def query_normalize(request: HttpRequest) -> None:
    """Put the texts of a request's query string into NFC."""
    query = request.META.get("QUERY_STRING", "")
    if "%" in query or not query.isascii():
        request.GET = normalized_query(request.GET)  # type: ignore[assignment]


class NormalizedTextsMiddleware:
    """Puts the texts of every query string, and of every form of the back office, into NFC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query_normalize(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., HttpResponse], *_: object) -> None:
        """Put the fields of a form into NFC. REST has no forms, and reads a body only once its caller is known."""
        if request.method == "POST" and not getattr(view, "csrf_exempt", False):
            request.POST = normalized_query(request.POST)  # type: ignore[assignment]
