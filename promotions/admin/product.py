"""The pages of the catalogue, and its import and export."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from import_export.fields import Field
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import TextsWidget
from consumers.admin.framework.filters import AmountRangeFilter, ArchivedFilter, begins_filter, choice_filter
from consumers.admin.framework.formatting import format_number
from consumers.admin.framework.pages import KeyedAdmin, ServiceForm, account_of
from consumers.author import Author
from consumers.types import Rows
from promotions.choices import SoldBy
from promotions.models import Product
from promotions.services.product import ProductValues, product_delete, products_save


class LabelsField(forms.CharField):
    """Texts separated by commas."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: object) -> object:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: object) -> Any:
        names = [name.strip() for name in str(value or "").split(",")]
        return list(dict.fromkeys(name for name in names if name))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != list(initial or []))


class ProductForm(ServiceForm):
    """A product, as its service takes it."""

    labels = LabelsField(required=False, label="Labels", help_text="Separated by commas, such as: organic, new, gift.")

    money_fields = frozenset({"cost_price", "retail_price"})

    key_field = "sku"

    class Meta:
        model = Product
        fields = (
            "sku",
            "name",
            "product_brand",
            "program_brand",
            "category",
            "labels",
            "cost_price",
            "retail_price",
            "sold_by",
            "no_discount",
            "no_points",
            "archived",
        )
        labels = {
            "sku": "SKU",
            "name": "Product name",
            "no_discount": "No discount",
            "no_points": "No points",
        }
        help_texts = {
            "sku": "The SKU that tills send. You cannot change it later.",
            "cost_price": "In the account's currency, with up to four decimals. Leave blank if unknown.",
            "retail_price": "In the account's currency, with up to four decimals. Leave blank if unknown. "
            "Both prices give the margin.",
            "sold_by": "A line of a product sold by weight counts as one unit.",
            "no_discount": "Discounts and vouchers do not lower its price, and it does not count towards a required "
            "spend. For gift cards, deposits and books at a fixed price.",
            "no_points": "It earns no points and loyalty promotions ignore it. With No discount as well, tills can "
            "sell it "
            "at a price below zero, such as for a returned bottle.",
            "archived": "Hides the product from lists. Rules that use it keep working.",
        }


class ProductResource(AccountResource):
    """Products by SKU; labels are separated by commas, an empty price is unknown."""

    labels = Field(column_name="labels", attribute="labels", widget=TextsWidget())
    synonyms: ClassVar[Mapping[str, Sequence[str]]] = {
        "sku": ("Variant SKU", "Product SKU", "Stock code", "Item number", "Item no", "Article number", "Product code"),
        "name": ("Title", "Product name", "Item name", "Product title", "Description"),
        "product_brand": ("Vendor", "Brand", "Manufacturer"),
        "program_brand": ("Programme brand",),
        "category": ("Type", "Product type", "Product category", "Category name", "Department"),
        "labels": ("Tags", "Product tags"),
        "cost_price": ("Cost per item", "Cost", "Unit cost", "Purchase price"),
        "retail_price": ("Variant Price", "Price", "Regular price", "Selling price", "Unit price"),
    }
    group_headings = ("Handle", "URL handle", "Parent SKU")
    inherited: ClassVar[frozenset[str]] = frozenset(
        {
            "name",
            "product_brand",
            "program_brand",
            "category",
            "labels",
            "sold_by",
            "no_discount",
            "no_points",
            "archived",
        }
    )

    class Meta(AccountResource.Meta):
        model = Product
        import_id_fields = ("sku",)
        fields = (
            "sku",
            "name",
            "product_brand",
            "program_brand",
            "category",
            "labels",
            "cost_price",
            "retail_price",
            "sold_by",
            "no_discount",
            "no_points",
            "archived",
        )

    def save_rows(self, rows: Sequence[Product]) -> None:
        values = [
            ProductValues(**{name: getattr(row, name) for name in self.Meta.fields} | {"labels": tuple(row.labels)})
            for row in rows
        ]
        products_save(account_id=self.account.pk, rows=values)


LEFT_OUT_OF = [("discounts", "Discounts"), ("points", "Points"), ("both", "Both"), ("neither", "Neither")]


def _by_left_out_of(_: HttpRequest, products: Rows, value: str) -> Rows:
    match value:
        case "discounts":
            return products.filter(no_discount=True)
        case "points":
            return products.filter(no_points=True)
        case "both":
            return products.filter(no_discount=True, no_points=True)
        case _:
            return products.filter(no_discount=False, no_points=False)


@admin.register(Product)
class ProductAdmin(ImportExportMixin, KeyedAdmin):
    """Products."""

    key = "sku"
    reference_kind = "product"
    resource_classes = (ProductResource,)
    form = ProductForm
    add_label = "Add product"
    empty_text = (
        "Rules choose products by SKU, brand, category, labels, prices and margin. "
        "Import a catalogue as CSV, XLSX or JSON."
    )
    list_display = ("stock_keeping_unit", "name", "category", "product_brand", "labels_text", "price", "left_out_of")
    list_display_links = ("stock_keeping_unit", "name")
    list_filter = (
        begins_filter("category", "category"),
        begins_filter("product brand", "product_brand"),
        begins_filter("program brand", "program_brand"),
        ("retail_price", AmountRangeFilter),
        choice_filter("sold by", "sold_by", SoldBy.choices, lambda _, rows, value: rows.filter(sold_by=value)),
        choice_filter("left out of", "left_out_of", LEFT_OUT_OF, _by_left_out_of),
        ArchivedFilter,
    )
    search_fields = ("sku", "name", "category", "product_brand", "program_brand")
    search_help_text = "SKU, name, category or brand"
    fieldsets = (
        ("Product", {"fields": (("sku", "name"), ("product_brand", "program_brand"), "category", "labels")}),
        ("Prices", {"fields": (("cost_price", "retail_price"),)}),
        ("At the till", {"fields": ("sold_by", ("no_discount", "no_points"))}),
        ("Archive", {"fields": ("archived",)}),
    )

    @display(description="SKU", ordering="sku")
    def stock_keeping_unit(self, product: Product) -> str:
        return product.sku

    @display(description="Labels")
    def labels_text(self, product: Product) -> str:
        return ", ".join(map(str, product.labels)) or "–"

    @display(description="Retail price", ordering="retail_price")
    def price(self, product: Product) -> str:
        return "–" if product.retail_price is None else format_number(product.retail_price, least=2)

    @display(description="Left out of")
    def left_out_of(self, product: Product) -> str:
        names = (("discounts", product.no_discount), ("points", product.no_points))
        return ", ".join(name for name, is_left_out in names if is_left_out) or "–"

    def save_values(self, *, account_id: int, author: Author, obj: Product, form: object) -> None:
        values = {name: getattr(obj, name) for name in ProductForm.Meta.fields}
        products_save(account_id=account_id, rows=[ProductValues(**values | {"labels": tuple(obj.labels)})])

    def delete_row(self, request: HttpRequest, obj: Product) -> None:
        product_delete(account_id=account_of(request).pk, sku=obj.sku)
