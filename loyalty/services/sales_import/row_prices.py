"""What a row of a file of sales was sold for: from a unit price, a line total or both, with tax or without."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from promotions.engine.money import PRICE_DECIMALS

_PRICE_STEP = Decimal(1).scaleb(-PRICE_DECIMALS)
_HALF = Decimal("0.5")
_HUNDRED = Decimal(100)
_ONE = Decimal(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class StatedPrice:
    """What a row says of its price: for one unit, for all of them, and the tax on it.

    ``unit_ex_tax`` is a second unit price, without tax. ``rate`` is a percentage, ``tax`` an amount for all units.
    Amounts of returns are above zero, too. ``are_net`` says that ``unit`` and ``total`` have no tax in them.
    """

    unit: Decimal | None
    total: Decimal | None
    unit_ex_tax: Decimal | None = None
    rate: Decimal | None = None
    tax: Decimal | None = None
    are_net: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RowPrice:
    """What a row was sold for: unit prices of four decimals, and totals where the unit prices do not give them."""

    unit_inc_tax: Decimal
    unit_ex_tax: Decimal
    total_inc_tax: Decimal | None = None
    total_ex_tax: Decimal | None = None


class TotalDiffers(ValueError):
    """The line total is not that of the unit price."""


def row_price(stated: StatedPrice, *, quantity: Decimal, minor_unit: Decimal) -> RowPrice:
    """Return what a row was sold for; ``quantity`` is above zero, and ``minor_unit`` that of the currency.

    Raises:
        TotalDiffers: a line total and a unit price contradict each other.
    """
    is_plain = stated.total is None and stated.rate is None and stated.tax is None
    if is_plain and stated.unit is not None:
        return RowPrice(unit_inc_tax=stated.unit, unit_ex_tax=stated.unit_ex_tax or stated.unit)
    if stated.unit is not None and stated.total is not None:
        _check_total(stated, quantity=quantity, minor_unit=minor_unit)
    inc_tax, ex_tax = _totals(stated, quantity=quantity)
    unit_inc_tax = stated.unit if stated.unit is not None and not stated.are_net else _unit(inc_tax, quantity)
    unit_ex_tax = stated.unit if stated.unit is not None and stated.are_net else _unit(ex_tax, quantity)
    return RowPrice(
        unit_inc_tax=unit_inc_tax,
        unit_ex_tax=stated.unit_ex_tax or unit_ex_tax,
        total_inc_tax=inc_tax.quantize(minor_unit, ROUND_HALF_UP),
        total_ex_tax=ex_tax.quantize(minor_unit, ROUND_HALF_UP),
    )


def _totals(stated: StatedPrice, *, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Return a row's total with tax and without, unrounded."""
    total = stated.total
    if total is None or (stated.unit is not None and stated.are_net):
        # With both, the total may have its tax in it: the unit price says which it is.
        total = (stated.unit or Decimal(0)) * quantity
    factor = _ONE + (stated.rate or Decimal(0)) / _HUNDRED
    if stated.are_net:
        return (total + stated.tax if stated.tax is not None else total * factor), total
    if stated.tax is not None:
        return total, total - stated.tax
    return total, stated.unit_ex_tax * quantity if stated.unit_ex_tax is not None else total / factor


def _check_total(stated: StatedPrice, *, quantity: Decimal, minor_unit: Decimal) -> None:
    """Refuse a line total that its unit price cannot give; the unit price may be rounded to the decimals it has.

    Of prices without tax the total may have its tax in it.
    """
    unit, total = stated.unit or Decimal(0), stated.total or Decimal(0)
    step = min(Decimal(1).scaleb(int(unit.as_tuple().exponent)), minor_unit)
    tolerance = quantity * step * _HALF + minor_unit * _HALF
    expected = {unit * quantity}
    if stated.are_net:
        expected.add(_totals(stated, quantity=quantity)[0])
    if all(abs(total - each) > tolerance for each in expected):
        raise TotalDiffers


def _unit(total: Decimal, quantity: Decimal) -> Decimal:
    return (total / quantity).quantize(_PRICE_STEP, ROUND_HALF_UP)
