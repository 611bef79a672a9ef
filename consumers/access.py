"""Which account a member of staff works in, and what they may do there.

Permissions come from the grants of the user's role in the account that they work in, which each request reads with the
membership: a change of the role holds from the holder's next page on. Permissions and groups of the user are ignored. A
superuser may do everything, in one account at a time.
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
"""Session key of the primary key of the account that the user switched to."""


class MembershipBackend(ModelBackend):
    """Logs in with a password; answers ``has_perm`` by the role in the account that the user works in."""

    def get_all_permissions(self, user_obj: Any, obj: object = None) -> set[str]:
        """Return the permissions (``app.codename``) of the user's role; none without an account."""
        membership = getattr(user_obj, "current_membership", None)
        if membership is None or obj is not None or not user_obj.is_active:
            return set()
        return set(membership.role.permission_names)

    def get_user_permissions(self, user_obj: Any, obj: object = None) -> set[str]:
        """Return none: all permissions come from the role."""
        return set()

    def get_group_permissions(self, user_obj: Any, obj: object = None) -> set[str]:
        """Return the permissions of the role."""
        return self.get_all_permissions(user_obj, obj)


class CurrentAccountMiddleware:
    """Sets ``request.user.current_membership``, and the account's time zone for the length of the request.

    Place it after the authentication middleware. A request without a session costs no query.
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
