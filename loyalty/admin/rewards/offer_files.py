"""Import and export of offers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.utils import timezone
from import_export.fields import Field

from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import AmountWidget, EndWidget, MomentWidget, TextWidget
from consumers.services.upsert import is_storable, rows_by_values
from consumers.types import JsonMapping, Rows
from loyalty.choices import Benefit, OfferKind
from loyalty.models import Offer
from loyalty.services.rewards.offer import OfferValues, offers_save
from promotions.admin.editor.files import DocumentWidget

FIELDS = (
    "code",
    "name",
    "description",
    "currency",
    "kind",
    "point_cost",
    "benefit",
    "value",
    "product",
    "perceived_value",
    "starts_at",
    "ends_at",
    "valid_days",
    "stock",
    "funding",
    "ledger_class",
    "archived",
)


class PerceivedValueWidget(AmountWidget):
    """An amount; an empty cell is none at all."""

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        amount = super().clean(value, row, **kwargs)
        return 0 if amount is None else amount


class DefaultTextWidget(TextWidget):
    """A text; an empty cell is the default."""

    def __init__(self, default: str) -> None:
        super().__init__()
        self.default = default

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        return super().clean(value, row, **kwargs) or self.default


class FundingWidget(DocumentWidget):
    """The parties that pay, as JSON in a cell; an empty cell is none."""

    def clean(self, value: object, row: object = None, **kwargs: object) -> object:
        return super().clean(value, row, **kwargs) or []


class OfferResource(AccountResource):
    """Offers by code; the product by its SKU. A blank currency is the account's."""

    product = Field(column_name="product", attribute="read_product", widget=TextWidget())
    kind = Field(column_name="kind", attribute="kind", widget=DefaultTextWidget(OfferKind.PERSONALISED))
    benefit = Field(column_name="benefit", attribute="benefit", widget=DefaultTextWidget(Benefit.AMOUNT))
    perceived_value = Field(column_name="perceived_value", attribute="perceived_value", widget=PerceivedValueWidget())
    starts_at = Field(column_name="starts_at", attribute="starts_at", widget=MomentWidget())
    ends_at = Field(column_name="ends_at", attribute="ends_at", widget=EndWidget())
    funding = Field(column_name="funding", attribute="funding", widget=FundingWidget())
    synonyms: ClassVar[Mapping[str, Sequence[str]]] = {
        "code": ("Offer code", "Offer", "Reward code"),
        "name": ("Offer name", "Title", "Reward"),
        "point_cost": ("Points", "Costs points", "Cost in points"),
        "product": ("SKU", "Free product"),
        "starts_at": ("Start", "Start date", "Valid from"),
        "ends_at": ("End", "End date", "Valid until", "Expiry date"),
    }
    export_only = frozenset({"issued", "created_at", "updated_at"})

    class Meta(AccountResource.Meta):
        model = Offer
        import_id_fields = ("code",)
        fields = FIELDS

    def get_queryset(self) -> Rows:
        return super().get_queryset().select_related("product")

    def stored_rows(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Any]:
        rows = rows_by_values(self.get_queryset(), "code", [code for (code,) in keys if is_storable(code)])
        return {(offer.code,): offer for offer in rows}

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        if field.column_name != "product" or not isinstance(instance, Offer):
            return super().export_field(field, instance, **kwargs)
        stored = instance.product.sku if instance.product_id and instance.product else ""
        return getattr(instance, "read_product", stored)

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        super().before_import_row(row, **kwargs)
        if "currency" in row and not row["currency"]:
            row["currency"] = self.account.currency

    def init_instance(self, row: JsonMapping | None = None) -> Any:
        offer = super().init_instance(row)
        offer.currency = self.account.currency
        return offer

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        # The product is a key that the service resolves; what kinds and benefits need of it, the service checks too.
        instance.clean = lambda: None
        try:
            super().validate_instance(instance, import_validation_errors, validate_unique)
        finally:
            del instance.clean

    def save_rows(self, rows: Sequence[Offer]) -> None:
        values = [
            OfferValues(
                **{name: getattr(offer, name) for name in FIELDS if name != "product"},
                product=self.export_field(self.fields["product"], offer) or None,
            )
            for offer in rows
        ]
        offers_save(account_id=self.account.pk, rows=values, author=self.author, at=timezone.now())
