"""Import and export of rows as CSV, XLSX and JSON, within the account and by its services.

An import is a preview first. Rows are read, checked by the model one by one, and saved by the service together, all or
none; what the service refuses is told with the row, the column and the place in it. A column that is left out of the
file leaves what is stored, and a row that says what is stored is left alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from import_export.admin import ImportExportModelAdmin
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource
from import_export.tmp_storages import CacheStorage
from import_export.widgets import BooleanWidget, CharWidget, DecimalWidget, Widget
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from consumers.admin.files.formats import (
    ABSENT,
    CSV,
    JSON,
    MAXIMUM_BYTES,
    MAXIMUM_ROWS,
    XLSX,
    FileFormat,
    Unreadable,
    in_pieces,
    items_of,
)
from consumers.admin.files.jobs import LARGE_EXPORT, LARGE_IMPORT, export_ask, import_ask
from consumers.admin.files.results import (
    SHOWN_PROBLEMS,
    FileProblem,
    FileRefused,
    FileResult,
    RowChanges,
    problems_of,
    refused_in_file,
    value_changes,
)
from consumers.admin.framework.formatting import format_number
from consumers.admin.framework.history import Change
from consumers.admin.framework.pages import account_of, author_of, user_of
from consumers.author import IMPORT_LABEL, Author
from consumers.choices import MembershipStatus
from consumers.exceptions import Refused
from consumers.models import Account, Consumer, ConsumerGroup, Job, Site
from consumers.selectors import consumers_of, group_members, id_read
from consumers.services.account import account_lock
from consumers.services.consumer import CardValues, ConsumerValues, LoyaltyValues, consumers_save
from consumers.services.group import GroupValues, MemberValues, group_members_save, groups_save
from consumers.services.site import SiteValues, sites_save
from consumers.services.upsert import is_storable, rows_named

READ_AT_ONCE = 1024 * 1024
"""A file that is larger is not even read before a worker takes it."""

UNPACKED_AT_ONCE = 10 * READ_AT_ONCE

PREVIEWS = "import_previews"
"""Where the session keeps what was looked at and not yet imported."""

MOST_PREVIEWS = 20


# --- values of columns ----------------------------------------------------------------------------------------------


class TextWidget(CharWidget):
    """A text."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return "" if value is None else str(value)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ValueError("Expected a text.")
        return value


class TextsWidget(Widget):
    """Several texts, in a cell separated by commas."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return [str(one) for one in value or ()]

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return list(dict.fromkeys(one for one in value if one))
        if not isinstance(value, str):
            raise ValueError("Expected a list of texts.")
        return items_of(value)


class FlagWidget(BooleanWidget):
    """Yes or no; an empty cell is no."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return bool(value)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = str("" if value is None else value).strip().lower()
        if text in {"", "no", "false", "0", "n"}:
            return False
        if text in {"yes", "true", "1", "y"}:
            return True
        raise ValueError("Expected yes or no.")


class AmountWidget(DecimalWidget):
    """An amount or a rate; an empty cell is none."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return None if value is None else Decimal(format_number(value, least=2))

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = str("" if value is None else value).strip()
        if not text:
            return None
        try:
            return Decimal(text)
        except InvalidOperation as error:
            raise ValueError("Expected a number such as 12.50.") from error


class WholeWidget(Widget):
    """A whole number; an empty cell is none."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = str("" if value is None else value).strip()
        if not text:
            return None
        if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
            raise ValueError("Expected a whole number.")
        return int(text)


class DayWidget(Widget):
    """A day; a spreadsheet may have it as midnight."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = str("" if value is None else value).strip().removesuffix("T00:00:00")
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise ValueError("Expected a day such as 2026-03-31.") from error


_DIGITS = 18


# --- resources ------------------------------------------------------------------------------------------------------


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


class SiteResource(AccountResource):
    """Sites by number."""

    class Meta(AccountResource.Meta):
        model = Site
        import_id_fields = ("number",)
        fields = ("number", "name", "address_line_1", "town", "county", "postcode", "time_zone", "archived")

    def save_rows(self, rows: Sequence[Site]) -> None:
        values = [SiteValues(**{name: getattr(row, name) for name in self.Meta.fields}) for row in rows]
        sites_save(account_id=self.account.pk, rows=values)


class GroupResource(AccountResource):
    """Groups by code."""

    class Meta(AccountResource.Meta):
        model = ConsumerGroup
        import_id_fields = ("code",)
        fields = ("code", "name", "archived")

    def save_rows(self, rows: Sequence[ConsumerGroup]) -> None:
        values = [GroupValues(code=row.code, name=row.name, archived=row.archived) for row in rows]
        groups_save(account_id=self.account.pk, rows=values)


class GroupMemberResource(AccountResource):
    """Members of groups, one row for each: of a group of any size, in parts.

    A row makes a consumer a member, or with ``member`` no takes them out; members that the file does not name stay.
    """

    noun = "members of groups"
    group = Field(column_name="group", attribute="consumergroup__code", widget=TextWidget(), readonly=True)
    consumer_id = Field(
        column_name="consumer_id", attribute="consumer__consumer_id", widget=TextWidget(), readonly=True
    )
    member = Field(column_name="member", attribute="member", widget=FlagWidget())

    class Meta(AccountResource.Meta):
        model = Consumer.groups.through
        import_id_fields = ("group", "consumer_id")
        fields = ("group", "consumer_id", "member")

    def get_queryset(self) -> QuerySet[Any]:
        return group_members(account_id=self.account.pk)

    def rows_shown(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return self.get_queryset().filter(consumergroup__in=rows.order_by().values("pk"))

    def stored(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Any]:
        pairs = [pair for pair in keys if is_storable(list(pair))]
        codes = {code for code, _ in pairs}
        links = self.get_queryset().filter(consumergroup__code__in=codes)
        found = rows_named(links, "consumer__consumer_id", [consumer_id for _, consumer_id in pairs])
        return {(link.consumergroup.code, link.consumer.consumer_id): link for link in found}

    def init_instance(self, row: Any = None) -> Any:
        # What the preview shows; that there are such rows, the service finds out.
        code, consumer_id = self.key_of(row or {})
        link = self._meta.model(consumergroup=ConsumerGroup(code=code), consumer=Consumer(consumer_id=consumer_id))
        link.member = False
        return link

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        # What is stored is a member.
        if field.column_name == "member":
            return bool(getattr(instance, "member", True))
        return super().export_field(field, instance, **kwargs)

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        super().before_import_row(row, **kwargs)
        if row.get("member") in (None, ""):
            row["member"] = True

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        if import_validation_errors:
            raise ValidationError(import_validation_errors)

    def save_rows(self, rows: Sequence[Any]) -> None:
        values = [
            MemberValues(group=row.consumergroup.code, consumer_id=row.consumer.consumer_id, member=row.member)
            for row in rows
        ]
        group_members_save(account_id=self.account.pk, rows=values)


def _stored_status(consumer: Consumer) -> str:
    membership = getattr(consumer, "membership", None)
    return membership.status if membership is not None else ""


def _stored_enrolled_on(consumer: Consumer) -> date | None:
    membership = getattr(consumer, "membership", None)
    return membership.enrolled_on if membership is not None else None


def _stored_cards(consumer: Consumer) -> list[str]:
    membership = getattr(consumer, "membership", None)
    return [card.number for card in membership.cards.all()] if membership is not None else []


STORED: Mapping[str, Any] = {
    "home_site": lambda consumer: consumer.home_site.number if consumer.home_site else "",
    "groups": lambda consumer: [group.code for group in consumer.groups.all()] if consumer.pk else [],
    "loyalty_status": _stored_status,
    "enrolled_on": _stored_enrolled_on,
    "cards": _stored_cards,
}
"""How the columns that are no columns of the consumer's table are read from what is stored."""


class ConsumerResource(AccountResource):
    """Consumers by id, with home site, groups, membership and cards.

    An empty loyalty status is no membership. Card types are kept; cards that are new have none.
    """

    home_site = Field(column_name="home_site", attribute="read_home_site", widget=TextWidget())
    groups = Field(column_name="groups", attribute="read_groups", widget=TextsWidget())
    loyalty_status = Field(column_name="loyalty_status", attribute="read_loyalty_status", widget=TextWidget())
    enrolled_on = Field(column_name="enrolled_on", attribute="read_enrolled_on", widget=DayWidget())
    cards = Field(column_name="cards", attribute="read_cards", widget=TextsWidget())
    date_of_birth = Field(column_name="date_of_birth", attribute="date_of_birth", widget=DayWidget(), default=None)
    columns: ClassVar[tuple[str, ...]] = (
        "kind",
        "first_name",
        "last_name",
        "email",
        "phone",
        "date_of_birth",
        "archived",
    )
    aliases: ClassVar[Mapping[str, str]] = {
        "loyalty.cards": "cards",
        "loyalty.enrolled_on": "enrolled_on",
        "loyalty": "loyalty_status",
    }

    class Meta(AccountResource.Meta):
        model = Consumer
        import_id_fields = ("consumer_id",)
        fields = (
            "consumer_id",
            "kind",
            "first_name",
            "last_name",
            "email",
            "phone",
            "date_of_birth",
            "home_site",
            "groups",
            "loyalty_status",
            "enrolled_on",
            "cards",
            "archived",
        )

    def get_queryset(self) -> QuerySet[Consumer]:
        return consumers_of(account_id=self.account.pk)

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        stored = STORED.get(field.column_name)
        if stored is None or not isinstance(instance, Consumer):
            return super().export_field(field, instance, **kwargs)
        return field.widget.render(told(instance, field.column_name))

    def save_rows(self, rows: Sequence[Consumer]) -> None:
        problems: list[FileProblem] = []
        values = []
        for number, consumer in zip(self.numbers, rows, strict=True):
            status = told(consumer, "loyalty_status")
            enrolled_on = told(consumer, "enrolled_on")
            cards = told(consumer, "cards")
            if status and status not in MembershipStatus.values:
                detail = f"Expected {', '.join(MembershipStatus.values)} or nothing."
                problems.append(FileProblem(row=number, column="loyalty_status", detail=detail))
            elif status and enrolled_on is None:
                problems.append(FileProblem(row=number, column="enrolled_on", detail="Say since when."))
            elif cards and not status:
                problems.append(FileProblem(row=number, column="cards", detail="They belong to a membership."))
            values.append(self._values(consumer, status, enrolled_on, cards))
        if problems:
            raise FileRefused(problems[:SHOWN_PROBLEMS])
        consumers_save(account_id=self.account.pk, rows=values)

    def _values(self, consumer: Consumer, status: str, enrolled_on: Any, cards: Sequence[str]) -> ConsumerValues:
        loyalty = None
        if status and enrolled_on is not None:
            membership = getattr(consumer, "membership", None)
            types = {card.number: card.type for card in membership.cards.all()} if membership is not None else {}
            loyalty = LoyaltyValues(
                enrolled_on=enrolled_on,
                status=status,
                cards=tuple(CardValues(number=number, type=types.get(number, "")) for number in cards),
            )
        return ConsumerValues(
            consumer_id=consumer.consumer_id,
            home_site=told(consumer, "home_site") or None,
            groups=tuple(told(consumer, "groups")),
            loyalty=loyalty,
            **{name: getattr(consumer, name) for name in self.columns},
        )


def told(consumer: Consumer, column: str) -> Any:
    """What the file says of a consumer in a column, or else what is stored."""
    read = vars(consumer).get(f"read_{column}", _MISSING)
    return STORED[column](consumer) if read is _MISSING else read


_MISSING = object()


# --- pages ----------------------------------------------------------------------------------------------------------


class CachedFile(CacheStorage):
    """A file between preview and confirmation, where every web node finds it."""

    def read(self) -> Any:
        """Its content.

        Raises:
            FileNotFoundError: it is not there any more.
        """
        content = super().read()
        if content is None:
            raise FileNotFoundError(self.name)
        return content


class FileForm(ImportForm):
    """A file to import."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["import_file"].label = "File"
        _name_choices(self)

    def clean_import_file(self) -> Any:
        """Refuse what would fill the memory."""
        file = self.cleaned_data["import_file"]
        if file.size > MAXIMUM_BYTES:
            raise ValidationError(f"A file may have {filesizeformat(MAXIMUM_BYTES)}. Import it in parts.")
        return file


class FileExportForm(ExportForm):
    """The format of a file to export; ``chosen`` are the rows, by id, where they were chosen one by one."""

    chosen = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_choices(self)


def _name_choices(form: Any) -> None:
    """Name formats as people do, and resources by what they hold."""
    form.fields["resource"].label = "Rows"
    field = form.fields["format"]
    field.choices = [(value, label.upper() if value else label) for value, label in field.choices]
    field.widget.choices = field.choices


class ImportExportMixin(ImportExportModelAdmin):
    """A page whose rows are imported and exported as CSV, XLSX and JSON; much at once is left to a worker.

    ``file_words`` say what is particular about files of these rows.
    """

    resource_classes: Sequence[type[AccountResource]]
    import_form_class = FileForm
    export_form_class = FileExportForm
    formats: Sequence[type[FileFormat]] = (CSV, XLSX, JSON)
    show_change_form_export = False
    # A list with an action counts what is chosen.
    actions_selection_counter = True
    file_words = ""

    def get_resource_kwargs(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"account": account_of(request), "author": Author(user=user_of(request), label=IMPORT_LABEL)}

    def get_export_formats(self) -> list[Any]:
        return list(self.formats)

    def get_import_formats(self) -> list[Any]:
        return list(self.formats)

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Whether the user may import: a file adds rows and changes them."""
        return bool(super().has_import_permission(request)) and self.has_add_permission(request)

    def get_import_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {"file_words": self.file_words, "large": f"{LARGE_IMPORT:,}"}

    # --- import ---

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not self.has_import_permission(request):
            raise PermissionDenied
        if request.method == "POST" and (job := self._large_import(request)):
            return _told_to_wait(request, job)
        response: HttpResponse = super().import_action(request, **kwargs)
        return response

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        form.add_error("import_file", str(e) if isinstance(e, Unreadable) else "The file cannot be read.")

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_confirm_form_initial(request, import_form)
        if import_form is not None:
            seen = [*request.session.get(PREVIEWS, ()), self._preview(request, initial)]
            request.session[PREVIEWS] = seen[-MOST_PREVIEWS:]
        return initial

    def _preview(self, request: HttpRequest, values: Mapping[str, Any]) -> list[Any]:
        """What was looked at, as the session keeps it: of which account and model, which file, read how."""
        file = Path(values.get("import_file_name", "")).name
        read = [str(values.get(name, "")) for name in ("format", "resource")]
        return [account_of(request).pk, self.model._meta.label, file, *read]

    def _large_import(self, request: HttpRequest) -> Job | None:
        """The job that imports the file sent, if that is large."""
        form = self.create_import_form(request)
        if not form.is_valid():
            return None
        file = form.cleaned_data["import_file"]
        file_format = self.get_import_formats()[int(form.cleaned_data["format"])]()
        given = file.read()
        # Who imports it at once reads it again.
        file.seek(0)
        try:
            small = len(given) <= READ_AT_ONCE and file_format.unpacked(given) <= UNPACKED_AT_ONCE
            if small and len(file_format.create_dataset(given)) <= LARGE_IMPORT:
                return None
        except Unreadable:
            return None
        options = self.get_import_resource_kwargs(request, form=form)
        del options["author"]
        return import_ask(
            account=options.pop("account"),
            model=self.model,
            resource=self.choose_import_resource_class(form, request),
            file_format=file_format,
            given=given,
            options=options,
            author=author_of(request),
            name=file.name,
        )

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import a file that was looked at; one that is gone, because it is imported already, is asked for again."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_import_permission(request):
            raise PermissionDenied
        if not self._was_looked_at(request):
            return self._look_again(request)
        form = self.create_confirm_form(request)
        known = {"format": self.get_import_formats(), "resource": self.get_import_resource_classes(request)}
        if form.is_valid() and all(_picks(form.cleaned_data[name] or "0", some) for name, some in known.items()):
            try:
                response: HttpResponse = super().process_import(request, **kwargs)
            except (OSError, Unreadable):
                pass
            else:
                return response
        return self._look_again(request)

    def _was_looked_at(self, request: HttpRequest) -> bool:
        """Whether what is confirmed is a preview of this user's, here, that was not confirmed before.

        The file is named by the browser: without this, it could be any file of the folder or of somebody else, in
        another account than that in which it was looked at, or one that is imported already.
        """
        seen, confirmed = request.session.get(PREVIEWS, []), self._preview(request, request.POST)
        request.session[PREVIEWS] = [one for one in seen if one != confirmed]
        return confirmed in seen

    def _look_again(self, request: HttpRequest) -> HttpResponse:
        messages.error(request, "The file is not here any more: it was imported already, or waited too long.")
        return HttpResponseRedirect(self.url_of("import"))

    def process_result(self, result: FileResult, request: HttpRequest) -> HttpResponse:
        if not result.problems:
            response: HttpResponse = super().process_result(result, request)
            return response
        # What was right in the preview is not any more: nothing was imported, and that is said.
        form = self.get_import_form_class(request)(self.get_import_formats(), self.get_import_resource_classes(request))
        context = {
            **self.admin_site.each_context(request),
            **self.get_import_context_data(),
            "title": "Import",
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
            "result": result,
        }
        return TemplateResponse(request, [self.import_template_name], context)

    def generate_log_entries(self, result: FileResult, request: HttpRequest) -> None:
        # The log of the admin speaks of rows that have a page.
        if result.model is self.model:
            super().generate_log_entries(result, request)

    def add_success_message(self, result: FileResult, request: HttpRequest) -> None:
        messages.success(
            request, f"Imported: {result.new:,} new, {result.updated:,} changed, {result.unchanged:,} as they were."
        )

    # --- export ---

    @admin.action(description="Export")
    def export_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse:
        """Ask for the format in which the chosen rows are exported."""
        keys = list(chosen.values_list("pk", flat=True))
        form = self.get_export_form_class()(
            self.get_export_formats(),
            self.get_export_resource_classes(request),
            initial={"chosen": ",".join(map(str, keys))},
        )
        context = self.init_request_context_data(request, form)
        context |= {"number": len(keys), "number_in_words": f"{len(keys):,}", "chosen": True}
        context["export_url"] = f"{self.url_of('export')}?{request.GET.urlencode()}"
        return TemplateResponse(request, [self.export_template_name], context)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_export_permission(request):
            actions["export_chosen"] = self.get_action("export_chosen")
        return actions

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_export_queryset(request)
        if chosen := request.POST.get("chosen"):
            return rows.filter(pk__in=[found for key in chosen.split(",") if (found := id_read(key)) is not None])
        return rows

    def get_export_filename(self, request: HttpRequest, queryset: QuerySet[Any], file_format: Any) -> str:
        """What the file is called: by what it holds, and the day."""
        kinds = self.get_export_resource_classes(request)
        held = next((kind for kind in kinds if kind._meta.model is queryset.model), kinds[0])
        day = timezone.localdate().isoformat()
        return f"{slugify(held.get_display_name())}-{day}.{file_format.get_extension()}"

    def init_request_context_data(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().init_request_context_data(request, form)
        if request.POST.get("action") != "export_chosen":
            context["number"] = self.get_export_queryset(request).count()
            context["chosen"] = bool(request.POST.get("chosen"))
        return {**context, "large": LARGE_EXPORT}

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], export_form: Any = None
    ) -> HttpResponse:
        if not self.has_export_permission(request):
            raise PermissionDenied
        kind = self.choose_export_resource_class(export_form, request)
        rows = kind(**self.get_export_resource_kwargs(request)).rows_shown(queryset)
        if rows.count() > LARGE_EXPORT:
            written = in_pieces(file_format)
            name = self.get_export_filename(request, queryset, written)
            job = export_ask(
                account=account_of(request),
                model=self.model,
                resource=kind,
                file_format=written,
                rows=rows,
                author=author_of(request),
                name=name,
            )
            return _told_to_wait(request, job)
        response: HttpResponse = super()._do_file_export(file_format, request, rows, export_form=export_form)
        return response


def _picks(number: str, choices: Sequence[Any]) -> bool:
    return number.isascii() and number.isdigit() and int(number[:9]) < len(choices)


def _told_to_wait(request: HttpRequest, job: Job) -> HttpResponse:
    messages.info(request, "This is done in the background, because it is large. You can leave this page.")
    return HttpResponseRedirect(reverse("admin:consumers_job_change", args=[job.pk]))
