"""Filters of the admin's lists."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

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
