"""Returns and voids of transactions."""

from django.db import models

from consumers.models import AccountOwned
from loyalty.choices import ReversalKind
from loyalty.models.transaction import Transaction


class Reversal(AccountOwned):
    """A return of a part of a transaction, or its void. Rows are never changed.

    ``lines`` are what came back (line ids and quantities), ``reversed`` what was taken back for it, and ``answer`` the
    JSON text of the response to the till, kept verbatim for repeated requests.
    """

    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="reversals")
    reference = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=ReversalKind.choices)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    lines = models.JSONField(default=list)
    reversed = models.JSONField(default=dict)
    points = models.BigIntegerField(default=0)
    refund_due = models.DecimalField(max_digits=18, decimal_places=4)
    not_recovered = models.DecimalField(max_digits=18, decimal_places=4)
    answer = models.TextField()

    class Meta:
        ordering = ("transaction", "id")
        constraints = [
            models.UniqueConstraint(fields=("account", "reference"), name="reversal_reference_once_per_account")
        ]

    def __str__(self) -> str:
        return self.reference
