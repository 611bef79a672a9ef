"""Minor units, rounding and sharing.

Inside the engine an amount of money is an ``int`` of the currency's minor unit, or a ``Fraction`` of it where a share
has not been rounded yet. Conversion from and to ``Decimal`` happens here and nowhere else.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from math import lcm
from typing import cast

_OTHER_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS = {code: exponent for exponent, codes in _OTHER_EXPONENTS.items() for code in codes.split()}
"""ISO 4217 minor-unit exponents other than 2."""


def exponent(currency: str) -> int:
    """Return the number of decimals of a currency (ISO 4217)."""
    return EXPONENTS.get(currency, 2)


@cache
def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of a currency, such as ``Decimal("0.01")``."""
    return Decimal(1).scaleb(-exponent(currency))


PRICE_DECIMALS = 4
"""Decimals of a unit price, in every currency: screws and fuel cost less than a minor unit allows to say."""


@lru_cache(maxsize=10_000)
def to_minor_price(price: Decimal, currency: str) -> int | Fraction:
    """Return a unit price in minor units, exactly: whole for nearly all prices, and then in a tenth of the time."""
    exact = to_minor_fraction(price, currency)
    return exact.numerator if exact.denominator == 1 else exact


@lru_cache(maxsize=10_000)
def to_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in minor units.

    Raises:
        ValueError: the amount has more decimals than the currency.
    """
    scaled = amount.scaleb(exponent(currency))
    minor = int(scaled)
    if minor != scaled:
        raise ValueError(f"{amount} has more decimals than {currency} allows")
    return minor


def to_minor_fraction(amount: Decimal, currency: str) -> Fraction:
    """Return an amount in minor units, unrounded."""
    return Fraction(amount) * Fraction(10) ** exponent(currency)


def from_minor(minor: int, currency: str) -> Decimal:
    """Return an amount of minor units as a decimal with the currency's decimals."""
    return Decimal(minor).scaleb(-exponent(currency))


def price_text(price: Decimal, currency: str) -> str:
    """Return a unit price as text with at least the currency's decimals, and no zeros after these."""
    decimals = max(exponent(currency), -int(price.normalize().as_tuple().exponent))
    return f"{price:.{decimals}f}"


@lru_cache(maxsize=10_000)
def money_text(minor: int, currency: str) -> str:
    """Return an amount of minor units as text with the currency's decimals, such as ``"-0.05"``."""
    decimals = exponent(currency)
    if not decimals:
        return str(minor)
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    return f"{'-' if minor < 0 else ''}{digits[:-decimals]}.{digits[-decimals:]}"


def amount_text(amount: Fraction, currency: str) -> str:
    """Return an amount in major units as text, rounded half up to the currency's minor unit."""
    minor = round_half_up_ratio(amount.numerator * 10 ** exponent(currency), amount.denominator)
    return money_text(minor, currency)


def round_half_up(value: Fraction) -> int:
    """Return the nearest whole number; a half goes up, toward plus infinity."""
    return round_half_up_ratio(value.numerator, value.denominator)


def round_half_up_ratio(numerator: int, denominator: int) -> int:
    """Return the whole number nearest to a ratio; a half goes up. The denominator is above zero."""
    return (2 * numerator + denominator) // (2 * denominator)


def floor_product(amount: int | Fraction, factor: int | Fraction) -> int:
    """Return the whole part of a product, in a tenth of the time that multiplying fractions takes."""
    return amount.numerator * factor.numerator // (amount.denominator * factor.denominator)


def floor_quotient(amount: int | Fraction, divisor: int | Fraction) -> int:
    """Return the whole part of a quotient; the divisor is above zero."""
    return amount.numerator * divisor.denominator // (amount.denominator * divisor.numerator)


def allocate(total: int, weights: Sequence[int | Fraction]) -> list[int]:
    """Share a whole total over weights so that the parts add up to it (largest remainder).

    Of equal remainders the earlier weight wins: give the weights in the order in which ties are to be broken. Weights
    are zero or more; where all are zero each counts the same. Without weights the total must be 0.
    """
    if not weights:
        if total:
            raise ValueError("nothing to share the total over")
        return []
    if len(weights) == 1:
        return [total]
    if not total:
        return [0] * len(weights)
    shares = _whole_weights(weights)
    whole = sum(shares)
    if not whole:
        shares, whole = [1] * len(shares), len(shares)
    parts = [total * share // whole for share in shares]
    left = total - sum(parts)
    if left:
        remainders = [total * share % whole for share in shares]
        # A reversed sort keeps equal remainders in their order.
        by_remainder = sorted(range(len(parts)), key=remainders.__getitem__, reverse=True)
        for i in by_remainder[:left]:
            parts[i] += 1
    return parts


def _whole_weights(weights: Sequence[int | Fraction]) -> Sequence[int]:
    """Return whole numbers in the same ratios; most weights are whole already."""
    if Fraction not in map(type, weights):
        return cast(Sequence[int], weights)
    scale = lcm(*(weight.denominator for weight in weights))
    return [weight.numerator * (scale // weight.denominator) for weight in weights]
