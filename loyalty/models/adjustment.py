"""Points that staff add or take away: how many they may, and who did."""

from typing import NamedTuple

from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from consumers.choices import StaffRole
from consumers.models import Account, AccountOwned, User
from loyalty.models.ledger import LedgerEntry


class Allowance(NamedTuple):
    """The most points, added or taken away, in one adjustment and in one local day; None means no limit."""

    at_once: int | None
    per_day: int | None


def _most(default: int | None) -> "models.PositiveIntegerField[int | None, int | None]":
    return models.PositiveIntegerField(null=True, blank=True, default=default, validators=[MinValueValidator(1)])


class AdjustmentLimits(models.Model):
    """What each member of staff of a role may adjust. One row per account; one without has the defaults."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="adjustment_limits", editable=False)
    customer_service_at_once = _most(1_000)
    customer_service_per_day = _most(5_000)
    administrator_at_once = _most(None)
    administrator_per_day = _most(None)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "points adjustments"
        verbose_name_plural = "points adjustments"

    def __str__(self) -> str:
        return f"Points adjustments in {self.account}"

    def of_role(self, role: str) -> Allowance:
        """What a role may; one that adjusts nothing by its permissions is held to customer service's."""
        if role == StaffRole.ADMINISTRATOR:
            return Allowance(self.administrator_at_once, self.administrator_per_day)
        return Allowance(self.customer_service_at_once, self.customer_service_per_day)


class StaffAdjustment(AccountOwned):
    """Which member of staff wrote an entry of the ledger, on which day of the account's zone."""

    entry = models.OneToOneField(
        LedgerEntry, on_delete=models.PROTECT, primary_key=True, related_name="staff_adjustment"
    )
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    local_day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=("made_by", "account", "local_day"), name="adjustment_by_staff_and_day")]

    def __str__(self) -> str:
        return f"{self.entry} by {self.made_by}"
