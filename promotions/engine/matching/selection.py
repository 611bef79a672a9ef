"""Matching sets: which units a promotion takes, and how many times it matches.

Everything here counts the units of unit groups, so that a line of a million units costs no more than a line of one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from promotions.engine.definition.fields import Document
from promotions.engine.facts.basket import UnitGroup, UnitGroups
from promotions.engine.matching.item_rules import ItemRules, compile_item_rules

TakenUnits = tuple[tuple[int, int], ...]
"""Ordinals of unit groups, each with a number of its units, in the order in which the units are preferred."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductSet:
    """Products of which a bundle takes a number of units; None is every product."""

    rules: ItemRules | None
    units: int

    def select(self, unit_groups: UnitGroups) -> Sequence[UnitGroup]:
        """Return the unit groups of the set's products, in their order."""
        return unit_groups if self.rules is None else self.rules.select(unit_groups)


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantityRule:
    """Which of the selected units (or bundles) make matching sets."""

    apply_to: str
    units: int

    def sets_of(self, available: int) -> int:
        """Return the number of matching sets that the available units (or bundles) make."""
        if self.apply_to == "every":
            return available // self.units
        return 1 if available else 0

    def units_of(self, sets: int, available: int) -> int:
        """Return the number of units (or bundles) that some matching sets take."""
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
    """A compiled product selection with its quantity and pricing rules.

    A ``bundle`` takes units of every set; otherwise the units of all sets are one pool. ``by`` says which price of a
    unit orders them.
    """

    bundle: bool
    sets: tuple[ProductSet, ...]
    quantity_rule: QuantityRule
    most_expensive: bool
    by: str

    def match(self, unit_groups: UnitGroups, net: Sequence[int]) -> "MatchResult":
        """Return all matching sets that a basket allows. ``net`` is each unit group's net value in minor units."""
        if self.bundle:
            return self._match_bundles(self._preferred(unit_groups, net), unit_groups)
        pooled = self._preferred(self._pooled(unit_groups), net)
        pool = tuple([(group.ordinal, group.units) for group in pooled])
        available = sum([units for _, units in pool])
        return MatchResult(
            count=self.quantity_rule.sets_of(available),
            available=available,
            quantity_rule=self.quantity_rule,
            columns=((1, pool),),
        )

    def lacking(self, unit_groups: UnitGroups) -> int:
        """Return the number of units that a first matching set lacks."""
        if self.bundle:
            supply = [(units, mask) for _, units, mask in self._supply(unit_groups, unit_groups)]
            return units_lacking(supply, [product_set.units for product_set in self.sets])
        available = sum(group.units for group in self._pooled(unit_groups))
        return max(0, (self.quantity_rule.units if self.quantity_rule.apply_to == "every" else 1) - available)

    def accepts_any(self, unit_groups: UnitGroups) -> bool:
        """Return whether any set accepts any of the units."""
        return bool(self._pooled(unit_groups))

    def _pooled(self, unit_groups: UnitGroups) -> Sequence[UnitGroup]:
        """Return the unit groups that any set accepts, in their order; without sets all of them."""
        if not self.sets:
            return unit_groups
        if len(self.sets) == 1:
            return self.sets[0].select(unit_groups)
        accepted = {group.ordinal for product_set in self.sets for group in product_set.select(unit_groups)}
        return [group for group in unit_groups if group.ordinal in accepted]

    def _preferred(self, unit_groups: Sequence[UnitGroup], net: Sequence[int]) -> Sequence[UnitGroup]:
        if not self.bundle and self.quantity_rule.apply_to == "all":
            return unit_groups
        sign = -1 if self.most_expensive else 1
        value = _UNIT_VALUES[self.by]
        if len({group.sku for group in unit_groups}) == len(unit_groups):
            # Unit groups are in order of SKU, and there is no other tie to break.
            return sorted(unit_groups, key=lambda group: sign * value(group))
        return sorted(
            unit_groups,
            key=lambda group: (
                sign * value(group),
                group.sku,
                net[group.ordinal] * _NET_SCALE // group.units,
                group.ordinal,
            ),
        )

    def _match_bundles(self, preferred: Sequence[UnitGroup], unit_groups: UnitGroups) -> "MatchResult":
        supply = self._supply(preferred, unit_groups)
        demands = [product_set.units for product_set in self.sets]
        bundles = most_bundles([(units, mask) for _, units, mask in supply], demands)
        return MatchResult(
            count=self.quantity_rule.sets_of(bundles),
            available=bundles,
            quantity_rule=self.quantity_rule,
            columns=tuple(zip(demands, assign(supply, demands, bundles), strict=True)),
        )

    def _supply(self, preferred: Sequence[UnitGroup], unit_groups: UnitGroups) -> list[tuple[int, int, int]]:
        """Return ordinal and units of each unit group, with a mask of the product sets that accept it."""
        accepted = [
            (1 << j, {group.ordinal for group in product_set.select(unit_groups)})
            for j, product_set in enumerate(self.sets)
        ]
        return [
            (
                group.ordinal,
                group.units,
                sum([bit for bit, ordinals in accepted if group.ordinal in ordinals]),
            )
            for group in preferred
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchResult:
    """Matching sets, in sorted order.

    ``available`` are the units of a pool, or the bundles. ``columns`` are, for each product set, the units that a
    bundle takes and all units assigned to it in order of preference; a pool is one column of one unit.
    """

    count: int
    available: int
    quantity_rule: QuantityRule
    columns: tuple[tuple[int, TakenUnits], ...]

    def take(self, sets: int) -> TakenUnits:
        """Return the units that the first ``sets`` matching sets take, summed by unit group, in order of ordinals."""
        used = self.quantity_rule.units_of(sets, self.available)
        if used == self.available and len(self.columns) == 1:
            return tuple(sorted(self.columns[0][1]))
        summed: dict[int, int] = {}
        for per_bundle, column in self.columns:
            left = used * per_bundle
            for group, units in column:
                if not left:
                    break
                part = min(units, left)
                summed[group] = summed.get(group, 0) + part
                left -= part
        return tuple(sorted(summed.items()))


_NET_SCALE = 10**24
"""The net values of units are compared as whole numbers of this scale: any two that differ, differ on it."""

_UNIT_VALUES: Mapping[str, Callable[[UnitGroup], int | Fraction]] = {
    "inc_tax": lambda group: group.unit_inc_tax,
    "ex_tax": lambda group: group.unit_ex_tax,
    "tax": lambda group: group.unit_inc_tax - group.unit_ex_tax,
}


def _supply_by_subset(supply: Sequence[tuple[int, int]], sets: int) -> list[int]:
    """Return, for every subset of the product sets, the units that at least one set of it accepts.

    Args:
        supply: units, and mask of the sets that accept them, of each unit group.
        sets: the number of product sets.
    """
    # For every subset, the units that only its own sets accept: what no set of a subset accepts, only others accept.
    within = [0] * (1 << sets)
    total = 0
    for units, mask in supply:
        if mask:
            within[mask] += units
            total += units
    for bit in range(sets):
        for subset in range(1 << sets):
            if subset & (1 << bit):
                within[subset] += within[subset ^ (1 << bit)]
    every_set = (1 << sets) - 1
    return [total - within[every_set ^ subset] for subset in range(1 << sets)]


def most_bundles(supply: Sequence[tuple[int, int]], demands: Sequence[int]) -> int:
    """Return the greatest number of bundles that can be made, no unit counting for two sets.

    By Hall's theorem (P. Hall, 1935, in its form for transport) a number of bundles is possible exactly when no subset
    of the sets needs more units than at least one set of the subset accepts.

    Args:
        supply: units, and mask of the sets that accept them, of each unit group.
        demands: the units that one bundle takes of each set.
    """
    by_subset = _supply_by_subset(supply, len(demands))
    return min(by_subset[subset] // _demand(demands, subset) for subset in range(1, 1 << len(demands)))


def units_lacking(supply: Sequence[tuple[int, int]], demands: Sequence[int]) -> int:
    """Return the fewest units that would have to be added for one bundle, each wherever it fits.

    It is the greatest deficiency of a subset of the sets (Hall's theorem, as O. Ore put it in 1955). The arguments are
    those of ``most_bundles``.
    """
    by_subset = _supply_by_subset(supply, len(demands))
    return max(0, *(_demand(demands, subset) - by_subset[subset] for subset in range(1, 1 << len(demands))))


def _demand(demands: Sequence[int], subset: int) -> int:
    """Return the units that one bundle takes of the sets of a subset."""
    return sum(demand for j, demand in enumerate(demands) if subset & (1 << j))


def assign(supply: Sequence[tuple[int, int, int]], demands: Sequence[int], bundles: int) -> list[TakenUnits]:
    """Give each set, in the order written, the most preferred units that still leave all bundles possible.

    Args:
        supply: ordinal, units, and mask of the sets that accept them, of each unit group in order of preference.
        demands: the units that one bundle takes of each set.
        bundles: a number that ``most_bundles`` allows.

    Returns:
        For each set its units, in order of preference.
    """
    left = [units for _, units, _ in supply]
    columns: list[TakenUnits] = []
    for j, demand in enumerate(demands):
        need = demand * bundles
        later = [(units, mask >> j + 1) for units, (_, _, mask) in zip(left, supply, strict=True)]
        spare = _spare(later, demands[j + 1 :], bundles)
        column = []
        for position, (ordinal, _, mask) in enumerate(supply):
            if not need:
                break
            if not mask & (1 << j) or not left[position]:
                continue
            concerned = [subset for subset in range(len(spare)) if subset & mask >> j + 1]
            part = min(left[position], need, min((spare[subset] for subset in concerned), default=need))
            if part:
                column.append((ordinal, part))
                left[position] -= part
                need -= part
                for subset in concerned:
                    spare[subset] -= part
        columns.append(tuple(column))
    return columns


def _spare(supply: Sequence[tuple[int, int]], demands: Sequence[int], bundles: int) -> list[int]:
    """Return, for every subset of the sets, the units that other sets may take of those that the subset accepts."""
    by_subset = _supply_by_subset(supply, len(demands))
    return [units - bundles * _demand(demands, subset) for subset, units in enumerate(by_subset)]


def compile_selection(outcome: Document) -> Selection:
    """Compile the selection of an outcome in normal form.

    Without a quantity rule a pool is one matching set, and each bundle is one.
    """
    selection = outcome["product_selection"]
    bundle = selection["match"] == "all" and len(selection["sets"]) > 1
    quantity = outcome["quantity_rule"] or {"apply_to": "every" if bundle else "all", "units": 1}
    pricing = outcome["pricing_rule"] or {"order": "cheapest", "by": "inc_tax"}
    return Selection(
        bundle=bundle,
        sets=tuple(
            ProductSet(rules=compile_item_rules(product_set["rules"]), units=product_set["units"])
            for product_set in selection["sets"]
        ),
        quantity_rule=QuantityRule(apply_to=quantity["apply_to"], units=quantity["units"]),
        most_expensive=pricing["order"] == "most_expensive",
        by=pricing["by"],
    )
