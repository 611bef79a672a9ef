"""Bodies: JSON that every field can be trusted to hold."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import BaseParser

from consumers.api.framework.strict_json import DuplicateKey, OutOfBounds, check_bounds, document_decoded
from consumers.exceptions import MAX_PROBLEMS, Problem
from consumers.normal_form import is_normal_json, normalized_document
from consumers.services.upsert import is_storable
from consumers.texts import key_problem, text_problem
from consumers.types import JsonMapping

MAX_DEPTH = 64
KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE

Path = tuple[Any, ...]
"""The names that lead to a value, the last first: ``("sku", ("0", ("lines", ())))``."""


class TooLarge(APIException):
    """The body has more bytes or rows than are taken at once."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large."


def body_read(stream: IO[Any], context: JsonMapping | None) -> bytes:
    """Return the bytes of a body, within what the view of the parser's ``context`` takes.

    Raises:
        TooLarge: more bytes, rows, values or objects; they are counted before anything is decoded.
    """
    view, limit = (context or {}).get("view"), settings.API_MAX_BODY_BYTES
    max_rows: int | None = getattr(view, "max_rows", None)
    if view is not None and max_rows is None:
        limit = min(limit, view.max_body_bytes)
    # A length that the caller names is believed if it is too much: nothing is read then.
    named = view.request.META.get("CONTENT_LENGTH") if view is not None else ""
    raw: bytes = b"" if _is_more(named, limit) else stream.read(limit + 1)
    if len(raw) > limit or _is_more(named, limit):
        raise TooLarge(f"The body has more than {limit} bytes. Split it.")
    try:
        check_bounds(raw, max_rows=max_rows)
    except OutOfBounds as error:
        raise TooLarge(str(error)) from None
    return raw


def _is_more(named: str | None, limit: int) -> bool:
    return bool(named) and str(named).isdecimal() and int(str(named)[:20]) > limit


def duplicate_key_refusal(error: DuplicateKey) -> ValidationError:
    """Return the error of an object that has a key twice."""
    return ValidationError({error.path: [ErrorDetail("This key is sent twice.", code="duplicate_key")]})


def document_problems(document: Any) -> Iterator[Problem]:
    """Yield what no text or key of a body may have, and nesting beyond ``MAX_DEPTH``, each at its path."""
    return _value_problems(document, (), 0)


def _value_problems(value: Any, path: Path, depth: int) -> Iterator[Problem]:
    if isinstance(value, str):
        if not is_storable(value):
            yield _problem("invalid", "This text contains a character that cannot be stored. Remove it.", path)
        elif problem := text_problem(value):
            yield _problem(problem.code, problem.detail, path)
        return
    if depth == MAX_DEPTH:
        yield _problem("invalid", "This is nested too deeply.", path)
        return
    pairs: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in pairs:
        if isinstance(name, str) and not name.isprintable():
            yield from _name_problems(name, path)
        if isinstance(inner, str):
            if not inner.isprintable():
                yield from _value_problems(inner, (name, path), depth + 1)
        elif isinstance(inner, dict | list):
            yield from _value_problems(inner, (name, path), depth + 1)


def _name_problems(name: str, path: Path) -> Iterator[Problem]:
    if not is_storable(name):
        yield _problem("invalid", "The name of a field contains a character that cannot be stored.", path)
    elif problem := key_problem(name):
        yield _problem(problem.code, f"A field's name: {problem.detail}", path)


def _problem(code: str, detail: str, path: Path) -> Problem:
    names: list[str] = []
    while path:
        name, path = path
        names.append(str(name))
    return Problem(code=code, detail=detail, attr=".".join(reversed(names)))


class DocumentParser(BaseParser):
    """Strict JSON, within what the view takes, its texts in NFC.

    Raises:
        TooLarge: more bytes, rows or values than that (413).
        ParseError: not JSON, not UTF-8, ``NaN`` or a number out of range (400).
        ValidationError: a key that is given twice, or text that cannot be taken, named by its path (400).
    """

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: JsonMapping | None = None) -> Any:
        raw = body_read(stream, parser_context)
        try:
            document = document_decoded(raw)
        except DuplicateKey as error:
            raise duplicate_key_refusal(error) from None
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not JSON: {error}"[:300]) from error
        if not isinstance(document, str | dict | list):
            return document
        problems = {
            problem.attr or "": [ErrorDetail(problem.detail, code=problem.code)]
            for problem in islice(document_problems(document), MAX_PROBLEMS)
        }
        if problems:
            raise ValidationError(problems)
        return document if is_normal_json(raw) else normalized_document(document)
