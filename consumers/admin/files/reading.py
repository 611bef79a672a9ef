"""Read an uploaded file into rows under the names of fields: by its format, its encoding, its columns, its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from consumers.admin.files.columns import ColumnsResource, apply_columns, needs_mapping
from consumers.admin.files.formats import FORMATS
from consumers.admin.files.numbers import SIGN_NAMES, NumberStyle
from consumers.admin.files.table import Table
from consumers.types import JsonObject


class ReadingResource(ColumnsResource, Protocol):
    """What reading a file needs of the resource that takes its rows; see ``AccountResource``."""

    def number_style(self, table: Table) -> NumberStyle:
        """Return how the file writes its numbers."""
        ...


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """How a person says that a file is to be read; empty values are recognised.

    ``columns`` are the fields by heading, None while nobody has mapped them. ``decimal`` is the decimal sign.
    ``resource`` are arguments of the resource, such as whether final choices are kept.
    """

    format: str
    encoding: str = ""
    decimal: str = ""
    columns: Mapping[str, str] | None = None
    resource: JsonObject = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """Return the options as a session or a job keeps them."""
        return {**vars(self), "columns": None if self.columns is None else dict(self.columns)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "FileOptions":
        """Return options that ``to_json`` wrote."""
        return cls(**values)

    def with_columns(self, columns: Mapping[str, str]) -> "FileOptions":
        """Return the options with the fields that a person chose."""
        return replace(self, columns=columns)


class ColumnsUnknown(Exception):
    """The file has headings that are not the names of fields, and nobody has said yet which fields they give."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table


def file_table(content: bytes, options: FileOptions) -> Table:
    """Return the rows of a file under its own headings.

    Raises:
        UnreadableFile: saying why.
    """
    return FORMATS[options.format](encoding=options.encoding).create_dataset(content)


def file_read(content: bytes, options: FileOptions, resource: ReadingResource) -> Table:
    """Return the rows of a file under the names of the resource's fields, with the style of its numbers.

    Raises:
        UnreadableFile: saying why.
        ColumnsUnknown: its columns must be mapped first.
    """
    table = file_table(content, options)
    if options.format == "json":
        table.style = NumberStyle()
        return table
    if options.columns is not None:
        table = apply_columns(table, options.columns, resource)
    elif needs_mapping(table, resource):
        raise ColumnsUnknown(table)
    if options.decimal:
        table.style = NumberStyle(sign=options.decimal, is_chosen=True)
    else:
        table.style = resource.number_style(table)
        if table.style.sign == ",":
            table.notes.append(f"Numbers are read with a decimal {SIGN_NAMES[',']}.")
    return table
