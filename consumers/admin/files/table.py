"""A table read from a file: headings, and rows with their numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

from tablib import Dataset

from consumers.admin.files.numbers import NumberStyle


class Table(Dataset):
    """The rows of a file.

    ``numbers`` are the rows' numbers as a spreadsheet counts them, with the headings as row 1; objects of a JSON file
    count from 1. ``notes`` tell people how the file was read. ``delimiter`` stands between the cells of a CSV file.
    ``style`` is how its numbers are written, once that is known.
    """

    def __init__(
        self,
        *rows: Sequence[Any],
        headers: Sequence[str],
        numbers: Iterable[int] = (),
        notes: Sequence[str] = (),
        delimiter: str = "",
        style: NumberStyle | None = None,
    ) -> None:
        super().__init__(*rows, headers=list(headers))
        self.numbers = list(numbers)
        self.notes = list(notes)
        self.delimiter = delimiter
        self.style = style

    def add(self, number: int, row: Sequence[Any]) -> None:
        """Add a row with its number."""
        self.append(row)
        self.numbers.append(number)

    def part(self, start: int, length: int) -> "Table":
        """Return some of the rows, read alike."""
        end = start + length
        return Table(
            *self[start:end],
            headers=self.headers,
            numbers=self.numbers[start:end],
            delimiter=self.delimiter,
            style=self.style,
        )
