"""What the units of a basket cost while discounts lower them.

A run's units stand in the order of its lines. Consecutive ones of one price are a stretch, so that a line of a million
units is as cheap to hold as a line of one. Every unit has a whole number of minor units and none falls below zero.

Stretches and cuts are named tuples: a decision makes dozens of them, and a frozen dataclass takes four times as long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from promotions.engine.facts.basket import UnitGroup
from promotions.engine.money import allocate


class PricedUnits(NamedTuple):
    """Consecutive units of a run at one price. ``first`` counts from the run's start; ``value`` is a unit's, minor."""

    run: int
    first: int
    units: int
    value: int

    @property
    def total(self) -> int:
        """What all its units cost."""
        return self.units * self.value

    def part(self, start: int, units: int) -> "PricedUnits":
        """Some of its units, counted from its own start."""
        if units == self.units:
            return self
        return PricedUnits(self.run, self.first + start, units, self.value)


class PriceReduction(NamedTuple):
    """An amount off a stretch, in minor units, shared over its units to the penny; zero for one that only qualified."""

    stretch: PricedUnits
    off: int

    def off_of(self, units: int) -> int:
        """The amount off its first so many units: the last units bear the odd pennies."""
        low, dear = divmod(self.stretch.total - self.off, self.stretch.units)
        return units * (self.stretch.value - low) - min(units, dear)

    def left(self) -> tuple[PricedUnits, ...]:
        """Its units at their new prices."""
        stretch = self.stretch
        if not self.off:
            return (stretch,)
        low, dear = divmod(stretch.total - self.off, stretch.units)
        parts = ((0, dear, low + 1), (dear, stretch.units - dear, low))
        return tuple(
            PricedUnits(stretch.run, stretch.first + start, units, value) for start, units, value in parts if units
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """The stretches of a basket, by run and position. Never changed: a cut makes other prices."""

    stretches: tuple[PricedUnits, ...]
    _in_order: dict[bool, list[PricedUnits]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, runs: Iterable[UnitGroup]) -> "Prices":
        """Prices as the till sent them."""
        return cls(stretches=tuple([PricedUnits(run.ordinal, 0, run.units, run.unit_inc_tax) for run in runs]))

    @property
    def total(self) -> int:
        """What everything costs."""
        return sum(stretch.total for stretch in self.stretches)

    def in_order(self, *, most_expensive: bool) -> list[PricedUnits]:
        """Units in the order of their prices; ties by SKU, which is the order of runs. Every discount asks for it."""
        found = self._in_order.get(most_expensive)
        if found is None:
            sign = -1 if most_expensive else 1
            found = sorted(self.stretches, key=lambda stretch: (sign * stretch.value, stretch.run, stretch.first))
            self._in_order[most_expensive] = found
        return found

    def by_run(self, runs: int) -> list[int]:
        """What each of so many runs costs."""
        totals = [0] * runs
        for run, _, units, value in self.stretches:
            totals[run] += units * value
        return totals

    def after(self, cuts: Iterable[PriceReduction]) -> "Prices":
        """Prices after cuts, no two of which share a unit."""
        return self._replaced([(cut.stretch, cut.left()) for cut in cuts if cut.off])

    def without(self, taken: Iterable[PricedUnits]) -> "Prices":
        """What is left when some units, no two stretches of which overlap, are out of the game."""
        return self._replaced([(stretch, ()) for stretch in taken])

    def _replaced(self, replacements: Sequence[tuple[PricedUnits, tuple[PricedUnits, ...]]]) -> "Prices":
        if not replacements:
            return self
        by_run: dict[int, list[tuple[PricedUnits, tuple[PricedUnits, ...]]]] = {}
        for old, new in replacements:
            by_run.setdefault(old.run, []).append((old, new))
        for pairs in by_run.values():
            pairs.sort(key=lambda pair: pair[0].first)
        stretches: list[PricedUnits] = []
        for stretch in self.stretches:
            of_run = by_run.get(stretch.run)
            if of_run is None:
                stretches.append(stretch)
                continue
            at, end = 0, stretch.first + stretch.units
            for old, new in of_run:
                if stretch.first <= old.first < end:
                    start = old.first - stretch.first
                    if start > at:
                        stretches.append(stretch.part(at, start - at))
                    stretches += new
                    at = start + old.units
            if at < stretch.units:
                stretches.append(stretch.part(at, stretch.units - at))
        return Prices(stretches=tuple(stretches))


def shared(off: int, stretches: Sequence[PricedUnits], *, times: int = 1) -> list[PriceReduction]:
    """An amount off shared over runs by value (ties by SKU, then unit price), and in a run over its stretches.

    Args:
        off: minor units for one of ``times`` equal parts of the stretches, at most what that part costs.
        stretches: of one part; where there are several parts, each stretch has the units of all of them.
        times: how many parts there are.
    """
    if len(stretches) == 1:
        return [PriceReduction(stretches[0], off * times)]
    by_run: dict[int, list[PricedUnits]] = {}
    for stretch in stretches:
        by_run.setdefault(stretch.run, []).append(stretch)
    runs = sorted(by_run)
    totals = [sum(stretch.total for stretch in by_run[run]) // times for run in runs]
    cuts: list[PriceReduction] = []
    for run, share in zip(runs, allocate(off, totals), strict=True):
        inside = by_run[run]
        parts = allocate(share, [stretch.total // times for stretch in inside])
        cuts += [PriceReduction(stretch, part * times) for stretch, part in zip(inside, parts, strict=True)]
    return cuts
