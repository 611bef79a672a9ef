"""One discount worked out unit by unit, as the specification reads: slow, and sharing no code with the engine.

Units are plain numbers in a list, prices whole minor units; a set takes a unit after trying whether all matching sets
can still be made, and amounts are shared by writing out every remainder.
"""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, kw_only=True)
class NaiveUnit:
    """One unit. ``unit_group`` says which units are equal and breaks ties; ``fits`` are the sets that accept it."""

    unit_group: int
    price: int
    fits: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class NaiveSet:
    """The requirement of one product set; ``spend`` in minor units replaces the quantity."""

    quantity: int = 1
    spend: int | None = None
    discounted: int | None = None
    gets_discount: bool = True


@dataclass(frozen=True, kw_only=True)
class NaiveDiscount:
    kind: str
    value: Fraction
    sets: tuple[NaiveSet, ...]
    most_expensive: bool = False
    maximum: int | None = None


@dataclass(kw_only=True)
class NaiveResult:
    """The result of a discount: the units taken of each unit group and the minor units off each.

    ``worth`` is what the discounted units of each cost.
    """

    matching_sets_found: int = 0
    redemptions: int = 0
    taken: dict[int, int] = field(default_factory=dict)
    off: dict[int, int] = field(default_factory=dict)
    worth: dict[int, int] = field(default_factory=dict)


def naive_result(
    discount: NaiveDiscount, units: list[NaiveUnit], *, limit: int | None = None, forms_again: bool = True
) -> NaiveResult:
    """Apply a discount to a basket; ``matching_sets_found`` are the matching sets before limits and value.

    Without ``forms_again`` the units of sets that would give nothing are lost.
    """
    sign = -1 if discount.most_expensive else 1
    in_order = sorted(units, key=lambda unit: (sign * unit.price, unit.unit_group))
    matching = matching_sets(discount, in_order)
    result = NaiveResult(matching_sets_found=len(matching))
    listed = [matching_set for matching_set in matching if set_worth_off(discount, in_order, matching_set)]
    if forms_again and matching and all(product_set.spend is None for product_set in discount.sets):
        listed += sets_from_the_dear_end(discount, in_order, listed)
    room = discount.maximum
    for matching_set in listed[:limit]:
        discounted = discounted_units(discount, matching_set)
        total = set_worth_off(discount, in_order, matching_set)
        if room is not None:
            total = min(total, room)
            room -= total
        if not total:
            break
        result.redemptions += 1
        for chosen in matching_set:
            for u in chosen:
                result.taken[in_order[u].unit_group] = result.taken.get(in_order[u].unit_group, 0) + 1
        by_unit_group: dict[int, int] = {}
        for u in discounted:
            by_unit_group[in_order[u].unit_group] = by_unit_group.get(in_order[u].unit_group, 0) + in_order[u].price
        for unit_group, price in by_unit_group.items():
            result.worth[unit_group] = result.worth.get(unit_group, 0) + price
        for unit_group, share in shares(total, by_unit_group).items():
            result.off[unit_group] = result.off.get(unit_group, 0) + share
    return result


def discounted_units(discount: NaiveDiscount, matching_set: list[list[int]]) -> list[int]:
    """Return the positions of the units of a matching set that are discounted."""
    return [u for number, chosen in enumerate(matching_set) for u in chosen[: discounts(discount.sets[number])]]


def set_worth_off(discount: NaiveDiscount, units: list[NaiveUnit], matching_set: list[list[int]]) -> int:
    """Return the discount of one matching set, without regard to a maximum."""
    return worth_off(discount, sum(units[u].price for u in discounted_units(discount, matching_set)))


def sets_from_the_dear_end(
    discount: NaiveDiscount, units: list[NaiveUnit], standing: list[list[list[int]]]
) -> list[list[list[int]]]:
    """Form sets again, one at a time, of the units in no set that stands, until one would give nothing."""
    used = {u for matching_set in standing for chosen in matching_set for u in chosen}
    dear_first = sorted(range(len(units)), key=lambda u: (-units[u].price, units[u].unit_group))
    formed: list[list[list[int]]] = []
    while True:
        needs = {number: product_set.quantity for number, product_set in enumerate(discount.sets)}
        if not can_fill(units, used, needs):
            return formed
        matching_set: list[list[int]] = []
        for number in range(len(discount.sets)):
            chosen: list[int] = []
            while needs[number]:
                needs[number] -= 1
                u = next(
                    u
                    for u in dear_first
                    if u not in used and number in units[u].fits and can_fill(units, used | {u}, needs)
                )
                used = used | {u}
                chosen.append(u)
            # The positions of units are their places in the discount's own price order.
            matching_set.append(sorted(chosen))
        if not set_worth_off(discount, units, matching_set):
            return formed
        formed.append(matching_set)


def discounts(naive_set: NaiveSet) -> int | None:
    """Return how many units of a product set are discounted in a matching set; None for all."""
    return naive_set.discounted if naive_set.gets_discount else 0


def worth_off(discount: NaiveDiscount, worth: int) -> int:
    """Return the discount of one matching set, from the price of its discounted units."""
    if discount.kind == "amount":
        return min(worth, int(discount.value))
    if discount.kind == "percentage":
        exact = worth * discount.value / 100
        down = exact.numerator // exact.denominator
        return down + 1 if exact - down >= Fraction(1, 2) else down
    if discount.kind == "fixed_price":
        return worth - min(worth, int(discount.value))
    return worth


def shares(total: int, by_unit_group: dict[int, int]) -> dict[int, int]:
    """Share a total by value: the whole parts, and one more for those that lost most by rounding, the first first."""
    whole = sum(by_unit_group.values())
    parts = {unit_group: total * value // whole for unit_group, value in by_unit_group.items()}
    for unit_group in sorted(
        by_unit_group, key=lambda unit_group: (-(total * by_unit_group[unit_group] % whole), unit_group)
    )[: total - sum(parts.values())]:
        parts[unit_group] += 1
    return parts


def matching_sets(discount: NaiveDiscount, units: list[NaiveUnit]) -> list[list[list[int]]]:
    """For each matching set and each product set the positions of its units, in price order."""
    counted = [number for number, product_set in enumerate(discount.sets) if product_set.spend is None]
    spent = [number for number, product_set in enumerate(discount.sets) if product_set.spend is not None]
    count = 1
    if counted:
        count = 0
        while can_fill(units, set(), {n: discount.sets[n].quantity * (count + 1) for n in counted}):
            count += 1
        count = min(count, 1) if spent else count
    columns: dict[int, list[int]] = {number: [] for number in range(len(discount.sets))}
    needs = {number: discount.sets[number].quantity * count for number in counted}
    used: set[int] = set()
    for number in counted:
        while needs[number]:
            needs[number] -= 1
            u = next(
                u
                for u, unit in enumerate(units)
                if u not in used and number in unit.fits and can_fill(units, used | {u}, needs)
            )
            used.add(u)
            columns[number].append(u)
    for number in spent:
        columns[number] = [u for u, unit in enumerate(units) if u not in used and number in unit.fits]
        used.update(columns[number])
        if sum(units[u].price for u in columns[number]) < (discount.sets[number].spend or 0):
            return []
    if spent:
        return [list(columns.values())] if count else []
    return [
        [
            column[i * product_set.quantity : (i + 1) * product_set.quantity]
            for column, product_set in zip(columns.values(), discount.sets, strict=True)
        ]
        for i in range(count)
    ]


def can_fill(units: list[NaiveUnit], used: set[int], needs: dict[int, int]) -> bool:
    """Whether every set can have what it needs of the units not used, by augmenting paths over single units."""
    slots = [number for number, need in needs.items() for _ in range(need)]
    holder: dict[int, int] = {}

    def place(slot: int, seen: set[int]) -> bool:
        for u, unit in enumerate(units):
            if u not in used and u not in seen and slots[slot] in unit.fits:
                seen.add(u)
                if u not in holder or place(holder[u], seen):
                    holder[u] = slot
                    return True
        return False

    return all(place(slot, set()) for slot in range(len(slots)))
