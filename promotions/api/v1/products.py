"""``products``."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers

from consumers.api.framework.fields import BoundedListField, ChoiceText, FlagField, KeyField, MomentField, TextField
from consumers.api.framework.filters import ArchiveFilters, FlagFilter
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import Collection
from consumers.services.upsert import Saved
from consumers.types import JsonObject
from promotions.api.v1.fields import MoneyOutput, MoneyText, price_output
from promotions.choices import SoldBy
from promotions.engine.definition.fields import MAX_SKU_LENGTH
from promotions.models import Product
from promotions.models.product import MAX_LABEL_LENGTH, MAX_LABELS
from promotions.selectors.product import products_of
from promotions.services.product import ProductValues, product_delete, products_save


class ProductInput(Input):
    """A catalogue entry. Prices are in the account's currency, with up to four decimals; null is unknown."""

    name = TextField(max_length=300, allow_blank=True, default="")
    product_brand = TextField(max_length=200, allow_blank=True, default="")
    program_brand = TextField(max_length=200, allow_blank=True, default="")
    category = TextField(max_length=200, allow_blank=True, default="")
    labels = BoundedListField(child=TextField(max_length=MAX_LABEL_LENGTH), max_length=MAX_LABELS, default=list)
    cost_price = MoneyText(allow_null=True, default=None)
    retail_price = MoneyText(allow_null=True, default=None)
    sold_by = ChoiceText(
        choices=SoldBy.choices,
        default=SoldBy.UNIT,
        help_text="By the unit or by weight; a line sold by weight is one unit, whatever it weighs.",
    )
    no_discount = FlagField(
        default=False, help_text="Whether it is left out of discounts and vouchers, such as a gift card."
    )
    no_points = FlagField(default=False, help_text="Whether it is left out of points, such as a deposit.")
    archived = FlagField(default=False, help_text="Whether it is hidden from lists.")


class ProductOutput(Output):
    """A catalogue entry."""

    sku = serializers.CharField()
    name = serializers.CharField()
    product_brand = serializers.CharField()
    program_brand = serializers.CharField()
    category = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())
    cost_price = MoneyOutput(allow_null=True)
    retail_price = MoneyOutput(allow_null=True)
    sold_by = serializers.ChoiceField(choices=SoldBy.choices)
    no_discount = serializers.BooleanField()
    no_points = serializers.BooleanField()
    archived = serializers.BooleanField()
    created_at = MomentField()
    updated_at = MomentField()

    def to_representation(self, instance: Product) -> dict[str, object]:
        currency = self.context["view"].account.currency
        shown: dict[str, object] = super().to_representation(instance)
        for name in ("cost_price", "retail_price"):
            shown[name] = price_output(getattr(instance, name), currency)
        return shown


class ProductFilters(ArchiveFilters):
    """Filters of the list."""

    sold_by = filters.ChoiceFilter(choices=SoldBy.choices)
    no_discount = FlagFilter()
    no_points = FlagFilter()

    class Meta:
        model = Product
        fields = ("category", "product_brand", "program_brand")


class Products(Collection):
    """Products by SKU."""

    key_name = "sku"
    key_field = KeyField(max_length=MAX_SKU_LENGTH)
    input_class = ProductInput
    output_class = ProductOutput
    filterset_class = ProductFilters
    search_fields = ("sku", "name", "product_brand", "program_brand", "category")
    ordering_fields = ("sku", "name", "category", "product_brand", "created_at", "updated_at")
    default_ordering = "sku"

    def get_queryset(self) -> QuerySet[Product]:
        return products_of(account_id=self.account.pk)

    def save(self, rows: Sequence[JsonObject]) -> Saved:
        return products_save(
            account_id=self.account.pk,
            rows=[ProductValues(**{**row, "labels": tuple(row["labels"])}) for row in rows],
        )

    def remove(self, row: Product) -> None:
        product_delete(account_id=self.account.pk, sku=row.sku)
