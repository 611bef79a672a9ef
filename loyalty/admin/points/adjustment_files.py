"""Import of points adjustments, such as the balances that a shop brings along from another system."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils import timezone
from import_export.fields import Field

from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import SignedWidget, TextWidget
from consumers.choices import StaffRole
from consumers.lengths import MAX_REASON_LENGTH, MAX_REFERENCE_LENGTH
from consumers.models import Consumer, Role
from consumers.selectors import staff_membership_current
from consumers.services.upsert import is_storable, rows_by_values
from consumers.types import JsonMapping, Rows
from loyalty.choices import EntryKind
from loyalty.models import LedgerEntry
from loyalty.services.points.adjustment import MAX_ADJUSTMENT_POINTS
from loyalty.services.points.bulk_adjustment import AdjustmentValues, staff_points_adjust_all

NO_DATES = (
    "Points are available at once and do not expire, so a date cannot be kept. Choose “Do not import” for this column "
    "on the page of columns, or leave it blank."
)


class AdjustmentResource(AccountResource):
    """Adjustments by consumer and reference; a row without a reference gets one from what it says.

    So a file that is imported twice adjusts once. A stored adjustment never changes: other points under its reference
    are refused. The limits of the author's role hold.
    """

    noun = "points adjustments"
    consumer_id = Field(
        column_name="consumer_id", attribute="consumer__consumer_id", widget=TextWidget(), readonly=True
    )
    reference = Field(column_name="reference", attribute="reference", widget=TextWidget(), readonly=True)
    points = Field(column_name="points", attribute="points", widget=SignedWidget())
    description = Field(column_name="description", attribute="description", widget=TextWidget())
    active_on = Field(column_name="active_on", attribute="no_active_on", widget=TextWidget())
    expires_on = Field(column_name="expires_on", attribute="no_expires_on", widget=TextWidget())
    synonyms: ClassVar[Mapping[str, Sequence[str]]] = {
        "consumer_id": ("Consumer", "Customer", "Customer id", "Member", "Member id", "Customer number"),
        "points": ("Balance", "Points balance", "Opening balance", "Amount"),
        "description": ("Reason", "Note", "Comment"),
        "expires_on": ("Expiry date", "Expires", "Valid until"),
    }
    aliases: ClassVar[Mapping[str, str]] = {"consumer": "consumer_id"}
    optional_keys = frozenset({"reference"})

    class Meta(AccountResource.Meta):
        model = LedgerEntry
        import_id_fields = ("consumer_id", "reference")
        fields = ("consumer_id", "reference", "points", "description", "active_on", "expires_on")

    def get_queryset(self) -> Rows:
        return super().get_queryset().filter(kind=EntryKind.ADJUSTMENT).select_related("consumer")

    def stored_rows(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Any]:
        consumer_ids = [consumer_id for consumer_id, _ in keys if is_storable(consumer_id)]
        entries = rows_by_values(self.get_queryset(), "consumer__consumer_id", consumer_ids)
        return {(entry.consumer.consumer_id, entry.reference): entry for entry in entries}

    def init_instance(self, row: JsonMapping | None = None) -> LedgerEntry:
        # For the preview only; the service checks that the consumer exists.
        consumer_id, reference = self.key_of(row or {})
        return LedgerEntry(account=self.account, consumer=Consumer(consumer_id=consumer_id), reference=reference)

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        if field.column_name in ("active_on", "expires_on"):
            return ""
        return super().export_field(field, instance, **kwargs)

    def check_file(self, dataset: Any) -> None:
        """Give rows without a reference one, before the file is checked."""
        headings = dataset.headers or ()
        if "reference" not in headings:
            dataset.append_col([""] * len(dataset), header="reference")
        place = dataset.headers.index("reference")
        for index, (row, cells) in enumerate(zip(dataset.dict, list(dataset), strict=True)):
            if row["reference"] in (None, ""):
                dataset[index] = [*cells[:place], _reference_of(row), *cells[place + 1 :]]
        super().check_file(dataset)

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        # A new row begins with its key, so one that says nothing else would count as unchanged.
        is_new = instance.pk is None
        return not is_new and super().skip_row(instance, original, row, import_validation_errors)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        errors = dict(import_validation_errors or {})
        points = getattr(instance, "points", None)
        if "points" not in errors and (not points or abs(points) > MAX_ADJUSTMENT_POINTS):
            errors["points"] = ValidationError("Must be a number of points above or below 0.")
        if len(instance.description) > MAX_REASON_LENGTH:
            errors["description"] = ValidationError(f"At most {MAX_REASON_LENGTH} characters.")
        if len(instance.reference) > MAX_REFERENCE_LENGTH:
            errors["reference"] = ValidationError(f"At most {MAX_REFERENCE_LENGTH} characters.")
        for name in ("no_active_on", "no_expires_on"):
            if getattr(instance, name, ""):
                errors[name] = ValidationError(NO_DATES)
        if errors:
            raise ValidationError(errors)

    def save_rows(self, rows: Sequence[LedgerEntry]) -> None:
        values = [
            AdjustmentValues(
                consumer_id=entry.consumer.consumer_id,
                reference=entry.reference,
                points=entry.points,
                description=entry.description,
            )
            for entry in rows
        ]
        staff_points_adjust_all(
            account=self.account, author=self.author, role=self._role(), rows=values, at=timezone.now()
        )

    def _role(self) -> Role:
        """Return the role of who imports; that of customer service, with its limits, if they have left since."""
        user = self.author.user
        membership = staff_membership_current(user=user, account_id=self.account.pk) if user is not None else None
        if membership is not None and membership.account_id == self.account.pk:
            return membership.role
        return Role.objects.get(account=None, name=StaffRole.CUSTOMER_SERVICE)


def _reference_of(row: JsonMapping) -> str:
    """Return the reference of a row that names none: the same for the same consumer, points and description."""
    said = "\x1f".join(str(row.get(name) or "") for name in ("consumer_id", "points", "description"))
    return f"file-{hashlib.sha256(said.encode()).hexdigest()[:24]}"
