"""Lists that remember the order that each member of staff last chose."""

import re
from typing import Any

from django.contrib.admin.views.main import ORDER_VAR
from django.http import HttpRequest, HttpResponse

from consumers.models import User
from consumers.types import Context

ORDER_PARAMETER = re.compile(r"-?\d{1,3}(\.-?\d{1,3}){0,9}")


class SavedOrderMixin:
    """An admin list that remembers its order.

    Removing every column from the order restores the list's own.
    """

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        page: Any = self
        user = request.user
        assert isinstance(user, User)  # noqa: S101 - the admin site lets nobody else in
        list_name, requested = page.opts.label_lower, request.GET.get(ORDER_VAR)
        saved = user.list_orders.get(list_name)
        if requested is None and saved:
            _set_order(request, saved)
        elif requested is not None and not requested:
            _set_order(request, None)
        if requested is not None and requested != (saved or ""):
            _save(user, list_name, requested)
        response: HttpResponse = super().changelist_view(request, extra_context)  # type: ignore[misc]
        return response


def _set_order(request: HttpRequest, order: str | None) -> None:
    query = request.GET.copy()
    if order is None:
        del query[ORDER_VAR]
    else:
        query[ORDER_VAR] = order
    request.GET = query  # type: ignore[assignment]


def _save(user: User, list_name: str, order: str) -> None:
    if order and not ORDER_PARAMETER.fullmatch(order):
        return
    others = {name: other for name, other in user.list_orders.items() if name != list_name}
    user.list_orders = others | ({list_name: order} if order else {})
    # Race: two windows that reorder lists at once. The later write wins, which is the last choice.
    User.objects.filter(pk=user.pk).update(list_orders=user.list_orders)
