"""The engine takes the units and shares the amounts that working a discount out unit by unit would."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from promotions.engine.facts.basket import Line
from promotions.engine.pipeline.decision import Decision
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.benefits.naive_discount import (
    NaiveDiscount,
    NaiveResult,
    NaiveSet,
    NaiveUnit,
    naive_result,
)
from tests.promotions.engine.builders import decide, line, make_basket, make_discount, product_set, reason, refusal

SKUS = "ABCD"
VALUES = {
    "amount": ["0.01", "1.00", "2.50"],
    "percentage": ["10", "33.3", "50", "100"],
    "fixed_price": ["0.00", "1.00", "4.99"],
    "free_product": ["0"],
}
PRICES = ["0.00", "0.01", "0.03", "1.00", "1.99", "3.33", "10.00"]
CASES_OF_A_SEED = 100


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A discount, the SKUs that fit each of its sets, and how often it may apply."""

    naive: NaiveDiscount
    fitting: list[list[str]]
    limit: int | None


def draw_set(random: Random, *, spend: bool) -> NaiveSet:
    gets_discount = random.random() < 2 / 3
    if spend and random.random() < 1 / 2:
        discounted = random.choice([None, 1, 2, 3])
        return NaiveSet(spend=random.choice([1, 300, 1000]), discounted=discounted, gets_discount=gets_discount)
    quantity = random.randint(1, 3)
    return NaiveSet(quantity=quantity, discounted=random.randint(1, quantity), gets_discount=gets_discount)


def draw(random: Random, *, spend: bool) -> Drawn:
    kind = random.choice(sorted(VALUES))
    value = Fraction(random.choice(VALUES[kind]))
    sets = [draw_set(random, spend=spend) for _ in range(random.randint(1, 3))]
    if not any(naive_set.gets_discount for naive_set in sets):
        sets.append(NaiveSet())
    naive = NaiveDiscount(
        kind=kind,
        value=value if kind == "percentage" else value * 100,
        sets=tuple(sets),
        most_expensive=random.random() < 1 / 2,
        maximum=random.choice([None, None, 1, 250]) if kind == "percentage" else None,
    )
    fitting = [random.sample(SKUS, random.randint(1, len(SKUS))) for _ in sets]
    return Drawn(naive=naive, fitting=fitting, limit=random.choice([None, None, 1, 2]))


def draw_lines(random: Random) -> list[Line]:
    """One line for each unit group, in the order of unit groups."""
    unit_groups = random.sample([(sku, price) for sku in SKUS for price in PRICES], random.randint(1, 5))
    return [line(sku, random.randint(1, 4), price) for sku, price in sorted(unit_groups)]


def discount_of(drawn: Drawn, code: str = "promo", *, always_apply: bool = False) -> Promotion:
    """Return the same discount in the engine's own form."""
    naive = drawn.naive
    sets: list[dict[str, Any]] = []
    for naive_set, skus in zip(naive.sets, drawn.fitting, strict=True):
        set_fields: dict[str, Any] = {"gets_discount": naive_set.gets_discount}
        if naive_set.spend is not None:
            set_fields["required_spend"] = pounds(naive_set.spend)
        else:
            set_fields["required_quantity"] = naive_set.quantity
        if naive_set.gets_discount:
            set_fields["discounted_quantity"] = naive_set.discounted
        sets.append(product_set(*skus, **set_fields))
    value = pounds(naive.value) if naive.kind != "percentage" else pounds(naive.value * 100)
    return make_discount(
        code,
        naive.kind,
        value=None if naive.kind == "free_product" else value,
        maximum_discount=None if naive.maximum is None else pounds(naive.maximum),
        price_order="most_expensive" if naive.most_expensive else "cheapest",
        sets=sets,
        transaction_redemption_limit=drawn.limit,
        always_apply=always_apply,
    )


def pounds(pennies: int | Fraction) -> str:
    return str(Decimal(Fraction(pennies).numerator) / Fraction(pennies).denominator / 100)


Unit = tuple[int, str, int]
"""A unit's unit group, SKU and price."""


def units_of(lines: list[Line]) -> list[Unit]:
    return [
        (unit_group, basket_line.sku, int(basket_line.unit_inc_tax))
        for unit_group, basket_line in enumerate(lines)
        for _ in range(basket_line.units)
    ]


def expected_of(drawn: Drawn, units: list[Unit]) -> NaiveResult:
    naive_units = [
        NaiveUnit(
            unit_group=unit_group,
            price=price,
            fits=frozenset(number for number, skus in enumerate(drawn.fitting) if sku in skus),
        )
        for unit_group, sku, price in units
    ]
    return naive_result(drawn.naive, naive_units, limit=drawn.limit)


def result_of(decision: Decision, code: str, lines: list[Line]) -> NaiveResult:
    """What the engine took, by unit group; ``lines`` are in the order of unit groups."""
    result = NaiveResult()
    unit_groups = {
        key: unit_group for unit_group, key in enumerate(dict.fromkeys((row.sku, row.unit_inc_tax) for row in lines))
    }
    unit_group_of = {row.line_id: unit_groups[row.sku, row.unit_inc_tax] for row in lines}
    for winner in decision.applied:
        if winner.promotion.code == code:
            result.redemptions = winner.redemptions
            for share in winner.lines:
                unit_group = unit_group_of[share.line_id]
                result.taken[unit_group] = result.taken.get(unit_group, 0) + int(share.quantity)
                result.off[unit_group] = result.off.get(unit_group, 0) + share.discount
    return result


def assert_same(result: NaiveResult, expected: NaiveResult) -> None:
    assert (result.redemptions, result.taken) == (expected.redemptions, expected.taken)
    assert result.off == {unit_group: expected.off.get(unit_group, 0) for unit_group in expected.taken}


def agree(drawn: Drawn, lines: list[Line]) -> None:
    decision = decide(make_basket(*lines), discount_of(drawn))
    expected = expected_of(drawn, units_of(lines))
    assert_same(result_of(decision, "promo", lines), expected)
    assert decision.total - decision.net == sum(expected.off.values())
    if not expected.redemptions:
        assert reason(decision) == ("no_value" if expected.matching_sets_found else "no_matching_products")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("spend", [False, True])
def test_units_are_matched_and_amounts_shared_as_the_naive_discount_does(seed: int, *, spend: bool) -> None:
    random = Random(seed)
    for _ in range(CASES_OF_A_SEED):
        agree(draw(random, spend=spend), draw_lines(random))


def in_single_units(lines: list[Line]) -> list[Line]:
    """Every unit on a line of its own."""
    return [
        basket_line._replace(line_id=f"{basket_line.line_id} {i}", units=1, quantity=Decimal(1))
        for basket_line in lines
        for i in range(basket_line.units)
    ]


@pytest.mark.parametrize("seed", range(10))
def test_a_competing_discount_is_applied_to_the_units_that_the_better_one_leaves(seed: int) -> None:
    random = Random(seed)
    for _ in range(CASES_OF_A_SEED):
        drawn = {"a": draw(random, spend=True), "b": draw(random, spend=True)}
        lines = draw_lines(random)
        alone = {code: expected_of(drawn_discount, units_of(lines)) for code, drawn_discount in drawn.items()}
        ranked = sorted(
            (code for code in alone if alone[code].off), key=lambda code: (-sum(alone[code].off.values()), code)
        )
        if len(ranked) < len(drawn):
            continue
        best, other = ranked
        decision = decide(
            make_basket(*lines), *(discount_of(drawn_discount, code) for code, drawn_discount in drawn.items())
        )
        assert_same(result_of(decision, best, lines), alone[best])
        left: list[Unit] = []
        for unit_group, basket_line in enumerate(lines):
            left += [(unit_group, basket_line.sku, int(basket_line.unit_inc_tax))] * (
                basket_line.units - alone[best].taken.get(unit_group, 0)
            )
        expected = expected_of(drawn[other], left)
        assert_same(result_of(decision, other, lines), expected)
        if not expected.redemptions:
            assert (refusal(decision, other).reason, refusal(decision, other).won_by) == ("lost_conflict", (best,))


@pytest.mark.parametrize("seed", range(10))
def test_an_always_apply_discount_is_applied_to_reduced_prices(seed: int) -> None:
    random = Random(seed)
    for _ in range(CASES_OF_A_SEED):
        first, second = draw(random, spend=True), draw(random, spend=True)
        unit_groups = draw_lines(random)
        lines = in_single_units(unit_groups)
        reduced = decide(make_basket(*lines), discount_of(first, "a"))
        prices = [
            (unit_group, sku, basket_line.net)
            for (unit_group, sku, _), basket_line in zip(units_of(unit_groups), reduced.lines, strict=True)
        ]
        decision = decide(make_basket(*lines), discount_of(second, "b", always_apply=True), discount_of(first, "a"))
        assert_same(result_of(decision, "a", lines), result_of(reduced, "a", lines))
        assert_same(result_of(decision, "b", lines), expected_of(second, prices))
