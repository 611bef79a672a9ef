"""Amounts and types of promotions in words."""

from decimal import Decimal

from loyalty.choices import PromotionType
from promotions.admin.rules.wording import label_of
from promotions.choices import DiscountType
from promotions.engine.money import minor_unit

_TYPES = dict([*PromotionType.choices, *DiscountType.choices])


def describe_amount(amount: Decimal | str | None, currency: str) -> str:
    """An amount in its currency's minor unit."""
    if amount is None:
        return "–"
    return f"{Decimal(amount).quantize(minor_unit(currency)):,f} {currency}"


def describe_type(promotion_type: str) -> str:
    """What the type of a promotion of any family is called."""
    return str(_TYPES.get(promotion_type) or label_of(promotion_type))
