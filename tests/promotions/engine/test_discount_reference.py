"""The engine takes the units and shares the amounts that working a discount out unit by unit would."""

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from promotions.engine.basket import Line
from promotions.engine.rulebook import Promotion
from tests.promotions.engine.builders import (
    applied,
    decide,
    line,
    make_basket,
    make_discount,
    off,
    product_set,
    reason,
    taken,
)
from tests.promotions.engine.naive_discount import NaiveDiscount, NaiveResult, NaiveSet, NaiveUnit, naive_result

SKUS = "ABCD"
VALUES = {
    "amount": ["0.01", "1.00", "2.50"],
    "percentage": ["10", "33.3", "50", "100"],
    "fixed_price": ["0.00", "1.00", "4.99"],
    "free_product": ["0"],
}


PRICES = ["0.00", "0.01", "0.03", "1.00", "1.99", "3.33", "10.00"]
CASES_OF_A_SEED = 150


def naive_set(random: Random, *, spend: bool) -> NaiveSet:
    gets_discount = random.random() < 2 / 3
    if spend and random.random() < 1 / 2:
        discounted = random.choice([None, 1, 2, 3])
        return NaiveSet(spend=random.choice([1, 300, 1000]), discounted=discounted, gets_discount=gets_discount)
    quantity = random.randint(1, 3)
    return NaiveSet(quantity=quantity, discounted=random.randint(1, quantity), gets_discount=gets_discount)


def case(random: Random, *, spend: bool) -> tuple[NaiveDiscount, list[list[str]], list[Line], int | None]:
    """A discount, the SKUs that fit each of its sets, the lines of a basket (one for each run), and a limit."""
    kind = random.choice(sorted(VALUES))
    value = Fraction(random.choice(VALUES[kind]))
    sets = [naive_set(random, spend=spend) for _ in range(random.randint(1, 3))]
    if not any(one.gets_discount for one in sets):
        sets.append(NaiveSet())
    discount = NaiveDiscount(
        kind=kind,
        value=value if kind == "percentage" else value * 100,
        sets=tuple(sets),
        most_expensive=random.random() < 1 / 2,
        maximum=random.choice([None, None, 1, 250]) if kind == "percentage" else None,
    )
    fitting = [random.sample(SKUS, random.randint(1, len(SKUS))) for _ in sets]
    runs = random.sample([(sku, price) for sku in SKUS for price in PRICES], random.randint(1, 5))
    lines = [line(sku, random.randint(1, 4), price) for sku, price in runs]
    return discount, fitting, lines, random.choice([None, None, 1, 2])


def engines(discount: NaiveDiscount, fitting: list[list[str]], limit: int | None) -> Promotion:
    """The same discount as the engine is told it."""
    sets: list[dict[str, Any]] = []
    for one, skus in zip(discount.sets, fitting, strict=True):
        said: dict[str, Any] = {"gets_discount": one.gets_discount}
        if one.spend is not None:
            said["required_spend"] = str(Decimal(one.spend) / 100)
        else:
            said["required_quantity"] = one.quantity
        if one.gets_discount:
            said["discounted_quantity"] = one.discounted
        sets.append(product_set(*sorted(skus), **said))
    value = str(Decimal(discount.value.numerator) / discount.value.denominator)
    return make_discount(
        "promo",
        discount.kind,
        value=None if discount.kind == "free_product" else value if discount.kind == "percentage" else money(value),
        maximum_discount=None if discount.maximum is None else money(str(discount.maximum)),
        price_order="most_expensive" if discount.most_expensive else "cheapest",
        sets=sets,
        transaction_redemption_limit=limit,
    )


def money(minor: str) -> str:
    return str(Decimal(minor) / 100)


def by_hand(discount: NaiveDiscount, fitting: list[list[str]], lines: list[Line], limit: int | None) -> NaiveResult:
    in_order = sorted(lines, key=lambda one: (one.sku, one.unit_inc_tax))
    units = [
        NaiveUnit(
            run=run,
            price=one.unit_inc_tax,
            fits=frozenset(number for number, skus in enumerate(fitting) if one.sku in skus),
        )
        for run, one in enumerate(in_order)
        for _ in range(one.units)
    ]
    return naive_result(discount, units, limit=limit)


def agree(discount: NaiveDiscount, fitting: list[list[str]], lines: list[Line], limit: int | None) -> None:
    decision = decide(make_basket(*lines), engines(discount, fitting, limit))
    expected = by_hand(discount, fitting, lines, limit)
    if not expected.redemptions:
        assert reason(decision) == ("no_value" if expected.found else "no_matching_products")
        assert decision.net == decision.total
        return
    one = applied(decision)
    names = [each.line_id for each in sorted(lines, key=lambda each: (each.sku, each.unit_inc_tax))]
    assert one.redemptions == expected.redemptions
    assert taken(one) == {names[run]: Decimal(units) for run, units in expected.taken.items()}
    assert off(one) == {names[run]: expected.off.get(run, 0) for run in expected.taken}
    assert one.discount == sum(expected.off.values()) == decision.total - decision.net
    assert {each.line_id: each.discount for each in decision.lines if each.discount} == {
        names[run]: amount for run, amount in expected.off.items() if amount
    }


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("spend", [False, True])
def test_units_are_matched_and_amounts_shared_as_unit_by_unit(seed: int, *, spend: bool) -> None:
    random = Random(seed)
    for _ in range(CASES_OF_A_SEED):
        agree(*case(random, spend=spend))
