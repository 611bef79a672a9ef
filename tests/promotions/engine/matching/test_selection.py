"""Matching sets: which units a promotion takes and how many times it matches."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.basket import Basket, Line
from promotions.engine.matching.item_rules import ItemRules
from promotions.engine.matching.selection import TakenUnits, assign, compile_selection, most_bundles
from tests.promotions.engine.builders import (
    applied,
    condition,
    decide,
    every,
    line,
    make_basket,
    make_promotion,
    reason,
    selection,
    sku,
    taken,
)


def matched(
    basket: Basket,
    chosen: dict[str, Any] | None = None,
    quantity: dict[str, Any] | None = None,
    pricing: dict[str, Any] | None = None,
    sets: int | None = None,
) -> tuple[int, list[tuple[str, int, int]]]:
    """The number of matching sets, and SKU, unit price and units of what so many of them take."""
    promotion = make_promotion(product_selection=chosen, quantity_rule=quantity, pricing_rule=pricing)
    result = compile_selection(promotion.source.outcome).match(
        basket.unit_groups, [unit_group.total_inc_tax for unit_group in basket.unit_groups]
    )
    units = result.take(result.count if sets is None else sets)
    return result.count, [(basket.unit_groups[i].sku, int(basket.unit_groups[i].unit_inc_tax), n) for i, n in units]


MIXED = make_basket(line("A", 2, "3.00"), line("B", 3, "1.00"), line("C", 1, "2.00"))


def test_without_sets_every_unit_is_one_pool_and_one_matching_set() -> None:
    assert matched(MIXED) == (1, [("A", 300, 2), ("B", 100, 3), ("C", 200, 1)])
    assert matched(MIXED, {"match": "all", "sets": []}) == matched(MIXED)


def test_any_is_the_pool_of_units_that_fit_at_least_one_set() -> None:
    assert matched(MIXED, selection(sku("A"), sku("A", "C"))) == (1, [("A", 300, 2), ("C", 200, 1)])


def test_units_of_a_set_are_not_used_in_a_pool() -> None:
    assert matched(MIXED, selection(sku("A"), units=[9]))[0] == 1
    assert matched(MIXED, selection(sku("A"), match="all", units=[9]))[0] == 1


def test_a_set_without_rules_accepts_every_unit() -> None:
    assert matched(MIXED, selection({}))[1] == matched(MIXED)[1]


def test_without_a_fitting_unit_there_is_no_matching_set() -> None:
    assert matched(MIXED, selection(sku("Z"))) == (0, [])


QUANTITY_RULES: list[tuple[dict[str, Any] | None, int, list[tuple[str, int, int]]]] = [
    # in sorted order: B B B C A A
    (None, 1, [("A", 300, 2), ("B", 100, 3), ("C", 200, 1)]),
    ({"apply_to": "all"}, 1, [("A", 300, 2), ("B", 100, 3), ("C", 200, 1)]),
    ({"apply_to": "all", "units": 2}, 1, [("A", 300, 2), ("B", 100, 3), ("C", 200, 1)]),
    ({"apply_to": "every", "units": 1}, 6, [("A", 300, 2), ("B", 100, 3), ("C", 200, 1)]),
    ({"apply_to": "every", "units": 2}, 3, [("A", 300, 2), ("B", 100, 3), ("C", 200, 1)]),
    ({"apply_to": "every", "units": 4}, 1, [("B", 100, 3), ("C", 200, 1)]),
    ({"apply_to": "every", "units": 5}, 1, [("A", 300, 1), ("B", 100, 3), ("C", 200, 1)]),
    ({"apply_to": "every", "units": 7}, 0, []),
    ({"apply_to": "first", "units": 2}, 1, [("B", 100, 2)]),
    ({"apply_to": "first", "units": 5}, 1, [("A", 300, 1), ("B", 100, 3), ("C", 200, 1)]),
    ({"apply_to": "first", "units": 50}, 1, [("A", 300, 2), ("B", 100, 3), ("C", 200, 1)]),
]


@pytest.mark.parametrize(("rule", "count", "units"), QUANTITY_RULES)
def test_quantity_rules_over_the_cheapest_units_first(
    rule: dict[str, Any] | None, count: int, units: list[tuple[str, int, int]]
) -> None:
    assert matched(MIXED, quantity=rule) == (count, units)


@pytest.mark.parametrize(
    ("pricing", "first"),
    [
        (None, "C"),
        ({"order": "cheapest"}, "C"),
        ({"order": "most_expensive"}, "B"),
        ({"order": "cheapest", "by": "ex_tax"}, "B"),
        ({"order": "most_expensive", "by": "ex_tax"}, "A"),
        ({"order": "cheapest", "by": "tax"}, "C"),
        ({"order": "most_expensive", "by": "tax"}, "B"),
        ({"by": "inc_tax"}, "C"),
    ],
)
def test_pricing_rules_sort_by_unit_sales_value(pricing: dict[str, Any] | None, first: str) -> None:
    basket = make_basket(
        line("A", price="5.00", ex_tax="4.90"), line("B", price="6.00", ex_tax="3.00"), line("C", price="4.00")
    )
    rule = {"apply_to": "first", "units": 1}
    ((chosen_sku, _, _),) = matched(basket, quantity=rule, pricing=pricing)[1]
    assert chosen_sku == first


@pytest.mark.parametrize("order", ["cheapest", "most_expensive"])
def test_units_of_one_price_are_sorted_by_sku(order: str) -> None:
    basket = make_basket(line("B"), line("A"), line("C"))
    rule = {"apply_to": "first", "units": 2}
    assert matched(basket, quantity=rule, pricing={"order": order})[1] == [("A", 1000, 1), ("B", 1000, 1)]


def test_units_of_one_price_and_sku_are_sorted_by_net_value() -> None:
    basket = make_basket(line("A", 2, category="x"), line("A", 1, category="y"))
    chosen = compile_selection(make_promotion(quantity_rule={"apply_to": "first", "units": 1}).source.outcome)
    assert chosen.match(basket.unit_groups, [2000, 900]).take(1) == ((1, 1),)
    assert chosen.match(basket.unit_groups, [1700, 900]).take(1) == ((0, 1),)


def test_buy_two_for_points_once_with_ten_bought_is_one_redemption_on_the_first_two() -> None:
    promotion = make_promotion(
        product_selection=selection(sku("W")),
        quantity_rule={"apply_to": "every", "units": 2},
        customer_redemption_limit=1,
    )
    winner = applied(decide(make_basket(line("W", 10)), promotion))
    assert (winner.redemptions, winner.points, taken(winner)) == (1, 50, {"W/10/10.00": Decimal(2)})


def test_limits_keep_the_first_sets_in_sorted_order() -> None:
    assert matched(MIXED, quantity={"apply_to": "every", "units": 2}, sets=2)[1] == [("B", 100, 3), ("C", 200, 1)]
    assert matched(MIXED, quantity={"apply_to": "every", "units": 2}, pricing={"order": "most_expensive"}, sets=1) == (
        3,
        [("A", 300, 2)],
    )


def test_weighed_goods_are_one_unit() -> None:
    basket = make_basket(line("A", "2.5"), line("A", "0.4"))
    assert matched(basket, quantity={"apply_to": "every", "units": 2})[0] == 1


# --- bundles --------------------------------------------------------------------------------------------------------


def test_a_bundle_takes_units_of_every_set_and_each_bundle_is_a_matching_set() -> None:
    basket = make_basket(line("A", 5), line("B", 2), line("C", 9))
    chosen = selection(sku("A"), sku("B"), match="all", units=[2, 1])
    assert matched(basket, chosen) == (2, [("A", 1000, 4), ("B", 1000, 2)])


def test_a_bundle_lacking_one_set_does_not_match() -> None:
    chosen = selection(sku("A"), sku("B"), match="all")
    assert reason(decide(make_basket(line("A", 5)), make_promotion(product_selection=chosen))) == "no_matching_products"


@pytest.mark.parametrize(
    ("rule", "count", "bundles"),
    [
        (None, 5, 5),
        ({"apply_to": "every", "units": 1}, 5, 5),
        ({"apply_to": "every", "units": 2}, 2, 4),
        ({"apply_to": "every", "units": 6}, 0, 0),
        ({"apply_to": "first", "units": 3}, 1, 3),
        ({"apply_to": "first", "units": 9}, 1, 5),
        ({"apply_to": "all"}, 1, 5),
    ],
)
def test_quantity_rules_count_bundles(rule: dict[str, Any] | None, count: int, bundles: int) -> None:
    basket = make_basket(line("A", 10), line("B", 5))
    chosen = selection(sku("A"), sku("B"), match="all", units=[2, 1])
    expected = [("A", 1000, 2 * bundles), ("B", 1000, bundles)] if bundles else []
    assert matched(basket, chosen, rule) == (count, expected)


def test_all_bundles_as_one_set_still_take_the_units_preferred() -> None:
    basket = make_basket(line("A", 1, "1.00"), line("A", 1, "5.00"), line("B", 1))
    chosen = selection(sku("A"), sku("B"), match="all")
    for order, price in (("cheapest", 100), ("most_expensive", 500)):
        result = matched(basket, chosen, {"apply_to": "all"}, {"order": order})
        assert result == (1, [("A", price, 1), ("B", 1000, 1)])


def test_overlapping_sets_make_as_many_bundles_as_the_basket_allows() -> None:
    # The first set prefers the cheapest, but those are all that the second accepts.
    basket = make_basket(line("A", 2, "1.00"), line("B", 2, "5.00"))
    chosen = selection(sku("A", "B"), sku("A"), match="all")
    assert matched(basket, chosen) == (2, [("A", 100, 2), ("B", 500, 2)])


def test_a_unit_counts_for_one_set_only() -> None:
    chosen = selection(sku("A"), sku("A"), match="all")
    assert matched(make_basket(line("A", 5)), chosen) == (2, [("A", 1000, 4)])


def test_sets_take_their_preferred_units_in_the_order_written() -> None:
    # Two bundles: the first set takes A at 1 and 2, the second what is left, cheapest first.
    basket = make_basket(line("A", 1, "1.00"), line("A", 1, "2.00"), line("A", 1, "3.00"), line("A", 1, "4.00"))
    chosen = selection(sku("A"), sku("A"), match="all")
    assert matched(basket, chosen, sets=1)[1] == [("A", 100, 1), ("A", 300, 1)]
    dearest = {"order": "most_expensive"}
    assert matched(basket, chosen, pricing=dearest, sets=1)[1] == [("A", 200, 1), ("A", 400, 1)]


@cache
def most_by_trying(units: tuple[int, ...], demands: tuple[tuple[int, int], ...]) -> int:
    """The greatest number of bundles, by trying every way of taking one. ``units`` is left by unit group."""
    best = 0
    for rest in ways(units, demands):
        best = max(best, 1 + most_by_trying(rest, demands))
    return best


def ways(units: tuple[int, ...], demands: Sequence[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """What may be left after one bundle. Each demand is the mask of unit groups that fit, and the units wanted."""
    if not demands:
        yield units
        return
    (fits, wanted), *others = demands
    for part in product(*(range(n + 1 if fits >> i & 1 else 1) for i, n in enumerate(units))):
        if sum(part) == wanted:
            yield from set(ways(tuple(n - p for n, p in zip(units, part, strict=True)), others))


BUNDLES = st.integers(1, 3).flatmap(
    lambda sets: st.tuples(
        st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2**sets - 1)), min_size=1, max_size=4),
        st.lists(st.integers(1, 2), min_size=sets, max_size=sets),
    )
)


def fitting(unit_groups: list[tuple[int, int]], demands: list[int]) -> tuple[tuple[int, int], ...]:
    """Each demand with the mask of the unit groups that fit it."""
    return tuple(
        (sum(1 << i for i, (_, mask) in enumerate(unit_groups) if mask >> j & 1), wanted)
        for j, wanted in enumerate(demands)
    )


@given(BUNDLES)
def test_the_number_of_bundles_is_the_greatest_that_trying_everything_finds(
    case: tuple[list[tuple[int, int]], list[int]],
) -> None:
    unit_groups, demands = case
    assert most_bundles(unit_groups, demands) == most_by_trying(
        tuple(n for n, _ in unit_groups), fitting(unit_groups, demands)
    )


def preferred_by_trying(unit_groups: list[tuple[int, int]], demands: list[int], bundles: int) -> list[TakenUnits]:
    """Unit by unit: each set in the order written takes the first unit after which all bundles are still possible."""
    left = [units for units, _ in unit_groups]
    needs = [wanted * bundles for wanted in demands]
    columns: list[TakenUnits] = []
    for j in range(len(demands)):
        column: dict[int, int] = {}
        while needs[j]:
            for i, (_, mask) in enumerate(unit_groups):
                if left[i] and mask >> j & 1:
                    left[i] -= 1
                    needs[j] -= 1
                    if can_fill(left, unit_groups, needs):
                        column[i] = column.get(i, 0) + 1
                        break
                    left[i] += 1
                    needs[j] += 1
            else:
                raise AssertionError("no unit can be taken")
        columns.append(tuple(column.items()))
    return columns


def can_fill(left: list[int], unit_groups: list[tuple[int, int]], needs: list[int]) -> bool:
    """Whether every need can be met at once, by augmenting paths over single units."""
    units = [mask for n, (_, mask) in zip(left, unit_groups, strict=True) for _ in range(n)]
    slots = [j for j, need in enumerate(needs) for _ in range(need)]
    holder: dict[int, int] = {}

    def place(slot: int, seen: set[int]) -> bool:
        for u, mask in enumerate(units):
            if mask >> slots[slot] & 1 and u not in seen:
                seen.add(u)
                if u not in holder or place(holder[u], seen):
                    holder[u] = slot
                    return True
        return False

    return all(place(slot, set()) for slot in range(len(slots)))


@given(BUNDLES)
def test_units_are_dealt_as_taking_them_one_by_one_would(case: tuple[list[tuple[int, int]], list[int]]) -> None:
    unit_groups, demands = case
    bundles = most_bundles(unit_groups, demands)
    indexed = [(i, units, mask) for i, (units, mask) in enumerate(unit_groups)]
    assert assign(indexed, demands, bundles) == preferred_by_trying(unit_groups, demands, bundles)


@given(BUNDLES)
def test_an_assignment_uses_no_unit_twice_and_only_units_that_fit(
    case: tuple[list[tuple[int, int]], list[int]],
) -> None:
    unit_groups, demands = case
    bundles = most_bundles(unit_groups, demands)
    columns = assign([(i, units, mask) for i, (units, mask) in enumerate(unit_groups)], demands, bundles)
    used = [0] * len(unit_groups)
    for j, column in enumerate(columns):
        assert sum(units for _, units in column) == bundles * demands[j]
        for i, units in column:
            assert unit_groups[i][1] >> j & 1
            used[i] += units
    assert all(n <= units for n, (units, _) in zip(used, unit_groups, strict=True))


# --- a line of a million units costs what a line of one costs --------------------------------------------------------


class Counter:
    """Counts the work of a selection: how often a product set is asked about a unit group."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _item: object) -> bool:
        self.calls += 1
        return True


@pytest.mark.parametrize("match", ["any", "all"])
@pytest.mark.parametrize("rule", [None, {"apply_to": "every", "units": 3}, {"apply_to": "first", "units": 7}])
def test_the_work_does_not_depend_on_the_quantity(match: str, rule: dict[str, Any] | None) -> None:
    def work(lines: list[Line]) -> tuple[int, int]:
        basket = make_basket(*lines)
        promotion = make_promotion(
            product_selection=selection(sku("A", "B"), sku("B", "C"), match=match), quantity_rule=rule
        )
        chosen = compile_selection(promotion.source.outcome)
        counter = Counter()
        sets = tuple(
            type(product_set)(
                rules=ItemRules(holds=counter, deciding_keys=None, necessary_keys=None), units=product_set.units
            )
            for product_set in chosen.sets
        )
        counted = type(chosen)(
            bundle=chosen.bundle,
            sets=sets,
            quantity_rule=chosen.quantity_rule,
            most_expensive=chosen.most_expensive,
            by=chosen.by,
        )
        result = counted.match(basket.unit_groups, [unit_group.total_inc_tax for unit_group in basket.unit_groups])
        assert len(result.take(result.count)) <= len(basket.unit_groups)
        return counter.calls, sum(len(column) for _, column in result.columns)

    few = [line("A", 10), line("B", 10), line("C", 10)]
    many = [line("A", 1_000_000), line("B", 1_000_000), line("C", 1_000_000)]
    assert work(few) == work(many)


def test_a_million_units_share_the_points_of_their_matching_sets() -> None:
    promotion = make_promotion(
        product_selection=selection(sku("A"), every(condition("sku", "is", "B")), match="all"),
    )
    winner = applied(decide(make_basket(line("A", 1_000_000), line("B", 999_999)), promotion))
    assert (winner.redemptions, winner.points) == (999_999, 50 * 999_999)
