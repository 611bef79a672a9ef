"""Import and export of promotions, in the fields of the REST contract.

A column is a field of the contract by its path (``outcome.points``); a rule tree or a list of sets is one cell of JSON.
So a JSON file has promotions as the REST API has them, and a service's problems name their column. A family lists its
columns; see ``PromotionResource``.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils import timezone
from import_export.fields import Field
from import_export.widgets import Widget

from consumers.admin.files.cells import ABSENT
from consumers.admin.files.formats import read_json
from consumers.admin.files.numbers import NotANumber, number_text
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import EndWidget, FlagWidget, MomentWidget, NumberWidget, TextWidget
from consumers.admin.framework.history import Change
from consumers.services.upsert import is_storable, rows_by_values
from consumers.types import JsonObject, Rows
from promotions.admin.editor.history import document_changes
from promotions.choices import Status
from promotions.engine.definition.fields import CONTENT_TEXTS, FieldKind, OutcomeField
from promotions.models import Promotion

_MAX_DIGITS = 19
BLANK: tuple[Any, ...] = (None, "", [], {})
"""Cells that mean: not set."""


class DefinitionWidget(Widget):
    """A value of the definition as it was sent: the service checks it."""

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return value

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        return str(value) if isinstance(value, str) else value


class DefinitionDecimalWidget(NumberWidget, DefinitionWidget):
    """A number of the definition, with a decimal point however the file writes it."""

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        if not isinstance(value, str) or not value:
            return value
        try:
            return number_text(value, self.style)
        except NotANumber:
            return str(value)


class DefinitionNumberWidget(DefinitionDecimalWidget):
    """A value of the definition that is read as a whole number where it is one."""

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        cleaned = super().clean(value, row, **kwargs)
        digits = cleaned if isinstance(cleaned, str) else ""
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < _MAX_DIGITS else cleaned


class DefinitionFlagWidget(FlagWidget):
    """Yes or no; an empty cell leaves the definition's default."""

    def render(self, value: object, obj: object = None, **kwargs: object) -> object:
        return value

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        return None if value in BLANK else super().clean(value, row, **kwargs)


class DocumentWidget(DefinitionWidget):
    """A rule tree or a list of objects, as JSON in a cell."""

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return read_json(value)
        except ValueError as error:
            raise ValueError(f"This is not valid JSON: {error}.") from error


WIDGETS: Mapping[FieldKind, type[Widget]] = {
    FieldKind.WHOLE: DefinitionNumberWidget,
    FieldKind.NUMBER: DefinitionDecimalWidget,
    FieldKind.FLAG: DefinitionFlagWidget,
    FieldKind.DOCUMENT: DocumentWidget,
}
"""How a cell of a field of each kind is read; of any other kind as it was sent."""


def outcome_widgets(outcome: Mapping[str, OutcomeField]) -> dict[str, type[Widget]]:
    """Return the widget of each field of an outcome, by name."""
    return {name: WIDGETS.get(field.kind, DefinitionWidget) for name, field in outcome.items()}


class DefinitionField(Field):
    """A column of a promotion's definition, at its path in the contract's document."""

    def __init__(self, path: str, widget: Widget) -> None:
        super().__init__(column_name=path, attribute=path, widget=widget)

    def get_value(self, instance: object) -> object:
        """Return the value at the path; ABSENT if there is none."""
        value: object = document_of(instance)
        for name in self.column_name.split("."):
            if not isinstance(value, Mapping) or name not in value:
                return ABSENT
            value = value[name]
        return value

    def export(self, instance: object, **kwargs: object) -> object:
        value = self.get_value(instance)
        return ABSENT if value is ABSENT else self.widget.render(value)

    def save(self, instance: object, row: object, is_m2m: bool = False, **kwargs: object) -> None:
        """Set the row's value in the promotion's document; an equal one is kept as it is written."""
        cleaned, stored = self.clean(row, **kwargs), self.get_value(instance)
        if cleaned == stored or (cleaned in BLANK and (stored is ABSENT or stored in BLANK)):
            return
        *parents, name = self.column_name.split(".")
        parent = document_of(instance)
        for part in parents:
            parent = parent.setdefault(part, {})
        if cleaned in BLANK:
            parent.pop(name, None)
        else:
            parent[name] = cleaned


def document_of(promotion: object) -> JsonObject:
    """Return the contract's document that a resource keeps on a promotion; an import changes it."""
    document: JsonObject = vars(promotion).setdefault("document", {})
    return document


COMMON: Mapping[str, type[Widget]] = {
    "name": TextWidget,
    "description": TextWidget,
    "currency": TextWidget,
    "starts_at": MomentWidget,
    "ends_at": EndWidget,
    "archived": FlagWidget,
    "budget": DocumentWidget,
    "customer_budget": DocumentWidget,
    "campaign": TextWidget,
    "funding": DocumentWidget,
    "ledger_class": TextWidget,
}
"""The columns that every family has, besides its key, its type and its status."""


class PromotionResource(AccountResource):
    """Promotions of one family by code.

    A new promotion is created as a draft, whatever status the file has. A stored one is edited as its form would edit
    it: it stays draft or published, and changes of fixed fields are refused. ``columns`` are those of the family,
    ``object_columns`` the fields of the contract that are objects of columns; ``document`` returns a promotion in the
    contract's fields, ``save_documents`` calls the family's service.
    """

    columns: ClassVar[Mapping[str, type[Widget]]] = {}
    export_only: ClassVar[frozenset[str]] = frozenset(
        {"status", "draft", "subtype", "version", "redemptions", "budget_used", "created_at", "updated_at"}
    )
    type_name: ClassVar[str] = "type"
    object_columns: ClassVar[tuple[str, ...]] = ()

    class Meta(AccountResource.Meta):
        model = Promotion
        import_id_fields = ("code",)
        fields = ("code",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # The clock is read once for all rows of a file.
        self.at = timezone.now()
        self.fields = {path: DefinitionField(path, widget()) for path, widget in self.columns.items()}
        self.fields["status"] = Field(column_name="status", attribute="status", readonly=True)
        self.set_zone()

    def document(self, promotion: Promotion) -> dict[str, object]:
        """Return a stored promotion in the contract's fields."""
        raise NotImplementedError

    def save_documents(self, documents: Sequence[dict[str, object]]) -> list[tuple[Promotion, bool]]:
        """Call the service with the documents of all rows."""
        raise NotImplementedError

    def _with_document(self, promotion: Any) -> object:
        if "document" not in vars(promotion):
            promotion.document = deepcopy(self.document(promotion)) if promotion.pk else {}
        return promotion

    def get_queryset(self) -> Rows:
        return super().get_queryset().select_related("campaign")

    def stored_rows(self, keys: Any) -> dict[tuple[str, ...], object]:
        rows = rows_by_values(self.get_queryset(), "code", [code for (code,) in keys if is_storable(code)])
        return {(row.code,): self._with_document(row) for row in rows}

    def init_instance(self, row: object = None) -> object:
        return self._with_document(super().init_instance(row))

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> object:
        self._with_document(instance)
        if field.column_name == "status":
            return instance.status_at(self.at).label if instance.pk else ABSENT
        return field.export(instance)

    def accepts_column(self, column: str) -> bool:
        return column in self.object_columns or super().accepts_column(column)

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        """Divide the objects of a JSON file into columns.

        Raises:
            ValidationError: by column.
        """
        super().before_import_row(row, **kwargs)
        problems = {}
        for head in self.object_columns:
            if head not in row:
                continue
            inside = row.pop(head)
            if inside is not None and not isinstance(inside, dict):
                problems[head] = "Must be an object."
                continue
            for name, value in (inside or {}).items():
                if f"{head}.{name}" in self.fields:
                    row[f"{head}.{name}"] = value
                else:
                    problems[f"{head}.{name}"[:100]] = "Unknown field."
        if problems:
            raise ValidationError(problems)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        errors = dict(import_validation_errors or {})
        for name, message in (
            ("starts_at", "Enter a start date."),
            (self.type_name, "Enter the type."),
        ):
            if name not in document_of(instance) and name not in errors:
                errors[name] = ValidationError(message)
        for name in (self.type_name, "name", "description", "currency", "campaign", "ledger_class"):
            value = document_of(instance).get(name)
            if value is not None and not isinstance(value, str):
                errors[name] = ValidationError("Must be text.")
        if errors:
            raise ValidationError(errors)

    def save_rows(self, rows: Sequence[Any]) -> None:
        # The service writes all rows or none, under the account's lock: an edit made since the preview is replaced, as
        # by a form; if that edit made the file invalid, the file is refused.
        saved = self.save_documents(
            [{"name": "", **document_of(row), "draft": row.draft if row.pk else True} for row in rows]
        )
        for row, (promotion, _) in zip(rows, saved, strict=True):
            # The preview shows the definition in normal form.
            row.document = deepcopy(self.document(promotion))

    def changes(self, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
        if not before:
            yield Change(label="Status", before="–", after=Status.DRAFT.label)
        yield from document_changes(_nested(before), _nested(after))


def _nested(columns: Mapping[str, object]) -> JsonObject:
    """Return the values of columns as the nested document that ``describe_document`` reads, moments as text."""
    document: JsonObject = {}
    for column, value in columns.items():
        if value is ABSENT or column == "status":
            continue
        *parents, name = column.split(".")
        parent = document
        for part in parents:
            parent = parent.setdefault(part, {})
        parent[name] = value.isoformat() if isinstance(value, datetime) else value
    return document


CONTENT: Mapping[str, type[Widget]] = {
    **dict.fromkeys(CONTENT_TEXTS, DefinitionWidget),
    "links": DocumentWidget,
    "images": DocumentWidget,
}
"""The columns of the content, which every family has."""


def common_document(promotion: Promotion) -> dict[str, object]:
    """Return the fields of the contract that every family has."""
    campaign = promotion.campaign.code if promotion.campaign is not None else None
    return {name: getattr(promotion, name) for name in ("code", *COMMON)} | {"campaign": campaign}
