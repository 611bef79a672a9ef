"""Personalized promotions, and the product lists of consumers that belong to them."""

from django.core.validators import MinLengthValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from consumers.models import AccountOwned, Consumer

MAX_LIST_PRODUCTS = 100


class PersonalizedPromotion(AccountOwned):
    """A promotion that gives each enlisted consumer their own list of products to choose from.

    ``backend_id`` never changes. ``maximum_distinct_products`` is how many a consumer may choose; None: the whole list.
    """

    backend_id = models.CharField(max_length=64)
    name = models.CharField(max_length=200, validators=[MinLengthValidator(2)])
    description = models.TextField(blank=True)
    maximum_distinct_products = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    lock_after_first_apply = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ("name", "backend_id")
        permissions = [
            ("view_personalized_list", "Can view consumers' personalized lists"),
            ("change_personalized_list", "Can change a consumer's personalized list"),
        ]
        constraints = [
            models.UniqueConstraint(fields=("account", "backend_id"), name="backend_id_once_per_account"),
            models.CheckConstraint(
                condition=models.Q(maximum_distinct_products__isnull=True) | models.Q(maximum_distinct_products__gte=1),
                name="personalized_maximum_is_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.backend_id})"


class PersonalizedList(models.Model):
    """One consumer's list: up to ``MAX_LIST_PRODUCTS`` SKUs in order, the chosen ones, and whether the choice is final.

    A consumer without products has no row. ``locked_by_id`` is the transaction that made the choice final; None if the
    consumer's own choice did. Every writer locks the consumer's row first.
    """

    promotion = models.ForeignKey(PersonalizedPromotion, on_delete=models.PROTECT, related_name="lists", db_index=False)
    consumer = models.ForeignKey(Consumer, on_delete=models.CASCADE, related_name="+")
    products = models.JSONField(default=list)
    selected = models.JSONField(default=list, blank=True)
    locked = models.BooleanField(default=False)
    locked_by_id = models.BigIntegerField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        # Permissions of the promotion allow to view and to change its lists.
        default_permissions = ()
        verbose_name = "consumer’s list"
        verbose_name_plural = "consumers’ lists"
        ordering = ("promotion_id", "consumer_id")
        constraints = [
            models.UniqueConstraint(fields=("promotion", "consumer"), name="personalized_list_once_per_consumer")
        ]

    def __str__(self) -> str:
        return f"{self.promotion}: {self.consumer}"
