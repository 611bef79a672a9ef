"""Filters that lists share."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django_filters import rest_framework as filters

from consumers.services.rows import FIRST_YEAR, LAST_YEAR


class MomentFormField(forms.Field):
    """A moment with its offset from UTC, within the years that can be moved between zones."""

    default_error_messages = {"invalid": "A moment with its offset from UTC is expected, as 2026-01-31T09:00:00Z."}

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            moment = parse_datetime(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return moment.astimezone(UTC)


class MomentFilter(filters.IsoDateTimeFilter):
    """Compares with a moment; a naive one is refused, as in bodies."""

    field_class = MomentFormField


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
