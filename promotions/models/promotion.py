"""Promotions of every family: one lifecycle, one history of versions, one counter.

A promotion's definition is three documents (``outcome``, ``eligibility``, ``content``), which
``promotions.engine.definition`` checks wherever they come from; they are stored in normal form. A family is a
proxy of this table, so that limits, versions, redemptions and the rulebook are the same rows for all of them.
"""

from datetime import datetime

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from consumers.models import AccountOwned
from promotions.choices import Family, ReferenceKind, Status
from promotions.engine.rulebook.life import life_reason
from promotions.models.campaign import Campaign


class Promotion(AccountOwned):
    """A promotion of any family.

    ``draft``, ``starts_at``, ``ends_at`` and ``stopped_at`` decide whether it is in force; ``status`` is a copy for
    lists that a periodic sweep corrects. ``revision`` is the account's rulebook version of its last change.
    ``funding`` says which parties pay how many per cent of the cost, and ``ledger_class`` what it is booked under: both
    are part of each version. ``campaign`` is not: a promotion that moves to another is the same promotion.

    ``budget`` and ``customer_budget`` are in normal form; null is none. What was given is counted with or without a
    budget: ``budget_used`` in minor units of the currency, or in points where that is what the promotion gives, and
    ``saving_given`` in minor units of money, in which campaigns count. ``budget_amount`` is the budget in the unit of
    ``budget_used``, and ``budget_overruns`` says whether the basket that crosses it is honoured.
    ``in_campaign_budget`` says whether its campaign has a budget, from which its sales take too: a sale sees it under
    the row's lock, where it could not see a change of the campaign.
    """

    family = models.CharField(max_length=16, choices=Family.choices, editable=False)
    code = models.CharField(max_length=64)
    type = models.CharField(max_length=32)
    subtype = models.CharField(max_length=32, blank=True, editable=False)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    currency = models.CharField(max_length=3)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    draft = models.BooleanField(default=False)
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)
    archived = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=Status.choices, editable=False)
    outcome = models.JSONField(default=dict)
    eligibility = models.JSONField(default=dict)
    content = models.JSONField(default=dict)
    budget = models.JSONField(null=True, blank=True)
    customer_budget = models.JSONField(null=True, blank=True)
    funding = models.JSONField(default=list, db_default=[], blank=True)
    ledger_class = models.CharField(max_length=64, blank=True, default="", db_default="")
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="members", db_index=False
    )
    always_apply = models.BooleanField(default=False, editable=False)
    total_redemption_limit = models.PositiveIntegerField(null=True, blank=True, editable=False)
    redemptions = models.PositiveBigIntegerField(default=0, editable=False)
    budget_amount = models.BigIntegerField(null=True, blank=True, editable=False)
    budget_overruns = models.BooleanField(default=False, editable=False)
    budget_used = models.BigIntegerField(default=0, editable=False)
    saving_given = models.BigIntegerField(default=0, editable=False)
    in_campaign_budget = models.BooleanField(default=False, db_default=False, editable=False)
    version = models.PositiveIntegerField(default=0, editable=False)
    revision = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(
        excluded_fields=[
            "redemptions",
            "revision",
            "status",
            "budget_amount",
            "budget_overruns",
            "budget_used",
            "saving_given",
            "in_campaign_budget",
        ]
    )

    class Meta:
        ordering = ("-starts_at", "code")
        permissions = [("publish_promotion", "Can decide which promotions are live")]
        constraints = [
            models.UniqueConstraint(fields=("account", "family", "code"), name="promotion_code_once_per_family"),
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=models.F("starts_at")),
                name="promotion_ends_after_it_starts",
            ),
        ]
        indexes = [
            models.Index(fields=("account", "revision"), name="promotion_by_revision"),
            models.Index(fields=("account", "family", "status", "-starts_at"), name="promotion_by_status"),
            models.Index(
                fields=("campaign",), condition=models.Q(campaign__isnull=False), name="promotion_by_campaign"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def status_at(self, at: datetime) -> Status:
        """Return the true status at a moment, which the engine finds from the dates alone."""
        return Status(life_reason(self, at) or Status.ACTIVE)


class PromotionVersion(models.Model):
    """An immutable snapshot of a promotion's definition; redemptions reference the one they used."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_with = models.CharField(max_length=100, blank=True, help_text="Name of the API key or import, if any")

    class Meta:
        ordering = ("promotion", "-number")
        constraints = [models.UniqueConstraint(fields=("promotion", "number"), name="promotion_version_number_once")]

    def __str__(self) -> str:
        return f"{self.promotion} v{self.number}"


class PromotionReference(models.Model):
    """A row of another table, by its key, that a promotion's current definition references."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="references", db_index=False)
    kind = models.CharField(max_length=24, choices=ReferenceKind.choices)
    key = models.CharField(max_length=100)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("promotion", "kind", "key"), name="promotion_reference_once")]
        indexes = [models.Index(fields=("kind", "key"), name="promotion_reference_by_key")]

    def __str__(self) -> str:
        return f"{self.promotion} → {self.kind} {self.key}"


class StatusEvent(models.Model):
    """A change of a promotion's status, with the moment from which it holds."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="status_events", db_index=False)
    status = models.CharField(max_length=16, choices=Status.choices)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ("promotion", "-effective_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=("promotion", "status", "effective_at"), name="status_event_once_per_moment")
        ]

    def __str__(self) -> str:
        return f"{self.promotion}: {self.get_status_display()}"
