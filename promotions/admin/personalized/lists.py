"""The pages of consumers' lists: all of them, one of them, and the steps that staff take with one."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from unfold.decorators import display

from consumers.admin.files.pages import EXPORT, IMPORT, ImportExportMixin
from consumers.admin.framework.dialogs import dialog_refresh
from consumers.admin.framework.filters import AccountRelatedFilter, choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import ReadOnlyAdmin, account_of
from consumers.exceptions import Refused
from consumers.selectors import consumers_of, row_by_id
from consumers.types import Context, JsonObject, Rows
from promotions.admin.personalized.list_files import ListImportForm, PersonalizedListResource
from promotions.admin.personalized.list_steps import CHANGE_LISTS, STEPS
from promotions.admin.visibility import SEE_LISTS
from promotions.loyalty_sections import choice_of, lists_shown
from promotions.models import PersonalizedList
from promotions.selectors.personalized_promotion import (
    personalized_list_of,
    personalized_lists,
    personalized_promotions_of,
)

PROMOTION_PARAMETER = "promotion__id__exact"
CHOICE_LABELS = {"none": "None yet", "open": "Open", "final": "Final"}
CHOICE_COLOURS = {"Final": "success", "Open": "info", "None yet": "default"}


def _by_choice(_: HttpRequest, lists: Rows, choice: str) -> Rows:
    match choice:
        case "none":
            return lists.filter(selected=[])
        case "open":
            return lists.filter(locked=False).exclude(selected=[])
        case _:
            return lists.filter(locked=True)


@admin.register(PersonalizedList)
class PersonalizedListAdmin(ImportExportMixin, ReadOnlyAdmin):
    """Consumers' lists; they are changed by ``list_steps`` and by import."""

    resource_classes = (PersonalizedListResource,)
    import_form_class = ListImportForm
    file_note = (
        "Each row is a consumer’s list: its products in order, and the ones they chose. It replaces their current list."
    )
    account_path = "promotion__account"
    empty_text = (
        "Consumers appear here once they have a product on their list. Import lists, or give a consumer one on their "
        "Loyalty tab."
    )
    list_display = ("consumer_title", "promotion", "number", "chosen", "choice_label", "changed")
    list_filter = (
        ("promotion", AccountRelatedFilter),
        choice_filter("choice", "choice", [*CHOICE_LABELS.items()], _by_choice),
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

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm(SEE_LISTS)

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Whether the user may replace lists by a file."""
        return request.user.has_perm(CHANGE_LISTS) and request.user.has_perm(IMPORT)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whether the user may download lists as a file."""
        return self.has_view_permission(request) and request.user.has_perm(EXPORT)

    def resource_options(self, form: Any) -> JsonObject:
        return {"keep_locked": bool(form.cleaned_data["keep_locked"])}

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
        return CHOICE_LABELS[choice_of(listed)]

    @display(description="Changed", ordering="updated_at")
    def changed(self, listed: PersonalizedList) -> str:
        return format_moment(listed.updated_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        listed = self.get_object(request, object_id)
        if isinstance(listed, PersonalizedList):
            extra_context = {**(extra_context or {}), "shown": lists_shown([listed])[0], "consumer": listed.consumer}
        return super().change_view(request, object_id, form_url, extra_context)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)
        promotion = row_by_id(
            personalized_promotions_of(account_id=account_of(request).pk), request.GET.get(PROMOTION_PARAMETER, "")
        )
        if promotion is not None and not changelist.result_count and not promotion.lists.exists():
            changelist.first_list = {"promotion": promotion, "may_change": request.user.has_perm(CHANGE_LISTS)}
        return changelist

    def step_view(self, request: HttpRequest, step: str, consumer_pk: int) -> HttpResponse:
        """Ask about a step with a consumer's list, and take it once confirmed."""
        if not request.user.has_perm(CHANGE_LISTS):
            raise PermissionDenied
        if step not in STEPS:
            raise Http404("There is no such step.")
        listed = self._requested_list(request, consumer_pk, is_new=step == "give")
        form = STEPS[step](request, listed, data=request.POST or None)
        if form.is_valid():
            try:
                message = form.take()
            except Refused as refused:
                form.add_problems(refused)
            else:
                self.log_change(request, listed.consumer, f"{form.title}: {message}")
                messages.success(request, message)
                return dialog_refresh(request, form.back_url)
        dialog = {"title": form.title, "description": form.description, "variant": form.variant}
        context = {"dialog": dialog, "form": form, "form_submit_text": form.submit}
        return render(request, "unfold/helpers/dialog.html", {**self.admin_site.each_context(request), **context})

    def _requested_list(self, request: HttpRequest, consumer_pk: int, *, is_new: bool) -> PersonalizedList:
        """Return the list that the address names; with ``is_new`` an empty one of the consumer."""
        account = account_of(request)
        consumer = consumers_of(account_id=account.pk).filter(pk=consumer_pk).first()
        if consumer is None:
            raise Http404("This consumer does not exist.")
        if is_new:
            return PersonalizedList(consumer=consumer)
        backend_id = request.GET.get("promotion", "").replace("\x00", "")
        try:
            return personalized_list_of(account_id=account.pk, backend_id=backend_id, consumer_id=consumer.consumer_id)
        except Refused as refused:
            raise Http404(refused.detail) from refused
