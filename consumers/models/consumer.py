"""Consumers: customers and employees who buy."""

from datetime import date

from django.db import models

from consumers.choices import ConsumerKind
from consumers.lengths import MAX_CONSUMER_ID_LENGTH
from consumers.models.account import AccountOwned
from consumers.models.group import ConsumerGroup
from consumers.models.site import Site
from consumers.moments import month_day_date, month_day_text


class Consumer(AccountOwned):
    """A customer or employee known by an external id.

    The activity columns (``points_balance`` and the ``last_*`` moments) are caches of history, written only by the
    transactions and adjustments that change it, under this row's lock: one row to lock, one row to update.
    ``yearless_birthday`` is the month and day (``03-31``) where only they are known; blank beside a date of birth.
    """

    consumer_id = models.CharField(max_length=MAX_CONSUMER_ID_LENGTH)
    kind = models.CharField(max_length=16, choices=ConsumerKind.choices, default=ConsumerKind.CUSTOMER)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    date_of_birth = models.DateField(null=True, blank=True)
    yearless_birthday = models.CharField(max_length=5, blank=True)
    home_site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    groups = models.ManyToManyField(ConsumerGroup, blank=True, related_name="consumers")
    points_balance = models.BigIntegerField(default=0, editable=False)
    last_transaction_at = models.DateTimeField(null=True, editable=False)
    last_transaction_on = models.DateField(null=True, editable=False)
    last_offer_redeemed_on = models.DateField(null=True, editable=False)
    last_promotion_redeemed_on = models.DateField(null=True, editable=False)
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("last_name", "first_name", "consumer_id")
        constraints = [models.UniqueConstraint(fields=("account", "consumer_id"), name="consumer_id_once_per_account")]

    @property
    def birthday_on(self) -> date | None:
        """The date of birth, or the birthday in a leap year where only that is known; None without either."""
        if self.date_of_birth is not None or not self.yearless_birthday:
            return self.date_of_birth
        return month_day_date(self.yearless_birthday)

    @property
    def birthday(self) -> str | None:
        """The month and day of the birthday, such as ``03-31``; None where it is not known."""
        return month_day_text(self.birthday_on) if self.birthday_on is not None else None

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.consumer_id
