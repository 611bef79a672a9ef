"""Cells of CSV and XLSX files: values as text, lists separated by commas, formulas neutralised by an apostrophe."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from consumers.admin.framework.formatting import format_number

_FORMULA = ("=", "+", "-", "@")
_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|\Z)')
_QUOTED = re.compile(r'[,"\n\r]|^\s|\s$|^$')
_DIGITS_OF_A_NUMBER = 15


class _Absent:
    """What a row does not say at all, which is not the same as saying nothing."""

    def __repr__(self) -> str:
        return ""


ABSENT = _Absent()


def text_guarded(text: str) -> str:
    """A text as a cell has it: behind an apostrophe where it would be taken for a formula, or lose its blanks."""
    return f"'{text}" if _needs_guard(text) else text


def text_unguarded(cell: str) -> str:
    """The text that a cell has; blanks around what a person typed count for nothing."""
    return cell[1:] if cell.startswith("'") and _needs_guard(cell[1:]) else cell.strip()


def _needs_guard(text: str) -> bool:
    # With apostrophes before it too, so that no two texts make the same cell.
    rest = text.lstrip("'")
    return rest.startswith(_FORMULA) or rest != rest.strip()


def items_joined(items: Iterable[str]) -> str:
    """Texts separated by commas; one that has a comma stands in quotes."""
    return ", ".join('"{}"'.format(item.replace('"', '""')) if _QUOTED.search(item) else item for item in items)


def items_of(text: str) -> list[str]:
    """The texts that ``items_joined`` joined, or a person did; each once, and none that is empty."""
    items: list[str] = []
    place = 0
    while place < len(text) and (found := _ITEM.match(text, place)):
        quoted, plain = found.groups()
        item = plain.strip() if quoted is None else quoted.replace('""', '"')
        if item:
            items.append(item)
        place = found.end()
    return list(dict.fromkeys(items))


def cell_of(value: Any) -> str:
    """A plain value as the text of a cell."""
    match value:
        case None | _Absent():
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return text_guarded(value)
        case Decimal():
            return f"{value:f}"
        case datetime() | date():
            return value.isoformat()
        case [*items] if all(isinstance(item, str) for item in items):
            return text_guarded(items_joined(items))
        case Mapping() | [*_]:
            return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


def value_of_cell(value: Any) -> str:
    """The text of a cell, whatever type a spreadsheet gave it."""
    match value:
        case None:
            return ""
        case str():
            return text_unguarded(value)
        case bool():
            return "yes" if value else "no"
        case float():
            return format_number(Decimal(repr(value)))
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)
