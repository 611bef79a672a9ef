"""Resources: import and export of an account's rows through its services.

An import starts with a preview. Rows are read, validated by the model one by one, and saved by the service together,
all or none. What the service refuses is reported with its row, column and path. A column that is missing from the
file keeps its stored values, and a row that equals the stored one is skipped.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource

from consumers.admin.files.cells import ABSENT
from consumers.admin.files.formats import MAX_ROWS
from consumers.admin.files.numbers import NumberStyle, recognise_style
from consumers.admin.files.results import (
    MAX_SHOWN_PROBLEMS,
    FileProblem,
    FileRefused,
    FileResult,
    RowChanges,
    column_changes,
    file_refusal,
    problems_of,
)
from consumers.admin.files.table import Table
from consumers.admin.files.widgets import (
    AmountWidget,
    FlagWidget,
    MomentWidget,
    NumberWidget,
    TextWidget,
    WholeWidget,
)
from consumers.admin.framework.history import Change
from consumers.author import Author
from consumers.exceptions import Refused
from consumers.models import Account
from consumers.services.account import account_lock
from consumers.services.upsert import is_storable, rows_by_values
from consumers.types import JsonMapping, JsonObject, Rows

MAX_NAMED_ROWS = 10
"""Rows with the same key that a problem names."""


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


class KeyedLoader(BaseInstanceLoader):
    """Load the stored rows of a file's keys in few queries."""

    def __init__(self, resource: "AccountResource", dataset: Any = None) -> None:
        super().__init__(resource, dataset)
        self.stored = resource.stored_rows(resource.keys_of(dataset))

    def get_instance(self, row: JsonMapping) -> Any:
        return self.stored.get(self.resource.key_of(row))


class AccountResource(ModelResource):
    """Rows of one account, identified by their key, saved by a service.

    ``noun`` names the rows where the model's name does not. ``aliases`` maps the service's field paths to columns of
    other names. ``export_only`` are columns that an export writes and an import ignores. ``synonyms`` are other
    headings of a column, those that are more likely first. Rows with the same value under a heading of
    ``group_headings`` share the columns ``inherited``: an empty cell takes the value of the first of them.
    ``optional_keys`` are keys that a file may leave out, because the resource makes them.
    """

    noun: ClassVar[str] = ""
    aliases: ClassVar[Mapping[str, str]] = {}
    export_only: ClassVar[frozenset[str]] = frozenset()
    synonyms: ClassVar[Mapping[str, Sequence[str]]] = {}
    inherited: ClassVar[frozenset[str]] = frozenset()
    group_headings: ClassVar[Sequence[str]] = ()
    optional_keys: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, account: Account, author: Author, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account, self.author = account, author
        self.imported_rows: list[Any] = []
        self.row_numbers: list[int] = []
        self.file_rows: Sequence[int] = ()
        self.set_zone()

    class Meta:
        instance_loader_class = KeyedLoader

    @classmethod
    def widget_from_django_field(cls, f: Any, default: Any = None) -> Any:
        if isinstance(f, models.CharField | models.TextField):
            return TextWidget
        if isinstance(f, models.BooleanField):
            return FlagWidget
        if isinstance(f, models.DecimalField):
            return AmountWidget
        if isinstance(f, models.IntegerField):
            return WholeWidget
        return super().widget_from_django_field(f) if default is None else super().widget_from_django_field(f, default)

    @classmethod
    def get_display_name(cls) -> str:
        return (cls.noun or str(cls._meta.model._meta.verbose_name_plural)).capitalize()

    def get_queryset(self) -> Rows:
        rows: Rows = self._meta.model._default_manager.filter(account=self.account)
        return rows

    def init_instance(self, row: Any = None) -> Any:
        return self._meta.model(account=self.account)

    def exported_rows(self, rows: Rows) -> Rows:
        """Return the rows to export when a list shows ``rows``."""
        return rows

    def set_zone(self) -> None:
        """Read times without an offset in the account's zone."""
        for field in self.fields.values():
            if isinstance(field.widget, MomentWidget):
                field.widget.zone = self.account.zone

    @property
    def import_columns(self) -> list[str]:
        """Return the columns that a file may give: the keys, and all that are not only exported."""
        keys = [field.column_name for field in self.key_fields]
        fields = (field for field in self.get_import_fields() if not field.readonly)
        return list(dict.fromkeys([*keys, *(field.column_name for field in fields)]))

    # --- keys ---

    @property
    def key_fields(self) -> list[Field]:
        """Return the columns that identify a row."""
        return [self.fields[name] for name in self.get_import_id_fields()]

    def key_of(self, row: JsonMapping) -> tuple[str, ...]:
        """Return the key of a row of a file; a value that is not a text counts as empty."""
        values = [row.get(field.column_name) for field in self.key_fields]
        return tuple(value if isinstance(value, str) else "" for value in values)

    def keys_of(self, dataset: Any) -> set[tuple[str, ...]]:
        """Return the keys in a file."""
        return {self.key_of(row) for row in dataset.dict}

    def stored_rows(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Any]:
        """Return the stored rows of the keys, by key."""
        [field] = self.key_fields
        rows = rows_by_values(self.get_queryset(), field.attribute, [key for (key,) in keys if is_storable(key)])
        return {(getattr(row, field.attribute),): row for row in rows}

    # --- checks of the file ---

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        # Lock the account before anything is read, in the import's one transaction: rows are saved whole, so an edit
        # that somebody else makes meanwhile, in a column that the file leaves out, would be lost otherwise.
        account_lock(account_id=self.account.pk)
        self.imported_rows, self.row_numbers = [], []
        self.check_file(dataset)
        for widget in self._number_widgets(dataset.headers or ()).values():
            widget.style = dataset.style or NumberStyle()

    def check_file(self, dataset: Any) -> None:
        """Refuse a file with missing or repeated keys, unknown columns or too many rows.

        Raises:
            ValidationError: saying what is wrong.
        """
        headers = dataset.headers or ()
        for key in self.key_fields:
            if key.column_name not in headers:
                raise ValidationError(f"The file has no column {key.column_name}, which identifies each row.")
        if unknown := [name[:100] for name in headers if not self.accepts_column(name)][:10]:
            known = ", ".join(field.column_name for field in self.get_import_fields())
            raise ValidationError(f"The file has unknown columns: {', '.join(unknown)}. Use only these: {known}.")
        if len(dataset) > MAX_ROWS:
            raise ValidationError(f"A file can have up to {MAX_ROWS:,} rows. This one has {len(dataset):,}.")
        if repeated := list(islice(self._repeated_rows(dataset), MAX_SHOWN_PROBLEMS)):
            raise FileRefused(repeated)

    def _repeated_rows(self, table: Any) -> Iterator[FileProblem]:
        """Yield a problem for each key that several rows of the file have."""
        rows_by_key: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for number, row in zip(table.numbers, table.dict, strict=True):
            rows_by_key[self.key_of(row)].append(number)
        column = ", ".join(field.column_name for field in self.key_fields)
        for key, numbers in rows_by_key.items():
            if len(numbers) > 1 and any(key):
                shown = ", ".join(map(str, numbers[:MAX_NAMED_ROWS]))
                rows = " and ".join(shown.rsplit(", ", 1)) if len(numbers) <= MAX_NAMED_ROWS else f"{shown} and more"
                detail = (
                    f"{' / '.join(key)[:200]} is in the file {_times(len(numbers))}: rows {rows}. Keep one of them."
                )
                yield FileProblem(detail=detail, row=numbers[1], column=column)

    def number_style(self, table: Table) -> NumberStyle:
        """Return how the file writes its numbers, by all cells of its columns of numbers."""
        columns = self._number_widgets(table.headers or ())
        texts = (row[place] for row in table for place in columns if isinstance(row[place], str))
        return recognise_style(texts, delimiter=table.delimiter)

    def _number_widgets(self, headings: Sequence[str]) -> dict[int, NumberWidget]:
        """Return the widgets of the columns of numbers, by the column's place in the file."""
        widgets = {field.column_name: field.widget for field in self.fields.values()}
        places = enumerate(headings)
        return {place: widget for place, name in places if isinstance(widget := widgets.get(name), NumberWidget)}

    def accepts_column(self, column: str) -> bool:
        """Return whether a file may have this column."""
        return column in self.export_only or any(field.column_name == column for field in self.fields.values())

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        """Drop absent values, and refuse texts that a database cannot store and empty keys.

        Raises:
            ValidationError: by column.
        """
        for name in [name for name, value in row.items() if value is ABSENT]:
            del row[name]
        if unstorable := [name for name, value in row.items() if not is_storable(value)]:
            raise ValidationError(
                dict.fromkeys(unstorable, "This contains a character that cannot be stored. Remove it.")
            )
        if empty := [field.column_name for field in self.key_fields if row.get(field.column_name) in (None, "")]:
            raise ValidationError(dict.fromkeys(empty, "This cannot be blank: it identifies the row."))

    def import_data(self, dataset: Any, *args: Any, **kwargs: Any) -> FileResult:
        self.file_rows = dataset.numbers
        result: FileResult = super().import_data(dataset, *args, **kwargs)
        result.problems = list(problems_of(result, self))
        result.model = self._meta.model
        return result

    # --- comparison with the stored row ---

    @classmethod
    def get_result_class(cls) -> type[FileResult]:
        return FileResult

    @classmethod
    def get_diff_class(cls) -> type[RowChanges]:
        return RowChanges

    def column_values(self, instance: Any) -> JsonObject:
        """Return a row as plain values by column."""
        return {field.column_name: self.export_field(field, instance) for field in self.get_import_fields()}

    def changes(self, before: JsonMapping, after: JsonMapping) -> Iterator[Change]:
        """Yield how two results of ``column_values`` differ."""
        return column_changes(before, after)

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        return not import_validation_errors and self.column_values(instance) == self.column_values(original)

    def place_of(self, place: str) -> tuple[str, str]:
        """Return the column, and the path in its cell, of a service's field path."""
        columns = {field.column_name: field.column_name for field in self.fields.values()}
        for start, column in {**self.aliases, **columns}.items():
            if place == start or place.startswith(f"{start}."):
                return column, place[len(start) + 1 :]
        return place, ""

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        # The account is known and the key is looked up already: no query for each row.
        errors = dict(import_validation_errors or {})
        try:
            instance.full_clean(exclude=[*errors, "account"], validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        """Keep the row for the service, which saves all rows together."""
        self.imported_rows.append(instance)
        self.row_numbers.append(self.file_rows[kwargs["row_number"] - 1])

    def save_m2m(self, instance: Any, row: Any, **kwargs: Any) -> None:
        """Do nothing: the service saves relations too."""

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        if not self.imported_rows or result.has_errors() or result.has_validation_errors():
            return
        try:
            self.save_rows(self.imported_rows)
        except Refused as refused:
            raise file_refusal(refused, self) from refused

    def save_rows(self, rows: Sequence[Any]) -> None:
        """Save rows by their service."""
        raise NotImplementedError
