"""An account is one retailer; every other row belongs to exactly one."""

from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from consumers.choices import CURRENCIES, NO_CURRENCY, NO_TIME_ZONE, TIME_ZONES

MAX_EARN_RATE = Decimal(10) ** 8


def earn_rate_text(rate: Any) -> str:
    """Return a rate of points per unit of currency as it is stored: decimal text.

    Raises:
        ValueError: not a decimal in text or a whole number, below zero, too great, or with more than four decimals.
    """
    if isinstance(rate, bool) or not isinstance(rate, str | int | Decimal):
        raise ValueError('Send a string such as "1.5" or a whole number.')
    try:
        number = Decimal(rate)
    except InvalidOperation as error:
        raise ValueError("Enter a number.") from error
    if not number.is_finite() or not 0 <= number < MAX_EARN_RATE:
        raise ValueError(f"A rate is at least 0 and below {MAX_EARN_RATE:,}.")
    if number != round(number, 4):
        raise ValueError("A rate has at most four decimals.")
    return f"{number.normalize():f}"


class Account(models.Model):
    """One retailer with its currency, zone and earning rates.

    ``points_per_currency_unit`` is the number of base points earned by one unit of the account's currency;
    ``other_earn_rates`` maps further ISO 4217 codes to theirs. ``point_value`` is the money value of one point
    when savings are compared, and ``expected_redemption`` the percentage of points that are expected to be redeemed,
    which results value them by. ``arrival_grace_days`` are the days that points of late sales are given at least; they
    take effect with points that expire. ``holdout_percentage`` of all consumers are the universal holdout (None: there
    is none) from ``holdout_starts_on`` to ``holdout_ends_on`` (None: no end), both included. ``rulebook_version``
    increases with every change that a decision depends on, in the same transaction; ``rulebook_epoch`` with those that
    remove something.
    """

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, default="GBP")
    time_zone = models.CharField(max_length=64, default="UTC")
    points_per_currency_unit = models.DecimalField(
        max_digits=12, decimal_places=4, default=Decimal(1), validators=[MinValueValidator(Decimal(0))]
    )
    other_earn_rates = models.JSONField(default=dict, blank=True)
    point_value = models.DecimalField(
        max_digits=12, decimal_places=6, default=Decimal("0.01"), validators=[MinValueValidator(Decimal(0))]
    )
    catalogue_enabled = models.BooleanField(default=True)
    late_transaction_days = models.PositiveIntegerField(default=30, validators=[MaxValueValidator(36500)])
    arrival_grace_days = models.PositiveIntegerField(default=14, validators=[MaxValueValidator(3650)])
    expected_redemption = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )
    holdout_percentage = models.DecimalField(
        max_digits=7,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )
    holdout_starts_on = models.DateField(null=True, blank=True)
    holdout_ends_on = models.DateField(null=True, blank=True)
    rulebook_version = models.PositiveBigIntegerField(default=1, editable=False)
    rulebook_epoch = models.PositiveBigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(excluded_fields=["rulebook_version", "rulebook_epoch"])

    class Meta:
        ordering = ("name", "code")

    def __str__(self) -> str:
        return self.name or self.code

    def clean(self) -> None:
        """Validate across columns, and normalise the other earn rates."""
        problems: dict[str, ValidationError] = {}
        if self.currency not in CURRENCIES:
            problems["currency"] = ValidationError(NO_CURRENCY, code="invalid_choice")
        if self.time_zone not in TIME_ZONES:
            problems["time_zone"] = ValidationError(NO_TIME_ZONE, code="invalid_choice")
        try:
            self.other_earn_rates = self._checked_earn_rates(self.other_earn_rates)
        except ValueError as error:
            problems["other_earn_rates"] = ValidationError(str(error), code="invalid")
        problems |= self._holdout_problems()
        if problems:
            raise ValidationError(problems)

    def _holdout_problems(self) -> dict[str, ValidationError]:
        starts_on, ends_on = self.holdout_starts_on, self.holdout_ends_on
        if self.holdout_percentage is None:
            if starts_on is None and ends_on is None:
                return {}
            return {"holdout_percentage": ValidationError("Enter a percentage.", code="required")}
        if starts_on is None:
            return {"holdout_starts_on": ValidationError("Enter the first day.", code="required")}
        if ends_on is not None and ends_on < starts_on:
            problem = ValidationError("The last day must not be before the first day.", code="not_after_start")
            return {"holdout_ends_on": problem}
        return {}

    def _checked_earn_rates(self, rates: Any) -> dict[str, str]:
        if not isinstance(rates, dict):
            raise ValueError('Rates are an object, such as {"EUR": "1"}.')
        checked: dict[str, str] = {}
        for currency, rate in rates.items():
            if currency not in CURRENCIES:
                raise ValueError(f"{currency}: {NO_CURRENCY}")
            if currency == self.currency:
                raise ValueError(f"{currency} is the account's own currency: set points_per_currency_unit.")
            try:
                checked[currency] = earn_rate_text(rate)
            except ValueError as error:
                raise ValueError(f"{currency}: {error}") from error
        return checked

    @property
    def holdout(self) -> "Account | None":
        """Return the account where it has a universal holdout."""
        return None if self.holdout_percentage is None else self

    @property
    def zone(self) -> ZoneInfo:
        """Return the account's time zone."""
        return ZoneInfo(self.time_zone)


class AccountOwned(models.Model):
    """Base of every table whose rows belong to one account.

    The account has no index of its own: each table has one that begins with it, and a second misleads the planner.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", editable=False, db_index=False)

    class Meta:
        abstract = True
