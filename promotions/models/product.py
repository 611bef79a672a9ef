"""The catalogue."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models

from consumers.models import AccountOwned


class Product(AccountOwned):
    """A catalogue entry. Prices are in the account's currency; an empty price is unknown."""

    sku = models.CharField(max_length=100)
    name = models.CharField(max_length=300, blank=True)
    product_brand = models.CharField(max_length=200, blank=True)
    program_brand = models.CharField(max_length=200, blank=True)
    category = models.CharField(max_length=200, blank=True)
    labels = models.JSONField(default=list, blank=True)
    cost_price = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    retail_price = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("sku",)
        constraints = [models.UniqueConstraint(fields=("account", "sku"), name="sku_once_per_account")]

    def __str__(self) -> str:
        return f"{self.sku} · {self.name}" if self.name else self.sku
