"""Files of promotions: all that they say, in the fields of the contract.

A column is a field of the contract by its path (``outcome.points``), a rule tree or a list of sets in it is a document.
So a JSON file has promotions as the REST API has them, and what a service refuses already names its column. A family
says which columns it has; see ``PromotionResource``.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils import timezone
from import_export.fields import Field
from import_export.widgets import Widget

from consumers.admin.files.cells import ABSENT
from consumers.admin.files.formats import read_json
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import FlagWidget, TextWidget
from consumers.admin.framework.history import Change
from consumers.services.upsert import FIRST_YEAR, LAST_YEAR, is_storable, rows_by_values
from promotions.admin.rules.wording import describe_document
from promotions.choices import Status
from promotions.engine.definition.fields import CONDITIONS, DISCOUNT_LIMITS, DISCOUNT_OUTCOME, FieldKind, OutcomeField
from promotions.models import Discount, Promotion
from promotions.services.discount import DiscountValues, discount_fields, discounts_save
from promotions.services.promotion.values import promotion_definition

BLANK: tuple[Any, ...] = (None, "", [], {})
"""What says nothing."""


# --- values of columns ----------------------------------------------------------------------------------------------


class DefinitionWidget(Widget):
    """A value that the check of the definition judges: as it was sent."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        return value


class DefinitionNumberWidget(DefinitionWidget):
    """A whole number, if it is one."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        digits = value.strip() if isinstance(value, str) else ""
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < _DIGITS else value


class DefinitionFlagWidget(FlagWidget):
    """Yes or no; an empty cell says nothing, and what is said then the definition knows."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        return None if value in BLANK else super().clean(value, row, **kwargs)


class DocumentWidget(DefinitionWidget):
    """A rule tree or a list of objects, in a cell as JSON."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return read_json(value)
        except ValueError as error:
            raise ValueError(f"This is no JSON: {error}.") from error


WIDGETS: Mapping[FieldKind, type[Widget]] = {
    FieldKind.WHOLE: DefinitionNumberWidget,
    FieldKind.FLAG: DefinitionFlagWidget,
    FieldKind.DOCUMENT: DocumentWidget,
}
"""How a cell of a field of each kind is read; of any other kind as it was sent."""


def outcome_widgets(outcome: Mapping[str, OutcomeField]) -> dict[str, type[Widget]]:
    """Return the widget of each field of an outcome, by name."""
    return {name: WIDGETS.get(field.kind, DefinitionWidget) for name, field in outcome.items()}


class MomentWidget(Widget):
    """A moment; without an offset it is the account's time, as in a form."""

    zone: tzinfo

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return timezone.localtime(value, self.zone) if isinstance(value, datetime) else value

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        if value in BLANK:
            return None
        expected = "Expected a time such as 2026-03-31 09:00, or with its offset 2026-03-31T09:00:00+01:00."
        try:
            moment = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        except ValueError as error:
            raise ValueError(expected) from error
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError(f"Years are {FIRST_YEAR} to {LAST_YEAR}.")
        if moment.tzinfo is not None:
            return moment
        local = moment.replace(tzinfo=self.zone)
        if local.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != moment:
            raise ValueError("The clocks go forward then: there is no such time.")
        return local


_DIGITS = 19


class DefinitionField(Field):
    """A column of what a promotion says, at its path in the contract's document."""

    def __init__(self, path: str, widget: Widget) -> None:
        super().__init__(column_name=path, attribute=path, widget=widget)

    def get_value(self, instance: Any) -> Any:
        """What the promotion says there; ABSENT where it says nothing at all."""
        value: Any = said_by(instance)
        for name in self.column_name.split("."):
            if not isinstance(value, Mapping) or name not in value:
                return ABSENT
            value = value[name]
        return value

    def export(self, instance: Any, **kwargs: Any) -> Any:
        value = self.get_value(instance)
        return ABSENT if value is ABSENT else self.widget.render(value)

    def save(self, instance: Any, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        """Let the promotion say what the row says; what it says already stays as it is, to the letter."""
        cleaned, said = self.clean(row, **kwargs), self.get_value(instance)
        if cleaned == said or (cleaned in BLANK and (said is ABSENT or said in BLANK)):
            return
        *above, name = self.column_name.split(".")
        place = said_by(instance)
        for part in above:
            place = place.setdefault(part, {})
        if cleaned in BLANK:
            place.pop(name, None)
        else:
            place[name] = cleaned


def said_by(promotion: Any) -> dict[str, Any]:
    """The contract's document of a promotion, made once; an import writes in it."""
    said: dict[str, Any] = vars(promotion).setdefault("said", {})
    return said


# --- resources ------------------------------------------------------------------------------------------------------


COMMON: Mapping[str, type[Widget]] = {
    "name": TextWidget,
    "description": TextWidget,
    "currency": TextWidget,
    "starts_at": MomentWidget,
    "ends_at": MomentWidget,
    "archived": FlagWidget,
}
"""The columns that every family has, beside its key, its type and its status."""


class PromotionResource(AccountResource):
    """Promotions of one family by code.

    A new one begins as a draft, whatever the file says of its status. One that is there is edited as its form would
    edit it: it stays draft or published, and what cannot change any more is refused. ``columns`` are those of the
    family, ``document`` says what a promotion says in the contract's fields, ``save_said`` calls the family's service.
    """

    columns: ClassVar[Mapping[str, type[Widget]]] = {}
    export_only: ClassVar[frozenset[str]] = frozenset(
        {"status", "draft", "subtype", "version", "redemptions", "created_at", "updated_at"}
    )
    type_name: ClassVar[str] = "type"
    heads: ClassVar[tuple[str, ...]] = ()
    """Fields of the contract that are objects of columns."""

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
        for field in self.fields.values():
            if isinstance(field.widget, MomentWidget):
                field.widget.zone = self.account.zone

    def document(self, promotion: Promotion) -> dict[str, Any]:
        """What a stored promotion says, in the contract's fields."""
        raise NotImplementedError

    def save_said(self, said: Sequence[dict[str, Any]]) -> list[tuple[Promotion, bool]]:
        """Call the service with the documents of all rows."""
        raise NotImplementedError

    # --- reading what is stored ---

    def _knowing(self, promotion: Any) -> Any:
        if "said" not in vars(promotion):
            promotion.said = deepcopy(self.document(promotion)) if promotion.pk else {}
        return promotion

    def stored_rows(self, keys: Any) -> dict[tuple[str, ...], Any]:
        rows = rows_by_values(self.get_queryset(), "code", [code for (code,) in keys if is_storable(code)])
        return {(row.code,): self._knowing(row) for row in rows}

    def init_instance(self, row: Any = None) -> Any:
        return self._knowing(super().init_instance(row))

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        self._knowing(instance)
        if field.column_name == "status":
            return instance.status_at(self.at).label if instance.pk else ABSENT
        return field.export(instance)

    # --- reading a file ---

    def accepts_column(self, column: str) -> bool:
        return column in self.heads or super().accepts_column(column)

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        """Take the objects of a JSON file apart into columns.

        Raises:
            ValidationError: by column.
        """
        super().before_import_row(row, **kwargs)
        wrong = {}
        for head in self.heads:
            if head not in row:
                continue
            inside = row.pop(head)
            if inside is not None and not isinstance(inside, dict):
                wrong[head] = "Expected an object."
                continue
            for name, value in (inside or {}).items():
                if f"{head}.{name}" in self.fields:
                    row[f"{head}.{name}"] = value
                else:
                    wrong[f"{head}.{name}"[:100]] = "Unknown field."
        if wrong:
            raise ValidationError(wrong)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        errors = dict(import_validation_errors or {})
        for name, words in (
            ("starts_at", "Say when it starts."),
            (self.type_name, "Say of which type it is."),
        ):
            if name not in said_by(instance) and name not in errors:
                errors[name] = ValidationError(words)
        for name in (self.type_name, "name", "description", "currency"):
            if not isinstance(said_by(instance).get(name, ""), str):
                errors[name] = ValidationError("Expected a text.")
        if errors:
            raise ValidationError(errors)

    def save_rows(self, rows: Sequence[Any]) -> None:
        # The service writes all rows or none, under the account's lock: an edit made since the preview is replaced, as
        # by a form, and one that made the file wrong refuses it.
        saved = self.save_said([{"name": "", **said_by(row), "draft": row.draft if row.pk else True} for row in rows])
        for row, (promotion, _) in zip(rows, saved, strict=True):
            # What the definition's check made of it: the preview tells that.
            row.said = deepcopy(self.document(promotion))

    def changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
        if not before:
            yield Change(label="Status", before="–", after=Status.DRAFT.label)
        was, says = (dict(describe_document(_nested(said))) for said in (before, after))
        for label in dict.fromkeys([*was, *says]):
            if was.get(label) != says.get(label):
                yield Change(label=label, before=was.get(label, "–"), after=says.get(label, "–"))


def _nested(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says in words' terms: documents as objects again, moments as texts."""
    made: dict[str, Any] = {}
    for column, value in said.items():
        if value is ABSENT or column == "status":
            continue
        *above, name = column.split(".")
        place = made
        for part in above:
            place = place.setdefault(part, {})
        place[name] = value.isoformat() if isinstance(value, datetime) else value
    return made


class DiscountResource(PromotionResource):
    """Discounts, in the flat fields that the contract has for them."""

    type_name = "discount_type"
    heads = ("conditions",)
    columns: ClassVar[Mapping[str, type[Widget]]] = {
        "code": TextWidget,
        "discount_type": TextWidget,
        **COMMON,
        **outcome_widgets(DISCOUNT_OUTCOME),
        **{f"conditions.{name}": DocumentWidget for name in CONDITIONS},
        **dict.fromkeys(DISCOUNT_LIMITS, DefinitionNumberWidget),
        "always_apply": DefinitionFlagWidget,
    }

    class Meta(PromotionResource.Meta):
        model = Discount

    def document(self, promotion: Promotion) -> dict[str, Any]:
        return said_in_common(promotion) | discount_parts(promotion)

    def save_said(self, said: Sequence[dict[str, Any]]) -> list[tuple[Promotion, bool]]:
        names = [name for name in self.columns if not name.startswith("conditions.")]
        rows = [
            DiscountValues(**{name: one[name] for name in (*names, "conditions", "draft") if name in one})
            for one in said
        ]
        return discounts_save(account_id=self.account.pk, rows=rows, author=self.author, at=timezone.now())


def discount_parts(promotion: Promotion) -> dict[str, Any]:
    """What a discount says beside what every promotion does."""
    fields = discount_fields(promotion_definition(promotion))
    return {name: value for name, value in fields.items() if name not in _COMMON_NAMES}


def said_in_common(promotion: Promotion) -> dict[str, Any]:
    """What every promotion says."""
    return {name: getattr(promotion, name) for name in ("code", *COMMON)}


_COMMON_NAMES = frozenset({"family", "subtype", "code", *COMMON})
