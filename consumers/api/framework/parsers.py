"""Bodies: JSON that every field can be trusted to hold."""

import json
import math
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import BaseParser

from consumers.services.upsert import is_storable
from consumers.texts import is_normal_json, normalized_document
from consumers.types import JsonMapping

MAX_DEPTH = 64


class TooLarge(APIException):
    """The body has more bytes or rows than are taken at once."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large."


def body_read(stream: IO[Any]) -> bytes:
    """The bytes of a body.

    Raises:
        TooLarge: more than ``API_MAX_BODY_BYTES``.
    """
    limit = settings.API_MAX_BODY_BYTES
    raw: bytes = stream.read(limit + 1)
    if len(raw) > limit:
        raise TooLarge(f"A body of more than {limit} bytes is not taken.")
    return raw


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is out of range")
    return number


def document_problems(document: Any) -> dict[str, str]:
    """What no database can hold, by path: NUL characters, half surrogates, and nesting beyond ``MAX_DEPTH``."""
    problems: dict[str, str] = {}
    waiting: list[tuple[Any, str, int]] = [(document, "", 0)]
    while waiting:
        value, path, depth = waiting.pop()
        if isinstance(value, str):
            if not is_storable(value):
                problems[path] = "This text has a character that cannot be stored."
        elif isinstance(value, dict | list):
            if depth == MAX_DEPTH:
                problems[path] = "This is nested too deeply."
                continue
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for name, inner in pairs:
                if isinstance(name, str) and not is_storable(name):
                    problems[path] = "A field's name has a character that cannot be stored."
                elif isinstance(inner, str | dict | list):
                    waiting.append((inner, f"{path}.{name}" if path else str(name), depth + 1))
    return problems


class DocumentParser(BaseParser):
    """Strict JSON of at most ``API_MAX_BODY_BYTES``, its texts in NFC.

    Raises:
        TooLarge: more bytes than that (413).
        ParseError: not JSON, not UTF-8, ``NaN`` or a number out of range (400).
        ValidationError: text that cannot be stored, named by its path (400).
    """

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: JsonMapping | None = None) -> Any:
        raw = body_read(stream)
        try:
            document = json.loads(raw.decode(), parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not JSON: {error}"[:300]) from error
        if problems := document_problems(document):
            raise ValidationError({path: [detail] for path, detail in problems.items()}, code="invalid")
        return document if is_normal_json(raw) else normalized_document(document)
