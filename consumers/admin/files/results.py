"""The result of an import: changes by row and column, or problems by row, column and path in a cell."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from import_export.fields import Field
from import_export.results import InvalidRow, Result, RowResult

from consumers.admin.framework.history import Change, format_value
from consumers.exceptions import Refused
from consumers.types import JsonMapping, JsonObject

logger = logging.getLogger(__name__)

MAX_SHOWN_PROBLEMS = 50
MAX_SHOWN_ROWS = 200


class ResultResource(Protocol):
    """What a result needs of the resource that read the file.

    ``file_rows`` are the numbers in the file of the rows that were read, ``row_numbers`` of those that the service was
    given.
    """

    fields: Mapping[str, Field]
    file_rows: Sequence[int]
    row_numbers: list[int]

    @property
    def key_fields(self) -> list[Field]:
        """Return the columns that identify a row."""
        ...

    def column_values(self, instance: Any) -> JsonObject:
        """Return a row as plain values by column."""
        ...

    def changes(self, before: JsonMapping, after: JsonMapping) -> "Iterator[Change]":
        """Yield how two rows of plain values differ."""
        ...

    def place_of(self, place: str) -> tuple[str, str]:
        """Return the column, and the path in its cell, of what a service refused."""
        ...


@dataclass(frozen=True, kw_only=True)
class FileProblem:
    """A problem in a file.

    ``row`` counts as a spreadsheet does, with the headings as row 1; None means the whole file. ``path`` leads into the
    document in the cell of ``column``, such as ``sets.0.rules.rules.1.value``.
    """

    detail: str
    row: int | None = None
    column: str = ""
    path: str = ""

    @property
    def message(self) -> str:
        """Return the problem with its row and column, in one line."""
        place = ".".join(part for part in (self.column, self.path) if part)
        if self.row is None:
            return self.detail
        return f"Row {self.row}{f', {place}' if place else ''}: {self.detail}"


class FileRefused(ValidationError):
    """The service refused rows of the file."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__([problem.message for problem in problems])
        self.problems = problems


class RowChanges:
    """How a row of a file differs from the stored row, column by column. Worked out only when it is shown."""

    def __init__(self, resource: ResultResource, instance: Any, new: bool) -> None:
        self.resource, self.new = resource, new
        self.before = {} if new else resource.column_values(instance)
        self.instance = instance

    def compare_with(self, resource: ResultResource, instance: Any) -> None:
        """Keep the row as it would be saved; changes that the service made to it are shown too."""
        self.instance = instance

    def as_html(self) -> "RowChanges":
        """Return this object: the template renders the changes."""
        return self

    @property
    def title(self) -> str:
        """Return the row's key, as its name."""
        values = self.resource.column_values(self.instance)
        return " · ".join(str(values[key]) for key in self._keys)

    @property
    def _keys(self) -> list[str]:
        return [field.column_name for field in self.resource.key_fields]

    @property
    def changes(self) -> list[Change]:
        """Return the changed columns; all columns of a new row."""
        after = {
            name: value for name, value in self.resource.column_values(self.instance).items() if name not in self._keys
        }
        before = {name: value for name, value in self.before.items() if name not in self._keys}
        return list(self.resource.changes(before, after))


@dataclass(frozen=True, kw_only=True)
class PreviewRow:
    """A row of a preview: its key, and its change in each column of the table; None where it changes nothing."""

    title: str
    is_new: bool
    cells: Sequence[Change | None]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The table of a preview: its columns, and its rows."""

    labels: Sequence[str]
    rows: Sequence[PreviewRow]


def preview_table(rows: Iterable[tuple[str, bool, Sequence[Change]]]) -> Preview:
    """Return rows, each with its title, whether it is new, and its changes, as a table.

    It has a column for each field that a row sets or changes.
    """
    listed = [(title, is_new, {change.label: change for change in changes}) for title, is_new, changes in rows]
    labels = list(dict.fromkeys(label for _, _, changes in listed for label in changes))
    return Preview(
        labels=labels,
        rows=[
            PreviewRow(title=title, is_new=is_new, cells=[changes.get(label) for label in labels])
            for title, is_new, changes in listed
        ],
    )


class FileResult(Result):
    """The result of reading a file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.problems: list[FileProblem] = []
        self.model: Any = None

    @property
    def more_problems(self) -> int:
        """Return how many are not shown."""
        return max(0, len(self.problems) - MAX_SHOWN_PROBLEMS)

    @property
    def shown_problems(self) -> list[FileProblem]:
        """Return those that are shown: the first ones."""
        return self.problems[:MAX_SHOWN_PROBLEMS]

    @property
    def changed_rows(self) -> list[RowResult]:
        """Return the rows that would be written."""
        return [row for row in self.valid_rows() if row.import_type != RowResult.IMPORT_TYPE_SKIP]

    @property
    def shown_rows(self) -> list[RowResult]:
        """Return those that are shown: the first ones."""
        return self.changed_rows[:MAX_SHOWN_ROWS]

    @property
    def more_rows(self) -> int:
        """Return how many are not shown."""
        return max(0, len(self.changed_rows) - MAX_SHOWN_ROWS)

    @property
    def preview(self) -> "Preview":
        """Return the shown rows as a table."""
        return preview_table((row.diff.title, row.is_new(), row.diff.changes) for row in self.shown_rows)

    @property
    def new(self) -> int:
        """Return how many rows are new."""
        return int(self.totals[RowResult.IMPORT_TYPE_NEW])

    @property
    def updated(self) -> int:
        """Return how many rows differ from the stored ones."""
        return int(self.totals[RowResult.IMPORT_TYPE_UPDATE])

    @property
    def unchanged(self) -> int:
        """Return how many rows equal the stored ones."""
        return int(self.totals[RowResult.IMPORT_TYPE_SKIP])

    @property
    def counts(self) -> dict[str, str]:
        """Return how many rows are new, changed and unchanged, by label."""
        return row_counts(new=self.new, updated=self.updated, unchanged=self.unchanged)


def row_counts(*, new: int, updated: int, unchanged: int) -> dict[str, str]:
    """Return how many rows are new, changed and unchanged, by label."""
    counts = {"new": new, "changed": updated, "unchanged": unchanged}
    return {word: f"{number:,}" for word, number in counts.items()}


def column_changes(before: JsonMapping, after: JsonMapping) -> Iterator[Change]:
    """Yield the columns whose values differ."""
    for column, value in after.items():
        if before.get(column) != value:
            shown_before = format_column_value(before.get(column))
            shown_after = format_column_value(value)
            if shown_before != shown_after:
                yield Change(label=column.replace("_", " ").capitalize(), before=shown_before, after=shown_after)


def format_column_value(value: object) -> str:
    """Format a column's value for the preview."""
    return ", ".join(map(str, value)) or "–" if isinstance(value, list | tuple) else format_value(value)


# --- problems of a result -------------------------------------------------------------------------------------------


def problems_of(result: Result, resource: ResultResource) -> Iterator[FileProblem]:
    """Yield the problems of a result, with row numbers of the whole file."""
    for base in result.base_errors:
        if isinstance(base.error, FileRefused):
            yield from base.error.problems
        elif isinstance(base.error, ValidationError):
            yield from (FileProblem(detail=message) for message in base.error.messages)
        else:
            yield FileProblem(detail=_unexpected_problem(base.error))
    for number, errors in result.row_errors():
        for error in errors:
            yield FileProblem(detail=_unexpected_problem(error.error), row=resource.file_rows[number - 1])
    for row in result.invalid_rows:
        yield from _problems_of_row(row, resource)


def _unexpected_problem(error: Exception) -> str:
    """Log an error that the file did not cause, and return what the user is told of it."""
    logger.error("An import failed", exc_info=error)
    return "This could not be imported because of a system error. Ask your system administrator to check the log."


def _problems_of_row(row: InvalidRow, resource: ResultResource) -> Iterator[FileProblem]:
    columns = {field.attribute: field.column_name for field in resource.fields.values()}
    for name, messages in row.error_dict.items():
        column = "" if name == NON_FIELD_ERRORS else columns.get(name, name)
        for message in messages:
            yield FileProblem(detail=message, row=resource.file_rows[row.number - 1], column=column)


def file_refusal(refused: Refused, resource: ResultResource) -> FileRefused:
    """Return what a service refused, with the rows and columns of the file."""
    problems = []
    for problem in refused.problems[:MAX_SHOWN_PROBLEMS]:
        index, _, place = (problem.attr or "").partition(".")
        if index.isdigit():
            column, path = resource.place_of(place)
            row = resource.row_numbers[int(index)]
            problems.append(FileProblem(detail=problem.detail, row=row, column=column, path=path))
        else:
            problems.append(FileProblem(detail=problem.detail))
    return FileRefused(problems)
