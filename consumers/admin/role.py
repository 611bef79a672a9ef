"""Roles: the four templates, and those that the account makes of functionalities."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from consumers.admin.framework.history import Change, DescribeChange, describe_field_change
from consumers.admin.framework.pages import AccountAdmin, ModelForm, ServiceForm, account_of, staff_user
from consumers.admin.role_table import GrantsTable, grants_field, grants_held, pages_seen
from consumers.admin.staff import ROLE_DESCRIPTIONS
from consumers.exceptions import Refused, RoleInUse
from consumers.functionalities import describe_grant, functionalities_had
from consumers.models import Role
from consumers.selectors import ROLE_ORDER, parse_id, roles_of
from consumers.services.role import (
    ADJUST_POINTS,
    Authority,
    RoleValues,
    authority_of,
    role_authority,
    role_covered,
    role_delete,
    role_save,
)
from consumers.types import JsonObject

MAX_PAGES_NAMED = 4
"""Pages that the list of roles names of each role."""


class RoleForm(ServiceForm):
    """A role's name, functionalities and points."""

    own: ClassVar[Authority]
    grants = grants_field()

    class Meta:
        model = Role
        fields = ("title", "description", "points_at_once", "points_per_day")
        labels: ClassVar[dict[str, str]] = {
            "title": "Name",
            "points_at_once": "Points at once",
            "points_per_day": "Points in a day",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "description": "Shown when the role is given to staff.",
            "points_at_once": "Leave blank for no limit.",
            "points_per_day": "Leave blank for no limit. Days are those of the account’s time zone.",
        }
        widgets: ClassVar[dict[str, Any]] = {
            "title": UnfoldAdminTextInputWidget({"autocomplete": "off"}),
            "description": UnfoldAdminTextInputWidget(),
            "points_at_once": UnfoldAdminIntegerFieldWidget(),
            "points_per_day": UnfoldAdminIntegerFieldWidget(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["grants"] = sorted(self.instance.held_grants)
        table = self.fields["grants"].widget
        assert isinstance(table, GrantsTable)  # noqa: S101
        table.offered = self.own.grants
        for name, limit in zip(("points_at_once", "points_per_day"), self.own.allowance, strict=True):
            if limit is not None and ADJUST_POINTS in self.own.grants:
                self.fields[name].help_text = f"Up to {limit:,}, your own limit."


def role_change_description(named: frozenset[str]) -> DescribeChange:
    """Return how a change of a role is described: the grants that came and that went, of functionalities ``named``."""

    def describe_grants(grants: Sequence[str]) -> str:
        names = [describe_grant(grant) for grant in grants if not functionalities_had([grant]).isdisjoint(named)]
        others = ["permissions that you do not have"] if len(names) < len(grants) else []
        return ", ".join(names + others) or "–"

    def describe(field: Any, before: Any, after: Any) -> Iterator[Change]:
        if field.name != "grants":
            yield from describe_field_change(field, before, after)
            return
        lost, gained = (
            [grant for grant in before if grant not in after],
            [grant for grant in after if grant not in before],
        )
        yield Change(label="Functionalities", before=describe_grants(lost), after=describe_grants(gained))

    return describe


def holders_linked(role: Role, account_id: int) -> SafeString:
    """Return the names of the members of staff who have a role, linked."""
    holders = role.memberships.filter(account_id=account_id).select_related("user").order_by("user__username")
    return format_html_join(
        ", ",
        '<a class="text-link" href="{}">{}</a>',
        (
            (reverse("admin:consumers_staffmembership_change", args=[holder.pk]), holder.user.username)
            for holder in holders
        ),
    )


def describe_pages(role: Role, named: Collection[str]) -> str:
    """Name the first pages that a role shows and that are ``named``, and count the others."""
    titles = [title for title in pages_seen(role.held_grants) if title != "Overview"]
    first = [title for title in titles if title in named][:MAX_PAGES_NAMED]
    rest = len(titles) - len(first)
    if not titles:
        return "Overview alone"
    return ", ".join(first) + (f" and {rest} more" if rest else "") if first else f"{rest} that you do not see"


@admin.register(Role)
class RoleAdmin(AccountAdmin):
    """Roles."""

    form = RoleForm
    add_label = "Add role"
    list_display = ("title", "kind", "purpose", "holders")
    search_fields = ("title", "description")
    search_help_text = "Name or description"
    ordering = (ROLE_ORDER, "title")
    actions_detail = ("copy",)
    fieldsets = (
        ("Role", {"fields": ("title", "description")}),
        (
            "Functionalities",
            {
                "description": "You can only give permissions that you have yourself.",
                "fields": ("grants",),
            },
        ),
        (
            "Points adjustments",
            {
                "description": "How many points each member of staff with this role may add or take away.",
                "fields": (("points_at_once", "points_per_day"),),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Role]:
        account = account_of(request)
        holders = Count("memberships", filter=Q(memberships__account=account))
        return roles_of(account_id=account.pk).annotate(number_of_holders=holders)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or obj.template is None:
            held = () if obj is None else (("Staff", {"fields": ("holder_names",)}),)
            return (*self.fieldsets, *held)
        # The points of a template are set for the account, on a page of their own.
        note = "Every account has this role and it cannot be changed. Copy it to make your own."
        return (
            ("Role", {"description": note, "fields": ("title", "purpose")}),
            ("Functionalities", {"fields": ("grants",)}),
            ("Staff", {"fields": ("holder_names",)}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("purpose", "holder_names") if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[ModelForm]:
        form = super().get_form(request, obj, change, **kwargs)
        form.own = authority_of(account_id=account_of(request).pk, user=staff_user(request))  # type: ignore[attr-defined]
        return form

    # --- who may change which ---

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and self.is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and self.is_theirs(request, obj)

    @staticmethod
    def is_theirs(request: HttpRequest, obj: object) -> bool:
        """Return whether a role is no template, and the user has all that it has."""
        if not isinstance(obj, Role):
            return True
        account, user = account_of(request), staff_user(request)
        return obj.template is None and role_covered(account_id=account.pk, role=obj, given_by=user)

    # --- the list and the form ---

    @display(description="Kind", label={"Template": "info", "Your own": "success"})
    def kind(self, role: Role) -> str:
        return "Template" if role.template else "Your own"

    @display(description="What for")
    def purpose(self, role: Role) -> str:
        if role.template is None:
            return role.description or "–"
        return capfirst(ROLE_DESCRIPTIONS[role.template].partition(": ")[2])

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        own = set(pages_seen(grants_held(request.user)))

        @display(description="Pages")
        def pages(role: Role) -> str:
            return describe_pages(role, own)

        columns = list(super().get_list_display(request))
        columns.insert(columns.index("holders"), pages)
        return columns

    def describe_for(self, request: HttpRequest) -> DescribeChange:
        return role_change_description(functionalities_had(grants_held(request.user)))

    @display(description="Staff", ordering="number_of_holders")
    def holders(self, role: Any) -> str:
        query = urlencode({"role": role.title})
        address = f"{reverse('admin:consumers_staffmembership_changelist')}?{query}"
        return format_html('<a class="text-link" href="{}">{}</a>', address, role.number_of_holders)

    @display(description="Staff with this role")
    def holder_names(self, role: Role) -> str:
        # A template is every account's; the role's own account is the user's.
        account_id = getattr(role, "seen_in", role.account_id)
        return holders_linked(role, account_id) or "Nobody" if account_id else "–"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Role | None:
        role: Role | None = super().get_object(request, object_id, from_field)
        if role is not None:
            role.seen_in = account_of(request).pk  # type: ignore[attr-defined]
        return role

    def get_changeform_initial_data(self, request: HttpRequest) -> JsonObject:
        """Return the values of the role that is copied, as far as the user may give them."""
        account, user = account_of(request), staff_user(request)
        role = roles_of(account_id=account.pk).filter(pk=parse_id(request.GET.get("copy", "")) or 0).first()
        if role is None:
            return {}
        own, copied = (
            authority_of(account_id=account.pk, user=user),
            role_authority(account_id=account.pk, role=role),
        )
        allowance = copied.allowance if own.allowance.covers(copied.allowance) else own.allowance
        return {
            "title": f"Copy of {role.title}"[: Role._meta.get_field("title").max_length],
            "description": role.description,
            "grants": sorted(copied.grants & own.grants),
            "points_at_once": allowance.at_once,
            "points_per_day": allowance.per_day,
        }

    @action(description="Copy", icon="content_copy", permissions=["consumers.add_role"])
    def copy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the form of a new role that has what this one has."""
        return HttpResponseRedirect(f"{self.url_of('add')}?{urlencode({'copy': object_id})}")

    def save_row(self, request: HttpRequest, obj: Role, form: Any, *, change: bool) -> Model:
        names = ("title", "description", "grants", "points_at_once", "points_per_day")
        return role_save(
            account_id=account_of(request).pk,
            values=RoleValues(**{name: form.cleaned_data[name] for name in names}),
            given_by=staff_user(request),
            role_id=obj.pk if change else None,
        )

    def response_add(self, request: HttpRequest, obj: Role, post_url_continue: str | None = None) -> HttpResponse:
        response: HttpResponse = super().response_add(request, obj, post_url_continue)
        if request.user.has_perm("consumers.add_staffmembership"):
            address = f"{reverse('admin:consumers_staffmembership_add')}?{urlencode({'staff_role': obj.title})}"
            text = 'Nobody has this role yet. <a class="text-link" href="{}">Add member of staff</a>'
            messages.info(request, format_html(text, address))
        return response

    def delete_row(self, request: HttpRequest, obj: Role) -> None:
        role_delete(account_id=account_of(request).pk, role_id=obj.pk, given_by=staff_user(request))

    def describe_refused_delete(self, request: HttpRequest, refused: Refused, obj: Any) -> str:
        if isinstance(refused, RoleInUse):
            names = holders_linked(obj, account_of(request).pk)
            return format_html("First give these staff another role: {}.", names)
        return super().describe_refused_delete(request, refused, obj)
