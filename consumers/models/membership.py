"""Loyalty membership and cards."""

from django.db import models

from consumers.choices import MembershipStatus
from consumers.lengths import MAX_KEY_LENGTH
from consumers.models.account import AccountOwned
from consumers.models.consumer import Consumer


class Membership(models.Model):
    """A consumer's membership of the account's loyalty programme; only an active one earns."""

    consumer = models.OneToOneField(Consumer, on_delete=models.CASCADE, related_name="membership")
    enrolled_on = models.DateField()
    status = models.CharField(max_length=16, choices=MembershipStatus.choices, default=MembershipStatus.ACTIVE)

    def __str__(self) -> str:
        return f"{self.consumer} · {self.get_status_display()}"


class Card(AccountOwned):
    """A loyalty card; its number names one consumer of the account."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="cards")
    number = models.CharField(max_length=MAX_KEY_LENGTH)
    type = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=("account", "number"), name="card_number_once_per_account")]
        indexes = [
            # Finds how a number begins, which the index of the constraint cannot: it is in the order of a language.
            models.Index(
                fields=("account", "number"), opclasses=("int8_ops", "varchar_pattern_ops"), name="card_by_number"
            )
        ]

    def __str__(self) -> str:
        return self.number
