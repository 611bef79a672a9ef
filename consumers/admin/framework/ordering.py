"""Lists that stay in the order in which each member of staff last put them."""

import re
from typing import Any

from django.contrib.admin.views.main import ORDER_VAR
from django.http import HttpRequest, HttpResponse

from consumers.models import User

_ORDER = re.compile(r"-?\d{1,3}(\.-?\d{1,3}){0,9}")


class SavedOrderMixin:
    """A list that remembers its order; for pages of the admin.

    Whoever takes every column out of the order gets the list's own again.
    """

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        page: Any = self
        user = request.user
        assert isinstance(user, User)  # noqa: S101 - the admin site lets nobody else in
        name, asked = page.opts.label_lower, request.GET.get(ORDER_VAR)
        saved = user.list_orders.get(name)
        if asked is None and saved:
            _ask_for(request, saved)
        elif asked is not None and not asked:
            _ask_for(request, None)
        if asked is not None and asked != (saved or ""):
            _save(user, name, asked)
        response: HttpResponse = super().changelist_view(request, extra_context)  # type: ignore[misc]
        return response


def _ask_for(request: HttpRequest, order: str | None) -> None:
    query = request.GET.copy()
    if order is None:
        del query[ORDER_VAR]
    else:
        query[ORDER_VAR] = order
    request.GET = query  # type: ignore[assignment]


def _save(user: User, name: str, order: str) -> None:
    if order and not _ORDER.fullmatch(order):
        return
    others = {list_name: kept for list_name, kept in user.list_orders.items() if list_name != name}
    user.list_orders = others | ({name: order} if order else {})
    # Of two windows that order lists at the same moment the later one is remembered, which is what was asked last.
    User.objects.filter(pk=user.pk).update(list_orders=user.list_orders)
