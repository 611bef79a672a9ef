"""Baskets that staff try promotions with."""

from django.conf import settings
from django.db import models

from consumers.models import AccountOwned
from promotions.models import Promotion


class TriedBasket(AccountOwned):
    """A basket that is saved to be tried again: with one promotion, or with all of them.

    ``basket`` is a ``BasketToTry`` of ``loyalty.services.tried_basket`` as JSON.
    """

    promotion = models.ForeignKey(
        Promotion, on_delete=models.CASCADE, null=True, blank=True, related_name="tried_baskets"
    )
    name = models.CharField(max_length=100)
    basket = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=("account", "-created_at", "-id"), name="tried_basket_by_moment")]

    def __str__(self) -> str:
        return self.name
