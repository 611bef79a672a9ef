"""Adjustments of points by staff: the limits, and who made which."""

from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from consumers.choices import StaffRole
from consumers.functionalities import Allowance
from consumers.models import Account, AccountOwned, User
from loyalty.models.ledger import LedgerEntry


def _limit(default: int | None) -> "models.PositiveIntegerField[int | None, int | None]":
    return models.PositiveIntegerField(null=True, blank=True, default=default, validators=[MinValueValidator(1)])


class AdjustmentLimits(models.Model):
    """How much each member of staff may adjust whose role is a template; other roles have limits of their own.

    An account without a row has the defaults.
    """

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="adjustment_limits", editable=False)
    customer_service_at_once = _limit(1_000)
    customer_service_per_day = _limit(5_000)
    administrator_at_once = _limit(None)
    administrator_per_day = _limit(None)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "points adjustments"
        verbose_name_plural = "points adjustments"

    def __str__(self) -> str:
        return f"Points adjustments in {self.account}"

    def of_role(self, role: StaffRole) -> Allowance:
        """Return what a template may adjust; one without a limit of its own has that of customer service."""
        if role == StaffRole.ADMINISTRATOR:
            return Allowance(self.administrator_at_once, self.administrator_per_day)
        return Allowance(self.customer_service_at_once, self.customer_service_per_day)


class StaffAdjustment(AccountOwned):
    """The member of staff who wrote an entry of the ledger, and the day of the account's time zone."""

    entry = models.OneToOneField(
        LedgerEntry, on_delete=models.PROTECT, primary_key=True, related_name="staff_adjustment"
    )
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    local_day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=("made_by", "account", "local_day"), name="adjustment_by_staff_and_day")]

    def __str__(self) -> str:
        return f"{self.entry} by {self.made_by}"
