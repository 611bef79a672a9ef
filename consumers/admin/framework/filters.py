"""Filters of the admin's lists."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import (
    DropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
    RelatedDropdownFilter,
    TextFilter,
)
from unfold.utils import parse_date_str

from consumers.admin.framework.pages import account_of
from consumers.types import JsonObject, Rows


def choice_form(list_filter: DropdownFilter | RelatedDropdownFilter, parameter: str) -> JsonObject:
    """Return the form of a filter with one choice, labelled by its title (the theme's own label says "By …")."""
    form = list_filter.form_class(
        label=str(list_filter.title).capitalize(),
        name=parameter,
        choices=[list_filter.all_option, *list_filter.lookup_choices],
        data={parameter: list_filter.value()},
    )
    return {"form": form}


class ChoiceFilter(DropdownFilter):
    """A filter with one choice, labelled by its title."""

    def choices(self, changelist: Any) -> Iterator[JsonObject]:
        yield choice_form(self, self.parameter_name)


class AccountRelatedFilter(RelatedDropdownFilter):
    """A filter by a related row that offers only rows of the account."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[Any, str]]:
        ordering = self.field_admin_ordering(field, request, model_admin)
        choices: list[tuple[Any, str]] = field.get_choices(
            include_blank=False, ordering=ordering, limit_choices_to={"account": account_of(request)}
        )
        return choices

    def choices(self, changelist: Any) -> Iterator[JsonObject]:
        yield choice_form(self, self.lookup_kwarg)


class ArchivedFilter(ChoiceFilter):
    """Hide archived rows unless they are asked for."""

    title = "archived"
    parameter_name = "archived"
    all_option = ("", "Not archived")

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("yes", "Archived"), ("all", "Both")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() == "all":
            return queryset
        return queryset.filter(archived=self.value() == "yes")


def choice_filter(
    title: str,
    parameter: str,
    choices: Sequence[tuple[str, str]],
    narrow: Callable[[HttpRequest, Rows, str], Rows],
) -> type[ChoiceFilter]:
    """Return a filter class with fixed choices; ``narrow`` filters the rows by the value chosen."""

    class FixedChoiceFilter(ChoiceFilter):
        def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Sequence[tuple[str, str]]:
            return choices

        def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
            value = self.value()
            return narrow(request, queryset, value) if value in dict(choices) else queryset

    FixedChoiceFilter.title = title
    FixedChoiceFilter.parameter_name = parameter
    return FixedChoiceFilter


MAX_DISTINCT_CHOICES = 500
"""Values that a filter of the values of a column offers; only for tables of few rows."""


def values_filter(title: str, column: str, *, blank: str = "") -> type[ChoiceFilter]:
    """Return a filter class that offers the values of a column of the account's rows.

    ``blank`` labels the empty value, which is not offered otherwise.
    """

    class ValuesFilter(ChoiceFilter):
        def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
            rows = model_admin.get_queryset(request).order_by(column).values_list(column, flat=True).distinct()
            values = list(rows[:MAX_DISTINCT_CHOICES])
            choices = [(f"={value}", str(value)) for value in values if value]
            return [("=", blank), *choices] if blank and "" in values else choices

        def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
            value = self.value()
            return queryset.filter(**{column: value[1:]}) if value and value[0] == "=" else queryset

    ValuesFilter.title = title
    ValuesFilter.parameter_name = column
    return ValuesFilter


def begins_filter(title: str, column: str) -> type[TextFilter]:
    """Return a filter class by how a text begins, which an index answers in a table of many rows."""

    class BeginsFilter(TextFilter):
        def choices(self, changelist: Any) -> Iterator[JsonObject]:
            data = {self.parameter_name: self.value()}
            yield {
                "form": self.form_class(name=self.parameter_name, label=f"{title.capitalize()} begins with", data=data)
            }

        def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
            text = (self.value() or "").strip()[:200]
            return queryset.filter(**{f"{column}__istartswith": text}) if text else queryset

    BeginsFilter.title = title
    BeginsFilter.parameter_name = column
    return BeginsFilter


class AmountRangeFilter(RangeNumericFilter):
    """A filter by an amount, from and to; a bound that is no amount does not count."""

    MAX_AMOUNT = Decimal(10) ** 10

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        for name, lookup in (("from", "gte"), ("to", "lte")):
            amount = self._amount(self.used_parameters.get(f"{self.parameter_name}_{name}"))
            if amount is not None:
                queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": amount})
        return queryset

    def _amount(self, text: object) -> Decimal | None:
        try:
            amount = Decimal(str(text or "").strip())
        except InvalidOperation:
            return None
        return amount if amount.is_finite() and abs(amount) < self.MAX_AMOUNT else None


class MomentDaysFilter(RangeDateFilter):
    """A filter of moments by days of the account's time zone, from and to."""

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        for name, lookup, days in (("from", "gte", 0), ("to", "lt", 1)):
            day = parse_date_str(self.used_parameters.get(f"{self.parameter_name}_{name}") or "")
            # Outside these days there are no moments to filter by.
            if day is not None and date.min < day < date.max - timedelta(days=2):
                moment = timezone.make_aware(datetime.combine(day + timedelta(days=days), time()))
                queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": moment})
        return queryset
