"""Import and export of rows as CSV, XLSX and JSON, within the account and by its services.

An import is a preview first. Rows are read, checked by the model one by one, and saved by the service together, all or
none; what the service refuses is told with the row, the column and the place in it. A column that is left out of the
file leaves what is stored, and a row that says what is stored is left alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource

from consumers.admin.files.cells import ABSENT
from consumers.admin.files.formats import MAXIMUM_ROWS
from consumers.admin.files.results import (
    FileResult,
    RowChanges,
    problems_of,
    refused_in_file,
    value_changes,
)
from consumers.admin.files.widgets import AmountWidget, FlagWidget, TextWidget, WholeWidget
from consumers.admin.framework.history import Change
from consumers.author import Author
from consumers.exceptions import Refused
from consumers.models import Account
from consumers.services.account import account_lock
from consumers.services.upsert import is_storable, rows_named


class KeyedLoader(BaseInstanceLoader):
    """The stored rows that a file names by their keys, in few looks."""

    def __init__(self, resource: "AccountResource", dataset: Any = None) -> None:
        super().__init__(resource, dataset)
        self.stored = resource.stored(resource.keys_of(dataset))

    def get_instance(self, row: Mapping[str, Any]) -> Any:
        return self.stored.get(self.resource.key_of(row))


class AccountResource(ModelResource):
    """Rows of one account, known by their key, saved by a service.

    ``noun`` is what the rows are called where the model is called otherwise. ``aliases`` say in which column lies what
    the service calls otherwise, and ``told_only`` are columns that an export has and an import does not look at.
    """

    noun: ClassVar[str] = ""
    aliases: ClassVar[Mapping[str, str]] = {}
    told_only: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, account: Account, author: Author, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account, self.author = account, author
        self.read: list[Any] = []
        self.numbers: list[int] = []
        self.rows_before = 0

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

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = self._meta.model._default_manager.filter(account=self.account)
        return rows

    def init_instance(self, row: Any = None) -> Any:
        return self._meta.model(account=self.account)

    def rows_shown(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows to export where a page shows ``rows``."""
        return rows

    # --- which row is which ---

    @property
    def key_fields(self) -> list[Field]:
        """The columns that say which row is which."""
        return [self.fields[name] for name in self.get_import_id_fields()]

    def key_of(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The key of a row of a file; a cell that is no key is an empty one."""
        values = [row.get(field.column_name) for field in self.key_fields]
        return tuple(value if isinstance(value, str) else "" for value in values)

    def keys_of(self, dataset: Any) -> set[tuple[str, ...]]:
        """The keys that a file names."""
        return {self.key_of(row) for row in dataset.dict}

    def stored(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Any]:
        """The stored rows of some keys."""
        [field] = self.key_fields
        rows = rows_named(self.get_queryset(), field.attribute, [key for (key,) in keys if is_storable(key)])
        return {(getattr(row, field.attribute),): row for row in rows}

    # --- what a file may say ---

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        # Under the account's lock before anything is read, within the import's one transaction: a row is saved whole,
        # and what somebody else writes in columns that the file leaves out is not lost.
        account_lock(account_id=self.account.pk)
        self.read, self.numbers = [], []
        self.check_file(dataset)

    def check_file(self, dataset: Any) -> None:
        """Refuse a file in which no row, or not every row, can be known by its key, or a column is unknown.

        Raises:
            ValidationError: saying why.
        """
        headers = dataset.headers or ()
        for key in self.key_fields:
            if key.column_name not in headers:
                raise ValidationError(f"The file has no column {key.column_name}, which says which row is which.")
        if unknown := [name[:100] for name in headers if not self.knows(name)][:10]:
            known = ", ".join(field.column_name for field in self.get_import_fields())
            raise ValidationError(f"The file has unknown columns: {', '.join(unknown)}. Known are {known}.")
        if len(dataset) > MAXIMUM_ROWS:
            raise ValidationError(f"A file may have {MAXIMUM_ROWS:,} rows; this has {len(dataset):,}.")
        named = Counter(self.key_of(row) for row in dataset.dict)
        if twice := sorted(" / ".join(one) for one, times in named.items() if times > 1 and any(one))[:10]:
            raise ValidationError(f"These are in the file twice: {', '.join(twice)}.")

    def knows(self, column: str) -> bool:
        """Whether a file may have a column."""
        return column in self.told_only or any(field.column_name == column for field in self.fields.values())

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        """Drop what the row does not say, and refuse what no database holds.

        Raises:
            ValidationError: by column.
        """
        for name in [name for name, value in row.items() if value is ABSENT]:
            del row[name]
        if wrong := [name for name, value in row.items() if not is_storable(value)]:
            raise ValidationError(dict.fromkeys(wrong, "This has a character that cannot be stored."))
        if wrong := [field.column_name for field in self.key_fields if row.get(field.column_name) in (None, "")]:
            raise ValidationError(dict.fromkeys(wrong, "This may not be blank: it says which row is which."))

    def import_data(self, dataset: Any, *args: Any, **kwargs: Any) -> FileResult:
        result: FileResult = super().import_data(dataset, *args, **kwargs)
        result.problems = list(problems_of(result, self))
        result.model = self._meta.model
        return result

    # --- what it says, against what is stored ---

    @classmethod
    def get_result_class(cls) -> type[FileResult]:
        return FileResult

    @classmethod
    def get_diff_class(cls) -> type[RowChanges]:
        return RowChanges

    def said(self, instance: Any) -> dict[str, Any]:
        """A row as plain values by column."""
        return {field.column_name: self.export_field(field, instance) for field in self.get_import_fields()}

    def changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
        """How two sayings of ``said`` differ, in words."""
        return value_changes(before, after)

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        return not import_validation_errors and self.said(instance) == self.said(original)

    def place_of(self, place: str) -> tuple[str, str]:
        """The column, and the path in it, of what a service found wrong."""
        columns = {field.column_name: field.column_name for field in self.fields.values()}
        for start, column in {**self.aliases, **columns}.items():
            if place == start or place.startswith(f"{start}."):
                return column, place[len(start) + 1 :]
        return place, ""

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        # The account is given and the key is looked up: neither is asked of the database for each row.
        errors = dict(import_validation_errors or {})
        try:
            instance.full_clean(exclude=[*errors, "account"], validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        """Kept for the service, which saves all rows together."""
        self.read.append(instance)
        self.numbers.append(self.rows_before + kwargs["row_number"])

    def save_m2m(self, instance: Any, row: Any, **kwargs: Any) -> None:
        """Nothing: the service saves relations too."""

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        if not self.read or result.has_errors() or result.has_validation_errors():
            return
        try:
            self.save_rows(self.read)
        except Refused as refused:
            raise refused_in_file(refused, self) from refused

    def save_rows(self, rows: Sequence[Any]) -> None:
        """Call the service that saves rows."""
        raise NotImplementedError
