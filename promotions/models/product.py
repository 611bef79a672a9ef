"""The catalogue."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from consumers.models import AccountOwned
from promotions.choices import SoldBy
from promotions.engine.definition.fields import MAX_SKU_LENGTH
from promotions.engine.money import PRICE_DECIMALS, exponent

MAX_LABELS = 100
MAX_LABEL_LENGTH = 100


def has_more_decimals(amount: Decimal | None, currency: str) -> bool:
    """Whether an amount has more decimals than its currency."""
    return isinstance(amount, Decimal) and amount.is_finite() and amount != round(amount, exponent(currency))


def decimals_error(currency: str) -> ValidationError:
    """Return the error of an amount with too many decimals."""
    return ValidationError(f"{currency} has {exponent(currency) or 'no'} decimals.", code="max_decimal_places")


class Product(AccountOwned):
    """A catalogue entry. Prices are in the account's currency, with the decimals of unit prices; None is unknown.

    ``no_discount`` and ``no_points`` leave every line of it out of discounts or of points.
    """

    sku = models.CharField(max_length=MAX_SKU_LENGTH)
    name = models.CharField(max_length=300, blank=True)
    product_brand = models.CharField(max_length=200, blank=True)
    program_brand = models.CharField(max_length=200, blank=True)
    category = models.CharField(max_length=200, blank=True)
    labels = models.JSONField(default=list, blank=True)
    cost_price = models.DecimalField(
        max_digits=14, decimal_places=PRICE_DECIMALS, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    retail_price = models.DecimalField(
        max_digits=14, decimal_places=PRICE_DECIMALS, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    sold_by = models.CharField(max_length=16, choices=SoldBy.choices, default=SoldBy.UNIT, db_default=SoldBy.UNIT)
    no_discount = models.BooleanField(default=False, db_default=False)
    no_points = models.BooleanField(default=False, db_default=False)
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("sku",)
        constraints = [models.UniqueConstraint(fields=("account", "sku"), name="sku_once_per_account")]
        indexes = [models.Index(fields=("account", "retail_price"), name="product_by_price")]

    def __str__(self) -> str:
        return f"{self.sku} · {self.name}" if self.name else self.sku

    def clean(self) -> None:
        """Check the labels; remove duplicate labels."""
        try:
            self.labels = checked_labels(self.labels)
        except ValueError as error:
            raise ValidationError({"labels": ValidationError(str(error), code="invalid")}) from error


def checked_labels(labels: object) -> list[str]:
    """Return labels as they are stored: stripped, each once, in the given order.

    Raises:
        ValueError: not a list of texts, or too many or too long ones.
    """
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError('Labels are a list of texts, such as ["sale"].')
    unique = list(dict.fromkeys(label.strip() for label in labels))
    if "" in unique:
        raise ValueError("A label may not be blank.")
    if len(unique) > MAX_LABELS or any(len(label) > MAX_LABEL_LENGTH for label in unique):
        raise ValueError(f"At most {MAX_LABELS} labels, each of at most {MAX_LABEL_LENGTH} characters.")
    return unique
