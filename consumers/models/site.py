"""Shops and web shops."""

from zoneinfo import ZoneInfo

from django.db import models

from consumers.models.account import AccountOwned


class Site(AccountOwned):
    """A place where transactions happen. A blank time zone means the account's."""

    number = models.CharField(max_length=64)
    name = models.CharField(max_length=200, blank=True)
    address_line_1 = models.CharField(max_length=200, blank=True)
    town = models.CharField(max_length=200, blank=True)
    county = models.CharField(max_length=200, blank=True)
    postcode = models.CharField(max_length=32, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=("account", "number"), name="site_number_once_per_account")]

    def __str__(self) -> str:
        return f"{self.number} · {self.name}" if self.name else self.number

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this site's days and times are judged."""
        return ZoneInfo(self.time_zone or self.account.time_zone)
