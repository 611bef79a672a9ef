"""File formats: CSV, XLSX and JSON.

A row has plain values by column name: texts, numbers, moments, lists and documents. CSV and XLSX hold them in cells,
where a list is separated by commas, a document is JSON, and a text that a spreadsheet would read as a formula follows
an apostrophe. JSON holds them as they are, and columns with dots (``outcome.points``) as objects.
"""

import codecs
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NoReturn

from import_export.formats import base_formats
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from tablib import Dataset

from consumers.admin.files.cells import ABSENT, MAX_SPREADSHEET_DIGITS, cell_text, text_from_cell
from consumers.admin.files.decoding import DecodedText, decode_text
from consumers.admin.files.table import Table
from consumers.admin.framework.formatting import format_number
from consumers.moments import moment_text
from consumers.normal_form import normalized_document
from consumers.types import JsonObject

MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_UNPACKED_BYTES = 100 * 1024 * 1024
"""An XLSX file is a ZIP archive: the limit of its unpacked size."""

MAX_DEPTH = 64
MAX_CELL_CHARACTERS = 32_767
"""The longest text that a cell of a spreadsheet holds; a longer one would be cut off silently."""

FIRST_ROW = 2
"""The number of the first row below the headings, as a spreadsheet counts."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>[,;\t])"?\r?\n', re.IGNORECASE)

# A cell may hold a document: the longest promotion is a few megabytes.
csv.field_size_limit(MAX_FILE_BYTES)
_UNSAFE_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class UnreadableFile(ValueError):
    """The file cannot be read, or the rows cannot be written in this format."""


def _table(rows: Iterator[Sequence[Any]], *, delimiter: str = "") -> Table:
    """Return rows of cells as a table whose first row is the headings; empty rows are left out.

    Raises:
        UnreadableFile: there is no heading, one is there twice, or there is too much.
    """
    headings = [text_from_cell(cell) for cell in next(rows, ())]
    while headings and not headings[-1]:
        headings.pop()
    if not headings:
        raise UnreadableFile("The file has no headings in its first row.")
    if len(headings) > MAX_COLUMNS:
        raise UnreadableFile(f"A file can have up to {MAX_COLUMNS} columns.")
    _refuse_repeated(headings)
    # A column without a heading may be empty throughout: a line of separators that a spreadsheet left there.
    named = [position for position, heading in enumerate(headings) if heading]
    table = Table(headers=[headings[position] for position in named], delimiter=delimiter)
    for number, row in enumerate(rows, start=FIRST_ROW):
        cells = [text_from_cell(cell) for cell in row]
        if not any(cells):
            continue
        if number - FIRST_ROW >= MAX_ROWS:
            raise UnreadableFile(f"A file can have up to {MAX_ROWS:,} rows. This one has more.")
        if any(cells[len(headings) :]):
            raise UnreadableFile(f"Row {number} has more cells than headings.")
        cells += [""] * (len(headings) - len(cells))
        if nameless := [place for place, heading in enumerate(headings) if cells[place] and not heading]:
            letter = get_column_letter(nameless[0] + 1)
            raise UnreadableFile(f"Column {letter} has no heading, but row {number} has a value in it.")
        table.add(number, [cells[position] for position in named])
    return table


def _refuse_repeated(headings: Sequence[str]) -> None:
    for heading in dict.fromkeys(headings):
        places = [place for place, other in enumerate(headings, start=1) if heading and other == heading]
        if len(places) > 1:
            letters = " and ".join(get_column_letter(place) for place in places)
            raise UnreadableFile(f"Columns {letters} have the same heading: {heading[:100]}. Rename or remove one.")


# --- formats --------------------------------------------------------------------------------------------------------


class FileFormat(base_formats.Format):
    """A format of django-import-export, read from bytes and written to bytes."""

    title = ""
    extension = ""
    content_type = ""

    def __init__(self, encoding: str | None = None) -> None:
        """Keep the encoding of ``ENCODINGS`` that somebody chose for a text file; without one it is recognised."""
        self.encoding = encoding or ""

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

    def unpacked_size(self, content: bytes) -> int:
        """Return the file's size in bytes once it is unpacked.

        Raises:
            UnreadableFile: it is no such file.
        """
        return len(content)

    def create_dataset(self, in_stream: bytes) -> Table:
        """Return the rows of a file.

        Raises:
            UnreadableFile: saying why.
        """
        raise NotImplementedError

    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        """Return a file of the rows.

        Raises:
            UnreadableFile: the format cannot hold them.
        """
        return self.file_start(dataset.headers or ()) + self.chunk(dataset, first=True) + self.file_end()

    def file_start(self, headings: Sequence[str]) -> bytes:
        """Return the bytes before the rows."""
        return b""

    def chunk(self, dataset: Dataset, *, first: bool) -> bytes:
        """Return the bytes of some of the rows; ``first`` says that there are no rows before them."""
        raise NotImplementedError

    def file_end(self) -> bytes:
        """Return the bytes after the rows."""
        return b""


class CSV(FileFormat):
    """Values separated by commas; when read, also by semicolons or tabs, as some spreadsheets save them.

    A file that is written begins with a byte order mark: without it Excel reads it in another encoding.
    """

    title = "csv"
    extension = "csv"
    content_type = "text/csv"

    def create_dataset(self, in_stream: bytes) -> Table:
        decoded = _decode(in_stream, self.encoding)
        text, delimiter = _delimiter_of(decoded.text)
        try:
            table = _table(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), delimiter=delimiter)
        except csv.Error as error:
            raise UnreadableFile(f"This is not a CSV file: {error}.") from error
        table.notes.append(f"Read as {decoded.encoding}, with {DELIMITERS[delimiter]} between the cells.")
        return table

    def file_start(self, headings: Sequence[str]) -> bytes:
        return codecs.BOM_UTF8 + _csv_lines([headings])

    def chunk(self, dataset: Dataset, *, first: bool) -> bytes:
        return _csv_lines([cell_text(value) for value in row] for row in dataset)


def _delimiter_of(text: str) -> tuple[str, str]:
    """Return the text from its headings on, and the character between its cells.

    A line such as ``sep=;`` before the headings, which spreadsheets follow and do not show, decides. Otherwise it is
    the character that makes the most headings: csv.Sniffer guesses from the rows too, and is misled by texts in them.
    """
    if named := _SEPARATOR_LINE.match(text):
        return text[named.end() :], named["delimiter"]

    def heading_count(delimiter: str) -> int:
        try:
            return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), ()))
        except csv.Error:
            return 0

    return text, max(DELIMITERS, key=heading_count)


def _csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


class XLSX(FileFormat):
    """The first sheet of a workbook."""

    title = "xlsx"
    extension = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def unpacked_size(self, content: bytes) -> int:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return sum(part.file_size for part in archive.infolist())
        except zipfile.BadZipFile as error:
            raise UnreadableFile("This is not an XLSX file.") from error

    def create_dataset(self, in_stream: bytes) -> Table:
        if self.unpacked_size(in_stream) > MAX_UNPACKED_BYTES:
            raise UnreadableFile("The file is too large once unpacked. Import it in parts.")
        try:
            # Read the results of formulas, not the formulas.
            book = load_workbook(io.BytesIO(in_stream), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            # A small file may claim cells far outside: they are not read.
            rows = sheet.iter_rows(max_col=MAX_COLUMNS + 1, max_row=MAX_ROWS + 2)
            return _table([_value_of(cell) for cell in row] for row in rows)
        except UnreadableFile:
            raise
        except Exception as error:
            # The reader raises errors of any type for other files.
            raise UnreadableFile("This is not an XLSX file.") from error

    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        # Before the sheet is created: a sheet that is abandoned half way raises a warning.
        rows = [
            [_workbook_value(value, number, name) for name, value in zip(dataset.headers, row, strict=True)]
            for number, row in enumerate(dataset, start=FIRST_ROW)
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
    """A list of objects; columns with dots are nested objects."""

    title = "json"
    extension = "json"
    content_type = "application/json"

    def create_dataset(self, in_stream: bytes) -> Table:
        try:
            rows = read_json(_decode(in_stream, "utf-8").text)
        except ValueError as error:
            raise UnreadableFile(f"This is not a JSON file: {error}.") from error
        if not isinstance(rows, list):
            raise UnreadableFile("The file must be a list of objects, one per row.")
        if len(rows) > MAX_ROWS:
            raise UnreadableFile(f"A file can have up to {MAX_ROWS:,} rows. This one has {len(rows):,}.")
        headers: dict[str, None] = {}
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                raise UnreadableFile(f"Row {number} is not an object.")
            if is_nested_too_deeply(row):
                raise UnreadableFile(f"Row {number} is nested too deeply.")
            headers |= dict.fromkeys(row)
            if len(headers) > MAX_COLUMNS:
                raise UnreadableFile(f"A file can have up to {MAX_COLUMNS} different fields.")
        table = Table(headers=list(headers))
        for number, row in enumerate(rows, start=1):
            table.add(number, [row.get(name, ABSENT) for name in headers])
        return table

    def file_start(self, headings: Sequence[str]) -> bytes:
        return b"[\n"

    def chunk(self, dataset: Dataset, *, first: bool) -> bytes:
        rows = [_nested(dataset.headers, row) for row in dataset]
        text = ",\n".join(json.dumps(row, ensure_ascii=False, indent=2, default=_json_of) for row in rows)
        return (text if first or not text else f",\n{text}").encode()

    def file_end(self) -> bytes:
        return b"\n]\n"


FORMATS: Mapping[str, type[FileFormat]] = {file_format.title: file_format for file_format in (CSV, XLSX, JSON)}


def streamable_format(file_format: FileFormat) -> FileFormat:
    """Return the format in which a large file is written in chunks: CSV for a workbook, which cannot be."""
    return CSV() if isinstance(file_format, XLSX) else file_format


# --- shared by the formats -----------------------------------------------------------------------------------------


def _decode(content: bytes, encoding: str) -> DecodedText:
    try:
        return decode_text(content, encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            "The file is in another encoding. Choose its encoding, or save it as “CSV UTF-8” or XLSX."
        ) from error


def read_json(text: str) -> Any:
    """Parse JSON, its texts in NFC; a number with a fraction stays a text, because a float would change its value.

    Raises:
        ValueError: not JSON, or a field named twice; the message says where.
    """
    try:
        return normalized_document(
            json.loads(
                text, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=_object_without_repeats
            )
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> JsonObject:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is named twice in one object")

    return document


def is_nested_too_deeply(document: object) -> bool:
    """Return whether a document is nested deeper than ``MAX_DEPTH``."""
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict | list):
            if depth == MAX_DEPTH:
                return True
            waiting += [(inner, depth + 1) for inner in (value.values() if isinstance(value, dict) else value)]
    return False


def _nested(headers: Sequence[str], row: Sequence[Any]) -> JsonObject:
    document: JsonObject = {}
    for name, value in zip(headers, row, strict=True):
        if value is ABSENT:
            continue
        *above, last = name.split(".")
        place = document
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value

    return document


def _json_of(value: object) -> str:
    match value:
        case Decimal():
            return format_number(value)
        case datetime() if value.tzinfo is not None:
            return moment_text(value)
        case date():
            return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _value_of(cell: Any) -> Any:
    """Return a workbook cell's value: XML escapes (``_x000D_``) as characters, a day without a time as a date."""
    value = cell.value
    if isinstance(value, str) and "_x" in value:
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
    # A workbook stores a day as its midnight: only the cell's format tells them apart.
    if isinstance(value, datetime) and value.time() == time.min and "h" not in (cell.number_format or "").lower():
        return value.date()
    return value


def _workbook_value(value: Any, number: int, name: str) -> Any:
    """Return a value as a cell of a workbook holds it: numbers as numbers, all else as text."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        text = cell_text(value)
        return value if len(text.strip("-0.").replace(".", "")) <= MAX_SPREADSHEET_DIGITS else text
    text = cell_text(value)
    if not text:
        return None
    place = f"Row {number}, {name}: "
    if "_x005F_" in text or "x005F_" in text or _ESCAPED.search(text):
        raise UnreadableFile(f"{place}XLSX cannot hold this text. Choose CSV or JSON.")
    text = _UNSAFE_IN_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
    if len(text) > MAX_CELL_CHARACTERS:
        raise UnreadableFile(
            f"{place}a cell of a spreadsheet holds {MAX_CELL_CHARACTERS:,} characters, and this is longer. "
            "Choose CSV or JSON."
        )
    return text
