"""Filters that lists share."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django_filters import rest_framework as filters

from consumers.api.framework.components import MOMENT, enum
from consumers.api.framework.query import Parameter, switch
from consumers.services.upsert import FIRST_YEAR, LAST_YEAR
from consumers.types import Rows


class MomentFormField(forms.Field):
    """A moment with its offset from UTC, within the years that can be moved between zones."""

    default_error_messages = {
        "invalid": "Must be a date and time with its offset from UTC, such as 2026-01-31T09:00:00Z."
    }

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


class KeyFilter(filters.CharFilter):
    """Compares with the key of a row, verbatim as in bodies and paths: blanks belong to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, strip=False, **kwargs)


class FlagFormField(forms.Field):
    """``true`` or ``false``."""

    default_error_messages = {"invalid": "Must be true or false."}

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        flag = {"true": True, "false": False}.get(value)
        if flag is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return flag


class FlagFilter(filters.BooleanFilter):
    """Compares with a flag. Another value is refused; the stock filter would pass over it and answer every row."""

    field_class = FlagFormField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, widget=forms.TextInput, **kwargs)


class ArchiveFilters(filters.FilterSet):
    """Archived rows are hidden unless asked for: ``?archived=true`` shows them alone, ``all`` shows every row."""

    archived = filters.ChoiceFilter(
        choices=[("true", "archived"), ("false", "not archived"), ("all", "all")], method="filter_archived"
    )

    def filter_archived(self, rows: Rows, name: str, value: str) -> Rows:
        return rows if value == "all" else rows.filter(archived=value == "true")

    def filter_queryset(self, queryset: Rows) -> Rows:
        shown: Rows = super().filter_queryset(queryset)
        return shown if self.form.cleaned_data.get("archived") else shown.filter(archived=False)


def filter_parameter(name: str, row_filter: Any) -> Parameter:
    """Return the query parameter of a filter."""
    text = str(row_filter.extra.get("help_text") or "")
    if isinstance(row_filter, FlagFilter):
        return switch(name, text)
    if isinstance(row_filter, filters.ChoiceFilter | filters.MultipleChoiceFilter):
        values = [str(value) for value, _ in row_filter.extra["choices"]]
        is_repeatable = isinstance(row_filter, filters.MultipleChoiceFilter)
        return Parameter(name=name, schema=enum(*values), description=text, is_repeatable=is_repeatable)
    if isinstance(row_filter, MomentFilter):
        return Parameter(name=name, schema=MOMENT, description=text)
    return Parameter(name=name, description=text, may_be_blank=isinstance(row_filter, KeyFilter))
