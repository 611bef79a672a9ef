"""What consumers may choose from and have chosen: the page of all lists, and what staff do with one of them.

Each step is a question of its own page, which scripts show as a dialog: on a consumer's Loyalty tab, and on the page
of one list.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.framework.dialogs import dialog_refresh
from consumers.admin.framework.filters import AccountRelatedFilter, choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import ReadOnlyAdmin, account_of
from consumers.exceptions import Refused
from consumers.selectors import consumers_of
from promotions.admin.editor.key_fields import KeysField
from promotions.admin.resources import ListConfirmForm, ListImportForm, PersonalizedListResource
from promotions.loyalty_sections import choice_of, lists_shown
from promotions.models import PersonalizedList
from promotions.models.personalized_promotion import MAX_LIST_PRODUCTS
from promotions.selectors.personalized_promotion import (
    personalized_list_of,
    personalized_lists,
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
"""The permission to change what is on a consumer's list, and what they have chosen."""

CHOICE_WORDS = {"none": "None yet", "open": "Open", "final": "Final"}
CHOICE_COLOURS = {"Final": "success", "Open": "info", "None yet": "default"}


def _by_choice(_: HttpRequest, lists: QuerySet[Any], choice: str) -> QuerySet[Any]:
    match choice:
        case "none":
            return lists.filter(selected=[])
        case "open":
            return lists.filter(locked=False).exclude(selected=[])
        case _:
            return lists.filter(locked=True)


def products_field(label: str, help_text: str) -> KeysField:
    """Products of a list, by SKU."""
    return KeysField("product", noun="product", most=MAX_LIST_PRODUCTS, label=label, help_text=help_text)


# --- what staff do with a list --------------------------------------------------------------------------------------


class ListForm(BaseDialogForm):
    """A question about one consumer's list; ``take`` calls the service, and returns what to tell then."""

    title: ClassVar[str]
    description: ClassVar[str] = ""
    submit: ClassVar[str]
    variant: ClassVar[str] = ""

    def __init__(self, request: HttpRequest, listed: PersonalizedList, **kwargs: Any) -> None:
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
        """Of the promotion that the list belongs to."""
        return self.listed.promotion.backend_id

    @property
    def place(self) -> dict[str, Any]:
        """Which list it is, as the services take it."""
        return {
            "account_id": self.account.pk,
            "backend_id": self.backend_id,
            "consumer_id": self.listed.consumer.consumer_id,
        }

    @property
    def back_url(self) -> str:
        """Where the page without scripts leads back to."""
        return f"{reverse('admin:consumers_consumer_change', args=[self.listed.consumer.pk])}#loyalty"

    def take(self) -> str:
        """Do it."""
        raise NotImplementedError

    def add_problems(self, refused: Refused) -> None:
        """Show what the service refused at its field, or above all of them."""
        for problem in refused.problems:
            name = (problem.attr or "").partition(".")[0]
            self.add_error(name if name in self.fields else None, problem.detail)


class ChooseForm(ListForm):
    """What the consumer wants, said to staff."""

    title = "Choose for the consumer"
    submit = "Save choice"

    products = forms.MultipleChoiceField(
        label="Chosen products", required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )

    def __init__(self, request: HttpRequest, listed: PersonalizedList, **kwargs: Any) -> None:
        super().__init__(request, listed, initial={"products": listed.selected}, **kwargs)
        most = listed.promotion.maximum_distinct_products
        words = "Any of the list." if most is None else f"At most {most:,}."
        if listed.promotion.lock_after_first_apply:
            words += " The choice is final; only a reset opens it again."
        self.fields["products"].help_text = words

    def take(self) -> str:
        listed = personalized_list_select(**self.place, products=self.cleaned_data["products"])
        return "The choice is final now." if listed.locked else "The choice is saved."


class AddForm(ListForm):
    """More products."""

    title = "Add products"
    submit = "Add products"

    products = products_field("Products", "They go behind those on the list. Paste several SKUs, one in each line.")

    def take(self) -> str:
        personalized_list_add(**self.place, products=self.cleaned_data["products"])
        return "The products are on the list."


class RemoveForm(ListForm):
    """Fewer products."""

    title = "Remove products"
    submit = "Remove products"
    variant = "danger"
    description = "What is removed is no longer chosen. Without any chosen product left, a final choice opens again."

    products = forms.MultipleChoiceField(
        label="Products to remove", required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )
    everything = forms.BooleanField(label="Remove all of the list", required=False, widget=UnfoldBooleanSwitchWidget())

    def take(self) -> str:
        if self.cleaned_data["everything"]:
            personalized_list_clear(**self.place)
            return "The list is empty: the consumer is not enlisted any more."
        personalized_list_remove(**self.place, products=self.cleaned_data["products"])
        return "The products are off the list."


class ReplaceForm(ListForm):
    """Another list in place of this one."""

    title = "Replace list and choice"
    submit = "Replace list"
    description = "The consumer may choose again, even if their choice was final."

    products = products_field("Products", "Paste several SKUs, one in each line. None: the list is emptied.")
    selected = products_field("Chosen of them", "None: no choice yet.")

    def __init__(self, request: HttpRequest, listed: PersonalizedList, **kwargs: Any) -> None:
        initial = {"products": listed.products, "selected": listed.selected}
        super().__init__(request, listed, initial=initial, **kwargs)

    def take(self) -> str:
        personalized_list_push(**self.place, **{name: self.cleaned_data[name] for name in ("products", "selected")})
        return "The list is replaced."


class ResetForm(ListForm):
    """No choice any more."""

    title = "Reset the choice?"
    submit = "Reset choice"
    variant = "danger"
    description = "Nothing is chosen any more, and the consumer may choose again. The products stay on the list."

    def take(self) -> str:
        personalized_list_reset(**self.place)
        return "The consumer may choose again."


class GiveForm(AddForm):
    """A list where the consumer has none."""

    title = "Give the consumer a list"
    submit = "Give list"

    promotion = forms.ChoiceField(label="Personalized promotion", widget=UnfoldAdminSelectWidget())

    field_order = ("promotion", "products")

    def __init__(self, request: HttpRequest, listed: PersonalizedList, **kwargs: Any) -> None:
        super().__init__(request, listed, **kwargs)
        unlisted = personalized_promotions_unlisted(account_id=self.account.pk, consumer_pk=listed.consumer.pk)
        field = self.fields["promotion"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", "Choose one"), *unlisted.values_list("backend_id", "name")]
        self.fields["products"].help_text = "Paste several SKUs, one in each line."

    @property
    def backend_id(self) -> str:
        chosen: str = self.cleaned_data["promotion"]
        return chosen

    def take(self) -> str:
        super().take()
        return "The consumer has a list to choose from."


STEPS: Mapping[str, type[ListForm]] = {
    "choose": ChooseForm,
    "add": AddForm,
    "remove": RemoveForm,
    "replace": ReplaceForm,
    "reset": ResetForm,
    "give": GiveForm,
}


# --- the page of all lists ------------------------------------------------------------------------------------------


@admin.register(PersonalizedList)
class PersonalizedListAdmin(ImportExportMixin, ReadOnlyAdmin):
    """Consumers' lists; they are changed by the steps above, and by import."""

    resource_classes = (PersonalizedListResource,)
    import_form_class = ListImportForm
    confirm_form_class = ListConfirmForm
    file_note = (
        "A row is a consumer’s list: its products in order, and those chosen of them. It replaces what is there."
    )
    account_path = "promotion__account"
    empty_text = (
        "A consumer is enlisted as soon as they have a product on their list: import lists, or give one to a consumer "
        "on their Loyalty tab."
    )
    list_display = ("consumer_title", "promotion", "number", "chosen", "choice_label", "changed")
    list_filter = (
        ("promotion", AccountRelatedFilter),
        choice_filter("choice", "choice", [*CHOICE_WORDS.items()], _by_choice),
    )
    search_fields = (
        "consumer__consumer_id",
        "consumer__first_name",
        "consumer__last_name",
        "consumer__email",
        "consumer__membership__cards__number",
    )
    search_help_text = "Consumer's name, id, e-mail or card"
    ordering = ("consumer__last_name", "consumer__first_name", "consumer__consumer_id", "promotion__name")
    fieldsets = (("List", {"classes": ("tab",), "fields": (("consumer", "promotion"), "changed")}),)
    tab_templates = {"List": "admin/promotions/personalizedlist/section.html"}

    class Media:
        js = ("js/choice_box.js", "js/choice_keys.js")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Lists have no permissions of their own: who may see the promotions may see them.
        return request.user.has_perm("promotions.view_personalizedpromotion")

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Whether the user may replace lists by a file."""
        return self.has_view_permission(request) and request.user.has_perm(CHANGE_LISTS)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whether the user may take lists away as a file."""
        return self.has_view_permission(request)

    def get_import_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        form = kwargs.get("form")
        keep = form is not None and form.is_bound and form.is_valid() and form.cleaned_data["keep_locked"]
        return {**super().get_import_resource_kwargs(request, **kwargs), "keep_locked": bool(keep)}

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_confirm_form_initial(request, import_form)
        return {**initial, "keep_locked": bool(import_form and import_form.cleaned_data["keep_locked"])}

    def get_queryset(self, request: HttpRequest) -> QuerySet[PersonalizedList]:
        return personalized_lists(account_id=account_of(request).pk).order_by(*self.ordering)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.step_view)
        own = [path("<slug:step>/<int:consumer_pk>/", view, name="promotions_personalizedlist_step")]
        return [*own, *super().get_urls()]

    @display(description="Consumer", ordering="consumer__last_name", header=True)
    def consumer_title(self, listed: PersonalizedList) -> list[str]:
        return [str(listed.consumer), listed.consumer.consumer_id]

    @display(description="Products")
    def number(self, listed: PersonalizedList) -> str:
        return f"{len(listed.products)}"

    @display(description="Chosen")
    def chosen(self, listed: PersonalizedList) -> str:
        return f"{len(listed.selected)}" if listed.selected else "–"

    @display(description="Choice", ordering="locked", label=CHOICE_COLOURS)
    def choice_label(self, listed: PersonalizedList) -> str:
        return CHOICE_WORDS[choice_of(listed)]

    @display(description="Changed", ordering="updated_at")
    def changed(self, listed: PersonalizedList) -> str:
        return format_moment(listed.updated_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        listed = self.get_object(request, object_id)
        if isinstance(listed, PersonalizedList):
            extra_context = {**(extra_context or {}), "one": lists_shown([listed])[0], "consumer": listed.consumer}
        return super().change_view(request, object_id, form_url, extra_context)

    def step_view(self, request: HttpRequest, step: str, consumer_pk: int) -> HttpResponse:
        """Ask what is to be done with a consumer's list, and do it."""
        if not (self.has_view_permission(request) and request.user.has_perm(CHANGE_LISTS)):
            raise PermissionDenied
        if step not in STEPS:
            raise Http404("There is no such step.")
        listed = self._list_asked_for(request, consumer_pk, without=step == "give")
        form = STEPS[step](request, listed, data=request.POST or None)
        if form.is_valid():
            try:
                words = form.take()
            except Refused as refused:
                form.add_problems(refused)
            else:
                self.log_change(request, listed.consumer, f"{form.title}: {words}")
                messages.success(request, words)
                return dialog_refresh(request, form.back_url)
        dialog = {"title": form.title, "description": form.description, "variant": form.variant}
        context = {"dialog": dialog, "form": form, "form_submit_text": form.submit}
        return render(request, "unfold/helpers/dialog.html", {**self.admin_site.each_context(request), **context})

    def _list_asked_for(self, request: HttpRequest, consumer_pk: int, *, without: bool) -> PersonalizedList:
        """The list that an address names; ``without``: none yet, only the consumer."""
        account = account_of(request)
        consumer = consumers_of(account_id=account.pk).filter(pk=consumer_pk).first()
        if consumer is None:
            raise Http404("There is no such consumer.")
        if without:
            return PersonalizedList(consumer=consumer)
        backend_id = request.GET.get("promotion", "").replace("\x00", "")
        try:
            return personalized_list_of(account_id=account.pk, backend_id=backend_id, consumer_id=consumer.consumer_id)
        except Refused as refused:
            raise Http404(refused.detail) from refused
