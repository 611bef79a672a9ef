"""The pages on which staff save the filters of a list, and rename, share and delete them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, NotRegistered
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget, UnfoldBooleanWidget

from consumers.admin.framework.dialogs import dialog_redirect
from consumers.admin.framework.pages import AccountAdmin, OnePageAdmin, account_of, staff_user
from consumers.admin.framework.saved_filters import SAVED_FILTER_VAR, filters_query
from consumers.exceptions import Refused
from consumers.models import SavedFilter
from consumers.models.saved_filter import MAX_FILTER_NAME_LENGTH
from consumers.selectors import saved_filters_of
from consumers.services.saved_filter import (
    SavedFilterChange,
    SavedFilterValues,
    saved_filter_add,
    saved_filters_change,
)


class SaveFilterForm(BaseDialogForm):
    """The name under which a list's filters are saved."""

    name = forms.CharField(
        label="Name",
        max_length=MAX_FILTER_NAME_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="For example: Live in Leeds.",
    )
    shared = forms.BooleanField(
        label="Share with colleagues",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Everyone in this account who sees this list can open it. Only you can change it.",
    )
    is_default = forms.BooleanField(
        label="My default view",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="The list opens with these filters for you.",
    )

    def __init__(self, request: HttpRequest, page: AccountAdmin, **kwargs: Any) -> None:
        # The list behind the dialog has fields of the same names.
        super().__init__(request, None, auto_id="dialog_%s", **kwargs)
        self.page = page

    @property
    def back_url(self) -> str:
        """The URL that the page without scripts leads back to."""
        return f"{self.page.url_of('changelist')}?{self.request.GET.urlencode()}"

    @property
    def values(self) -> SavedFilterValues:
        """What was entered, once it is valid."""
        entered = self.cleaned_data
        return SavedFilterValues(name=entered["name"], shared=entered["shared"], is_default=entered["is_default"])


def saved_filter_add_page(request: HttpRequest, list_name: str) -> HttpResponse:
    """Ask for a name, and save the filters that the query string has under it.

    Raises:
        Http404: there is no such list, or it has no filters.
        PermissionDenied: the user does not see the list.
    """
    page = _page_of(request, list_name)
    form = SaveFilterForm(request, page, data=request.POST or None)
    if form.is_valid():
        try:
            saved = saved_filter_add(
                account_id=account_of(request).pk,
                user=staff_user(request),
                list_name=page.opts.label_lower,
                query=_query_of(request, page),
                values=form.values,
            )
        except Refused as refused:
            for problem in refused.problems:
                form.add_error(problem.attr if problem.attr in form.fields else None, problem.detail)
        else:
            messages.success(request, f"Filters saved as “{saved.name}”.")
            return dialog_redirect(request, f"{page.url_of('changelist')}?{SAVED_FILTER_VAR}={saved.pk}")
    dialog = {"title": "Save filters", "description": "Keeps the filters, the search and the order of this list."}
    return render(request, "unfold/helpers/dialog.html", {"dialog": dialog, "form": form, "form_submit_text": "Save"})


@dataclass(frozen=True, kw_only=True)
class SavedFilterRow:
    """One's saved filter on the page, with the fields that change it."""

    saved: SavedFilter
    address: str
    name: forms.BoundField
    boxes: tuple[forms.BoundField, ...]


class SavedFiltersForm(forms.Form):
    """One's saved filters of a list; the fields of each end in its primary key."""

    def __init__(self, filters: list[SavedFilter], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        for saved in filters:
            self.fields[f"name_{saved.pk}"] = forms.CharField(
                label="Name", initial=saved.name, max_length=MAX_FILTER_NAME_LENGTH, widget=UnfoldAdminTextInputWidget()
            )
            for name, label, initial in (
                ("shared", "Share with colleagues", saved.shared),
                ("is_default", "My default view", saved.is_default),
                ("delete", "Delete", False),
            ):
                self.fields[f"{name}_{saved.pk}"] = forms.BooleanField(
                    label=label, initial=initial, required=False, widget=UnfoldBooleanWidget()
                )

    def rows(self) -> Iterator[SavedFilterRow]:
        """Yield the filters with their fields."""
        for saved in self.filters:
            boxes = tuple(self[f"{name}_{saved.pk}"] for name in ("shared", "is_default", "delete"))
            address = f"{SAVED_FILTER_VAR}={saved.pk}"
            yield SavedFilterRow(saved=saved, address=address, name=self[f"name_{saved.pk}"], boxes=boxes)

    def changes(self) -> list[SavedFilterChange]:
        """Return what was entered, once it is valid."""
        return [
            SavedFilterChange(pk=saved.pk, values=None if self._entered("delete", saved) else self._values(saved))
            for saved in self.filters
        ]

    def _values(self, saved: SavedFilter) -> SavedFilterValues:
        return SavedFilterValues(
            name=str(self._entered("name", saved)),
            shared=bool(self._entered("shared", saved)),
            is_default=bool(self._entered("is_default", saved)),
        )

    def _entered(self, name: str, saved: SavedFilter) -> object:
        return self.cleaned_data[f"{name}_{saved.pk}"]

    def add_problems(self, refused: Refused) -> None:
        """Show a refusal at its fields, or above all of them."""
        for problem in refused.problems:
            pk, _, name = (problem.attr or "").partition(".")
            self.add_error(f"{name}_{pk}" if f"{name}_{pk}" in self.fields else None, problem.detail)


def saved_filters_page(request: HttpRequest, list_name: str) -> HttpResponse:
    """Show one's saved filters of a list, and save what is changed.

    Raises:
        Http404: there is no such list, or it has no filters.
        PermissionDenied: the user does not see the list.
    """
    page = _page_of(request, list_name)
    user, account = staff_user(request), account_of(request)
    filters = saved_filters_of(account_id=account.pk, list_name=page.opts.label_lower, user=user).filter(user=user)
    form = SavedFiltersForm(list(filters), data=request.POST or None)
    if form.is_valid():
        try:
            changed, deleted = saved_filters_change(
                account_id=account.pk, user=user, list_name=page.opts.label_lower, changes=form.changes()
            )
        except Refused as refused:
            form.add_problems(refused)
        else:
            messages.success(request, _outcome(changed, deleted))
            return HttpResponseRedirect(f"{page.url_of('changelist')}?{SAVED_FILTER_VAR}=")
    listed = page.page_name or capfirst(str(page.opts.verbose_name_plural))
    context = {
        **admin.site.each_context(request),
        "opts": page.opts,
        "title": f"Saved filters: {listed}",
        "form": form,
        "back": page.url_of("changelist"),
    }
    return TemplateResponse(request, "admin/saved_filters.html", context)


def _outcome(changed: int, deleted: int) -> str:
    counted = [
        f"{number} {'filter' if number == 1 else 'filters'} {verb}"
        for number, verb in ((changed, "changed"), (deleted, "deleted"))
        if number
    ]
    return f"{' and '.join(counted)}." if counted else "Nothing was changed."


def _page_of(request: HttpRequest, list_name: str) -> AccountAdmin:
    try:
        page = admin.site.get_model_admin(apps.get_model(list_name))
    except (LookupError, ValueError, NotRegistered):
        raise Http404("There is no such list.") from None
    if not isinstance(page, AccountAdmin) or isinstance(page, OnePageAdmin) or not page.get_list_filter(request):
        raise Http404("There is no such list.")
    if not page.has_view_or_change_permission(request):
        raise PermissionDenied
    return page


def _query_of(request: HttpRequest, page: AccountAdmin) -> str:
    """Return what the list makes of the request's query string; nothing of one that it would not accept."""
    try:
        return filters_query(page.get_changelist_instance(request), request)
    except (IncorrectLookupParameters, DisallowedModelAdminLookup):
        return ""
