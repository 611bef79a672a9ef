"""An account is one retailer; every other row belongs to exactly one."""

from decimal import Decimal
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords


class Account(models.Model):
    """One retailer with its currency, zone and earning rates.

    ``points_per_currency_unit`` is the number of base points earned by one unit of the account's currency;
    ``other_earn_rates`` maps further ISO 4217 codes to theirs. ``point_value`` is what one point is worth in money
    when savings are compared. ``rulebook_version`` is bumped by every change that a decision depends on, in the
    transaction of that change; ``rulebook_epoch`` by those that take something away.
    """

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, default="GBP")
    time_zone = models.CharField(max_length=64, default="UTC")
    points_per_currency_unit = models.DecimalField(
        max_digits=12, decimal_places=4, default=Decimal(1), validators=[MinValueValidator(Decimal(0))]
    )
    other_earn_rates = models.JSONField(default=dict, blank=True)
    point_value = models.DecimalField(
        max_digits=12, decimal_places=6, default=Decimal("0.01"), validators=[MinValueValidator(Decimal(0))]
    )
    catalogue_enabled = models.BooleanField(default=True)
    late_transaction_days = models.PositiveIntegerField(default=30, validators=[MaxValueValidator(36500)])
    rulebook_version = models.PositiveBigIntegerField(default=1, editable=False)
    rulebook_epoch = models.PositiveBigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(excluded_fields=["rulebook_version", "rulebook_epoch"])

    class Meta:
        ordering = ("name", "code")

    def __str__(self) -> str:
        return self.name or self.code

    @property
    def zone(self) -> ZoneInfo:
        """The account's time zone."""
        return ZoneInfo(self.time_zone)


class AccountOwned(models.Model):
    """Base of every table whose rows belong to one account."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", editable=False)

    class Meta:
        abstract = True
