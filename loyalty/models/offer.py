"""Offers, and the vouchers issued of them."""

from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Trim, Upper
from simple_history.models import HistoricalRecords

from consumers.choices import CURRENCIES, NO_CURRENCY
from consumers.models import AccountOwned, Consumer
from loyalty.choices import Benefit, OfferKind, VoucherStatus
from promotions.models import Product
from promotions.models.product import decimals_error, has_more_decimals

MAX_VALID_DAYS = 36_500
MAX_PERCENTAGE = Decimal(100)

_NEEDED = "Required for this kind of offer."
_NOT_USED = "Leave blank for this kind of offer."


class Offer(AccountOwned):
    """The definition of a reward.

    ``stock`` is the number of vouchers that may be issued in all (None: no limit) and ``issued`` the number that were,
    without those cancelled. A voucher is good through the end of the day ``valid_days`` after that of its issue;
    ``perceived_value`` is what one voucher is worth when savings are compared. ``currency`` may be blank in a form but
    is never stored blank: ``offers_save`` stores the account's instead. ``funding`` says which parties pay how many per
    cent of what its vouchers cost, ``ledger_class`` what that is booked under.
    """

    code = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    currency = models.CharField(max_length=3, blank=True)
    kind = models.CharField(max_length=16, choices=OfferKind.choices, default=OfferKind.PERSONALISED)
    point_cost = models.PositiveIntegerField(null=True, blank=True)
    benefit = models.CharField(max_length=16, choices=Benefit.choices, default=Benefit.AMOUNT)
    value = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    product = models.ForeignKey(Product, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    perceived_value = models.DecimalField(
        max_digits=14, decimal_places=4, default=Decimal(0), validators=[MinValueValidator(Decimal(0))]
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    valid_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    stock = models.PositiveIntegerField(null=True, blank=True)
    issued = models.PositiveIntegerField(default=0, editable=False)
    funding = models.JSONField(default=list, db_default=[], blank=True)
    ledger_class = models.CharField(max_length=64, blank=True, db_default="")
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(excluded_fields=["issued"])

    class Meta:
        ordering = ("code",)
        constraints = [
            models.UniqueConstraint(fields=("account", "code"), name="offer_code_once_per_account"),
            models.CheckConstraint(
                condition=models.Q(stock__isnull=True) | models.Q(issued__lte=models.F("stock")),
                name="offer_issued_within_stock",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def clean(self) -> None:
        """Check what the columns cannot: the fields that each kind and benefit needs, decimals, dates and stock."""
        problems: dict[str, ValidationError] = {}
        if self.currency and self.currency not in CURRENCIES:
            problems["currency"] = ValidationError(NO_CURRENCY, code="invalid_choice")
        self._check_cost(problems)
        self._check_benefit(problems)
        if has_more_decimals(self.perceived_value, self.currency):
            problems["perceived_value"] = decimals_error(self.currency)
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            problems["ends_at"] = ValidationError("The end date must be after the start date.", code="invalid")
        if self.valid_days is not None and self.valid_days > MAX_VALID_DAYS:
            problems["valid_days"] = ValidationError(f"At most {MAX_VALID_DAYS:,} days.", code="max_value")
        if self.stock is not None and self.stock < self.issued:
            problems["stock"] = ValidationError(f"{self.issued} vouchers have already been issued.", code="min_value")
        if problems:
            raise ValidationError(problems)

    def _check_cost(self, problems: dict[str, ValidationError]) -> None:
        if self.kind == OfferKind.TIERED:
            if not self.point_cost:
                problems["point_cost"] = ValidationError(
                    "A tiered offer must cost at least one point.", code="required"
                )
        elif self.point_cost is not None:
            problems["point_cost"] = ValidationError(_NOT_USED, code="not_used")

    def _check_benefit(self, problems: dict[str, ValidationError]) -> None:
        if self.benefit == Benefit.PRODUCT:
            if self.product_id is None:
                problems["product"] = ValidationError(_NEEDED, code="required")
        elif self.product_id is not None:
            problems["product"] = ValidationError(_NOT_USED, code="not_used")
        value = self.value
        if self.benefit in (Benefit.AMOUNT, Benefit.PERCENTAGE):
            if value is None:
                problems["value"] = ValidationError(_NEEDED, code="required")
            elif value == 0:
                problems["value"] = ValidationError("Must be above 0.", code="min_value")
        elif self.benefit == Benefit.PRODUCT and value is not None:
            problems["value"] = ValidationError(_NOT_USED, code="not_used")
        if value is None or "value" in problems:
            return
        if self.benefit == Benefit.PERCENTAGE:
            if value > MAX_PERCENTAGE:
                problems["value"] = ValidationError("At most 100.", code="max_value")
        elif has_more_decimals(value, self.currency):
            problems["value"] = decimals_error(self.currency)


class Voucher(AccountOwned):
    """One coded instance of an offer; it can be redeemed once, by its own consumer.

    ``code`` is stored as it is compared: in capitals, without blanks at its ends. ``expires_at`` decides when it ends,
    and ``last_day`` is the day of the last moment before that, in the account's zone at the issue. The stored status
    follows when a sweep runs, so a voucher stored as ``issued`` may have expired, and one stored as ``expired`` may
    still pay for an earlier sale. ``claimed_on`` is the day, in the account's zone, of the claim that it was issued
    for, ``claimed_by`` the member of staff who made it, if one did. Every write to a voucher holds the lock on its
    consumer's row; only the sweep does not.
    """

    code = models.CharField(max_length=32)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="vouchers")
    consumer = models.ForeignKey(Consumer, on_delete=models.PROTECT, related_name="vouchers")
    status = models.CharField(max_length=16, choices=VoucherStatus.choices, default=VoucherStatus.ISSUED)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True)
    issued_by = models.ForeignKey(
        "loyalty.AppliedPromotion", on_delete=models.PROTECT, null=True, blank=True, related_name="vouchers"
    )
    claim_reference = models.CharField(max_length=100, blank=True)
    claimed_on = models.DateField(null=True, blank=True)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    redeemed_by = models.ForeignKey(
        "loyalty.Transaction", on_delete=models.PROTECT, null=True, blank=True, related_name="vouchers_redeemed"
    )
    redeemed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-issued_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=("account", "code"), name="voucher_code_once_per_account"),
            models.UniqueConstraint(
                fields=("consumer", "claim_reference"),
                condition=~models.Q(claim_reference=""),
                name="voucher_claim_reference_once_per_consumer",
            ),
            # What ``voucher_key`` makes of a code that is presented is compared with the code as it is stored.
            models.CheckConstraint(condition=models.Q(code=Upper(Trim("code"))), name="voucher_code_in_capitals"),
        ]
        indexes = [
            models.Index(fields=("account", "-issued_at"), name="voucher_by_moment"),
            models.Index(
                fields=("account", "code"), opclasses=("int8_ops", "varchar_pattern_ops"), name="voucher_by_code"
            ),
            models.Index(
                fields=("expires_at",), condition=models.Q(status=VoucherStatus.ISSUED), name="voucher_by_coming_end"
            ),
        ]

    def __str__(self) -> str:
        return self.code
