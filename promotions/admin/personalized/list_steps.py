"""What staff do with one consumer's list: each step is a page with a question, which scripts show as a dialog."""

from collections.abc import Mapping
from typing import ClassVar

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from consumers.admin.framework.key_fields import KeysField
from consumers.admin.framework.pages import account_of
from consumers.exceptions import Refused
from consumers.types import JsonObject
from promotions.models import PersonalizedList
from promotions.models.personalized_promotion import MAX_LIST_PRODUCTS
from promotions.selectors.personalized_promotion import (
    personalized_promotions_unlisted,
)
from promotions.selectors.product import product_names
from promotions.services.personalized.lists import (
    personalized_list_add,
    personalized_list_clear,
    personalized_list_push,
    personalized_list_remove,
    personalized_list_reset,
    personalized_list_select,
)

CHANGE_LISTS = "promotions.change_personalized_list"
"""The permission to change a consumer's list and choice."""


def products_field(label: str, help_text: str) -> KeysField:
    """Return the field of a list's products, by SKU."""
    return KeysField("product", noun="product", max_keys=MAX_LIST_PRODUCTS, label=label, help_text=help_text)


class ListForm(BaseDialogForm):
    """A question about one consumer's list; ``take`` calls the service and returns the message for the user."""

    title: ClassVar[str]
    description: ClassVar[str] = ""
    submit: ClassVar[str]
    variant: ClassVar[str] = ""

    def __init__(self, request: HttpRequest, listed: PersonalizedList, **kwargs: object) -> None:
        # The page below has fields of the same names.
        super().__init__(request, listed.consumer.pk, auto_id="dialog_%s", **kwargs)
        account = account_of(request)
        self.listed, self.account = listed, account
        names = product_names(account_id=account.pk, skus=listed.products)
        for field in self.fields.values():
            if isinstance(field, KeysField):
                field.widget.names = names
            elif isinstance(field, forms.MultipleChoiceField):
                field.choices = [(sku, f"{names[sku]} ({sku})" if sku in names else sku) for sku in listed.products]

    @property
    def backend_id(self) -> str:
        """Return the backend id of the list's promotion."""
        return self.listed.promotion.backend_id

    @property
    def list_key(self) -> JsonObject:
        """Return which list it is, as the services take it."""
        return {
            "account_id": self.account.pk,
            "backend_id": self.backend_id,
            "consumer_id": self.listed.consumer.consumer_id,
        }

    @property
    def back_url(self) -> str:
        """Return the address that the page without JavaScript leads back to."""
        return f"{reverse('admin:consumers_consumer_change', args=[self.listed.consumer.pk])}#loyalty"

    def take(self) -> str:
        """Take the step; return the message for the user."""
        raise NotImplementedError

    def add_problems(self, refused: Refused) -> None:
        """Show the service's problems at their fields, or above all fields."""
        for problem in refused.problems:
            name = (problem.attr or "").partition(".")[0]
            self.add_error(name if name in self.fields else None, problem.detail)


class ChooseForm(ListForm):
    """The choice of the consumer, entered by staff."""

    title = "Choose for the consumer"
    submit = "Save choice"

    products = forms.MultipleChoiceField(
        label="Chosen products", required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )

    def __init__(self, request: HttpRequest, listed: PersonalizedList, **kwargs: object) -> None:
        super().__init__(request, listed, initial={"products": listed.selected}, **kwargs)
        maximum = listed.promotion.maximum_distinct_products
        words = "Choose any products on the list." if maximum is None else f"At most {maximum:,}."
        if listed.promotion.lock_after_first_apply:
            words += " The choice is final. Reset it to choose again."
        self.fields["products"].help_text = words

    def take(self) -> str:
        listed = personalized_list_select(**self.list_key, products=self.cleaned_data["products"])
        return "Choice saved. It is now final." if listed.locked else "Choice saved."


class AddForm(ListForm):
    """Products to add to the list."""

    title = "Add products"
    submit = "Add products"

    products = products_field("Products", "Added to the end of the list. You can paste several SKUs, one per line.")

    def take(self) -> str:
        personalized_list_add(**self.list_key, products=self.cleaned_data["products"])
        return "Products added."


class RemoveForm(ListForm):
    """Products to remove from the list."""

    title = "Remove products"
    submit = "Remove products"
    variant = "danger"
    description = (
        "Removed products are no longer chosen. If none of the chosen products is left, the consumer can choose again."
    )

    products = forms.MultipleChoiceField(
        label="Products to remove", required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )
    everything = forms.BooleanField(label="Remove all products", required=False, widget=UnfoldBooleanSwitchWidget())

    def take(self) -> str:
        if self.cleaned_data["everything"]:
            personalized_list_clear(**self.list_key)
            return "Products removed. The consumer no longer has a list."
        personalized_list_remove(**self.list_key, products=self.cleaned_data["products"])
        return "Products removed."


class ReplaceForm(ListForm):
    """A new list and choice."""

    title = "Replace list and choice"
    submit = "Replace list"
    description = "The consumer can choose again, even if their choice was final."

    products = products_field("Products", "Paste several SKUs, one per line. Leave blank to empty the list.")
    selected = products_field("Chosen products", "Leave blank if the consumer has not chosen yet.")

    def __init__(self, request: HttpRequest, listed: PersonalizedList, **kwargs: object) -> None:
        initial = {"products": listed.products, "selected": listed.selected}
        super().__init__(request, listed, initial=initial, **kwargs)

    def take(self) -> str:
        personalized_list_push(**self.list_key, **{name: self.cleaned_data[name] for name in ("products", "selected")})
        return "List replaced."


class ResetForm(ListForm):
    """The question before a choice is reset."""

    title = "Reset the choice?"
    submit = "Reset choice"
    variant = "danger"
    description = "Clears the choice, so the consumer can choose again. The products stay on the list."

    def take(self) -> str:
        personalized_list_reset(**self.list_key)
        return "Choice reset. The consumer can choose again."


class GiveForm(AddForm):
    """A first list of a personalized promotion."""

    title = "Give the consumer a list"
    submit = "Give list"

    promotion = forms.ChoiceField(label="Personalized promotion", widget=UnfoldAdminSelectWidget())

    field_order = ("promotion", "products")

    def __init__(self, request: HttpRequest, listed: PersonalizedList, **kwargs: object) -> None:
        super().__init__(request, listed, **kwargs)
        unlisted = personalized_promotions_unlisted(account_id=self.account.pk, consumer_pk=listed.consumer.pk)
        field = self.fields["promotion"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", "Choose a personalized promotion"), *unlisted.values_list("backend_id", "name")]
        self.fields["products"].help_text = "Paste several SKUs, one per line."

    @property
    def backend_id(self) -> str:
        backend_id: str = self.cleaned_data["promotion"]
        return backend_id

    def take(self) -> str:
        super().take()
        return "List saved. The consumer can now choose."


STEPS: Mapping[str, type[ListForm]] = {
    "choose": ChooseForm,
    "add": AddForm,
    "remove": RemoveForm,
    "replace": ReplaceForm,
    "reset": ResetForm,
    "give": GiveForm,
}
