"""A decision on prices depends on what is bought, not on how it is written down, and its parts add up."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conflicts.resolver import Policy
from promotions.engine.benefits.vouchers import PresentedVoucher
from promotions.engine.facts.basket import Basket, Line, ProductFacts, UnitGroup
from promotions.engine.matching.prices import PricedUnits, PriceReduction, Prices, share_reduction
from promotions.engine.pipeline.decision import Applied, AppliedVoucher, Decision
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rules.attributes import Scope
from tests.promotions.engine.builders import (
    applied,
    condition,
    decide,
    every,
    holds,
    line,
    make_basket,
    make_discount,
    make_list,
    make_personalized,
    make_promotion,
    make_shopper,
    make_voucher,
    product_set,
    reason,
    sku,
)
from tests.promotions.engine.pipeline.test_evaluate import split

TEA = every(condition("category", "is", "tea"))
PRODUCTS = {"A": ProductFacts(category="Tea"), "B": ProductFacts(category="Tea"), "C": ProductFacts(category="Coffee")}
SOURCES = st.sampled_from(
    [
        {"rules": {}},
        {"rules": TEA},
        {"rules": sku("A", "C")},
        {"products": ["A"]},
        {"products": ["B", "C", "W"]},
        {"personalized_promotion": "PP"},
        {"personalized_promotion": "PP", "default_product": "B"},
        {"personalized_promotion": "Other"},
    ]
)
NEEDS = st.sampled_from(
    [
        {},
        {"required_quantity": 2, "discounted_quantity": 1},
        {"required_quantity": 3},
        {"required_quantity": 2, "gets_discount": False},
        {"required_spend": "4.00"},
        {"required_spend": "6.00", "discounted_quantity": 2},
        {"required_spend": "1.00", "gets_discount": False},
    ]
)
SETS = st.lists(st.builds(lambda source, needs: source | needs, SOURCES, NEEDS), max_size=2)
GIVEN_BY: list[tuple[str, dict[str, Any]]] = [
    ("amount", {"value": "1.01"}),
    ("percentage", {"value": "33.3"}),
    ("percentage", {"value": "50", "maximum_discount": "2.50"}),
    ("fixed_price", {"value": "1.50"}),
    ("free_product", {}),
]
SAID = st.tuples(
    st.sampled_from(GIVEN_BY),
    SETS,
    st.fixed_dictionaries(
        {
            "price_order": st.sampled_from(["cheapest", "most_expensive"]),
            "transaction_redemption_limit": st.sampled_from([None, None, None, 1, 2]),
            "always_apply": st.sampled_from([False, False, True]),
        }
    ),
)


def discount_of(code: str, draw: Any, **others: Any) -> Promotion:
    """A discount as drawn; one set more gets the discount, where none of those drawn does."""
    (discount_type, outcome), sets, conditions = draw
    if not any(product_set.get("gets_discount", True) for product_set in sets):
        sets = [*sets, product_set()]
    return make_discount(code, discount_type, sets=sets, **outcome, **(conditions | others))


DISCOUNTS = st.lists(SAID, min_size=1, max_size=4).map(
    lambda draws: [discount_of(f"d{i}", draw) for i, draw in enumerate(draws)]
)
LINES = st.lists(
    st.builds(
        line,
        st.sampled_from("ABCD"),
        st.integers(1, 6),
        st.sampled_from(["0.00", "0.01", "1.00", "1.00", "2.49", "3.33"]),
        category=st.sampled_from(["", "Tea"]),
    ),
    min_size=1,
    max_size=5,
)
WEIGHED = st.lists(
    st.builds(lambda quantity: line("W", quantity, "3.99"), st.sampled_from(["0.5", "1.333"])), max_size=2
)
VOUCHERS = st.lists(
    st.sampled_from(
        [
            make_voucher("amount", value="1.23"),
            make_voucher("tenth", "percentage", "10"),
            make_voucher("product", "product", product="A"),
            make_voucher("external", "external"),
            make_voucher("other", is_own=False),
        ]
    ),
    max_size=3,
    unique_by=lambda promotion: promotion.code,
)
POLICIES = st.builds(
    Policy,
    promotion_bias=st.sampled_from(["max_customer_saving", "min_customer_saving"]),
    discounts_per_transaction=st.sampled_from([None, None, 1, 2]),
)
SHOPPER = make_shopper(personalized={"PP": make_list("C", "B", "A"), "Other": make_list("A", "W", selected=["A"])})
PERSONALIZED = {"PP": make_personalized(1, locks=True), "Other": make_personalized()}


def basket_of(lines: Sequence[Line]) -> Basket:
    return make_basket(
        *(basket_line._replace(line_id=str(i)) for i, basket_line in enumerate(lines)), products=PRODUCTS
    )


def decided(basket: Basket, promotions: Sequence[Promotion], **overrides: Any) -> Decision:
    return decide(basket, *promotions, shopper=SHOPPER, personalized=PERSONALIZED, **overrides)


def summary(decision: Decision) -> dict[str, Any]:
    """What must not depend on how the basket is written: all but the names of lines and what a unit group shows."""
    unit_groups = {
        decision.basket.lines[position].line_id: unit_group.ordinal
        for unit_group in decision.basket.unit_groups
        for position in unit_group.lines
    }

    def by_unit_group(pairs: list[tuple[str, Any]]) -> dict[int, Any]:
        totals: dict[int, Any] = {}
        for line_id, amount in pairs:
            totals[unit_groups[line_id]] = totals.get(unit_groups[line_id], 0) + amount
        return totals

    return {
        "totals": (decision.total, decision.net, decision.base_points, decision.points),
        "net": by_unit_group([(row.line_id, row.net) for row in decision.lines]),
        "applied": [
            (
                winner.promotion.code,
                winner.redemptions,
                winner.discount,
                winner.points,
                winner.saving,
                by_unit_group([(share.line_id, share.quantity) for share in winner.lines]),
                by_unit_group([(share.line_id, share.discount) for share in winner.lines]),
            )
            for winner in decision.applied
        ],
        "vouchers": [
            (
                voucher.code,
                voucher.discount,
                by_unit_group([(share.line_id, share.discount) for share in voucher.lines]),
            )
            for voucher in decision.vouchers
        ],
        "refused": [
            (refusal.promotion.code, refusal.reason, refusal.won_by, refusal.decided_by) for refusal in decision.refused
        ],
        "vouchers_refused": decision.vouchers_refused,
        "others": (decision.add_products, decision.personalized, decision.choices_to_lock, decision.effective_choices),
    }


# --- how it is written down -----------------------------------------------------------------------------------------


@given(LINES, WEIGHED, DISCOUNTS, st.tuples(VOUCHERS, POLICIES), st.randoms(use_true_random=False))
def test_splitting_and_reordering_lines_changes_no_total(
    lines: list[Line],
    weighed: list[Line],
    discounts: list[Promotion],
    vouchers_and_policy: tuple[list[PresentedVoucher], Policy],
    random: Any,
) -> None:
    vouchers, policy = vouchers_and_policy
    promotions = [*discounts, make_promotion("points", "bonus_points", conversion_units="1.5")]
    whole = decided(basket_of([*lines, *weighed]), promotions, policy=policy, vouchers=vouchers)
    parts = [*split(lines, random), *weighed]
    random.shuffle(parts)
    assert summary(decided(basket_of(parts), promotions, policy=policy, vouchers=vouchers)) == summary(whole)


@given(LINES, WEIGHED, DISCOUNTS, POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_discounts_changes_nothing(
    lines: list[Line], weighed: list[Line], discounts: list[Promotion], policy: Policy, random: Any
) -> None:
    shuffled = list(discounts)
    random.shuffle(shuffled)
    basket = basket_of([*lines, *weighed])
    assert decided(basket, shuffled, policy=policy) == decided(basket, discounts, policy=policy)


@given(
    LINES,
    DISCOUNTS,
    POLICIES,
    SAID,
    st.sampled_from(
        [
            {"draft": True},
            {"currency": "EUR"},
            {"site_rules": every(condition("town", "is", "Nowhere"))},
            {"customer_rules": every(condition("groups", "is", "nobody"))},
            {"transaction_rules": every(condition("source", "is", "nowhere"))},
        ]
    ),
)
def test_a_discount_that_does_not_qualify_changes_nothing(
    lines: list[Line], discounts: list[Promotion], policy: Policy, draw: Any, fault: dict[str, Any]
) -> None:
    other = discount_of("other", draw, **fault)
    basket = basket_of(lines)
    without, joined = decided(basket, discounts, policy=policy), decided(basket, [*discounts, other], policy=policy)
    # Lists that a discount in force uses are told, whether it qualifies or not.
    assert replace(joined, refused=(), personalized=()) == replace(without, refused=(), personalized=())
    assert [refusal for refusal in joined.refused if refusal.promotion is not other] == list(without.refused)
    assert reason(joined, "other") == next(iter(fault))


# --- what adds up ---------------------------------------------------------------------------------------------------


@given(LINES, WEIGHED, DISCOUNTS, VOUCHERS, POLICIES)
def test_amounts_off_lines_add_up_to_the_discounts_and_vouchers(
    lines: list[Line],
    weighed: list[Line],
    discounts: list[Promotion],
    vouchers: list[PresentedVoucher],
    policy: Policy,
) -> None:
    basket = basket_of([*lines, *weighed])
    decision = decided(basket, discounts, policy=policy, vouchers=vouchers)
    given_off: list[Applied | AppliedVoucher] = [*decision.applied, *decision.vouchers]
    bought = {row.line_id: row.quantity for row in basket.lines}
    for benefit in given_off:
        assert sum(share.discount for share in benefit.lines) == benefit.discount
        assert len({share.line_id for share in benefit.lines}) == len(benefit.lines)
        assert all(0 < share.quantity <= bought[share.line_id] and share.discount >= 0 for share in benefit.lines)
    for each in decision.lines:
        off_line = [share.discount for benefit in given_off for share in benefit.lines if share.line_id == each.line_id]
        assert sum(off_line) == each.discount
        assert (each.total - each.discount, each.net >= 0) == (each.net, True)
    assert sum(each.discount for each in decision.lines) == decision.total - decision.net
    assert sum(benefit.discount for benefit in given_off) == decision.total - decision.net
    assert all(winner.discount for winner in decision.applied)


@given(LINES, WEIGHED, DISCOUNTS, POLICIES)
def test_no_unit_is_in_two_competing_discounts(
    lines: list[Line], weighed: list[Line], discounts: list[Promotion], policy: Policy
) -> None:
    basket = basket_of([*lines, *weighed])
    decision = decided(basket, discounts, policy=policy)
    used: dict[str, Decimal] = {}
    for winner in decision.applied:
        for share in winner.lines if not winner.promotion.always_apply else ():
            used[share.line_id] = used.get(share.line_id, Decimal(0)) + share.quantity
    assert all(used.get(row.line_id, 0) <= row.quantity for row in basket.lines)


@given(LINES, DISCOUNTS, st.sampled_from([None, 1, 2]))
def test_under_the_greatest_saving_no_loser_saves_more_than_the_first_winner(
    lines: list[Line], discounts: list[Promotion], places: int | None
) -> None:
    basket = basket_of(lines)
    competing = [replace(discount, always_apply=False) for discount in discounts]
    decision = decided(basket, competing, policy=Policy(discounts_per_transaction=places))
    winners = [winner.promotion.code for winner in decision.applied]
    for lost in decision.refused:
        if lost.reason == "lost_conflict":
            alone = applied(decided(basket, [lost.promotion]), lost.promotion.code)
            assert decision.applied[0].saving >= alone.saving
            assert lost.won_by
            assert list(lost.won_by) == [code for code in winners if code in lost.won_by]


@given(LINES, DISCOUNTS, st.sampled_from(["max_customer_saving", "min_customer_saving"]))
def test_a_loser_names_the_earlier_winners_of_units_that_its_sets_accept(
    lines: list[Line], discounts: list[Promotion], bias: str
) -> None:
    basket = basket_of(lines)
    decision = decided(basket, discounts, policy=Policy(promotion_bias=bias))
    winners = [winner for winner in decision.applied if not winner.promotion.always_apply]

    def rank(promotion: Promotion) -> tuple[Fraction, str]:
        saving = applied(decided(basket, [promotion]), promotion.code).saving
        return saving if bias == "min_customer_saving" else -saving, promotion.code

    for lost in (refusal for refusal in decision.refused if refusal.reason == "lost_conflict"):
        fitting = {
            basket.lines[position].line_id
            for unit_group in basket.unit_groups
            for position in unit_group.lines
            if any(fits(product_set, unit_group) for product_set in lost.promotion.source.outcome["product_sets"])
        }
        before = [winner for winner in winners if rank(winner.promotion) < rank(lost.promotion)]
        holding = [
            winner.promotion.code for winner in before if any(share.line_id in fitting for share in winner.lines)
        ]
        assert lost.won_by == tuple(holding)


def fits(product_set: dict[str, Any], unit_group: UnitGroup) -> bool:
    """Whether a product set could take units of a unit group for SHOPPER."""
    if "products" in product_set:
        return unit_group.sku in product_set["products"]
    if "personalized_promotion" in product_set:
        choice = SHOPPER.personalized[product_set["personalized_promotion"]]
        return (
            unit_group.sku in (choice.selected or [product_set["default_product"] or unit_group.sku])
            and unit_group.sku in choice.products
        )
    return holds(product_set["rules"], Scope.LINE_ITEM, unit_group.item)


# --- priced units and reductions -------------------------------------------------------------------------------------

PRICED_UNITS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(0, 300)), min_size=1, max_size=5
).map(
    lambda drawn: [
        PricedUnits(
            unit_group=unit_group, first=sum(n for r, n, _ in drawn[:i] if r == unit_group), units=units, value=value
        )
        for i, (unit_group, units, value) in enumerate(drawn)
    ]
)


@given(PRICED_UNITS, st.integers(0, 100))
def test_an_amount_is_shared_to_the_penny_and_no_unit_falls_below_zero(
    priced_units: list[PricedUnits], percent: int
) -> None:
    before = Prices(priced_units=tuple(sorted(priced_units, key=lambda units: (units.unit_group, units.first))))
    off = before.total * percent // 100
    reductions = share_reduction(off, before.priced_units)
    after = before.after(reductions)
    assert sum(reduction.off for reduction in reductions) == off
    assert after.total == before.total - off
    assert all(priced.value >= 0 and priced.units > 0 for priced in after.priced_units)
    assert places(after) == places(before)


@given(PRICED_UNITS, st.data())
def test_units_that_are_taken_are_left_out(priced_units: list[PricedUnits], data: st.DataObject) -> None:
    before = Prices(priced_units=tuple(sorted(priced_units, key=lambda units: (units.unit_group, units.first))))
    parts = []
    for units in data.draw(st.lists(st.sampled_from(priced_units), unique=True)):
        start = data.draw(st.integers(0, units.units - 1))
        parts.append(units.part(start, data.draw(st.integers(1, units.units - start))))
    gone = {(part.unit_group, part.first + i) for part in parts for i in range(part.units)}
    assert set(places(before.without(parts))) == set(places(before)) - gone


def places(prices: Prices) -> list[tuple[int, int]]:
    """Every unit by unit group and position."""
    return [(priced.unit_group, priced.first + i) for priced in prices.priced_units for i in range(priced.units)]


@given(st.integers(1, 9), st.integers(0, 300), st.integers(0, 100))
def test_the_parts_of_a_reduction_add_up_from_unit_to_unit(units: int, value: int, percent: int) -> None:
    reduction = PriceReduction(
        priced=PricedUnits(unit_group=0, first=0, units=units, value=value), off=units * value * percent // 100
    )
    costs = [reduction.off_of(n + 1) - reduction.off_of(n) for n in range(units)]
    left = [part.value for part in reduction.left() for _ in range(part.units)]
    assert [value - cost for cost in costs] == left
    assert sum(costs) == reduction.off
    assert max(left) - min(left) <= 1
