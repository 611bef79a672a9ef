"""Three formats say the same: what is written is what is read, nothing is a formula, and no file fills the memory."""

import io
import json
import unicodedata
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from tablib import Dataset

from consumers.admin.files import formats
from consumers.admin.files.cells import ABSENT, cell_text, escape_formula, join_items, split_items, unescape_formula
from consumers.admin.files.formats import CSV, FORMATS, JSON, XLSX, FileFormat, UnreadableFile

# Texts are stored composed, so that is how they are written.
STORABLE = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])).map(
    lambda text: unicodedata.normalize("NFC", text)
)
PRONE = st.text(st.sampled_from("=+-@'\t\r\n \"a,5\x0b\ufffe"), max_size=8)
TEXTS = STORABLE | PRONE
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def table(rows: list[list[Any]]) -> Dataset:
    return Dataset(*rows, headers=["key", *(f"c{n}" for n in range(1, len(rows[0])))])


def through(file_format: FileFormat, rows: list[list[Any]]) -> list[list[Any]]:
    """What comes back of rows that are written."""
    return [list(row) for row in file_format.create_dataset(file_format.export_data(table(rows)))]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@example(texts=["'=1", "=1", "''=1", "'", " x", "x ", "\r\n", "-5", "'-5", "_x000", "#N/A", "1e5", "TRUE", "0012"])
@pytest.mark.parametrize("kind", list(FORMATS))
def test_any_text_comes_back_to_the_letter(kind: str, texts: list[str]) -> None:
    rows = [["k", text] for text in texts]
    assert through(FORMATS[kind](), rows) == rows


@settings(max_examples=40, deadline=None)
@given(document=st.dictionaries(TEXTS, DOCUMENTS, min_size=1, max_size=3))
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_any_document_comes_back_from_its_cell(kind: str, document: dict[str, Any]) -> None:
    [[_, cell]] = through(FORMATS[kind](), [["k", document]])
    assert formats.read_json(cell) == document


@settings(deadline=None)
@given(document=st.dictionaries(TEXTS, DOCUMENTS, max_size=3))
def test_any_document_comes_back_from_json(document: dict[str, Any]) -> None:
    assert through(JSON(), [["k", document]]) == [["k", document]]


@given(items=st.lists(TEXTS.filter(bool), unique=True))
@example(items=["a,b", '"', '"a"b', " a ", "a\nb"])
def test_any_list_of_texts_comes_back_from_its_cell(items: list[str]) -> None:
    assert split_items(unescape_formula(escape_formula(join_items(items)))) == items


@pytest.mark.parametrize(
    ("typed", "items"),
    [("a, b", ["a", "b"]), ("a,,b,", ["a", "b"]), ("a, a", ["a"]), ('5" pipe, b', ['5" pipe', "b"]), ("", [])],
)
def test_a_list_may_be_typed_by_hand(typed: str, items: list[str]) -> None:
    assert split_items(typed) == items


@given(text=TEXTS)
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "'="])
def test_no_text_is_a_formula(start: str, text: str) -> None:
    assert cell_text(start + text).startswith("'")
    assert cell_text([start + text])[0] in "'\""


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal("-5"), "-5"),
        (-5, "-5"),
        ("-5", "'-5"),
        (Decimal("4.50"), "4.50"),
        (True, "yes"),
        (None, ""),
        (ABSENT, ""),
        ([], ""),
        ({}, ""),
        (["a", "b,c"], 'a, "b,c"'),
        ([{"a": 1}], '[{"a": 1}]'),
        (datetime(2026, 3, 31, 9, tzinfo=UTC), "2026-03-31T09:00:00+00:00"),
    ],
)
def test_a_value_has_one_cell(value: Any, cell: str) -> None:
    assert cell_text(value) == cell


def test_numbers_are_numbers_in_a_workbook() -> None:
    content = XLSX().export_data(table([["k", Decimal("-5.50"), 3, "-5", Decimal("12345678901234.5678")]]))
    [_, row] = load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)
    assert row == ("k", -5.5, 3, "'-5", "12345678901234.5678"), "what a spreadsheet would round is a text"


def test_what_a_spreadsheet_makes_of_cells_is_read() -> None:
    book = Workbook()
    nine = datetime(2026, 3, 31, 9, tzinfo=UTC).replace(tzinfo=None)
    for row in (["key", "n", "t", "f"], ["k", 2.5, nine, True], [7.0, 0.1, None, "=1+1"]):
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    assert [list(row) for row in XLSX().create_dataset(out.getvalue())] == [
        ["k", "2.5", "2026-03-31T09:00:00", "yes"],
        ["7", "0.1", "", ""],
    ], "a formula that was never worked out is nothing"


@pytest.mark.parametrize("text", ["key;n\r\nk;1,5\r\n", "key\tn\nk\t1,5\n", '\ufeffkey,n\nk,"1,5"\n'])
def test_csv_is_read_as_spreadsheets_save_it(text: str) -> None:
    assert CSV().create_dataset(text.encode()).dict == [{"key": "k", "n": "1,5"}]


def test_empty_rows_are_left_out_and_counted() -> None:
    read = CSV().create_dataset(b"key,n\na,1\n\n,\nb\n,\n\n")
    assert [list(row) for row in read] == [["a", "1"], ["b", ""]]
    assert read.numbers == [2, 5]


def test_a_field_that_an_object_leaves_out_is_not_an_empty_one() -> None:
    read = JSON().create_dataset(b'[{"key": "a", "n": null}, {"x": 1.50, "key": "b"}]')
    assert read.headers == ["key", "n", "x"]
    assert [list(row) for row in read] == [["a", None, ABSENT], ["b", ABSENT, "1.50"]]


def test_columns_with_dots_are_objects_in_json() -> None:
    rows = Dataset(["a", 5, ABSENT, "x"], headers=["code", "outcome.points", "outcome.offer", "content.text"])
    assert json.loads(JSON().export_data(rows)) == [{"code": "a", "outcome": {"points": 5}, "content": {"text": "x"}}]


def workbook(sheet: str, *, strings: str = "") -> bytes:
    """A workbook with the XML of its sheet given."""
    out = io.BytesIO()
    Workbook().save(out)
    parts = zipfile.ZipFile(out)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts.namelist():
            archive.writestr(part, sheet if part.endswith("sheet1.xml") else parts.read(part))
        archive.writestr("padding.xml", strings)
    return content.getvalue()


SHEET = (
    '{}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="1"><c r="A1" t="inlineStr"><is><t>{}</t></is></c></row>{}</sheetData></worksheet>'
)
LAUGHS = '<!DOCTYPE w [<!ENTITY a "lol">{}]>'.format(
    "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 50}">' for n in range(8))
)


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("csv", b"", "no headings"),
        ("csv", b"\xff\xfe\x00", "another encoding"),
        ("csv", b"key,name\nk,\x81\n", "another encoding"),
        ("csv", b"key,n,key\n", "Columns A and C have the same heading: key"),
        ("csv", b"key,n\na,1,2\n", "Row 2 has more cells"),
        ("csv", b"key,,n\na,1,2\n", "Column B has no heading, but row 2 has a value in it"),
        ("csv", b",".join(b"c%d" % n for n in range(201)), "200 columns"),
        ("xlsx", b"nonsense", "not an XLSX file"),
        ("xlsx", b"PK\x05\x06" + bytes(18), "not an XLSX file"),
        ("xlsx", workbook(SHEET.format("", "key", ""), strings="0" * (101 * 1024 * 1024)), "too large"),
        ("xlsx", workbook(SHEET.format(LAUGHS, "&i;", "")), "not an XLSX file"),
        ("json", b"{", "not a JSON file"),
        ("json", b'{"key": "a"}', "must be a list"),
        ("json", b"[5]", "Row 1 is not an object"),
        ("json", b'[{"key": NaN}]', "NaN is no number"),
        ("json", b'[{"key": 1, "key": 2}]', "key is named twice"),
        ("json", b"[" * 100_000, "nested too deeply"),
        ("json", b'[{"key": ' + b"[" * 70 + b"]" * 70 + b"}]", "nested too deeply"),
        ("json", b'[{"key": ' + b"9" * 5000 + b"}]", "not a JSON file"),
        ("json", json.dumps([{f"c{n}": 1 for n in range(201)}]).encode(), "200 different fields"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(kind: str, content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        FORMATS[kind]().create_dataset(content)


def test_a_cell_far_outside_costs_nothing() -> None:
    far = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>'
    read = XLSX().create_dataset(workbook(SHEET.format("", "key", far)))
    assert (read.headers, len(read)) == (["key"], 0)


@pytest.mark.parametrize("kind", list(FORMATS))
def test_too_many_rows_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = FORMATS[kind]().export_data(table([["a", "1"], ["b", "2"], ["c", "3"]]))
    monkeypatch.setattr(formats, "MAX_ROWS", 2)
    with pytest.raises(UnreadableFile, match="up to 2 rows"):
        FORMATS[kind]().create_dataset(content)


@pytest.mark.parametrize("text", ["x" * 32_768, "_x000D_"])
def test_a_workbook_refuses_what_it_would_change(text: str) -> None:
    with pytest.raises(UnreadableFile, match=r"Row 3, c1: .*Choose CSV or JSON"):
        XLSX().export_data(table([["k", "short"], ["l", text]]))
    assert through(CSV(), [["k", text]]) == [["k", text]]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_file_in_pieces_is_the_same_file(kind: str) -> None:
    written = FORMATS[kind]()
    rows = [["a", "1"], ["b", "2"], ["c", "3"]]
    pieces = [
        written.file_start(table(rows).headers),
        written.chunk(table(rows[:2]), first=True),
        written.chunk(table(rows[2:]), first=False),
    ]
    assert b"".join([*pieces, written.file_end()]) == written.export_data(table(rows))
