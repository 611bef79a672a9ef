"""What the units of a basket cost while discounts lower their prices.

The units of a group are in the order of its lines. Consecutive units of one price are held together, so that a line of
a million units costs no more than a line of one. Every unit costs a whole number of minor units, and none that may be
lowered less than 0.

Priced units and reductions are named tuples: a decision makes dozens of them, and a frozen dataclass takes four times
as long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from promotions.engine.facts.basket import UnitGroup
from promotions.engine.money import allocate


class PricedUnits(NamedTuple):
    """Consecutive units of a group at one price.

    ``unit_group`` is the group's ordinal, ``first`` counts from the group's first unit, ``value`` is the price of one
    unit in minor units.
    """

    unit_group: int
    first: int
    units: int
    value: int

    @property
    def total(self) -> int:
        """What all the units cost, in minor units."""
        return self.units * self.value

    def part(self, start: int, units: int) -> "PricedUnits":
        """Return some of the units, counted from the first of these."""
        if units == self.units:
            return self
        return PricedUnits(self.unit_group, self.first + start, units, self.value)


class PriceReduction(NamedTuple):
    """An amount off some units, in minor units, shared over them to the penny.

    Units that only qualified are not ``discounted``.
    """

    priced: PricedUnits
    off: int
    discounted: bool = True

    def off_of(self, units: int) -> int:
        """Return the amount off the first ``units``: the last units bear the odd pennies."""
        low_price, dearer_units = divmod(self.priced.total - self.off, self.priced.units)
        return units * (self.priced.value - low_price) - min(units, dearer_units)

    def left(self) -> tuple[PricedUnits, ...]:
        """Return the units at their new prices: the first may cost one minor unit more than the others."""
        priced = self.priced
        if not self.off:
            return (priced,)
        low_price, dearer_units = divmod(priced.total - self.off, priced.units)
        parts = ((0, dearer_units, low_price + 1), (dearer_units, priced.units - dearer_units, low_price))
        return tuple(
            PricedUnits(priced.unit_group, priced.first + start, units, value) for start, units, value in parts if units
        )


_Replacement = tuple[PricedUnits, tuple[PricedUnits, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """The priced units of a basket, by unit group and position. Never changed: a reduction makes other prices."""

    priced_units: tuple[PricedUnits, ...]
    _by_price: dict[bool, list[PricedUnits]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, unit_groups: Iterable[UnitGroup]) -> "Prices":
        """Return the prices that the till's totals come to: units as even as possible, the dearer ones first."""
        priced_units: list[PricedUnits] = []
        for unit_group in unit_groups:
            ordinal, units = unit_group.ordinal, unit_group.units
            low_price, dearer_units = divmod(unit_group.total_inc_tax, units)
            if dearer_units:
                priced_units.append(PricedUnits(ordinal, 0, dearer_units, low_price + 1))
            priced_units.append(PricedUnits(ordinal, dearer_units, units - dearer_units, low_price))
        return cls(priced_units=tuple(priced_units))

    def and_of(self, unit_groups: Iterable[UnitGroup]) -> "Prices":
        """Return the prices with those of other unit groups, as the till sent them."""
        return Prices(priced_units=self.priced_units + Prices.of(unit_groups).priced_units)

    @property
    def total(self) -> int:
        """What everything costs, in minor units."""
        return sum(priced.total for priced in self.priced_units)

    def by_price(self, *, most_expensive: bool) -> list[PricedUnits]:
        """Return the units in the order of their prices; ties by SKU, which is the order of unit groups."""
        ordered = self._by_price.get(most_expensive)
        if ordered is None:
            sign = -1 if most_expensive else 1
            ordered = sorted(
                self.priced_units, key=lambda priced: (sign * priced.value, priced.unit_group, priced.first)
            )
            self._by_price[most_expensive] = ordered
        return ordered

    def by_unit_group(self, count: int) -> list[int]:
        """Return what each of ``count`` unit groups costs, by ordinal."""
        totals = [0] * count
        for unit_group, _, units, value in self.priced_units:
            totals[unit_group] += units * value
        return totals

    def after(self, reductions: Iterable[PriceReduction]) -> "Prices":
        """Return the prices after reductions, no two of which share a unit."""
        return self._replaced([(reduction.priced, reduction.left()) for reduction in reductions if reduction.off])

    def without(self, taken: Iterable[PricedUnits]) -> "Prices":
        """Return the prices of the other units; no two of the ``taken`` overlap."""
        return self._replaced([(priced, ()) for priced in taken])

    def _replaced(self, replacements: Sequence[_Replacement]) -> "Prices":
        """Return prices with some units replaced; those replaced lie within the priced units of these prices."""
        if not replacements:
            return self
        by_unit_group: dict[int, list[_Replacement]] = {}
        for old, new in replacements:
            by_unit_group.setdefault(old.unit_group, []).append((old, new))
        for pairs in by_unit_group.values():
            pairs.sort(key=lambda pair: pair[0].first)
        priced_units: list[PricedUnits] = []
        for priced in self.priced_units:
            replaced = by_unit_group.get(priced.unit_group)
            if replaced is None:
                priced_units.append(priced)
                continue
            position, end = 0, priced.first + priced.units
            for old, new in replaced:
                if priced.first <= old.first < end:
                    start = old.first - priced.first
                    if start > position:
                        priced_units.append(priced.part(position, start - position))
                    priced_units += new
                    position = start + old.units
            if position < priced.units:
                priced_units.append(priced.part(position, priced.units - position))
        return Prices(priced_units=tuple(priced_units))


def share_reduction(off: int, priced_units: Sequence[PricedUnits], *, times: int = 1) -> list[PriceReduction]:
    """Share an amount off over unit groups by value (ties by SKU, then unit price), and within a group over its units.

    Args:
        off: minor units for one of ``times`` equal parts of the units, at most what that part costs.
        priced_units: the units of all parts together.
        times: how many parts there are.
    """
    if len(priced_units) == 1:
        return [PriceReduction(priced_units[0], off * times)]
    by_unit_group: dict[int, list[PricedUnits]] = {}
    for priced in priced_units:
        by_unit_group.setdefault(priced.unit_group, []).append(priced)
    unit_groups = sorted(by_unit_group)
    totals = [sum(priced.total for priced in by_unit_group[unit_group]) // times for unit_group in unit_groups]
    reductions: list[PriceReduction] = []
    for unit_group, share in zip(unit_groups, allocate(off, totals), strict=True):
        priced_in_group = by_unit_group[unit_group]
        parts = allocate(share, [priced.total // times for priced in priced_in_group])
        reductions += [
            PriceReduction(priced, part * times) for priced, part in zip(priced_in_group, parts, strict=True)
        ]
    return reductions
