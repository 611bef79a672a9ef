"""What an import would do, or why it cannot: differences by column, and problems by row, column and place in a cell."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from import_export.fields import Field
from import_export.results import InvalidRow, Result, RowResult

from consumers.admin.framework.history import Change, in_words
from consumers.exceptions import Refused

logger = logging.getLogger(__name__)

SHOWN_PROBLEMS = 50
SHOWN_ROWS = 200


class ResultResource(Protocol):
    """What a result asks of the resource that read the file.

    ``rows_before`` counts the rows of the file before those that were read; ``numbers`` are the places in the file of
    the rows that the service was given.
    """

    fields: Mapping[str, Field]
    rows_before: int
    numbers: list[int]

    @property
    def key_fields(self) -> list[Field]:
        """Return the columns that identify a row."""
        ...

    def said(self, instance: Any) -> dict[str, Any]:
        """Return a row as plain values by column."""
        ...

    def changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> "Iterator[Change]":
        """Yield how two rows of plain values differ."""
        ...

    def place_of(self, place: str) -> tuple[str, str]:
        """Return the column, and the path in its cell, of what a service refused."""
        ...


@dataclass(frozen=True, kw_only=True)
class FileProblem:
    """Something wrong with a file.

    ``row`` counts from 1 below the headings; None is the file as a whole. ``path`` leads into what the cell of
    ``column`` holds, as ``sets.0.rules.rules.1.value`` does.
    """

    detail: str
    row: int | None = None
    column: str = ""
    path: str = ""

    @property
    def words(self) -> str:
        """All of it in one line."""
        place = ".".join(part for part in (self.column, self.path) if part)
        if self.row is None:
            return self.detail
        return f"Row {self.row}{f', {place}' if place else ''}: {self.detail}"


class FileRefused(ValidationError):
    """A file whose rows a service refused."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__([problem.words for problem in problems])
        self.problems = problems


class RowChanges:
    """How a row differs from what is stored, column by column; told where it is shown."""

    def __init__(self, resource: ResultResource, instance: Any, new: bool) -> None:
        self.resource, self.new = resource, new
        self.before = {} if new else resource.said(instance)
        self.instance = instance

    def compare_with(self, resource: ResultResource, instance: Any) -> None:
        """Take the row as it would be; what its service made of it in the meantime is told too."""
        self.instance = instance

    def as_html(self) -> "RowChanges":
        """The differences: a template tells them."""
        return self

    @property
    def title(self) -> str:
        """How the row is called: by its key."""
        says = self.resource.said(self.instance)
        return " · ".join(str(says[key]) for key in self._keys)

    @property
    def _keys(self) -> list[str]:
        return [field.column_name for field in self.resource.key_fields]

    @property
    def changes(self) -> list[Change]:
        """What differs, in words; of a new row, all that it says."""
        after = {name: value for name, value in self.resource.said(self.instance).items() if name not in self._keys}
        before = {name: value for name, value in self.before.items() if name not in self._keys}
        return list(self.resource.changes(before, after))


class FileResult(Result):
    """What became of a file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.problems: list[FileProblem] = []
        self.model: Any = None

    @property
    def more_problems(self) -> int:
        """How many are not shown."""
        return max(0, len(self.problems) - SHOWN_PROBLEMS)

    @property
    def shown_problems(self) -> list[FileProblem]:
        """The first of them."""
        return self.problems[:SHOWN_PROBLEMS]

    @property
    def changed_rows(self) -> list[RowResult]:
        """The rows that would be written."""
        return [row for row in self.valid_rows() if row.import_type != RowResult.IMPORT_TYPE_SKIP]

    @property
    def shown_rows(self) -> list[RowResult]:
        """The first of them."""
        return self.changed_rows[:SHOWN_ROWS]

    @property
    def more_rows(self) -> int:
        """How many are not shown."""
        return max(0, len(self.changed_rows) - SHOWN_ROWS)

    @property
    def new(self) -> int:
        """How many rows are new."""
        return int(self.totals[RowResult.IMPORT_TYPE_NEW])

    @property
    def updated(self) -> int:
        """How many rows differ from what is stored."""
        return int(self.totals[RowResult.IMPORT_TYPE_UPDATE])

    @property
    def unchanged(self) -> int:
        """How many rows say what is stored."""
        return int(self.totals[RowResult.IMPORT_TYPE_SKIP])

    @property
    def counts(self) -> dict[str, str]:
        """How many rows are what, in words."""
        counts = {"new": self.new, "changed": self.updated, "as they are": self.unchanged}
        return {word: f"{number:,}" for word, number in counts.items()}


def value_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """The columns whose plain values differ."""
    for column, value in after.items():
        if before.get(column) != value:
            was = describe_value(before.get(column))
            says = describe_value(value)
            if was != says:
                yield Change(label=column.replace("_", " ").capitalize(), before=was, after=says)


def describe_value(value: Any) -> str:
    """A column's value as the preview tells it."""
    return ", ".join(map(str, value)) or "–" if isinstance(value, list | tuple) else in_words(value)


# --- problems of a result -------------------------------------------------------------------------------------------


def problems_of(result: Result, resource: ResultResource) -> Iterator[FileProblem]:
    """Everything that a result finds wrong, with the rows as the file numbers them."""
    for base in result.base_errors:
        if isinstance(base.error, FileRefused):
            yield from base.error.problems
        elif isinstance(base.error, ValidationError):
            yield from (FileProblem(detail=message) for message in base.error.messages)
        else:
            yield FileProblem(detail=_unforeseen(base.error))
    for number, errors in result.row_errors():
        for error in errors:
            yield FileProblem(detail=_unforeseen(error.error), row=resource.rows_before + number)
    for row in result.invalid_rows:
        yield from _problems_of_row(row, resource)


def _unforeseen(error: Exception) -> str:
    """What is told of a fault that is not the file's: the trace belongs in the log."""
    logger.error("An import failed", exc_info=error)
    return "This cannot be imported, and the fault is not yours. Tell who runs the system: the log says why."


def _problems_of_row(row: InvalidRow, resource: ResultResource) -> Iterator[FileProblem]:
    columns = {field.attribute: field.column_name for field in resource.fields.values()}
    for name, messages in row.error_dict.items():
        column = "" if name == NON_FIELD_ERRORS else columns.get(name, name)
        for message in messages:
            yield FileProblem(detail=message, row=resource.rows_before + row.number, column=column)


def refused_in_file(refused: Refused, resource: ResultResource) -> FileRefused:
    """What a service refused of the rows that it was given, at their places in the file."""
    problems = []
    for problem in refused.problems[:SHOWN_PROBLEMS]:
        index, _, place = (problem.attr or "").partition(".")
        if index.isdigit():
            column, path = resource.place_of(place)
            row = resource.numbers[int(index)]
            problems.append(FileProblem(detail=problem.detail, row=row, column=column, path=path))
        else:
            problems.append(FileProblem(detail=problem.detail))
    return FileRefused(problems)
