"""Who calls: the key in ``Authorization: Api-Key <key>``."""

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_api_key.permissions import KeyParser

from consumers.models import ApiKey
from consumers.selectors import api_key_verified


class ApiKeyAuthentication(BaseAuthentication):
    """Sets ``request.auth`` to the ``ApiKey``, its account loaded with it: one SQL statement.

    There is no user behind a key: ``request.user`` is anonymous.
    """

    parser = KeyParser()

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        key = self.parser.get(request._request)  # noqa: SLF001 - DRF gives no other way to Django's request
        if not key:
            return None
        api_key = api_key_verified(key=key)
        if api_key is None:
            raise AuthenticationFailed("This API key is unknown, revoked or expired.")
        return AnonymousUser(), api_key

    def authenticate_header(self, request: Request) -> str:
        return self.parser.keyword
