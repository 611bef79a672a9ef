"""What a consumer's sales come to: contribution, sales, visits and units, net of returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import msgspec

from consumers.types import JsonObject
from loyalty.choices import TransactionStatus
from loyalty.models.uplift import SCALE


class _Product(msgspec.Struct, frozen=True):
    cost_price: Decimal | None = None


class _Line(msgspec.Struct, frozen=True):
    """A line of a transaction; ``quantity`` is as sold, ``net`` is of what is left."""

    quantity: Decimal
    net: Decimal
    unit_price_inc_tax: Decimal
    unit_price_ex_tax: Decimal
    product: _Product | None = None
    returned: Decimal = Decimal(0)
    weighed: bool = False

    @property
    def left(self) -> Decimal:
        return self.quantity - self.returned

    @property
    def units(self) -> Decimal:
        """The units left; what was weighed, or sold in parts of a unit, is one."""
        is_weighed = self.weighed or self.quantity != int(self.quantity)
        return Decimal(1 if self.left else 0) if is_weighed else self.left

    @property
    def net_ex_tax(self) -> Fraction:
        if not self.unit_price_inc_tax:
            return Fraction(0)
        return Fraction(self.net) * Fraction(self.unit_price_ex_tax) / Fraction(self.unit_price_inc_tax)


@dataclass(frozen=True, kw_only=True, slots=True)
class PointCost:
    """What an account's point is expected to cost: its value and the share that is redeemed, as fractions."""

    value: Fraction
    redeemed: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """The figures of some sales, in whole millionths of the currency, or of a visit or unit."""

    contribution: int = 0
    sales: int = 0
    visits: int = 0
    units: int = 0
    uncosted_sales: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            contribution=self.contribution + other.contribution,
            sales=self.sales + other.sales,
            visits=self.visits + other.visits,
            units=self.units + other.units,
            uncosted_sales=self.uncosted_sales + other.uncosted_sales,
        )


def sale_figures(
    *, lines: Sequence[JsonObject], status: str, points: int, point_cost: PointCost, currency_counts: bool
) -> Figures:
    """Return the figures of one transaction as its returns have left it.

    Contribution is net sales without tax, less cost prices, less what the points issued are expected to cost. Vouchers
    have lowered the net values of the lines that they paid for. Lines without a known cost price are left out of it,
    and counted as uncosted.

    Args:
        lines: as the transaction stores them.
        status: its status.
        points: those issued, less what returns took back.
        point_cost: what a point costs.
        currency_counts: whether its money can be added up with the others'; its visit and units count anyway.
    """
    if status == TransactionStatus.VOIDED:
        return Figures()
    sold = msgspec.convert(lines, list[_Line], strict=False)
    units = sum((line.units for line in sold), Decimal(0))
    visits = 1 if any(line.left for line in sold) else 0
    counted = Figures(visits=visits * SCALE, units=int(units * SCALE))
    if not currency_counts:
        return counted
    contribution = -points * point_cost.value * point_cost.redeemed
    sales, uncosted = Decimal(0), Decimal(0)
    for line in sold:
        sales += line.net
        if line.product is None or line.product.cost_price is None:
            uncosted += line.net
        else:
            contribution += line.net_ex_tax - Fraction(line.product.cost_price * line.left)
    return counted + Figures(
        contribution=round(contribution * SCALE), sales=int(sales * SCALE), uncosted_sales=int(uncosted * SCALE)
    )
