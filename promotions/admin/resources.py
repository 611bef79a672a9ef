"""Import and export of the catalogue, and of consumers' lists."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from import_export.fields import Field
from import_export.forms import ConfirmImportForm
from unfold.widgets import UnfoldBooleanSwitchWidget

from consumers.admin.files.pages import FileForm
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import FlagWidget, TextsWidget, TextWidget
from consumers.author import IMPORT_LABEL, Author
from consumers.exceptions import Refused
from consumers.models import Consumer
from consumers.services.upsert import is_storable, rows_by_values
from promotions.models import PersonalizedList, PersonalizedPromotion, Product
from promotions.selectors.personalized_promotion import personalized_lists
from promotions.services.personalized.assignments import ConsumerProducts, personalized_lists_assign
from promotions.services.personalized.promotion import PersonalizedPromotionValues, personalized_promotions_save
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


class PersonalizedPromotionResource(AccountResource):
    """Personalized promotions by backend id; consumers' lists of them are files of their own."""

    class Meta(AccountResource.Meta):
        model = PersonalizedPromotion
        import_id_fields = ("backend_id",)
        fields = (
            "backend_id",
            "name",
            "description",
            "maximum_distinct_products",
            "lock_after_first_apply",
            "archived",
        )

    def save_rows(self, rows: Sequence[PersonalizedPromotion]) -> None:
        values = [
            PersonalizedPromotionValues(**{name: getattr(row, name) for name in self.Meta.fields}) for row in rows
        ]
        personalized_promotions_save(
            account_id=self.account.pk, rows=values, author=Author(label=IMPORT_LABEL), at=timezone.now()
        )


class PersonalizedListResource(AccountResource):
    """Consumers' lists, one row for each; products and those chosen of them by SKU, separated by commas.

    A row replaces a list with its choice, as a push does; one that says what is stored leaves it alone. Whether a
    choice is final is told by an export, and not looked at by an import.
    """

    backend_id = Field(column_name="backend_id", attribute="promotion__backend_id", widget=TextWidget(), readonly=True)
    consumer_id = Field(
        column_name="consumer_id", attribute="consumer__consumer_id", widget=TextWidget(), readonly=True
    )
    products = Field(column_name="products", attribute="products", widget=TextsWidget())
    selected = Field(column_name="selected", attribute="selected", widget=TextsWidget())
    locked = Field(column_name="locked", attribute="locked", widget=FlagWidget(), readonly=True)

    aliases: ClassVar[Mapping[str, str]] = {"consumer": "consumer_id"}

    class Meta(AccountResource.Meta):
        model = PersonalizedList
        import_id_fields = ("backend_id", "consumer_id")
        fields = ("backend_id", "consumer_id", "products", "selected", "locked")

    def __init__(self, *, keep_locked: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep_locked = keep_locked

    def stored_rows(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Any]:
        consumer_ids = [consumer_id for _, consumer_id in keys if is_storable(consumer_id)]
        lists = rows_by_values(self.get_queryset(), "consumer__consumer_id", consumer_ids)
        return {(one.promotion.backend_id, one.consumer.consumer_id): one for one in lists}

    def get_queryset(self) -> QuerySet[PersonalizedList]:
        return personalized_lists(account_id=self.account.pk)

    def init_instance(self, row: Mapping[str, Any] | None = None) -> PersonalizedList:
        # What the preview shows; that there are such rows, the service finds out.
        backend_id, consumer_id = self.key_of(row or {})
        return PersonalizedList(
            promotion=PersonalizedPromotion(backend_id=backend_id), consumer=Consumer(consumer_id=consumer_id)
        )

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        if import_validation_errors:
            raise ValidationError(import_validation_errors)

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        kept = self.keep_locked and instance.locked and not import_validation_errors
        return kept or super().skip_row(instance, original, row, import_validation_errors)

    def save_rows(self, rows: Sequence[PersonalizedList]) -> None:
        # An import is one transaction, which an error undoes: all promotions' lists are written, or none.
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            places[row.promotion.backend_id].append(place)
        for backend_id, of_promotion in places.items():
            try:
                personalized_lists_assign(
                    account_id=self.account.pk,
                    backend_id=backend_id,
                    rows=[
                        ConsumerProducts(
                            consumer_id=rows[place].consumer.consumer_id,
                            products=rows[place].products,
                            selected=rows[place].selected,
                        )
                        for place in of_promotion
                    ],
                    keep_locked=self.keep_locked,
                )
            except Refused as refused:
                raise _of_file(refused, of_promotion) from refused


def _of_file(refused: Refused, places: Sequence[int]) -> Refused:
    """What was refused of one promotion's rows, with their places among all rows that were read."""

    def moved(attr: str | None) -> str:
        index, _, rest = (attr or "").partition(".")
        return f"{places[int(index)]}.{rest}" if index.isdigit() else f"{places[0]}.backend_id"

    problems = [replace(problem, attr=moved(problem.attr)) for problem in refused.problems]
    return type(refused)(problems=problems)


class ListImportForm(FileForm):
    """A file of lists, and what to do with final choices."""

    keep_locked = forms.BooleanField(
        label="Keep final choices",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Leaves consumers alone whose choice is final. Otherwise they get the new list and may choose again.",
    )


class ListConfirmForm(ConfirmImportForm):
    """The same file, looked at."""

    keep_locked = forms.BooleanField(required=False, widget=forms.HiddenInput())
