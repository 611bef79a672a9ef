"""Transactions with their decisions, and the promotions that applied."""

from django.db import models

from consumers.models import AccountOwned, Consumer, Site
from loyalty.choices import TransactionKind, TransactionStatus
from promotions.models import Promotion, PromotionVersion


class Transaction(AccountOwned):
    """A basket that was paid, with its decision.

    ``lines`` are the lines sold with their net values and their products at the commit; ``answer`` is the JSON text of
    the response to the till, kept verbatim for repeated requests; ``explanation`` is why the nearest other promotions
    did not apply; ``facts`` are the facts about the consumer and the rates that the decision used. One row holds them
    all, so that a sale takes one insert whatever its lines. ``local_day`` is the day at the site.

    A return changes the amounts, points and ``lines`` (each with the quantity ``returned``) to what is left, and stores
    the answer about that in ``state``. ``paid`` is the net total less what was refunded.
    """

    reference = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=TransactionKind.choices, default=TransactionKind.SALE)
    status = models.CharField(max_length=16, choices=TransactionStatus.choices, default=TransactionStatus.COMMITTED)
    occurred_at = models.DateTimeField()
    local_day = models.DateField()
    recorded_at = models.DateTimeField()
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+", db_index=False)
    consumer = models.ForeignKey(
        Consumer, on_delete=models.PROTECT, null=True, blank=True, related_name="transactions", db_index=False
    )
    loyalty_card = models.CharField(max_length=64, blank=True)
    loyalty_card_type = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=64, blank=True)
    payment_card_type = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3)
    total_inc_tax = models.DecimalField(max_digits=18, decimal_places=4)
    total_ex_tax = models.DecimalField(max_digits=18, decimal_places=4)
    discount_total = models.DecimalField(max_digits=18, decimal_places=4)
    net_total_inc_tax = models.DecimalField(max_digits=18, decimal_places=4)
    paid = models.DecimalField(max_digits=18, decimal_places=4)
    base_points = models.BigIntegerField(default=0)
    promotion_points = models.BigIntegerField(default=0)
    lines = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    explanation = models.JSONField(default=list)
    answer = models.TextField(blank=True)
    state = models.TextField(blank=True)

    class Meta:
        ordering = ("-occurred_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=("account", "reference"), name="transaction_reference_once_per_account")
        ]
        indexes = [
            models.Index(fields=("account", "-occurred_at", "-id"), name="transaction_by_moment"),
            models.Index(fields=("consumer", "-occurred_at", "-id"), name="transaction_by_consumer"),
            models.Index(fields=("site", "-occurred_at", "-id"), name="transaction_by_site"),
            # For searches by prefix: an index in a language's order cannot answer them.
            models.Index(
                fields=("account", "reference"),
                opclasses=("int8_ops", "varchar_pattern_ops"),
                name="transaction_by_reference",
            ),
            models.Index(
                fields=("account", "loyalty_card"),
                opclasses=("int8_ops", "varchar_pattern_ops"),
                condition=~models.Q(loyalty_card=""),
                name="transaction_by_card",
            ),
            # For filters that find few rows: an ordinary sale is in neither index.
            models.Index(
                fields=("account", "-occurred_at", "-id"),
                condition=~models.Q(status=TransactionStatus.COMMITTED),
                name="transaction_no_more_whole",
            ),
            models.Index(
                fields=("account", "-occurred_at", "-id"),
                condition=~models.Q(kind=TransactionKind.SALE),
                name="transaction_no_sale",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class AppliedPromotion(models.Model):
    """A promotion that applied to a transaction: how often, to which lines, and what it gave."""

    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="applied", db_index=False)
    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="applied")
    version = models.ForeignKey(PromotionVersion, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    redemptions = models.PositiveIntegerField()
    points = models.BigIntegerField(default=0)
    discount = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    saving = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    lines = models.JSONField(default=list)

    class Meta:
        ordering = ("transaction", "position")
        constraints = [
            models.UniqueConstraint(fields=("transaction", "promotion"), name="promotion_applied_once_per_transaction")
        ]

    def __str__(self) -> str:
        return f"{self.promotion} × {self.redemptions}"
