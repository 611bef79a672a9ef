"""Import and export of rows as CSV or XLSX, within the account and by its services.

An import is a preview first. Rows are read, checked by the model one by one, and saved by the service together, all or
none; what the service refuses is told with the number of the row. A column that is left out of the file leaves what is
stored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from import_export.admin import ImportExportModelAdmin
from import_export.fields import Field
from import_export.formats.base_formats import CSV, XLSX
from import_export.instance_loaders import CachedInstanceLoader
from import_export.resources import ModelResource
from import_export.tmp_storages import CacheStorage
from import_export.widgets import BooleanWidget, CharWidget, DateWidget, DecimalWidget
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from consumers.admin.base import account_of, plain_number, user_of
from consumers.admin.large_files import LARGE_EXPORT, LARGE_IMPORT, export_ask, file_read, import_ask
from consumers.choices import MembershipStatus
from consumers.exceptions import Refused
from consumers.models import Account, Consumer, ConsumerGroup, Job, Site
from consumers.selectors import consumers_of
from consumers.services.consumer import CardValues, ConsumerValues, LoyaltyValues, consumers_save
from consumers.services.group import GroupValues, groups_save
from consumers.services.site import SiteValues, sites_save

MAXIMUM_ROWS = 200_000
MAXIMUM_BYTES = 20 * 1024 * 1024
READ_AT_ONCE = 1024 * 1024
"""A file that is larger is not even read before a worker takes it."""

PREVIEWS = "import_previews"
"""Where the session keeps what was looked at and not yet imported."""

MOST_PREVIEWS = 20
SHOWN_PROBLEMS = 50
# What makes a spreadsheet take a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class TextWidget(CharWidget):
    """A text that no spreadsheet takes for a formula: such a one is written behind an apostrophe, and read without."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        text = "" if value is None else str(value)
        return f"'{text}" if text.startswith(_FORMULA) else text

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        text = "" if value is None else str(value).strip()
        return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


class TextsWidget(TextWidget):
    """Several texts, separated by commas."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return super().render(", ".join(map(str, value or ())), obj, **kwargs)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        names = [name.strip() for name in super().clean(value, row, **kwargs).split(",")]
        return list(dict.fromkeys(name for name in names if name))


class FlagWidget(BooleanWidget):
    """Yes or no; an empty cell is no."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "yes" if value else "no"

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool:
        text = str(value or "").strip().lower()
        if text in {"", "no", "false", "0", "n"}:
            return False
        if text in {"yes", "true", "1", "y"}:
            return True
        raise ValueError("Expected yes or no.")


class AmountWidget(DecimalWidget):
    """An amount or a rate; an empty cell is none."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else plain_number(value, least=2)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal | None:
        text = str("" if value is None else value).strip()
        if not text:
            return None
        try:
            return Decimal(text)
        except InvalidOperation as error:
            raise ValueError("Expected a number such as 12.50.") from error


class AccountResource(ModelResource):
    """Rows of one account, known by their key, saved by a service."""

    def __init__(self, *, account: Account, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account = account
        self.read: list[Any] = []
        self.numbers: list[int] = []
        self.rows_before = 0

    class Meta:
        clean_model_instances = True
        skip_unchanged = False
        instance_loader_class = CachedInstanceLoader

    @classmethod
    def widget_from_django_field(cls, f: Any, default: Any = None) -> Any:
        if isinstance(f, models.CharField | models.TextField):
            return TextWidget
        if isinstance(f, models.BooleanField):
            return FlagWidget
        if isinstance(f, models.DecimalField):
            return AmountWidget
        return super().widget_from_django_field(f) if default is None else super().widget_from_django_field(f, default)

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = self._meta.model._default_manager.filter(account=self.account)
        return rows

    def init_instance(self, row: Any = None) -> Any:
        return self._meta.model(account=self.account)

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        self.read, self.numbers = [], []
        self.check_file(dataset)

    def check_file(self, dataset: Any) -> None:
        """Refuse a file in which no row, or not every row, can be known by its key.

        Raises:
            ValidationError: saying why.
        """
        keys = [self.fields[key] for key in self.get_import_id_fields()]
        for key in keys:
            if key.column_name not in (dataset.headers or ()):
                raise ValidationError(f"The file has no column {key.column_name}, which says which row is which.")
        if len(dataset) > MAXIMUM_ROWS:
            raise ValidationError(f"A file may have {MAXIMUM_ROWS:,} rows; this has {len(dataset):,}.")
        named = Counter(tuple(key.clean(row) for key in keys) for row in dataset.dict)
        if twice := sorted(" / ".join(one) for one, times in named.items() if times > 1)[:10]:
            raise ValidationError(f"These are in the file twice: {', '.join(twice)}.")

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
            told = [
                told_with_row(problem.attr, problem.detail, numbers=self.numbers)
                for problem in refused.problems[:SHOWN_PROBLEMS]
            ]
            raise ValidationError(told) from refused

    def save_rows(self, rows: Sequence[Any]) -> None:
        """Call the service that saves rows."""
        raise NotImplementedError


def told_with_row(attr: str | None, detail: str, *, numbers: Sequence[int]) -> str:
    """A service's problem with the row of the file that it is about; the first row below the headings is row 1.

    ``numbers`` are those of the rows that the service was given.
    """
    index, _, place = (attr or "").partition(".")
    if not index.isdigit():
        return detail
    return f"Row {numbers[int(index)]}{f', {place}' if place else ''}: {detail}"


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
    enrolled_on = Field(column_name="enrolled_on", attribute="read_enrolled_on", widget=DateWidget("%Y-%m-%d"))
    cards = Field(column_name="cards", attribute="read_cards", widget=TextsWidget())
    date_of_birth = Field(
        column_name="date_of_birth", attribute="date_of_birth", widget=DateWidget("%Y-%m-%d"), default=None
    )
    columns: ClassVar[tuple[str, ...]] = (
        "kind",
        "first_name",
        "last_name",
        "email",
        "phone",
        "date_of_birth",
        "archived",
    )

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
        problems = []
        values = []
        for number, consumer in zip(self.numbers, rows, strict=True):
            status = told(consumer, "loyalty_status")
            enrolled_on = told(consumer, "enrolled_on")
            cards = told(consumer, "cards")
            if status and status not in MembershipStatus.values:
                problems.append(
                    f"Row {number}, loyalty_status: expected {', '.join(MembershipStatus.values)} or nothing."
                )
            elif status and enrolled_on is None:
                problems.append(f"Row {number}, enrolled_on: say since when.")
            elif cards and not status:
                problems.append(f"Row {number}, cards: they belong to a membership.")
            values.append(self._values(consumer, status, enrolled_on, cards))
        if problems:
            raise ValidationError(problems[:SHOWN_PROBLEMS])
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

    def clean_import_file(self) -> Any:
        """Refuse what would fill the memory."""
        file = self.cleaned_data["import_file"]
        if file.size > MAXIMUM_BYTES:
            raise ValidationError(f"A file may have {filesizeformat(MAXIMUM_BYTES)}. Import it in parts.")
        return file


class ImportExportMixin(ImportExportModelAdmin):
    """A page whose rows are imported and exported as CSV and XLSX; much at once is left to a worker."""

    resource_classes: Sequence[type[AccountResource]]
    import_form_class = FileForm
    export_form_class = ExportForm
    formats = (CSV, XLSX)
    show_change_form_export = False

    def get_resource_kwargs(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"account": account_of(request)}

    def get_export_formats(self) -> list[Any]:
        return list(self.formats)

    def get_import_formats(self) -> list[Any]:
        return list(self.formats)

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not self.has_import_permission(request):
            raise PermissionDenied
        if request.method == "POST" and (job := self._large_import(request)):
            return _told_to_wait(request, job)
        response: HttpResponse = super().import_action(request, **kwargs)
        return response

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

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        # The file is named by the browser: without this, it could be any file of the folder or of somebody else, in
        # another account than that in which it was looked at, or one that is imported already.
        if request.method == "POST" and self.has_import_permission(request):
            seen, confirmed = request.session.get(PREVIEWS, []), self._preview(request, request.POST)
            if confirmed not in seen:
                return self._look_again(request)
            request.session[PREVIEWS] = [one for one in seen if one != confirmed]
        try:
            response: HttpResponse = super().process_import(request, **kwargs)
        except FileNotFoundError:
            return self._look_again(request)
        return response

    def _look_again(self, request: HttpRequest) -> HttpResponse:
        messages.error(request, "This file is imported already, or has waited too long. Choose it again.")
        return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_import"))

    def _large_import(self, request: HttpRequest) -> Job | None:
        """The job that imports the file sent, if that is large."""
        form = self.create_import_form(request)
        if not form.is_valid():
            return None
        file = form.cleaned_data["import_file"]
        file_format = self.get_import_formats()[int(form.cleaned_data["format"])](encoding=self.from_encoding)
        given = file.read()
        # Who imports it at once reads it again.
        file.seek(0)
        if len(given) <= READ_AT_ONCE and len(file_read(file_format, given) or ()) <= LARGE_IMPORT:
            return None
        options = self.get_import_resource_kwargs(request, form=form)
        return import_ask(
            account=options.pop("account"),
            model=self.model,
            file_format=file_format.get_title(),
            given=given,
            options=options,
            asked_by=user_of(request),
            name=file.name,
        )

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], export_form: Any = None
    ) -> HttpResponse:
        if not self.has_export_permission(request):
            raise PermissionDenied
        if queryset.count() > LARGE_EXPORT:
            name = self.get_export_filename(request, queryset, CSV())
            job = export_ask(account=account_of(request), rows=queryset, asked_by=user_of(request), name=name)
            return _told_to_wait(request, job)
        response: HttpResponse = super()._do_file_export(file_format, request, queryset, export_form=export_form)
        return response


def _told_to_wait(request: HttpRequest, job: Job) -> HttpResponse:
    messages.info(request, "This is done in the background, because it is large. You can leave this page.")
    return HttpResponseRedirect(reverse("admin:consumers_job_change", args=[job.pk]))
