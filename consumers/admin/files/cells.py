"""Cells of CSV and XLSX files: values as text, lists separated by commas, formulas neutralised by an apostrophe."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from consumers.admin.files.numbers import NativeNumber
from consumers.admin.framework.formatting import format_number
from consumers.normal_form import normalized

_FORMULA_STARTS = ("=", "+", "-", "@")
_LIST_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|\Z)')
_NEEDS_QUOTES = re.compile(r'[,"\n\r]|^\s|\s$|^$')
MAX_SPREADSHEET_DIGITS = 15
"""Spreadsheets round a number to this many digits: longer ones are written as text."""


class _Absent:
    """The value of a column that a row leaves out, which differs from an empty value."""

    def __repr__(self) -> str:
        return ""


ABSENT = _Absent()


def escape_formula(text: str) -> str:
    """Return a text as a cell holds it, after an apostrophe if a spreadsheet would read a formula or trim it."""
    return f"'{text}" if _needs_apostrophe(text) else text


def unescape_formula(cell: str) -> str:
    """Return the text of a cell, without the apostrophe; other texts are stripped."""
    return cell[1:] if cell.startswith("'") and _needs_apostrophe(cell[1:]) else cell.strip()


def _needs_apostrophe(text: str) -> bool:
    # Ignore leading apostrophes, so that no two texts give the same cell.
    rest = text.lstrip("'")
    return rest.startswith(_FORMULA_STARTS) or rest != rest.strip()


def join_items(items: Iterable[str]) -> str:
    """Join texts with commas; a text that contains one is quoted."""
    return ", ".join('"{}"'.format(item.replace('"', '""')) if _NEEDS_QUOTES.search(item) else item for item in items)


def split_items(text: str) -> list[str]:
    """Split a list of texts as ``join_items`` or a person joined it; repeated and empty ones are dropped."""
    items: list[str] = []
    position = 0
    while position < len(text) and (match := _LIST_ITEM.match(text, position)):
        quoted, plain = match.groups()
        item = plain.strip() if quoted is None else quoted.replace('""', '"')
        if item:
            items.append(item)
        position = match.end()
    return list(dict.fromkeys(items))


def cell_text(value: Any) -> str:
    """Return a plain value as the text of a cell."""
    match value:
        case None | _Absent():
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return escape_formula(value)
        case Decimal():
            return f"{value:f}"
        case datetime() | date():
            return value.isoformat()
        case [*items] if all(isinstance(item, str) for item in items):
            return escape_formula(join_items(items))
        case Mapping() | [*_]:
            return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


def text_from_cell(value: object) -> str:
    """Return a cell's value, of any type that a spreadsheet gives, as text."""
    match value:
        case None:
            return ""
        case str():
            return normalized(unescape_formula(value))
        case bool():
            return "yes" if value else "no"
        case float():
            return NativeNumber(format_number(Decimal(repr(value))))
        case int():
            return NativeNumber(value)
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)
