"""Lists whose filters, search and order staff keep under a name, as links above the list."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IS_POPUP_VAR, IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from consumers.admin.framework.ordering import ORDER_PARAMETER
from consumers.models import SavedFilter, User
from consumers.selectors import parse_id, saved_filters_of
from consumers.types import Context

SAVED_FILTER_VAR = "saved_filter"
"""The parameter that opens a saved filter by its primary key; empty, it opens the list without the default view."""


@dataclass(frozen=True, kw_only=True)
class SavedFilterLink:
    """A link above a list; ``owner`` is the colleague who shared it, empty for one's own."""

    name: str
    address: str
    is_current: bool
    is_shared: bool
    owner: str = ""


@dataclass(kw_only=True)
class SavedFilterBar:
    """What the line above a list shows: links, where the present filters are saved, and a note."""

    filters: Sequence[SavedFilter]
    user: User
    opened: SavedFilter | None = None
    note: str = ""
    links: list[SavedFilterLink] = field(default_factory=list)
    save_address: str = ""
    manage_address: str = ""

    @property
    def default(self) -> SavedFilter | None:
        """Return the user's default view of the list."""
        return next((saved for saved in self.filters if saved.is_default and saved.user_id == self.user.pk), None)

    def show(self, *, list_name: str, query: str) -> None:
        """Fill in the links, for a list that is shown with ``query``."""
        current = self.opened or next((saved for saved in self.filters if _is_same(query, saved.query)), None)
        own_first = sorted(self.filters, key=lambda saved: saved.user_id != self.user.pk)
        links = [self._link(saved, is_current=current is saved) for saved in own_first]
        if links:
            everything = SavedFilterLink(
                name="All", address=f"?{SAVED_FILTER_VAR}=", is_current=not query, is_shared=False
            )
            links.insert(0, everything)
        self.links = links
        if query and current is None:
            self.save_address = f"{reverse('saved_filter_add', args=[list_name])}?{query}"
        if any(saved.user_id == self.user.pk for saved in self.filters):
            self.manage_address = reverse("saved_filters", args=[list_name])

    def _link(self, saved: SavedFilter, *, is_current: bool) -> SavedFilterLink:
        owner = "" if saved.user_id == self.user.pk else saved.user.get_full_name() or saved.user.get_username()
        return SavedFilterLink(
            name=saved.name,
            address=f"?{SAVED_FILTER_VAR}={saved.pk}",
            is_current=is_current,
            is_shared=saved.shared,
            owner=owner,
        )


class SavedFiltersMixin:
    """An admin list whose filters are saved under names; it costs the list one statement.

    A saved filter is opened by its primary key. Its query replaces that of the request, and so no address that is
    stored is ever followed. What no longer fits the list is left out, and a note says so.
    """

    def keeps_filters(self, request: HttpRequest) -> bool:
        """Return whether the list offers to save its filters: it has some, and is not a choice in a pop-up."""
        page: Any = self
        return bool(page.get_list_filter(request)) and IS_POPUP_VAR not in request.GET

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        page: Any = self
        user = request.user
        assert isinstance(user, User)  # noqa: S101 - the admin site lets nobody else in
        if user.current_membership is not None and self.keeps_filters(request):
            account_id = user.current_membership.account_id
            filters = saved_filters_of(account_id=account_id, list_name=page.opts.label_lower, user=user)
            bar = SavedFilterBar(filters=list(filters), user=user)
            request.saved_filter_bar = bar  # type: ignore[attr-defined]
            _open(request, bar)
        response: HttpResponse = super().changelist_view(request, extra_context)  # type: ignore[misc]
        return response

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        bar: SavedFilterBar | None = getattr(request, "saved_filter_bar", None)
        if bar is None:
            return super().get_changelist_instance(request)  # type: ignore[misc]
        changelist = self._fitting_changelist(request, bar)
        bar.show(list_name=changelist.opts.label_lower, query=filters_query(changelist, request))
        changelist.saved_filters = bar
        if bar.default is not None and changelist.has_active_filters:
            # An address without parameters would open the default view again.
            changelist.clear_all_filters_qs = f"?{SAVED_FILTER_VAR}="
        return changelist

    def _fitting_changelist(self, request: HttpRequest, bar: SavedFilterBar) -> Any:
        if bar.opened is None:
            return super().get_changelist_instance(request)  # type: ignore[misc]
        try:
            changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        except (IncorrectLookupParameters, DisallowedModelAdminLookup):
            fitting, titles = {SEARCH_VAR, ORDER_VAR}, []
        else:
            misfits = [spec for spec in changelist.filter_specs if not _offers_value(spec)]
            titles = [str(spec.title).capitalize() for spec in misfits]
            fitting = known_parameters(changelist) - {name for spec in misfits for name in spec.expected_parameters()}
            if set(request.GET) <= fitting:
                return changelist
        _keep(request, fitting)
        named = f": {', '.join(titles)}" if titles else ""
        bar.note = f"“{bar.opened.name}” has filters that no longer exist. The list is shown without them{named}."
        return super().get_changelist_instance(request)  # type: ignore[misc]


NUL_STANDS_AS = "\ufffd"
"""What a filter has in place of a NUL, which PostgreSQL refuses in a text: no row has it."""


def known_parameters(changelist: Any) -> set[str]:
    """Return the parameters of a list's search, order and filters."""
    of_filters = {name for spec in changelist.filter_specs for name in spec.expected_parameters()}
    return {SEARCH_VAR, ORDER_VAR} | of_filters


def filters_query(changelist: Any, request: HttpRequest) -> str:
    """Return the filters, the search and the order of a list as a query string in its normal form.

    Parameters that the list does not know are left out, as are blank ones, pages and pop-ups.
    """
    pairs = [
        (name, value)
        for name in sorted(known_parameters(changelist))
        for value in request.GET.getlist(name)
        if value.strip() and not {"\x00", NUL_STANDS_AS} & set(value)
    ]
    return urlencode([pair for pair in pairs if pair[0] != ORDER_VAR or ORDER_PARAMETER.fullmatch(pair[1])])


def _open(request: HttpRequest, bar: SavedFilterBar) -> None:
    """Replace the request's query by the saved filter's that it asks for, or by the default view's."""
    query = request.GET.copy()
    asked = query.pop(SAVED_FILTER_VAR, None)
    if asked is not None:
        request.GET = query  # type: ignore[assignment]
        pk = parse_id(str(asked[-1]))
        bar.opened = next((saved for saved in bar.filters if saved.pk == pk), None)
        if bar.opened is None and asked[-1]:
            bar.note = "This saved filter no longer exists, or is no longer shared. The list shows all rows."
    elif not request.META.get("QUERY_STRING"):
        bar.opened = bar.default
    if bar.opened is not None:
        saved_query = QueryDict(bar.opened.query, mutable=True)
        if ORDER_VAR in request.GET and ORDER_VAR not in saved_query:
            # The order in which this person last put the list.
            saved_query[ORDER_VAR] = request.GET[ORDER_VAR]
        request.GET = saved_query  # type: ignore[assignment]


def _keep(request: HttpRequest, names: set[str]) -> None:
    query = request.GET.copy()
    for name in set(query) - names:
        del query[name]
    request.GET = query  # type: ignore[assignment]


def _is_same(query: str, saved: str) -> bool:
    """Return whether a list is shown with a saved filter; one without an order fits any."""
    if query == saved:
        return True
    parameters = QueryDict(query, mutable=True)
    if ORDER_VAR in parameters and ORDER_VAR not in QueryDict(saved):
        del parameters[ORDER_VAR]
        return bool(parameters) and parameters == QueryDict(saved)
    return False


def _offers_value(spec: Any) -> bool:
    """Return whether a filter still offers the value that it is set to."""
    if not isinstance(spec, DropdownFilter | RelatedDropdownFilter) or spec.value() in (None, ""):
        return True
    return str(spec.value()) in {str(value) for value, _ in spec.lookup_choices}
