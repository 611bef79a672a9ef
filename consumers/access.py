"""Which account a member of staff works in, and what they may do there.

A user's own permissions and groups count for nothing: what they may do follows from their role in the account that
they work in. A superuser may do everything, in one account at a time.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from consumers.models import User
from consumers.selectors import staff_membership_current

SESSION_ACCOUNT = "account_id"
"""Where the session keeps the primary key of the account that the user switched to."""

_CACHE = "_role_permissions"


class MembershipBackend(ModelBackend):
    """Logs in with a password; answers ``has_perm`` by the role in the account that the user works in."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """``app.codename`` of everything the user may do now; nothing without an account."""
        membership = getattr(user_obj, "current_membership", None)
        if membership is None or obj is not None or not user_obj.is_active:
            return set()
        role_id, permissions = getattr(user_obj, _CACHE, (None, frozenset()))
        if role_id != membership.role_id:
            pairs = membership.role.permissions.values_list("content_type__app_label", "codename")
            permissions = frozenset(f"{app_label}.{codename}" for app_label, codename in pairs)
            setattr(user_obj, _CACHE, (membership.role_id, permissions))
        return set(permissions)

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """None: a user has no permissions but those of the role."""
        return set()

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """The role's."""
        return self.get_all_permissions(user_obj, obj)


class CurrentAccountMiddleware:
    """Sets ``request.user.current_membership``, and the account's time zone for the length of the request.

    Belongs behind the authentication middleware. A request without a session costs nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return self.get_response(request)
        user: User | AnonymousUser = request.user
        if not isinstance(user, User):
            return self.get_response(request)
        user.current_membership = staff_membership_current(user=user, account_id=request.session.get(SESSION_ACCOUNT))
        if user.current_membership is None:
            return self.get_response(request)
        with timezone.override(user.current_membership.account.zone):
            return self.get_response(request)
