"""Filters of the lists of the back office."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib.admin.options import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from consumers.admin.framework.pages import account_of


def choice_form(chosen: DropdownFilter | RelatedDropdownFilter, parameter: str) -> dict[str, Any]:
    """A filter's choice of one value, called by its title; the theme's own says "By …"."""
    form = chosen.form_class(
        label=str(chosen.title).capitalize(),
        name=parameter,
        choices=[chosen.all_option, *chosen.lookup_choices],
        data={parameter: chosen.value()},
    )
    return {"form": form}


class ChoiceFilter(DropdownFilter):
    """A choice of one value, called by its title."""

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield choice_form(self, self.parameter_name)


class AccountRelatedFilter(RelatedDropdownFilter):
    """A filter by a related row that offers only the account's."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[Any, str]]:
        ordering = self.field_admin_ordering(field, request, model_admin)
        choices: list[tuple[Any, str]] = field.get_choices(
            include_blank=False, ordering=ordering, limit_choices_to={"account": account_of(request)}
        )
        return choices

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield choice_form(self, self.lookup_kwarg)


class ArchivedFilter(ChoiceFilter):
    """Archived rows are hidden unless asked for."""

    title = "archived"
    parameter_name = "archived"
    all_option = ("", "Not archived")

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("yes", "Archived"), ("all", "Both")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(archived=self.value() == "yes")


def choice_filter(
    title: str,
    parameter: str,
    choices: Sequence[tuple[str, str]],
    narrow: Callable[[HttpRequest, QuerySet[Any], str], QuerySet[Any]],
) -> type[ChoiceFilter]:
    """A filter with fixed choices; ``narrow`` takes the rows and the value chosen."""

    class FixedChoiceFilter(ChoiceFilter):
        def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Sequence[tuple[str, str]]:
            return choices

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            chosen = self.value()
            return narrow(request, queryset, chosen) if chosen in dict(choices) else queryset

    FixedChoiceFilter.title = title
    FixedChoiceFilter.parameter_name = parameter
    return FixedChoiceFilter
