"""Import and export of loyalty cards."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from import_export.fields import Field

from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import TextWidget
from consumers.models import Card, Consumer, Membership
from consumers.services.card import CardOfConsumer, cards_save
from consumers.services.upsert import is_storable, rows_by_values
from consumers.types import JsonMapping, Rows


class CardResource(AccountResource):
    """Cards by number, one row per card, so that cards come in without the rest of their consumers.

    A row gives a card to a member, or changes its type; cards that the file does not name stay.
    """

    noun = "loyalty cards"
    number = Field(column_name="number", attribute="number", widget=TextWidget(), readonly=True)
    consumer_id = Field(column_name="consumer_id", attribute="read_consumer_id", widget=TextWidget())
    type = Field(column_name="type", attribute="type", widget=TextWidget())
    synonyms: ClassVar[Mapping[str, Sequence[str]]] = {
        "number": ("Card number", "Card", "Loyalty card", "Card no"),
        "consumer_id": ("Consumer", "Customer", "Customer id", "Member id", "Customer number"),
        "type": ("Card type",),
    }

    class Meta(AccountResource.Meta):
        model = Card
        import_id_fields = ("number",)
        fields = ("number", "consumer_id", "type")

    def get_queryset(self) -> Rows:
        return super().get_queryset().select_related("membership__consumer")

    def exported_rows(self, rows: Rows) -> Rows:
        return self.get_queryset().filter(membership__consumer__in=rows.order_by().values("pk"))

    def stored_rows(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Any]:
        rows = rows_by_values(self.get_queryset(), "number", [number for (number,) in keys if is_storable(number)])
        return {(card.number,): card for card in rows}

    def init_instance(self, row: JsonMapping | None = None) -> Card:
        # For the preview only; the service checks that the consumer exists.
        (number,) = self.key_of(row or {})
        return Card(account=self.account, number=number, membership=Membership(consumer=Consumer()))

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        if field.column_name != "consumer_id" or not isinstance(instance, Card):
            return super().export_field(field, instance, **kwargs)
        return getattr(instance, "read_consumer_id", instance.membership.consumer.consumer_id)

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        # A new row begins with its key, so one that says nothing else would count as unchanged.
        is_new = instance.pk is None
        return not is_new and super().skip_row(instance, original, row, import_validation_errors)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        errors = dict(import_validation_errors or {})
        if not self.export_field(self.fields["consumer_id"], instance):
            errors.setdefault("read_consumer_id", ValidationError("Enter the consumer id of the card’s owner."))
        if errors:
            raise ValidationError(errors)

    def save_rows(self, rows: Sequence[Card]) -> None:
        consumer_id = self.fields["consumer_id"]
        values = [
            CardOfConsumer(number=card.number, consumer_id=self.export_field(consumer_id, card), type=card.type)
            for card in rows
        ]
        cards_save(account_id=self.account.pk, rows=values)
