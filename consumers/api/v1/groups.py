"""``groups``."""

from collections.abc import Sequence

from django.db.models import QuerySet
from rest_framework import serializers

from consumers.api.framework.fields import FlagField, KeyField, TextField
from consumers.api.framework.filters import ArchiveFilters
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import Collection
from consumers.models import ConsumerGroup
from consumers.selectors import groups_of
from consumers.services.group import GroupValues, group_delete, groups_save
from consumers.services.upsert import Saved
from consumers.types import JsonObject


class GroupInput(Input):
    """A named set of consumers."""

    name = TextField(max_length=200, allow_blank=True, default="")
    archived = FlagField(default=False, help_text="Whether it is hidden from lists.")


class GroupOutput(Output):
    """A named set of consumers."""

    code = serializers.CharField()
    name = serializers.CharField()
    archived = serializers.BooleanField()


class Groups(Collection):
    """Groups by code."""

    key_name = "code"
    key_field = KeyField(max_length=64)
    input_class = GroupInput
    output_class = GroupOutput
    filterset_class = ArchiveFilters
    search_fields = ("code", "name")
    ordering_fields = ("code", "name")
    default_ordering = "code"

    def get_queryset(self) -> QuerySet[ConsumerGroup]:
        return groups_of(account_id=self.account.pk)

    def save(self, rows: Sequence[JsonObject]) -> Saved:
        return groups_save(account_id=self.account.pk, rows=[GroupValues(**row) for row in rows])

    def remove(self, row: ConsumerGroup) -> None:
        group_delete(account_id=self.account.pk, code=row.code)
