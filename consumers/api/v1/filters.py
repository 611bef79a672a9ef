"""Filters that lists share."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters


class ArchiveFilters(filters.FilterSet):
    """Archived rows are hidden unless asked for: ``?archived=true`` shows them alone, ``all`` shows every row."""

    archived = filters.ChoiceFilter(
        choices=[("true", "archived"), ("false", "not archived"), ("all", "all")], method="filter_archived"
    )

    def filter_archived(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows if value == "all" else rows.filter(archived=value == "true")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        shown: QuerySet[Any] = super().filter_queryset(queryset)
        return shown if self.form.cleaned_data.get("archived") else shown.filter(archived=False)
