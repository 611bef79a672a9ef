"""One row per account; an account without one has the defaults."""

from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from conflicts.choices import DiscountCombination, PromotionAge, PromotionBias
from consumers.models import Account


class ConflictSettings(models.Model):
    """Which promotions win when several compete for one transaction."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="conflict_settings", editable=False)
    promotion_bias = models.CharField(
        max_length=24, choices=PromotionBias.choices, default=PromotionBias.MAX_CUSTOMER_SAVING
    )
    promotions_per_type = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1)])
    promotion_age = models.CharField(max_length=8, choices=PromotionAge.choices, default=PromotionAge.NEWEST)
    discounts_per_transaction = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    discount_combination = models.CharField(
        max_length=16, choices=DiscountCombination.choices, default=DiscountCombination.RANKED
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = "conflict settings"
        verbose_name_plural = "conflict settings"

    def __str__(self) -> str:
        return f"Conflict management of {self.account}"
