"""Named sets of consumers."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from consumers.admin.files.resource import GroupMemberResource, GroupResource, ImportExportMixin
from consumers.admin.framework.filters import ArchivedFilter
from consumers.admin.framework.pages import KeyedAdmin, ServiceForm, account_of
from consumers.author import Author
from consumers.models import ConsumerGroup
from consumers.services.group import GroupValues, group_delete, groups_save


class GroupForm(ServiceForm):
    """A group, as its service takes it."""

    key_field = "code"

    class Meta:
        model = ConsumerGroup
        fields = ("code", "name", "archived")
        labels = {"code": "Group code", "name": "Group name"}
        help_texts = {
            "code": "As rules and integrators name it. It cannot be changed later.",
            "archived": "Hidden from lists; promotions that name it keep working.",
        }


@admin.register(ConsumerGroup)
class GroupAdmin(ImportExportMixin, KeyedAdmin):
    """Groups."""

    key = "code"
    resource_classes = (GroupResource, GroupMemberResource)
    file_words = (
        "Groups and their members are files of their own. A file of members puts each consumer into the group, or with "
        "“no” under member takes them out; members that it does not name stay."
    )
    form = GroupForm
    add_words = "Add group"
    empty_words = "A group is a named set of consumers: rules and control groups choose among them."
    list_display = ("code", "name", "members")
    list_display_links = ("code", "name")
    list_filter = (ArchivedFilter,)
    search_fields = ("code", "name")
    search_help_text = "Code or name"
    ordering = ("code",)
    fieldsets = (("Group", {"fields": (("code", "name"), "archived")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsumerGroup]:
        rows: QuerySet[ConsumerGroup] = super().get_queryset(request)
        return rows.annotate(number_of_members=Count("consumers"))

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        # Promotions name groups by code: a group that is added beside one comes back by it.
        return to_field == self.key or bool(super().to_field_allowed(request, to_field))

    @display(description="Members", ordering="number_of_members")
    def members(self, group: Any) -> str:
        address = f"{reverse('admin:consumers_consumer_changelist')}?groups__id__exact={group.pk}"
        return format_html('<a class="text-link" href="{}">{}</a>', address, group.number_of_members)

    def save_values(self, *, account_id: int, author: Author, obj: ConsumerGroup, form: Any) -> None:
        groups_save(account_id=account_id, rows=[GroupValues(code=obj.code, name=obj.name, archived=obj.archived)])

    def delete_row(self, request: HttpRequest, obj: ConsumerGroup) -> None:
        group_delete(account_id=account_of(request).pk, code=obj.code)
