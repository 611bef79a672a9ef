"""Rewards, and the coded instances of them in consumers' hands."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from consumers.models import AccountOwned, Consumer
from loyalty.choices import Benefit, OfferKind, VoucherStatus
from promotions.models import Product


class Offer(AccountOwned):
    """The definition of a reward.

    ``stock`` is the number of vouchers that may be issued in all (empty: no limit) and ``issued`` the number that
    were, less those taken back unused. ``valid_days`` counts from the issue; ``perceived_value`` is what one voucher
    counts when savings are compared. A blank currency means the account's.
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


class Voucher(AccountOwned):
    """One coded instance of an offer; it pays once and only for its own consumer."""

    code = models.CharField(max_length=32)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="vouchers")
    consumer = models.ForeignKey(Consumer, on_delete=models.PROTECT, related_name="vouchers")
    status = models.CharField(max_length=16, choices=VoucherStatus.choices, default=VoucherStatus.ISSUED)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    issued_by = models.ForeignKey(
        "loyalty.AppliedPromotion", on_delete=models.PROTECT, null=True, blank=True, related_name="vouchers"
    )
    claim_reference = models.CharField(max_length=100, blank=True)
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
        ]

    def __str__(self) -> str:
        return self.code
