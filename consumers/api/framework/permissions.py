"""What a key's role may do."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from consumers.choices import KeyRole
from consumers.models import ApiKey


class RolePermission(BasePermission):
    """A manager key may do everything; a till key only what the view opens to tills."""

    message = "This key's role is not allowed to do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return False
        if key.role == KeyRole.MANAGER:
            return True
        opened: bool = getattr(view, "open_to_tills", lambda _: False)(request)
        return opened
