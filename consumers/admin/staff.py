"""Members of staff, and their roles in the account."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
)

from consumers.admin.framework.dialogs import RowDialogForm, dialog_redirect
from consumers.admin.framework.filters import ChoiceFilter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import AccountAdmin, ModelForm, ServiceForm, account_of, staff_user
from consumers.admin.password import link_address
from consumers.choices import StaffRole
from consumers.exceptions import Refused
from consumers.models import Role, StaffMembership
from consumers.selectors import parse_id, roles_of, staff_of
from consumers.services.password import password_link_denial, password_link_make
from consumers.services.role import authority_of, role_authority, role_covered
from consumers.services.staff import staff_member_add, staff_member_remove, staff_role_set
from consumers.types import JsonObject, Rows

ROLE_DESCRIPTIONS = {
    StaffRole.ADMINISTRATOR: "Administrator: everything in this account, including staff and API keys",
    StaffRole.MARKETER: "Marketer: promotions, offers, groups and products",
    StaffRole.CUSTOMER_SERVICE: "Customer service: consumers, their cards and points",
    StaffRole.VIEWER: "Viewer: read only",
}

admin.site.unregister(Group)


def describe_role(role: Role) -> str:
    """Describe a role in a choice of roles."""
    if role.template is not None:
        return ROLE_DESCRIPTIONS[role.template]
    return f"{role.title}: {role.description}" if role.description else role.title


def roles_to_give(request: HttpRequest) -> list[Role]:
    """Return the roles of the account that the user may give: those that have nothing they do not have."""
    account, user = account_of(request), staff_user(request)
    own = authority_of(account_id=account.pk, user=user)
    return [
        role for role in roles_of(account_id=account.pk) if own.covers(role_authority(account_id=account.pk, role=role))
    ]


class RoleFilter(ChoiceFilter):
    """A filter by role: the templates and the account's own."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(role.title, role.title) for role in roles_of(account_id=account_of(request).pk)]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(role__title=self.value()) if self.value() else queryset


class StaffForm(ServiceForm):
    """A new member, or the role of one."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="User name for logging in, in lower case. Existing users keep their name and password.",
    )
    first_name = forms.CharField(max_length=150, required=False, widget=UnfoldAdminTextInputWidget())
    last_name = forms.CharField(max_length=150, required=False, widget=UnfoldAdminTextInputWidget())
    email = forms.EmailField(label="E-mail", required=False, widget=UnfoldAdminEmailInputWidget())
    password = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text="Password for the first log-in. They can change it later. Existing users do not need one.",
    )
    staff_role = forms.ChoiceField(label="Role", widget=UnfoldAdminRadioSelectWidget())
    problem_fields: ClassVar[dict[str, str]] = {"role": "staff_role"}

    roles: ClassVar[Sequence[Role]] = ()

    class Meta:
        model = StaffMembership
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role_field = self.fields["staff_role"]
        assert isinstance(role_field, forms.ChoiceField)  # noqa: S101
        role_field.choices = [(role.title, describe_role(role)) for role in self.roles]
        if any(role.template == StaffRole.VIEWER for role in self.roles):
            self.initial.setdefault("staff_role", StaffRole.VIEWER)
        if self.instance.pk is not None:
            for name in ("username", "first_name", "last_name", "email", "password"):
                self.fields.pop(name, None)
            self.initial["staff_role"] = self.instance.role.title


class PasswordLinkForm(RowDialogForm):
    """The confirmation before a link for a new password is made."""

    def __init__(self, request: HttpRequest, object_id: object = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.membership = get_object_or_404(staff_of(account_id=account_of(request).pk), pk=parse_id(object_id))
        if denial := password_link_denial(user=self.membership.user, asked_by=staff_user(request)):
            raise PermissionDenied(denial)

    def clean(self) -> JsonObject:
        """Make the link, or say why it is not made."""
        cleaned: JsonObject = super().clean() or self.cleaned_data
        try:
            self.link = password_link_make(
                account_id=account_of(self.request).pk,
                username=self.membership.user.username,
                asked_by=staff_user(self.request),
            )
        except Refused as refused:
            raise forms.ValidationError(refused.detail) from refused
        return cleaned


@admin.register(StaffMembership)
class StaffMembershipAdmin(AccountAdmin):
    """Staff."""

    form = StaffForm
    add_label = "Add member of staff"
    list_display = ("username", "full_name", "email", "role_label", "last_seen")
    list_filter = (RoleFilter,)
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email")
    search_help_text = "Name or e-mail"
    ordering = ("user__username",)
    actions_detail = ("password_link",)
    fieldsets = (
        ("Member of staff", {"fields": ("username", ("first_name", "last_name"), "email", "password")}),
        ("Role", {"fields": ("staff_role",)}),
    )
    change_fieldsets = (
        ("Member of staff", {"fields": (("username", "full_name"), ("email", "last_seen"))}),
        ("Role", {"fields": ("staff_role",)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: object = None) -> Any:
        return self.change_fieldsets if obj else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        return ("username", "full_name", "email", "last_seen") if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[ModelForm]:
        form = super().get_form(request, obj, change, **kwargs)
        roles = roles_to_give(request)
        if obj is not None and obj.role not in roles:
            # Read only, with the role that somebody has who may do more.
            roles = [obj.role]
        form.roles = roles  # type: ignore[attr-defined]
        return form

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # Nobody changes what somebody has who may do more.
        return bool(super().has_change_permission(request, obj)) and self.is_covered(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and self.is_covered(request, obj)

    @staticmethod
    def is_covered(request: HttpRequest, obj: object) -> bool:
        """Return whether the user has all that a member of staff has."""
        if not isinstance(obj, StaffMembership):
            return True
        account, user = account_of(request), staff_user(request)
        return role_covered(account_id=account.pk, role=obj.role, given_by=user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StaffMembership]:
        return staff_of(account_id=account_of(request).pk).order_by(*self.ordering)

    @display(description="User name", ordering="user__username")
    def username(self, membership: StaffMembership) -> str:
        return membership.user.username

    @display(description="Name", ordering="user__last_name")
    def full_name(self, membership: StaffMembership) -> str:
        return membership.user.get_full_name() or "–"

    @display(description="E-mail", ordering="user__email")
    def email(self, membership: StaffMembership) -> str:
        return membership.user.email or "–"

    @display(description="Role", ordering="role__title")
    def role_label(self, membership: StaffMembership) -> str:
        return membership.role.title

    @display(description="Last log-in", ordering="user__last_login")
    def last_seen(self, membership: StaffMembership) -> str:
        return format_moment(membership.user.last_login)

    def save_row(self, request: HttpRequest, obj: StaffMembership, form: Any, *, change: bool) -> Model:
        account, role, user = account_of(request), form.cleaned_data["staff_role"], staff_user(request)
        if change:
            return staff_role_set(account_id=account.pk, username=obj.user.username, role=role, given_by=user)
        values = {name: form.cleaned_data[name] for name in ("username", "first_name", "last_name", "email")}
        password = form.cleaned_data["password"] or None
        return staff_member_add(account_id=account.pk, role=role, given_by=user, password=password, **values)

    def get_actions_detail(self, request: HttpRequest, object_id: object) -> list[Any]:
        membership = self.get_object(request, str(object_id))
        if membership is None or password_link_denial(user=membership.user, asked_by=staff_user(request)):
            return []
        return list(super().get_actions_detail(request, object_id))

    @action(
        description="Link for a new password",
        icon="key",
        permissions=["consumers.change_staffmembership"],
        dialog={
            "title": "Make a link for a new password?",
            "description": "Whoever opens the link can set a new password, once and within the hour. Send it to "
            "this person only. The old password works until then.",
            "form_class": PasswordLinkForm,
            "form_submit_text": "Make the link",
        },
    )
    def password_link(self, request: HttpRequest, form: PasswordLinkForm, object_id: object) -> HttpResponse:
        self.log_change(request, form.membership, "The link for a new password is ready.")
        messages.warning(
            request,
            format_html(
                "Copy the link for {} now: it is not shown again. <code class='secret'>{}</code>",
                form.membership.user.username,
                link_address(request, form.link),
            ),
        )
        return dialog_redirect(request, self.url_of("change", form.membership.pk))

    def delete_row(self, request: HttpRequest, obj: StaffMembership) -> None:
        staff_member_remove(account_id=account_of(request).pk, username=obj.user.username, given_by=staff_user(request))
