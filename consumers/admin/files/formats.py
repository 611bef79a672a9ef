"""Files of rows: CSV, XLSX and JSON, which say the same in three ways.

A row has plain values under the names of its columns: texts, numbers, moments, lists and documents. A spreadsheet has
them in cells, where a list is separated by commas, a document is JSON, and a text that a spreadsheet would take for a
formula stands behind an apostrophe. JSON has them as they are, and columns with dots (``outcome.points``) as objects.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from import_export.formats import base_formats
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from tablib import Dataset

from consumers.admin.files.cells import _DIGITS_OF_A_NUMBER, ABSENT, cell_of, value_of_cell
from consumers.admin.framework.formatting import format_number
from consumers.moments import moment_text

MAXIMUM_ROWS = 200_000
MAXIMUM_COLUMNS = 200
MAXIMUM_BYTES = 20 * 1024 * 1024
MAXIMUM_UNPACKED = 100 * 1024 * 1024
"""An XLSX file is a ZIP archive: what it holds may be no larger than this."""

MAXIMUM_DEPTH = 64
MAXIMUM_CELL = 32_767
"""The longest text that a cell of a spreadsheet holds; what is longer would be cut off without a word."""

ENCODING = "utf-8-sig"

# A cell holds a document: the longest that a promotion can be is a few megabytes.
csv.field_size_limit(MAXIMUM_BYTES)
_UNSAFE_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class Unreadable(ValueError):
    """A file that cannot be read, or rows that cannot be written; says why."""


def _dataset(rows: Iterator[Sequence[Any]]) -> Dataset:
    """Rows of cells, the first of them the headings; empty rows at the end are none.

    Raises:
        Unreadable: there is no heading, one is there twice, or there is too much.
    """
    headers = [value_of_cell(cell) for cell in next(rows, ())]
    while headers and not headers[-1]:
        headers.pop()
    if not headers:
        raise Unreadable("The file has no headings in its first row.")
    if len(headers) > MAXIMUM_COLUMNS:
        raise Unreadable(f"A file may have {MAXIMUM_COLUMNS} columns.")
    if twice := {name for name in headers if headers.count(name) > 1}:
        raise Unreadable(f"These headings are in the file twice: {', '.join(sorted(twice)) or 'an empty one'}.")
    data = Dataset(headers=headers)
    blank = [""] * len(headers)
    for number, row in enumerate(rows, start=1):
        if not any(row):
            continue
        if number > MAXIMUM_ROWS:
            raise Unreadable(f"A file may have {MAXIMUM_ROWS:,} rows; this has more.")
        cells = [value_of_cell(cell) for cell in row]
        if any(cells[len(headers) :]):
            raise Unreadable(f"Row {number} has more cells than there are headings.")
        # Empty rows in between count, so that a row keeps its number.
        while len(data) < number - 1:
            data.append(blank)
        data.append((cells + blank)[: len(headers)])
    return data


# --- formats --------------------------------------------------------------------------------------------------------


class FileFormat(base_formats.Format):
    """A format as django-import-export asks for it, read from bytes and written to bytes."""

    title = ""
    extension = ""
    content_type = ""

    def __init__(self, encoding: str | None = None) -> None:
        """``encoding`` is what django-import-export gives every format: a file says its own."""

    def get_title(self) -> str:
        return self.title

    def get_extension(self) -> str:
        return self.extension

    def get_content_type(self) -> str:
        return self.content_type

    def can_import(self) -> bool:
        return True

    def can_export(self) -> bool:
        return True

    def unpacked(self, given: bytes) -> int:
        """How many bytes a file takes up when it is read.

        Raises:
            Unreadable: it is no such file.
        """
        return len(given)

    def create_dataset(self, in_stream: bytes) -> Dataset:
        """The rows of a file.

        Raises:
            Unreadable: saying why.
        """
        raise NotImplementedError

    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        """The file of some rows.

        Raises:
            Unreadable: the format cannot hold them.
        """
        return self.begun() + self.piece(dataset, first=True) + self.ended()

    def begun(self) -> bytes:
        """What stands before all rows."""
        return b""

    def piece(self, dataset: Dataset, *, first: bool) -> bytes:
        """Some of the rows of a file that is written in pieces; see ``in_pieces``."""
        raise NotImplementedError

    def ended(self) -> bytes:
        """What stands behind all rows."""
        return b""


class CSV(FileFormat):
    """Text, separated by commas; by semicolons or tabs where a spreadsheet has saved it so."""

    title = "csv"
    extension = "csv"
    content_type = "text/csv"

    def create_dataset(self, in_stream: bytes) -> Dataset:
        text = _decoded(in_stream)
        heading = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=heading.count)
        try:
            return _dataset(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        except csv.Error as error:
            raise Unreadable(f"This is no CSV file: {error}.") from error

    def piece(self, dataset: Dataset, *, first: bool) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        if first:
            writer.writerow(dataset.headers)
        writer.writerows([cell_of(value) for value in row] for row in dataset)
        return out.getvalue().encode()


class XLSX(FileFormat):
    """The first sheet of a workbook."""

    title = "xlsx"
    extension = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def unpacked(self, given: bytes) -> int:
        try:
            with zipfile.ZipFile(io.BytesIO(given)) as archive:
                return sum(part.file_size for part in archive.infolist())
        except zipfile.BadZipFile as error:
            raise Unreadable("This is no XLSX file.") from error

    def create_dataset(self, in_stream: bytes) -> Dataset:
        if self.unpacked(in_stream) > MAXIMUM_UNPACKED:
            raise Unreadable("What is packed into this file is too large. Import it in parts.")
        try:
            # No formulas: of a cell that has one, what it came to.
            book = load_workbook(io.BytesIO(in_stream), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            # Cells far outside, which a sheet of a few bytes can have, are not made up.
            rows = sheet.iter_rows(max_col=MAXIMUM_COLUMNS + 1, max_row=MAXIMUM_ROWS + 2, values_only=True)
            return _dataset([_unescaped(cell) for cell in row] if any(row) else () for row in rows)
        except Unreadable:
            raise
        except Exception as error:
            # The reader raises anything for what is no such file.
            raise Unreadable("This is no XLSX file.") from error

    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        # Before a sheet is begun, because one that is left off half way complains.
        rows = [
            [_written(value, number, name) for name, value in zip(dataset.headers, row, strict=True)]
            for number, row in enumerate(dataset, start=1)
        ]
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Rows")
        sheet.freeze_panes = "A2"
        for place, name in enumerate(dataset.headers, start=1):
            sheet.column_dimensions[get_column_letter(place)].width = max(12, len(name) + 2)
        heading = [WriteOnlyCell(sheet, name) for name in dataset.headers]
        for cell in heading:
            cell.font = Font(bold=True)
        sheet.append(heading)
        for cells in rows:
            sheet.append(cells)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()


class JSON(FileFormat):
    """A list of objects; those below a column's dots are objects of their own."""

    title = "json"
    extension = "json"
    content_type = "application/json"

    def create_dataset(self, in_stream: bytes) -> Dataset:
        try:
            rows = json_read(_decoded(in_stream))
        except ValueError as error:
            raise Unreadable(f"This is no JSON file: {error}.") from error
        if not isinstance(rows, list):
            raise Unreadable("Expected a list of objects, one for each row.")
        if len(rows) > MAXIMUM_ROWS:
            raise Unreadable(f"A file may have {MAXIMUM_ROWS:,} rows; this has {len(rows):,}.")
        headers: dict[str, None] = {}
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                raise Unreadable(f"Row {number} is no object.")
            if is_too_deep(row):
                raise Unreadable(f"Row {number} is nested too deeply.")
            headers |= dict.fromkeys(row)
            if len(headers) > MAXIMUM_COLUMNS:
                raise Unreadable(f"A file may have {MAXIMUM_COLUMNS} fields in all of its rows.")
        data = Dataset(headers=list(headers))
        for row in rows:
            data.append([row.get(name, ABSENT) for name in headers])
        return data

    def begun(self) -> bytes:
        return b"[\n"

    def piece(self, dataset: Dataset, *, first: bool) -> bytes:
        rows = [_nested(dataset.headers, row) for row in dataset]
        text = ",\n".join(json.dumps(row, ensure_ascii=False, indent=2, default=_json_of) for row in rows)
        return (text if first or not text else f",\n{text}").encode()

    def ended(self) -> bytes:
        return b"\n]\n"


FORMATS: Mapping[str, type[FileFormat]] = {one.title: one for one in (CSV, XLSX, JSON)}


def in_pieces(file_format: FileFormat) -> FileFormat:
    """The format in which rows of a large file are written: a workbook cannot be written in pieces, its rows can."""
    return CSV() if isinstance(file_format, XLSX) else file_format


# --- what the formats share -----------------------------------------------------------------------------------------


def _decoded(given: bytes | None) -> str:
    if given is None:
        # What waits in a cache may be gone.
        raise Unreadable("The file is not here any more.")
    try:
        return given.decode(ENCODING)
    except UnicodeDecodeError as error:
        raise Unreadable("The file is not in UTF-8. Save it as “CSV UTF-8”, or as XLSX.") from error


def json_read(text: str) -> Any:
    """What a JSON text says; a number with a fraction as the text that it is, because binary it would be another.

    Raises:
        ValueError: saying where it is none, or names a field twice.
    """
    try:
        return json.loads(text, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is named twice in one object")
    return made


def is_too_deep(document: Any) -> bool:
    """Whether a document is nested deeper than anything that is stored."""
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict | list):
            if depth == MAXIMUM_DEPTH:
                return True
            waiting += [(inner, depth + 1) for inner in (value.values() if isinstance(value, dict) else value)]
    return False


def _nested(headers: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in zip(headers, row, strict=True):
        if value is ABSENT:
            continue
        *above, last = name.split(".")
        place = made
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return made


def _json_of(value: Any) -> str:
    match value:
        case Decimal():
            return format_number(value)
        case datetime() if value.tzinfo is not None:
            return moment_text(value)
        case date():
            return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _unescaped(cell: Any) -> Any:
    """A cell's value, with what XML cannot hold as the characters that it stands for."""
    if not isinstance(cell, str) or "_x" not in cell:
        return cell
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), cell)


def _written(value: Any, number: int, name: str) -> Any:
    """A value as a cell of a workbook: numbers as numbers, all else as text."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        text = cell_of(value)
        return value if len(text.strip("-0.").replace(".", "")) <= _DIGITS_OF_A_NUMBER else text
    text = cell_of(value)
    if not text:
        return None
    place = f"Row {number}, {name}: "
    if "_x005F_" in text or "x005F_" in text or _ESCAPED.search(text):
        raise Unreadable(f"{place}XLSX cannot hold this text. Choose CSV or JSON.")
    text = _UNSAFE_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    if len(text) > MAXIMUM_CELL:
        raise Unreadable(
            f"{place}a cell of a spreadsheet holds {MAXIMUM_CELL:,} characters, and this is longer. Choose CSV or JSON."
        )
    return text
