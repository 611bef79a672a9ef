"""The pages of personalized promotions."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.files.resource import AccountResource
from consumers.admin.framework.filters import ArchivedFilter, choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import KeyedAdmin, ServiceForm, account_of, author_of
from consumers.author import IMPORT_LABEL, Author
from promotions.admin.personalized.group_lists import give_lists_view
from promotions.admin.personalized.list_steps import CHANGE_LISTS
from promotions.admin.visibility import SEE_LISTS
from promotions.models import PersonalizedPromotion
from promotions.selectors.personalized_promotion import personalized_promotions_enlisting
from promotions.services.personalized.promotion import (
    PersonalizedPromotionValues,
    backend_id_new,
    personalized_promotion_delete,
    personalized_promotions_save,
)

LOCK_COLOURS = {"First choice is final": "warning", "Choice stays open": "default"}


class PersonalizedPromotionForm(ServiceForm):
    """A personalized promotion, as its service takes it."""

    key_field = "backend_id"

    class Meta:
        model = PersonalizedPromotion
        fields = (
            "name",
            "description",
            "backend_id",
            "maximum_distinct_products",
            "lock_after_first_apply",
            "archived",
        )
        labels = {
            "backend_id": "Backend ID",
            "maximum_distinct_products": "Maximum distinct products",
            "lock_after_first_apply": "Lock after first apply",
        }
        help_texts = {
            "description": "Only staff see this.",
            "backend_id": "Code used in integrations. Leave blank to create one. You cannot change it later.",
            "maximum_distinct_products": "How many products of the list a consumer may choose. Leave blank for the "
            "whole list. Existing choices stay.",
            "lock_after_first_apply": "The choice is final once the discount first applies, or once the consumer "
            "first chooses. Staff can reset it.",
            "archived": "Stops it and hides it from lists. The consumers' lists stay.",
        }
        widgets = {"description": UnfoldAdminTextareaWidget({"rows": 2})}

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if "backend_id" in self.fields:
            self.fields["backend_id"].required = False

    def clean_backend_id(self) -> str:
        """Return the entered id, or a new one."""
        return self.cleaned_data["backend_id"].strip() or backend_id_new()


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


@admin.register(PersonalizedPromotion)
class PersonalizedPromotionAdmin(ImportExportMixin, KeyedAdmin):
    """Personalized promotions."""

    resource_classes = (PersonalizedPromotionResource,)
    file_note = "To import the products of each consumer, use Consumers’ lists."

    key = "backend_id"
    reference_kind = "personalized_promotion"
    lists_deletion = True
    form = PersonalizedPromotionForm
    add_label = "Add personalized promotion"
    empty_text = (
        "A personalized promotion gives each consumer a list of products to choose from. A discount then applies to "
        "their choice."
    )
    list_display = ("title", "choice", "lock_label", "enlisted", "changed")
    list_filter = (
        ("name", FieldTextFilter),
        choice_filter(
            "lock after first apply",
            "lock",
            [("yes", "First choice is final"), ("no", "Choice stays open")],
            lambda _, rows, value: rows.filter(lock_after_first_apply=value == "yes"),
        ),
        ArchivedFilter,
    )
    search_fields = ("name", "backend_id", "description")
    search_help_text = "Name, backend ID or description"
    ordering = ("name", "backend_id")
    fieldsets = (
        ("Personalized promotion", {"fields": ("name", "description", "backend_id")}),
        ("Choice", {"fields": ("maximum_distinct_products", "lock_after_first_apply")}),
        ("Archive", {"fields": ("archived",)}),
    )
    actions_detail = ("lists", "give_lists_to_group")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(give_lists_view)
        name = "promotions_personalizedpromotion_give_lists"
        return [path("<int:pk>/give-lists/", view, name=name), *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> list[str]:
        names = list(super().get_list_display(request))
        # Only who may see the lists is led to them.
        return names if request.user.has_perm(SEE_LISTS) else [name for name in names if name != "enlisted"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PersonalizedPromotion]:
        return personalized_promotions_enlisting(account_id=account_of(request).pk).order_by(*self.ordering)

    @display(description="Personalized promotion", ordering="name", header=True)
    def title(self, promotion: PersonalizedPromotion) -> list[str]:
        return [promotion.name, promotion.backend_id]

    @display(description="Consumers choose", ordering="maximum_distinct_products")
    def choice(self, promotion: PersonalizedPromotion) -> str:
        maximum = promotion.maximum_distinct_products
        if maximum is None:
            return "The whole list"
        return f"Up to {maximum:,} {'product' if maximum == 1 else 'products'}"

    @display(description="Lock", ordering="lock_after_first_apply", label=LOCK_COLOURS)
    def lock_label(self, promotion: PersonalizedPromotion) -> str:
        return "First choice is final" if promotion.lock_after_first_apply else "Choice stays open"

    @display(description="Consumers with a list", ordering="enlisted")
    def enlisted(self, promotion: Any) -> str:
        count = f"{promotion.enlisted:,}"
        if not promotion.enlisted:
            return count
        return format_html('<a class="text-link" href="{}">{}</a>', lists_address(promotion.pk), count)

    @display(description="Changed", ordering="updated_at")
    def changed(self, promotion: PersonalizedPromotion) -> str:
        return format_moment(promotion.updated_at)

    @action(description="Consumers’ lists", icon="checklist", permissions=[SEE_LISTS])
    def lists(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the lists that consumers have of it."""
        return HttpResponseRedirect(lists_address(object_id))

    @action(
        description="Give a list to a group",
        icon="group_add",
        permissions=["promotions.view_personalizedpromotion", CHANGE_LISTS],
    )
    def give_lists_to_group(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the page that gives the members of a group their lists."""
        return HttpResponseRedirect(reverse("admin:promotions_personalizedpromotion_give_lists", args=[object_id]))

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # For an action the theme passes the row's id as the row.
        return bool(super().has_view_permission(request))

    def save_values(self, *, account_id: int, author: Author, obj: PersonalizedPromotion, form: object) -> None:
        values = {name: getattr(obj, name) for name in PersonalizedPromotionForm.Meta.fields}
        row = PersonalizedPromotionValues(**values)
        personalized_promotions_save(account_id=account_id, rows=[row], author=author, at=timezone.now())

    def delete_row(self, request: HttpRequest, obj: PersonalizedPromotion) -> None:
        personalized_promotion_delete(
            account_id=account_of(request).pk, backend_id=obj.backend_id, author=author_of(request)
        )


def lists_address(promotion_pk: object) -> str:
    """Return the address of the lists of one personalized promotion."""
    return f"{reverse('admin:promotions_personalizedlist_changelist')}?promotion__id__exact={promotion_pk}"
