"""Import and export of the catalogue."""

from collections.abc import Sequence

from import_export.fields import Field

from consumers.admin.resources import AccountResource, TextsWidget
from promotions.models import Product
from promotions.services.product import ProductValues, products_save


class ProductResource(AccountResource):
    """Products by SKU; labels are separated by commas, an empty price is unknown."""

    labels = Field(column_name="labels", attribute="labels", widget=TextsWidget())

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
            "archived",
        )

    def save_rows(self, rows: Sequence[Product]) -> None:
        values = [
            ProductValues(**{name: getattr(row, name) for name in self.Meta.fields} | {"labels": tuple(row.labels)})
            for row in rows
        ]
        products_save(account_id=self.account.pk, rows=values)
