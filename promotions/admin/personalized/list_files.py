"""Import and export of consumers' lists."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from import_export.fields import Field
from unfold.widgets import UnfoldBooleanSwitchWidget

from consumers.admin.files.forms import FileForm
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import FlagWidget, TextsWidget, TextWidget
from consumers.exceptions import Refused
from consumers.models import Consumer
from consumers.services.upsert import is_storable, rows_by_values
from promotions.models import PersonalizedList, PersonalizedPromotion
from promotions.selectors.personalized_promotion import personalized_lists
from promotions.services.personalized.assignments import ConsumerProducts, personalized_lists_assign


class PersonalizedListResource(AccountResource):
    """Consumers' lists, one row for each; products and those chosen of them by SKU, separated by commas.

    A row replaces a list with its choice, as a push does; a row equal to the stored list changes nothing. An export
    says whether a choice is final; an import ignores it.
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

    def stored_rows(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], object]:
        consumer_ids = [consumer_id for _, consumer_id in keys if is_storable(consumer_id)]
        lists = rows_by_values(self.get_queryset(), "consumer__consumer_id", consumer_ids)
        return {(listed.promotion.backend_id, listed.consumer.consumer_id): listed for listed in lists}

    def get_queryset(self) -> QuerySet[PersonalizedList]:
        return personalized_lists(account_id=self.account.pk)

    def init_instance(self, row: Mapping[str, object] | None = None) -> PersonalizedList:
        # For the preview only; the service checks that the promotion and the consumer exist.
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
        is_kept = self.keep_locked and instance.locked and not import_validation_errors
        return is_kept or super().skip_row(instance, original, row, import_validation_errors)

    def save_rows(self, rows: Sequence[PersonalizedList]) -> None:
        # An import is one transaction, which an error rolls back: the lists of all promotions are written, or none.
        indexes_by_promotion: defaultdict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            indexes_by_promotion[row.promotion.backend_id].append(index)
        for backend_id, indexes in indexes_by_promotion.items():
            try:
                personalized_lists_assign(
                    account_id=self.account.pk,
                    backend_id=backend_id,
                    rows=[
                        ConsumerProducts(
                            consumer_id=rows[index].consumer.consumer_id,
                            products=rows[index].products,
                            selected=rows[index].selected,
                        )
                        for index in indexes
                    ],
                    keep_locked=self.keep_locked,
                )
            except Refused as refused:
                raise _with_row_indexes(refused, indexes) from refused


def _with_row_indexes(refused: Refused, indexes: Sequence[int]) -> Refused:
    """Return the refusal of one promotion's rows with the rows' indexes in the whole file."""

    def moved(attr: str | None) -> str:
        index, _, rest = (attr or "").partition(".")
        return f"{indexes[int(index)]}.{rest}" if index.isdigit() else f"{indexes[0]}.backend_id"

    problems = [replace(problem, attr=moved(problem.attr)) for problem in refused.problems]
    return type(refused)(problems=problems)


class ListImportForm(FileForm):
    """A file of lists, and whether final choices are kept."""

    keep_locked = forms.BooleanField(
        label="Keep final choices",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Consumers whose choice is final keep their list. If off, they get the new one and can choose again.",
    )
