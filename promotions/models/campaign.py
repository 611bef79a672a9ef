"""Campaigns: promotions of every family that belong together."""

from django.core.exceptions import ValidationError
from django.db import models
from simple_history.models import HistoricalRecords

from consumers.models import AccountOwned

MAX_OWNER_LENGTH = 200


class Campaign(AccountOwned):
    """A name over promotions and discounts, its members, that are planned, compared and paid for together.

    The dates are the plan's: members run by their own. ``owner`` is whoever answers for it, as colleagues call them; it
    is a text, because that is often a team or an agency without a login.

    ``budget`` is in normal form, in the account's currency; null is none. ``budget_amount`` is the same in minor units,
    and ``budget_overruns`` says whether the basket that crosses it is honoured. ``budget_used`` is what its members
    gave (their ``saving_given``), counted only while there is a budget. ``sales_counted`` goes up with every sale that
    takes from it: the database's guard knows a sale by that from a return, or from a promotion that moves.
    """

    code = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    owner = models.CharField(max_length=MAX_OWNER_LENGTH, blank=True)
    archived = models.BooleanField(default=False)
    budget = models.JSONField(null=True, blank=True)
    budget_amount = models.BigIntegerField(null=True, blank=True, editable=False)
    budget_overruns = models.BooleanField(default=False, db_default=False, editable=False)
    budget_used = models.BigIntegerField(default=0, db_default=0, editable=False)
    sales_counted = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(excluded_fields=["budget_amount", "budget_overruns", "budget_used", "sales_counted"])

    class Meta:
        ordering = ("name", "code")
        constraints = [models.UniqueConstraint(fields=("account", "code"), name="campaign_code_once_per_account")]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def clean(self) -> None:
        """Check that the plan ends after it starts."""
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            problem = ValidationError("The end date must be after the start date.", code="not_after_start")
            raise ValidationError({"ends_at": problem})
