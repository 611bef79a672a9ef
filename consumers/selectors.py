"""Reads of accounts, keys, sites and consumers."""

from django.db.models import QuerySet
from rest_framework_api_key.crypto import KeyGenerator

from consumers.models import ApiKey, Consumer, ConsumerGroup, Site

_keys = KeyGenerator()


def api_key_usable(*, key: str) -> ApiKey | None:
    """The key's row with its account, if it is genuine, not revoked and not expired: one SQL statement."""
    prefix, _, secret = key.partition(".")
    if not (prefix.isascii() and prefix.isalnum() and secret.isascii()):
        return None
    row: ApiKey | None = ApiKey.objects.select_related("account").filter(prefix=prefix, revoked=False).first()
    if row is None or row.has_expired or not _keys.verify(key, row.hashed_key):
        return None
    return row


def sites_of(*, account_id: int) -> QuerySet[Site]:
    """The account's sites."""
    return Site.objects.filter(account_id=account_id)


def groups_of(*, account_id: int) -> QuerySet[ConsumerGroup]:
    """The account's groups."""
    return ConsumerGroup.objects.filter(account_id=account_id)


def consumers_of(*, account_id: int) -> QuerySet[Consumer]:
    """The account's consumers with their home site, membership, cards and groups: three statements for any number."""
    return (
        Consumer.objects.filter(account_id=account_id)
        .select_related("home_site", "membership")
        .prefetch_related("groups", "membership__cards")
    )
