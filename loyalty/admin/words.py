"""Amounts in words."""

from decimal import Decimal

from promotions.engine.money import minor_unit


def amount_in_words(amount: Decimal | str | None, currency: str) -> str:
    """An amount in its currency's minor unit."""
    if amount is None:
        return "–"
    return f"{Decimal(amount).quantize(minor_unit(currency)):,f} {currency}"
