"""The preview of a large import, as its job keeps it: how many rows change, and what changes in the first of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from import_export.results import RowResult

from consumers.admin.files.results import FileResult, Preview, preview_table, row_counts
from consumers.admin.framework.history import Change
from consumers.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class PreviewSummary:
    """How many rows of a file are new, changed and unchanged, how many are shown, and how the file was read."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    shown: int = 0
    notes: Sequence[str] = ()

    @property
    def changed(self) -> int:
        """Return how many rows would be written."""
        return self.new + self.updated

    def with_result(self, result: FileResult, *, shown: int) -> "PreviewSummary":
        """Return the summary with the rows of one more batch, of which ``shown`` are shown."""
        return PreviewSummary(
            new=self.new + result.new,
            updated=self.updated + result.updated,
            unchanged=self.unchanged + result.unchanged,
            shown=self.shown + shown,
            notes=self.notes,
        )

    def to_json(self) -> JsonObject:
        """Return the summary as a job keeps it."""
        return {**vars(self), "notes": list(self.notes)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "PreviewSummary":
        """Return a summary that ``to_json`` wrote."""
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class StoredChanges:
    """The changes of a row, with its name, as ``RowChanges`` has them."""

    title: str
    changes: Sequence[Change]


@dataclass(frozen=True, kw_only=True)
class StoredRow:
    """A row of a preview, as templates read it of a result."""

    is_new: bool
    diff: StoredChanges


@dataclass(frozen=True, kw_only=True)
class StoredPreview:
    """The preview of a job, with what templates read of a ``FileResult``."""

    summary: PreviewSummary
    rows: Sequence[JsonObject] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, str]:
        """Return how many rows are new, changed and unchanged, by label."""
        return row_counts(new=self.summary.new, updated=self.summary.updated, unchanged=self.summary.unchanged)

    @property
    def shown_rows(self) -> list[StoredRow]:
        """Return the rows that are shown: the first ones."""
        return [
            StoredRow(
                is_new=row["new"],
                diff=StoredChanges(title=row["title"], changes=[Change(**change) for change in row["changes"]]),
            )
            for row in self.rows
        ]

    @property
    def preview(self) -> Preview:
        """Return the shown rows as a table."""
        return preview_table((row.diff.title, row.is_new, row.diff.changes) for row in self.shown_rows)

    @property
    def more_rows(self) -> int:
        """Return how many rows change without being shown."""
        return max(0, self.summary.changed - len(self.rows))


def row_json(row: RowResult) -> JsonObject:
    """Return a row of a result as a preview keeps it."""
    changes = [vars(change) for change in row.diff.changes]
    return {"new": row.is_new(), "title": row.diff.title, "changes": changes}
