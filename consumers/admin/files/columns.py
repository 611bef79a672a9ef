"""Which column of a file gives which field: guessed from headings, remembered, chosen by a person, applied."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol

from import_export.fields import Field

from consumers.admin.files.table import Table

LEFT_OUT = ""
"""The field of a column that is not imported."""

SAME_ROW_GROUP = ":same"
"""The field of a column that says which rows belong together: empty cells take the value of the first of them."""

MAX_SAMPLES = 3
MAX_SAMPLE_CHARACTERS = 60
_CLOSE = 0.87
_PUNCTUATION = re.compile(r"[\W_]+")


class ColumnsResource(Protocol):
    """What a mapping needs of the resource that takes the fields; see ``AccountResource``.

    ``synonyms`` are other headings of a field; ``inherited`` are the fields that rows of a group share, and
    ``group_headings`` the headings of columns that name the group.
    """

    synonyms: ClassVar[Mapping[str, Sequence[str]]]
    inherited: ClassVar[frozenset[str]]
    group_headings: ClassVar[Sequence[str]]
    optional_keys: ClassVar[frozenset[str]]

    @property
    def key_fields(self) -> list[Field]:
        """Return the fields that identify a row."""
        ...

    @property
    def import_columns(self) -> list[str]:
        """Return the fields that a file may give."""
        ...

    def accepts_column(self, column: str) -> bool:
        """Return whether a file may have a column of this name."""
        ...


@dataclass(frozen=True, kw_only=True)
class FileColumn:
    """A column of a file: its heading, and some of its values."""

    heading: str
    samples: tuple[str, ...]


def columns_of(table: Table) -> list[FileColumn]:
    """Return the columns of a file, each with its first few values."""
    samples: list[dict[str, None]] = [{} for _ in table.headers]
    for row in table:
        for values, cell in zip(samples, row, strict=True):
            if cell and len(values) < MAX_SAMPLES:
                values[str(cell)[:MAX_SAMPLE_CHARACTERS]] = None
        if all(len(values) == MAX_SAMPLES for values in samples):
            break
    return [
        FileColumn(heading=heading, samples=tuple(values))
        for heading, values in zip(table.headers, samples, strict=True)
    ]


def needs_mapping(table: Table, resource: ColumnsResource) -> bool:
    """Return whether a file has headings that are not the names of fields."""
    return not all(resource.accepts_column(heading) for heading in table.headers)


def column_label(column: str) -> str:
    """Return a field's name as people read it."""
    label = column.replace("_", " ").replace(".", " · ").capitalize()
    return label.upper() if label == "Sku" else label


def folded_heading(heading: str) -> str:
    """Return a heading in small letters without blanks and punctuation, as headings are compared."""
    return _PUNCTUATION.sub("", heading).casefold()


def guess_columns(
    headings: Sequence[str], *, resource: ColumnsResource, remembered: Mapping[str, str]
) -> dict[str, str]:
    """Return the field of each heading, each field once; ``LEFT_OUT`` for a heading that says nothing.

    A name of a field goes before what a person chose for the same heading last time, and this before synonyms, of which
    earlier ones go before later ones, and headings that are nearly a name come last.
    """
    guessed: dict[str, str] = {}
    folded = {folded_heading(heading): heading for heading in reversed(headings)}

    def assign(heading: str | None, column: str) -> None:
        if heading is not None and heading not in guessed and (not column or column not in guessed.values()):
            guessed[heading] = column

    for column in resource.import_columns:
        assign(column if column in headings else None, column)
    for name, column in remembered.items():
        assign(folded.get(name), column if column in (*resource.import_columns, SAME_ROW_GROUP) else LEFT_OUT)
    for column, names in _known_headings(resource).items():
        for name in names:
            assign(folded.get(folded_heading(name)), column)
    _assign_close(folded, resource, assign=assign)
    return {heading: guessed.get(heading, LEFT_OUT) for heading in headings}


def _known_headings(resource: ColumnsResource) -> dict[str, Sequence[str]]:
    known: dict[str, Sequence[str]] = {
        column: (column, *resource.synonyms.get(column, ())) for column in resource.import_columns
    }
    return {**known, SAME_ROW_GROUP: resource.group_headings}


def _assign_close(folded: Mapping[str, str], resource: ColumnsResource, *, assign: Any) -> None:
    for column in resource.import_columns:
        for name in get_close_matches(folded_heading(column), folded, n=1, cutoff=_CLOSE):
            assign(folded[name], column)


def mapping_problems(columns: Mapping[str, str], resource: ColumnsResource) -> list[tuple[str | None, str]]:
    """Return what is wrong with a mapping, each with its heading; None for the whole mapping."""
    problems: list[tuple[str | None, str]] = []
    first: dict[str, str] = {}
    for heading, column in columns.items():
        if column and column in first:
            problems.append(
                (
                    heading,
                    f"“{first[column]}” is already used for {column_label(column)}. Choose one of the two columns.",
                )
            )
        first.setdefault(column, heading)
    needed = [field.column_name for field in resource.key_fields if field.column_name not in resource.optional_keys]
    missing = [column_label(column) for column in needed if column not in first]
    if missing:
        problems.append((None, f"Choose the column of {' and '.join(missing)}: it identifies each row."))
    return problems


def apply_columns(table: Table, columns: Mapping[str, str], resource: ColumnsResource) -> Table:
    """Return a file's rows under the names of fields, without the columns that are left out.

    With a column of groups, an empty cell of an inherited field takes the first value of its group, and a row without
    a key and without values of its own, such as one with a further picture of a product, is left out.
    """
    chosen = [(place, columns[heading]) for place, heading in enumerate(table.headers) if columns.get(heading)]
    fields = [(place, column) for place, column in chosen if column != SAME_ROW_GROUP]
    group_place = next((place for place, column in chosen if column == SAME_ROW_GROUP), None)
    mapped = Table(
        headers=[column for _, column in fields], notes=table.notes, delimiter=table.delimiter, style=table.style
    )
    keys = {field.column_name for field in resource.key_fields}
    first_values: dict[tuple[str, str], str] = {}
    without_key = 0
    for number, row in zip(table.numbers, table, strict=True):
        group = "" if group_place is None else str(row[group_place])
        cells = {column: row[place] for place, column in fields}
        if group and not _own_values(cells, resource, keys):
            without_key += 1
            continue
        if group:
            for column in resource.inherited & cells.keys():
                cells[column] = cells[column] or first_values.get((group, column), "")
                first_values.setdefault((group, column), cells[column])
        mapped.add(number, list(cells.values()))
    if without_key:
        rows = "1 row has" if without_key == 1 else f"{without_key:,} rows have"
        mapped.notes.append(f"{rows} no {' or '.join(map(column_label, sorted(keys)))} and will not be imported.")
    return mapped


def _own_values(cells: Mapping[str, object], resource: ColumnsResource, keys: Iterable[str]) -> bool:
    """Return whether a row of a group has a key, or a value that it does not share with its group."""
    return any(cells[column] for column in cells if column in keys or column not in resource.inherited)
