"""Matching sets of a discount: dealt from units in an order of price, or formed one at a time from the dear end.

Everything goes by priced units, so that a line of a million units costs no more than a line of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promotions.engine.matching.prices import PricedUnits
from promotions.engine.matching.selection import assign, most_bundles


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchingSets:
    """``count`` matching sets of one composition: for each product set the units of all of them, in price order."""

    count: int
    units_by_set: tuple[tuple[PricedUnits, ...], ...]

    def part(self, start: int, count: int) -> "MatchingSets":
        """Return some of the matching sets, counted from the first."""
        if count == self.count:
            return self
        units_by_set = tuple(
            tuple(
                [
                    priced.part(priced.units // self.count * start, priced.units // self.count * count)
                    for priced in units
                ]
            )
            for units in self.units_by_set
        )
        return MatchingSets(count=count, units_by_set=units_by_set)


def deal(taken: Sequence[Sequence[PricedUnits]], demands: Sequence[int], count: int) -> list[MatchingSets]:
    """Deal the units that each product set takes to ``count`` matching sets, first to last.

    Equal neighbours are dealt together: of each product set they have units of one price, but for a single matching set
    that needs the last units of one price and the first of the next.
    """
    if count and len(taken) == 1 and len(taken[0]) == 1:
        # Mostly a discount is on one product, of which a basket has units of one price.
        return [MatchingSets(count=count, units_by_set=((taken[0][0].part(0, demands[0] * count),),))]
    dealt: list[MatchingSets] = []
    # For each product set the position in its units, and how many of the units there are dealt already.
    places = [(0, 0)] * len(taken)
    while count:
        alike = count
        for units, (position, used), demand in zip(taken, places, demands, strict=True):
            alike = min(alike, max((units[position].units - used) // demand, 1))
        units_by_set = []
        for index, (units, demand) in enumerate(zip(taken, demands, strict=True)):
            (position, used), needed = places[index], demand * alike
            pieces = []
            while needed:
                part = min(needed, units[position].units - used)
                pieces.append(units[position].part(used, part))
                needed -= part
                used += part
                if used == units[position].units:
                    position, used = position + 1, 0
            places[index] = (position, used)
            units_by_set.append(tuple(pieces))
        dealt.append(MatchingSets(count=alike, units_by_set=tuple(units_by_set)))
        count -= alike
    return dealt


def sets_one_by_one(
    preferred: Sequence[PricedUnits], masks: Sequence[int], demands: Sequence[int]
) -> Iterator[MatchingSets]:
    """Yield the matching sets that come of forming one after another, as long as the units last.

    For each of them the product sets, in the order written, take the most preferred units that still leave this one set
    possible. Neighbours of one composition come together: while the units of a composition last, the next set is
    composed alike, since what is taken only leaves fewer choices.

    Args:
        preferred: the units, most preferred first.
        masks: the product sets that accept each of them.
        demands: the units that one matching set takes of each product set.
    """
    left = [priced.units for priced in preferred]
    waiting = [position for position, mask in enumerate(masks) if mask]
    while True:
        supply = _most_preferred(waiting, left, masks, sum(demands))
        if not most_bundles([(units, mask) for _, units, mask in supply], demands):
            return
        columns = assign(supply, demands, 1)
        used: dict[int, int] = {}
        for column in columns:
            for position, units in column:
                used[position] = used.get(position, 0) + units
        count = min([left[position] // units for position, units in used.items()])
        units_by_set = []
        for column in columns:
            pieces = []
            for position, units in column:
                start = preferred[position].units - left[position]
                pieces.append(preferred[position].part(start, units * count))
                left[position] -= units * count
            units_by_set.append(tuple(pieces))
        yield MatchingSets(count=count, units_by_set=tuple(units_by_set))
        waiting = [position for position in waiting if left[position]]


def _most_preferred(
    waiting: Sequence[int], left: Sequence[int], masks: Sequence[int], needed: int
) -> list[tuple[int, int, int]]:
    """Return position, units and mask of the units that one matching set may take, in order of preference.

    Units that the same product sets accept serve alike: of these it takes the most preferred, and no more than
    ``needed``.
    """
    supply: list[tuple[int, int, int]] = []
    lacking = dict.fromkeys([masks[position] for position in waiting], needed)
    classes = len(lacking)
    for position in waiting:
        if not classes:
            break
        mask = masks[position]
        lacks = lacking[mask]
        if lacks > 0:
            supply.append((position, min(left[position], lacks), mask))
            lacking[mask] = lacks - left[position]
            classes -= lacks <= left[position]
    return supply
