"""Matching sets: which units a promotion takes, and how many times it matches.

Everything here counts units per run, so that a line of a million units costs what a line of one costs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promotions.engine.facts.basket import UnitGroup, UnitGroups
from promotions.engine.matching.item_rules import ItemRules, compile_item_rules

Taken = tuple[tuple[int, int], ...]
"""Pairs of a run's index and a number of its units, in the order in which the units are preferred."""

Demand = tuple[int, int]
"""A product set as the assignment sees it: its bit in the masks of compatibility, and the units a bundle takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductSet:
    """Products that belong together: the units of one that a bundle takes."""

    rules: ItemRules | None
    units: int

    def among(self, runs: UnitGroups) -> Sequence[UnitGroup]:
        """The runs that belong to it, in their order."""
        return runs if self.rules is None else self.rules.among(runs)


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantityRule:
    """Which of the selected units (or bundles) make matching sets."""

    apply_to: str
    units: int

    def sets_of(self, available: int) -> int:
        """The number of matching sets that so many units make."""
        if self.apply_to == "every":
            return available // self.units
        return 1 if available else 0

    def units_of(self, sets: int, available: int) -> int:
        """The units that so many matching sets take."""
        if not sets:
            return 0
        match self.apply_to:
            case "every":
                return sets * self.units
            case "first":
                return min(self.units, available)
            case _:
                return available


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """A compiled product selection with its quantity and pricing rules."""

    bundle: bool
    sets: tuple[ProductSet, ...]
    quantity_rule: QuantityRule
    most_expensive: bool
    by: str

    def match(self, runs: UnitGroups, net: Sequence[int]) -> "MatchResult":
        """All matching sets that a basket allows. ``net`` is each run's net value in minor units."""
        if self.bundle:
            return self._match_bundles(self._preferred(runs, net), runs)
        pooled = self._preferred(self._pooled(runs), net)
        pool = tuple([(run.ordinal, run.units) for run in pooled])
        available = sum([units for _, units in pool])
        return MatchResult(
            count=self.quantity_rule.sets_of(available),
            available=available,
            quantity_rule=self.quantity_rule,
            columns=((1, pool),),
        )

    def lacking(self, runs: UnitGroups) -> int:
        """The units that a first matching set lacks."""
        if self.bundle:
            supply = [(units, mask) for _, units, mask in self._supply(runs, runs)]
            return units_lacking(supply, [one.units for one in self.sets])
        available = sum(run.units for run in self._pooled(runs))
        return max(0, (self.quantity_rule.units if self.quantity_rule.apply_to == "every" else 1) - available)

    def _pooled(self, runs: UnitGroups) -> Sequence[UnitGroup]:
        """The runs that any set accepts, in their order; without sets all of them."""
        if not self.sets:
            return runs
        if len(self.sets) == 1:
            return self.sets[0].among(runs)
        accepted = {run.ordinal for one in self.sets for run in one.among(runs)}
        return [runs[ordinal] for ordinal in sorted(accepted)]

    def _preferred(self, runs: Sequence[UnitGroup], net: Sequence[int]) -> Sequence[UnitGroup]:
        if not self.bundle and self.quantity_rule.apply_to == "all":
            return runs
        sign = -1 if self.most_expensive else 1
        value = _UNIT_VALUES[self.by]
        if len({run.sku for run in runs}) == len(runs):
            # Runs are in order of SKU, and there is no other tie to break.
            return sorted(runs, key=lambda run: sign * value(run))
        return sorted(
            runs, key=lambda run: (sign * value(run), run.sku, net[run.ordinal] * _FINE // run.units, run.ordinal)
        )

    def _match_bundles(self, preferred: Sequence[UnitGroup], runs: UnitGroups) -> "MatchResult":
        supply = self._supply(preferred, runs)
        demands = [one.units for one in self.sets]
        bundles = most_bundles([(units, mask) for _, units, mask in supply], demands)
        return MatchResult(
            count=self.quantity_rule.sets_of(bundles),
            available=bundles,
            quantity_rule=self.quantity_rule,
            columns=tuple(zip(demands, assign(supply, demands, bundles), strict=True)),
        )

    def _supply(self, preferred: Sequence[UnitGroup], runs: UnitGroups) -> list[tuple[int, int, int]]:
        """Ordinal and units of each run, with a bit for each product set that accepts it."""
        accepted = [(1 << j, {run.ordinal for run in one.among(runs)}) for j, one in enumerate(self.sets)]
        return [
            (run.ordinal, run.units, sum([bit for bit, ordinals in accepted if run.ordinal in ordinals]))
            for run in preferred
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchResult:
    """Matching sets, in sorted order. ``columns`` are, for each product set, the units a bundle takes and all units
    assigned to it in order of preference; a pool is one column of one unit."""

    count: int
    available: int
    quantity_rule: QuantityRule
    columns: tuple[tuple[int, Taken], ...]

    def take(self, sets: int) -> Taken:
        """The units that the first so many matching sets take, summed by run, in order of runs."""
        used = self.quantity_rule.units_of(sets, self.available)
        if used == self.available and len(self.columns) == 1:
            return tuple(sorted(self.columns[0][1]))
        summed: dict[int, int] = {}
        for per_bundle, column in self.columns:
            left = used * per_bundle
            for run, units in column:
                if not left:
                    break
                part = min(units, left)
                summed[run] = summed.get(run, 0) + part
                left -= part
        return tuple(sorted(summed.items()))


_FINE = 10**24
"""Scale at which the net values of two units that differ at all differ as whole numbers."""

_UNIT_VALUES: Mapping[str, Callable[[UnitGroup], int]] = {
    "inc_tax": lambda run: run.unit_inc_tax,
    "ex_tax": lambda run: run.unit_ex_tax,
    "tax": lambda run: run.unit_inc_tax - run.unit_ex_tax,
}


def _supply(runs: Sequence[tuple[int, int]], sets: int) -> list[int]:
    """For every subset of product sets, the units that at least one of them accepts.

    Args:
        runs: units and mask of compatibility of each run.
        sets: the number of product sets.
    """
    outside = [0] * (1 << sets)
    total = 0
    for units, mask in runs:
        if mask:
            outside[mask] += units
            total += units
    for bit in range(sets):
        for subset in range(1 << sets):
            if subset & (1 << bit):
                outside[subset] += outside[subset ^ (1 << bit)]
    full = (1 << sets) - 1
    return [total - outside[full ^ subset] for subset in range(1 << sets)]


def most_bundles(runs: Sequence[tuple[int, int]], demands: Sequence[int]) -> int:
    """The greatest number of bundles that can be made, no unit serving two sets.

    By Hall's theorem (P. Hall, 1935, in its form for transport) so many bundles are possible exactly when no group
    of sets needs more units than the runs which fit at least one set of the group have.
    """
    supply = _supply(runs, len(demands))
    return min(
        supply[subset] // sum(demand for j, demand in enumerate(demands) if subset & (1 << j))
        for subset in range(1, 1 << len(demands))
    )


def units_lacking(runs: Sequence[tuple[int, int]], demands: Sequence[int]) -> int:
    """The fewest units that would have to be added for one bundle, each of whatever fits where it is needed.

    It is the greatest deficiency of a group of sets (Hall's theorem, as O. Ore put it in 1955).
    """
    supply = _supply(runs, len(demands))
    return max(
        0,
        *(
            sum(demand for j, demand in enumerate(demands) if subset & (1 << j)) - supply[subset]
            for subset in range(1, 1 << len(demands))
        ),
    )


def assign(runs: Sequence[tuple[int, int, int]], demands: Sequence[int], bundles: int) -> list[Taken]:
    """Give each set, in the order written, the most preferred units that still leave all bundles possible.

    Args:
        runs: index, units and mask of compatibility, in order of preference.
        demands: units that one bundle takes of each set.
        bundles: a number that ``most_bundles`` allows.

    Returns:
        For each set its units, in order of preference.
    """
    left = [units for _, units, _ in runs]
    columns: list[Taken] = []
    for j, demand in enumerate(demands):
        need = demand * bundles
        later = [(units, mask >> j + 1) for units, (_, _, mask) in zip(left, runs, strict=True)]
        spare = _spare(later, demands[j + 1 :], bundles)
        column = []
        for position, (run, _, mask) in enumerate(runs):
            if not need:
                break
            if not mask & (1 << j) or not left[position]:
                continue
            touched = [subset for subset in range(len(spare)) if subset & mask >> j + 1]
            part = min(left[position], need, min((spare[subset] for subset in touched), default=need))
            if part:
                column.append((run, part))
                left[position] -= part
                need -= part
                for subset in touched:
                    spare[subset] -= part
        columns.append(tuple(column))
    return columns


def _spare(runs: Sequence[tuple[int, int]], demands: Sequence[int], bundles: int) -> list[int]:
    """For every group of sets, the units that may be taken from runs which fit it without starving it."""
    supply = _supply(runs, len(demands))
    return [
        units - bundles * sum(demand for k, demand in enumerate(demands) if subset & (1 << k))
        for subset, units in enumerate(supply)
    ]


def compile_selection(outcome: Mapping[str, Any]) -> Selection:
    """The selection of an outcome in normal form. Without a quantity rule a pool is one set and a bundle one each."""
    selection = outcome["product_selection"]
    bundle = selection["match"] == "all" and len(selection["sets"]) > 1
    sets = tuple(ProductSet(rules=compile_item_rules(one["rules"]), units=one["units"]) for one in selection["sets"])
    quantity = outcome["quantity_rule"] or {"apply_to": "every" if bundle else "all", "units": 1}
    pricing = outcome["pricing_rule"] or {"order": "cheapest", "by": "inc_tax"}
    return Selection(
        bundle=bundle,
        sets=sets,
        quantity_rule=QuantityRule(apply_to=quantity["apply_to"], units=quantity["units"]),
        most_expensive=pricing["order"] == "most_expensive",
        by=pricing["by"],
    )
