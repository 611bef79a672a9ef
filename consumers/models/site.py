"""Shops and web shops."""

from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import models

from consumers.choices import NO_TIME_ZONE, TIME_ZONES
from consumers.lengths import MAX_KEY_LENGTH
from consumers.models.account import Account, AccountOwned


class Site(AccountOwned):
    """A place where transactions happen. A blank time zone means the account's."""

    number = models.CharField(max_length=MAX_KEY_LENGTH)
    name = models.CharField(max_length=200, blank=True)
    address_line_1 = models.CharField(max_length=200, blank=True)
    town = models.CharField(max_length=200, blank=True)
    county = models.CharField(max_length=200, blank=True)
    postcode = models.CharField(max_length=32, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    archived = models.BooleanField(default=False)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=("account", "number"), name="site_number_once_per_account")]

    def __str__(self) -> str:
        return f"{self.number} · {self.name}" if self.name else self.number

    def clean(self) -> None:
        """Validate the time zone."""
        if self.time_zone and self.time_zone not in TIME_ZONES:
            raise ValidationError({"time_zone": ValidationError(NO_TIME_ZONE, code="invalid_choice")})

    def zone_in(self, account: Account) -> ZoneInfo:
        """Return the time zone of this site's days and times; callers have its account already."""
        return ZoneInfo(self.time_zone or account.time_zone)
