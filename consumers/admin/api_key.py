"""Keys of tills and integrators."""

from typing import Any

import rest_framework_api_key.admin  # noqa: F401 - registers the library's own keys, which are not used here
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from rest_framework_api_key.models import APIKey as LibraryAPIKey
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminRadioSelectWidget

from consumers.admin.framework.dialogs import RowDialogForm, dialog_redirect
from consumers.admin.framework.filters import choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import AccountAdmin, ServiceForm, account_of, staff_user
from consumers.choices import KeyRole
from consumers.models import ApiKey
from consumers.services.account import api_key_revoke
from consumers.services.role import api_key_create_by_staff
from consumers.types import Context

admin.site.unregister(LibraryAPIKey)

NAME_HELP = "Name the till or the system that calls with this key. Histories name it as the author of its changes."
STATE_COLOURS = {"Usable": "success", "Revoked": "danger", "Expired": "warning"}


class ApiKeyForm(ServiceForm):
    """The form of a new key: its name and role."""

    name = forms.CharField(max_length=50, help_text=NAME_HELP)

    class Meta:
        model = ApiKey
        fields = ("name", "role")
        help_texts = {
            "name": NAME_HELP,
            "role": "Tills can check baskets and record transactions. Managers can do everything in this account.",
        }
        widgets = {"role": UnfoldAdminRadioSelectWidget()}


class RevokeForm(RowDialogForm):
    """The confirmation before a key is revoked."""

    def __init__(self, request: HttpRequest, object_id: object = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        keys = ApiKey.objects.filter(account=account_of(request))
        self.key = get_object_or_404(keys, prefix=prefix_of(str(object_id)))


def prefix_of(object_id: str) -> str:
    """Return the prefix of the key that an address or a log entry names: the primary key begins with it."""
    return object_id.replace("\x00", "").partition(".")[0]


class PrefixList(ChangeList):
    """Links keys by their prefixes: the primary key has the hash of the secret in it, which belongs in no address."""

    def url_for_result(self, result: Any) -> str:
        return reverse("admin:consumers_apikey_change", args=[result.prefix])


@admin.register(ApiKey)
class ApiKeyAdmin(AccountAdmin):
    """API keys: created here, shown once, revoked here."""

    form = ApiKeyForm
    add_label = "Add API key"
    empty_text = "Tills and integrations use API keys. You see a key once, when you create it."
    list_display = ("name", "prefix", "role_label", "state", "created_at")
    list_filter = (choice_filter("role", "role", KeyRole.choices, lambda _, rows, value: rows.filter(role=value)),)
    search_fields = ("name", "prefix")
    search_help_text = "Name or prefix"
    ordering = ("revoked", "-created")
    actions_detail = ("revoke",)
    fieldsets = (("API key", {"fields": ("name", "role")}),)
    change_fieldsets = (("API key", {"fields": (("name", "prefix"), ("role_label", "state"), "created_at")}),)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PrefixList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ApiKey | None:
        key: ApiKey | None = self.get_queryset(request).filter(prefix=prefix_of(object_id)).first()
        return key

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        shown = self.shown_key(request, object_id)
        context = {**({"original": shown} if shown else {}), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Context | None = None) -> HttpResponse:
        # Log entries name rows by their primary keys.
        key = self.get_object(request, unquote(object_id))
        if key is not None:
            extra_context = {"object": self.shown_key(request, object_id), **(extra_context or {})}
            object_id = quote(key.pk)
        return super().history_view(request, object_id, extra_context)

    def shown_key(self, request: HttpRequest, object_id: str) -> ApiKey | None:
        """Return the key for a page whose links are made of its primary key: with the prefix in its place."""
        key = self.get_object(request, unquote(object_id))
        if key is not None:
            key.pk = key.prefix
        return key

    def get_fieldsets(self, request: HttpRequest, obj: object = None) -> Any:
        return self.change_fieldsets if obj else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        return ("name", "prefix", "role_label", "state", "created_at") if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # Keys never change; they are revoked.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @display(description="May do", ordering="role")
    def role_label(self, key: ApiKey) -> str:
        return str(KeyRole(key.role).label)

    @display(description="State", label=STATE_COLOURS)
    def state(self, key: ApiKey) -> str:
        if key.revoked:
            return "Revoked"
        return "Expired" if key.expiry_date and key.expiry_date <= timezone.now() else "Usable"

    @display(description="Created", ordering="created")
    def created_at(self, key: ApiKey) -> str:
        return format_moment(key.created)

    def save_row(self, request: HttpRequest, obj: ApiKey, form: Any, *, change: bool) -> Model:
        role = KeyRole(form.cleaned_data["role"])
        account, user = account_of(request), staff_user(request)
        key, secret = api_key_create_by_staff(
            account_id=account.pk, name=form.cleaned_data["name"], role=role, given_by=user
        )
        messages.warning(
            request,
            format_html("Copy the key now. You will not see it again. <code class='secret'>{}</code>", secret),
        )
        return key

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(self.url_of("change", obj.prefix))

    def get_actions_detail(self, request: HttpRequest, object_id: object) -> list[Any]:
        key = self.get_object(request, str(object_id))
        return super().get_actions_detail(request, object_id) if key is not None and not key.revoked else []

    @action(
        description="Revoke",
        icon="block",
        variant=ActionVariant.DANGER,
        permissions=["consumers.change_apikey"],
        dialog={
            "title": "Revoke this key?",
            "description": "It stops working immediately. You cannot undo this.",
            "form_class": RevokeForm,
            "form_submit_text": "Revoke key",
            "variant": "danger",
        },
    )
    def revoke(self, request: HttpRequest, form: RevokeForm, object_id: object) -> HttpResponse:
        api_key_revoke(account_id=account_of(request).pk, prefix=form.key.prefix)
        self.log_change(request, form.key, "Revoked.")
        messages.success(request, f"Key “{form.key.name}” is revoked.")
        return dialog_redirect(request, self.url_of("changelist"))
