"""Keys of tills and integrators."""

from django.db import models
from rest_framework_api_key.models import AbstractAPIKey

from consumers.choices import KeyRole
from consumers.models.account import Account


class ApiKey(AbstractAPIKey):
    """A hashed, revocable key that belongs to one account and has one role."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_keys")
    role = models.CharField(max_length=16, choices=KeyRole.choices, default=KeyRole.TILL)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
