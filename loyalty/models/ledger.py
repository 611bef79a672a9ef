"""The points ledger."""

from typing import Any, NoReturn

from django.db import models

from consumers.models import AccountOwned, Consumer
from loyalty.choices import EntryKind
from loyalty.exceptions import LedgerIsAppendOnly
from loyalty.models.transaction import Transaction
from promotions.models import Promotion


class LedgerEntry(AccountOwned):
    """A signed number of points; a consumer's balance is the sum of their entries. Rows are never changed or deleted.

    ``at`` is the moment that the points belong to (a late sale has its own), ``created_at`` when they were written.
    """

    consumer = models.ForeignKey(Consumer, on_delete=models.PROTECT, related_name="ledger_entries", db_index=False)
    points = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=EntryKind.choices)
    activity_type = models.CharField(max_length=100, blank=True)
    description = models.TextField(blank=True)
    transaction = models.ForeignKey(
        Transaction, on_delete=models.PROTECT, null=True, blank=True, related_name="ledger_entries"
    )
    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reference = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-at", "-id")
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(
                fields=("consumer", "reference"),
                condition=models.Q(kind=EntryKind.ADJUSTMENT),
                name="adjustment_reference_once_per_consumer",
            )
        ]
        indexes = [
            models.Index(fields=("consumer", "-at", "-id"), name="ledger_by_consumer"),
            models.Index(fields=("account", "-at", "-id"), name="ledger_by_moment"),
            # For lists of the few entries that are no award of a sale: base and promotion points are in neither index.
            models.Index(
                fields=("account", "-at", "-id"),
                condition=~models.Q(kind__in=[EntryKind.BASE, EntryKind.PROMOTION]),
                name="ledger_beside_sales",
            ),
            models.Index(fields=("account", "-at", "-id"), condition=models.Q(points__lt=0), name="ledger_lost"),
        ]

    def __str__(self) -> str:
        return f"{self.consumer}: {self.points:+}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the entry; refuse to change one."""
        if not self._state.adding:
            raise LedgerIsAppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a correction is a new entry."""
        raise LedgerIsAppendOnly
