"""Named sets of consumers."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from import_export.fields import Field
from unfold.decorators import display

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.widgets import FlagWidget, TextWidget
from consumers.admin.framework.filters import ArchivedFilter, choice_filter
from consumers.admin.framework.key_fields import KeysField
from consumers.admin.framework.pages import KeyedAdmin, ModelForm, ServiceForm, account_of
from consumers.admin.group_members import CHANGE_GROUPS, GroupMembersMixin, listed_ids, show_names
from consumers.author import Author
from consumers.models import Consumer, ConsumerGroup
from consumers.selectors import consumer_pks_by_id, group_members, groups_of, groups_with_sizes, row_by_id
from consumers.services.group import GroupValues, MemberValues, group_delete, group_members_save, groups_save
from consumers.services.group_members import MAX_INLINE_MEMBERS, group_members_change
from consumers.services.upsert import is_storable, rows_by_values
from consumers.types import Context, Rows


class GroupForm(ServiceForm):
    """A group, as its service takes it. A new one can be given its first members."""

    key_field = "code"
    key_from_name = True
    may_add_members: ClassVar[bool] = True

    consumers = KeysField(
        "consumer",
        noun="consumer",
        max_keys=MAX_INLINE_MEMBERS,
        label="Members",
        required=False,
        help_text="Search by name, consumer id, e-mail or card, or paste ids, one on each line.",
    )

    class Meta:
        model = ConsumerGroup
        fields = ("code", "name", "archived")
        labels = {"code": "Group code", "name": "Group name"}
        help_texts = {
            "code": "Code used in promotions and integrations. You cannot change it later.",
            "archived": "Hides the group from lists. Promotions that use it keep working.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.consumer_pks: list[int] = []
        if self.instance.pk is not None or not self.may_add_members:
            del self.fields["consumers"]
            return
        show_names(self, self.account)

    def clean_consumers(self) -> list[str]:
        """Return the ids of the first members; those that nobody has are an error that names them."""
        ids: list[str] = self.cleaned_data["consumers"]
        pks = consumer_pks_by_id(account_id=self.account.pk, consumer_ids=[key for key in ids if is_storable(key)])
        if unknown := [key for key in ids if key not in pks]:
            raise ValidationError(f"No consumer has {listed_ids(unknown)}. Remove or correct them.")
        self.consumer_pks = list(pks.values())
        return ids


class GroupResource(AccountResource):
    """Groups by code."""

    class Meta(AccountResource.Meta):
        model = ConsumerGroup
        import_id_fields = ("code",)
        fields = ("code", "name", "archived")

    def save_rows(self, rows: Sequence[ConsumerGroup]) -> None:
        values = [GroupValues(code=row.code, name=row.name, archived=row.archived) for row in rows]
        groups_save(account_id=self.account.pk, rows=values)


class GroupMemberResource(AccountResource):
    """Members of groups, one row per member, so that a large group can come in several files.

    A row adds a consumer to the group, or removes it if ``member`` is no; members that the file does not name stay.
    """

    noun = "members of groups"
    group = Field(column_name="group", attribute="consumergroup__code", widget=TextWidget(), readonly=True)
    consumer_id = Field(
        column_name="consumer_id", attribute="consumer__consumer_id", widget=TextWidget(), readonly=True
    )
    member = Field(column_name="member", attribute="member", widget=FlagWidget())

    class Meta(AccountResource.Meta):
        model = Consumer.groups.through
        import_id_fields = ("group", "consumer_id")
        fields = ("group", "consumer_id", "member")

    def get_queryset(self) -> Rows:
        return group_members(account_id=self.account.pk)

    def exported_rows(self, rows: Rows) -> Rows:
        return self.get_queryset().filter(consumergroup__in=rows.order_by().values("pk"))

    def stored_rows(self, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Any]:
        pairs = [pair for pair in keys if is_storable(list(pair))]
        codes = {code for code, _ in pairs}
        links = self.get_queryset().filter(consumergroup__code__in=codes)
        members = rows_by_values(links, "consumer__consumer_id", [consumer_id for _, consumer_id in pairs])
        return {(link.consumergroup.code, link.consumer.consumer_id): link for link in members}

    def init_instance(self, row: Any = None) -> Any:
        # For the preview only; the service checks that the group and the consumer exist.
        code, consumer_id = self.key_of(row or {})
        link = self._meta.model(consumergroup=ConsumerGroup(code=code), consumer=Consumer(consumer_id=consumer_id))
        link.member = False
        return link

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        # Every stored row is a member.
        if field.column_name == "member":
            return bool(getattr(instance, "member", True))
        return super().export_field(field, instance, **kwargs)

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        super().before_import_row(row, **kwargs)
        if row.get("member") in (None, ""):
            row["member"] = True

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        if import_validation_errors:
            raise ValidationError(import_validation_errors)

    def save_rows(self, rows: Sequence[Any]) -> None:
        values = [
            MemberValues(group=row.consumergroup.code, consumer_id=row.consumer.consumer_id, member=row.member)
            for row in rows
        ]
        group_members_save(account_id=self.account.pk, rows=values)


def _by_members(_: HttpRequest, groups: Rows, value: str) -> Rows:
    has_members = Exists(Consumer.groups.through._default_manager.filter(consumergroup=OuterRef("pk")))
    return groups.filter(has_members if value == "yes" else ~has_members)


@admin.register(ConsumerGroup)
class GroupAdmin(GroupMembersMixin, ImportExportMixin, KeyedAdmin):
    """Groups."""

    key = "code"
    reference_kind = "group"
    resource_classes = (GroupResource, GroupMemberResource)
    file_note = (
        "Import groups and their members in separate files. A file of members adds each consumer to the group. Enter "
        "“no” under member to remove one. Members who are not in the file stay."
    )
    form = GroupForm
    add_label = "Add group"
    empty_text = "A group is a named set of consumers. Rules and control groups use it."
    list_display = ("code", "name", "members")
    list_display_links = ("code", "name")
    list_filter = (
        choice_filter("members", "members", [("yes", "With members"), ("no", "Without members")], _by_members),
        ArchivedFilter,
    )
    search_fields = ("code", "name")
    search_help_text = "Code or name"
    ordering = ("code",)
    fieldsets = (("Group", {"fields": (("name", "code"), "archived")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsumerGroup]:
        return groups_with_sizes(account_id=account_of(request).pk).order_by(*self.ordering)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: object
    ) -> type[ModelForm]:
        form: type[ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, GroupForm):
            form.may_add_members = request.user.has_perm(CHANGE_GROUPS)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: object = None) -> Any:
        if obj is None and request.user.has_perm(CHANGE_GROUPS):
            return (("Group", {"fields": (("name", "code"), "consumers")}),)
        return super().get_fieldsets(request, obj)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ConsumerGroup | None:
        # The page of a group shows a page of its members: nobody counts a million of them for it.
        return row_by_id(groups_of(account_id=account_of(request).pk), object_id)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        group = self.get_object(request, object_id)
        if group is not None and self.has_view_or_change_permission(request, group):
            extra_context = {**self.members_context(request, group), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    def rows_in_use(self, request: HttpRequest, rows: Sequence[Any]) -> set[object]:
        with_members = ConsumerGroup.objects.filter(pk__in=[row.pk for row in rows], consumers__isnull=False)
        return super().rows_in_use(request, rows) | set(with_members.values_list("pk", flat=True))

    @display(description="Members", ordering="number_of_members")
    def members(self, group: Any) -> str:
        address = f"{reverse('admin:consumers_consumer_changelist')}?groups__id__exact={group.pk}"
        return format_html('<a class="text-link" href="{}">{}</a>', address, f"{group.number_of_members:,}")

    def save_values(self, *, account_id: int, author: Author, obj: ConsumerGroup, form: Any) -> None:
        groups_save(account_id=account_id, rows=[GroupValues(code=obj.code, name=obj.name, archived=obj.archived)])
        if form.consumer_pks:
            group_members_change(account_id=account_id, code=obj.code, consumer_pks=form.consumer_pks, is_member=True)

    def delete_row(self, request: HttpRequest, obj: ConsumerGroup) -> None:
        group_delete(account_id=account_of(request).pk, code=obj.code)
