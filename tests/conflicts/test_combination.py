"""The combination of competing discounts that saves the most, or by the bias the least."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflicts.resolver import Policy
from conflicts.resolver.combination import MAX_PROVED
from promotions.engine.facts.basket import Basket, Line
from promotions.engine.pipeline.decision import Candidate, Contest, Decision, Resolution
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.benefits.naive_discount import NaiveDiscount, NaiveSet, NaiveUnit, naive_result
from tests.promotions.engine.builders import (
    applied,
    decide,
    line,
    make_basket,
    make_discount,
    make_list,
    make_personalized,
    make_shopper,
    off,
    product_set,
    reason,
    refusal,
)

BEST = Policy(discount_combination="best_total")
LEAST = Policy(discount_combination="best_total", promotion_bias="min_customer_saving")


def order(decision: Decision) -> list[str]:
    return [winner.promotion.code for winner in decision.applied]


def total_off(decision: Decision) -> int:
    return decision.total - decision.net


def bundle(code: str, value: str, *skus: str) -> Promotion:
    return make_discount(code, "amount", value=value, sets=[product_set(sku) for sku in skus])


def percent(code: str, value: str, *skus: str, **fields: Any) -> Promotion:
    return make_discount(code, value=value, sets=[product_set(*skus)], **fields)


# --- the examples of the specification --------------------------------------------------------------------------------

BUNDLE = bundle("bundle", "6.00", "SHAMPOO", "COFFEE")
SINGLES = percent("sh", "50", "SHAMPOO"), percent("co", "50", "COFFEE")
DRUGSTORE = make_basket(line("SHAMPOO", 1, "10.00", line_id="shampoo"), line("COFFEE", 1, "8.00", line_id="coffee"))


def test_a_bundle_keeps_out_two_discounts_that_save_more_together_where_discounts_are_ranked() -> None:
    decision = decide(DRUGSTORE, BUNDLE, *SINGLES)
    assert (order(decision), total_off(decision)) == (["bundle"], 600)
    assert decision.combination_proved


def test_the_best_total_gives_the_two_discounts() -> None:
    decision = decide(DRUGSTORE, BUNDLE, *SINGLES, policy=BEST)
    assert (order(decision), total_off(decision)) == (["sh", "co"], 900)
    lost = refusal(decision, "bundle")
    assert (lost.reason, lost.won_by, lost.decided_by) == ("lost_conflict", ("sh", "co"), "combination")
    assert lost.detail == "Lost to sh, co because of the total saving of all discounts."


def test_the_bundle_wins_where_it_saves_more_than_both() -> None:
    dear = bundle("bundle", "9.01", "SHAMPOO", "COFFEE")
    decision = decide(DRUGSTORE, dear, *SINGLES, policy=BEST)
    assert (order(decision), total_off(decision)) == (["bundle"], 901)
    assert refusal(decision, "sh").won_by == ("bundle",)


def test_the_least_total_is_taken_under_the_other_bias_and_leaves_out_none_that_gives_something() -> None:
    decision = decide(DRUGSTORE, BUNDLE, *SINGLES, policy=LEAST)
    assert (order(decision), total_off(decision)) == (["bundle"], 600)
    decision = decide(DRUGSTORE, bundle("bundle", "9.50", "SHAMPOO", "COFFEE"), *SINGLES, policy=LEAST)
    assert (order(decision), total_off(decision)) == (["co", "sh"], 900)


# --- equal orders, groups, places -------------------------------------------------------------------------------------


def test_of_equal_totals_the_first_by_ranks_is_taken() -> None:
    decision = decide(DRUGSTORE, bundle("bundle", "9.00", "SHAMPOO", "COFFEE"), *SINGLES, policy=BEST)
    assert order(decision) == ["bundle"]


def test_groups_that_no_unit_connects_are_decided_apart_and_told_in_the_order_of_ranks() -> None:
    basket = make_basket(
        line("SHAMPOO", 1, "10.00"), line("COFFEE", 1, "8.00"), line("TEA", 1, "9.00"), line("JAM", 1, "1.00")
    )
    others = percent("tea", "50", "TEA"), percent("jam", "50", "JAM")
    decision = decide(basket, *others, BUNDLE, *SINGLES, policy=BEST)
    assert order(decision) == ["sh", "tea", "co", "jam"]


def test_a_product_in_no_run_of_the_basket_connects_nothing() -> None:
    """Seven discounts share tea, which nobody buys; each has a product of its own."""
    names = "ABCDEFG"
    discounts = [percent(name, "10", name, "TEA") for name in names]
    decision = decide(make_basket(*(line(name) for name in names)), *discounts, policy=BEST)
    assert (len(decision.applied), decision.combination_proved) == (len(names), True)


@pytest.mark.parametrize(
    ("places", "winners", "saved"), [(1, ["bundle"], 600), (2, ["sh", "co"], 900), (3, ["sh", "co"], 900)]
)
def test_an_order_counts_its_first_so_many_winners(places: int, winners: list[str], saved: int) -> None:
    policy = Policy(discount_combination="best_total", discounts_per_transaction=places)
    decision = decide(DRUGSTORE, BUNDLE, *SINGLES, policy=policy)
    assert (order(decision), total_off(decision)) == (winners, saved)


def test_what_lost_for_want_of_a_place_names_all_winners() -> None:
    policy = Policy(discount_combination="best_total", discounts_per_transaction=1)
    basket = make_basket(line("A", 1, "10.00"), line("B", 1, "9.00"))
    decision = decide(basket, percent("a", "50", "A"), percent("b", "50", "B"), policy=policy)
    assert order(decision) == ["a"]
    assert (refusal(decision, "b").won_by, refusal(decision, "b").decided_by) == (("a",), "combination")


def test_won_by_names_winners_that_come_later_in_the_order_too() -> None:
    basket = make_basket(line("A", 1, "10.00"), line("B", 1, "10.00"), line("C", 1, "10.00"))
    pair = bundle("pair", "6.00", "A", "B")
    singles = [percent(code.lower(), "40", code) for code in "ABC"]
    decision = decide(basket, pair, *singles, policy=BEST)
    assert sorted(order(decision)) == ["a", "b", "c"]
    assert refusal(decision, "pair").won_by == ("a", "b")


def test_always_apply_discounts_are_not_part_of_it() -> None:
    always = make_discount("always", "amount", value="1.00", sets=[product_set("SHAMPOO")], always_apply=True)
    decision = decide(DRUGSTORE, BUNDLE, *SINGLES, always, policy=BEST)
    assert off(applied(decision, "always")) == {"shampoo": 100}
    assert total_off(decision) == 1000


def test_discounts_on_one_list_without_a_choice_compete() -> None:
    """Of the list only one product may be chosen; the order says which discount chooses it."""
    basket = make_basket(line("A", 1, "10.00"), line("B", 1, "4.00"))
    first = make_discount("first", value="10", sets=[product_set(personalized_promotion="PP")])
    second = make_discount(
        "second", value="50", price_order="most_expensive", sets=[product_set(personalized_promotion="PP")]
    )
    decision = decide(
        basket,
        first,
        second,
        shopper=make_shopper(personalized={"PP": make_list("A", "B")}),
        personalized={"PP": make_personalized(1)},
        policy=BEST,
    )
    assert (order(decision), total_off(decision)) == (["second"], 500)
    assert refusal(decision, "first").won_by == ("second",)


# --- more than are tried exhaustively ---------------------------------------------------------------------------------


def test_among_seven_the_ranked_order_is_improved_and_told_as_not_proved() -> None:
    names = "ABCDEF"
    basket = make_basket(*(line(name, 1, "10.00") for name in names))
    whole = bundle("whole", "25.00", *names)
    decision = decide(basket, whole, *(percent(name, "50", name) for name in names), policy=BEST)
    assert (total_off(decision), decision.combination_proved) == (3000, False)
    six = decide(
        make_basket(*(line(name, 1, "10.00") for name in names[1:])),
        bundle("whole", "20.00", *names[1:]),
        *(percent(name, "50", name) for name in names[1:]),
        policy=BEST,
    )
    assert (total_off(six), six.combination_proved) == (2500, True)


# --- against trying everything ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FixedOrder:
    """Applies discounts in the order of their codes that it is given, as far as places last."""

    codes: tuple[str, ...]
    places: int | None = None

    def resolve(self, candidates: Any) -> Resolution:
        return Resolution(winners=(), losers=())

    def resolve_discounts(self, candidates: Any, contest: Contest) -> Resolution:
        by_code = {candidate.code: candidate for candidate in candidates}
        winners: list[Candidate] = []
        for code in self.codes:
            if code in by_code and (self.places is None or len(winners) < self.places):
                reapplied = contest.reapply(by_code[code])
                if reapplied is not None:
                    contest.award(reapplied)
                    winners.append(reapplied)
        return Resolution(winners=tuple(winners), losers=())


SKUS = "ABCD"
PRICES = ["0.00", "1.00", "1.99", "5.00", "10.00"]
VALUES: dict[str, list[str | None]] = {
    "amount": ["1.00", "2.50", "6.00"],
    "percentage": ["10", "50", "100"],
    "fixed_price": ["1.00", "6.00"],
    "free_product": [None],
}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A discount in the engine's form, and written out for the slow reading."""

    promotion: Promotion
    naive: NaiveDiscount
    fitting: list[list[str]]
    limit: int | None


@st.composite
def _discounts(draw: st.DrawFn, code: str, shared: str = "") -> Drawn:
    kind = draw(st.sampled_from(sorted(VALUES)))
    value = draw(st.sampled_from(VALUES[kind]))
    sets: list[dict[str, Any]] = []
    naive_sets = []
    fitting = []
    for number in range(draw(st.integers(1, 2))):
        skus = [*draw(st.lists(st.sampled_from(SKUS), min_size=1, max_size=3, unique=True)), *shared]
        quantity = draw(st.integers(1, 2))
        gets_discount = number == 0 or draw(st.booleans())
        discounted = draw(st.integers(1, quantity))
        fields = {"required_quantity": quantity, "gets_discount": gets_discount}
        sets.append(product_set(*skus, **fields | ({"discounted_quantity": discounted} if gets_discount else {})))
        naive_sets.append(NaiveSet(quantity=quantity, discounted=discounted, gets_discount=gets_discount))
        fitting.append(skus)
    most_expensive = draw(st.booleans())
    limit = draw(st.sampled_from([None, None, 1]))
    promotion = make_discount(
        code,
        kind,
        value=value,
        sets=sets,
        price_order="most_expensive" if most_expensive else "cheapest",
        transaction_redemption_limit=limit,
    )
    amount = Fraction(value or 0) * (1 if kind == "percentage" else 100)
    naive = NaiveDiscount(kind=kind, value=amount, sets=tuple(naive_sets), most_expensive=most_expensive)
    return Drawn(promotion=promotion, naive=naive, fitting=fitting, limit=limit)


@st.composite
def _cases(draw: st.DrawFn, most: int) -> tuple[list[Drawn], list[Line]]:
    drawn = [draw(_discounts(code)) for code in "abcdefghij"[: draw(st.integers(2, most))]]
    keys = draw(
        st.lists(st.tuples(st.sampled_from(SKUS), st.sampled_from(PRICES)), min_size=1, max_size=5, unique=True)
    )
    keys.sort(key=lambda key: (key[0], Fraction(key[1])))
    return drawn, [line(sku, draw(st.integers(1, 2)), price) for sku, price in keys]


def slow_order_saves(drawn: list[Drawn], lines: list[Line], places: int | None) -> int:
    """What discounts save in the order given, worked out unit by unit; only those that qualify alone take part."""
    units = [(run, row.sku, int(row.unit_inc_tax)) for run, row in enumerate(lines) for _ in range(row.units)]
    saved = won = 0
    for each in drawn:
        if places is not None and won == places:
            break
        result = slow_result(each, units)
        if not result.redemptions:
            continue
        won += 1
        saved += sum(result.off.values())
        for run, taken in result.taken.items():
            for _ in range(taken):
                units.remove(next(unit for unit in units if unit[0] == run))
    return saved


def slow_result(each: Drawn, units: list[tuple[int, str, int]]) -> Any:
    return naive_result(
        each.naive,
        [
            NaiveUnit(
                unit_group=run,
                price=price,
                fits=frozenset(number for number, skus in enumerate(each.fitting) if sku in skus),
            )
            for run, sku, price in units
        ],
        limit=each.limit,
    )


def qualifying(drawn: list[Drawn], lines: list[Line]) -> list[Drawn]:
    units = [(run, row.sku, int(row.unit_inc_tax)) for run, row in enumerate(lines) for _ in range(row.units)]
    return [each for each in drawn if slow_result(each, units).redemptions]


@given(case=_cases(4), places=st.sampled_from([None, None, 1, 2]), data=st.data())
def test_the_best_total_is_that_of_the_best_of_all_orders(
    case: tuple[list[Drawn], list[Line]], places: int | None, data: st.DataObject
) -> None:
    drawn, lines = case
    basket: Basket = make_basket(*lines)
    promotions = [each.promotion for each in drawn]
    codes = [promotion.code for promotion in promotions]
    by_order = {
        each: total_off(decide(basket, *promotions, policy=FixedOrder(each, places)))  # type: ignore[arg-type]
        for each in permutations(codes)
    }
    candidates = qualifying(drawn, lines)
    slow = [slow_order_saves(list(each), lines, places) for each in permutations(candidates)]
    assert (max(by_order.values()), min(by_order.values())) == (max(slow), min(slow))
    for bias, best in (("max_customer_saving", max(slow)), ("min_customer_saving", min(slow))):
        policy = Policy(discount_combination="best_total", promotion_bias=bias, discounts_per_transaction=places)
        decision = decide(basket, *promotions, policy=policy)
        assert total_off(decision) == best
        assert decision.combination_proved
        shuffled = decide(basket, *data.draw(st.permutations(promotions)), policy=policy)
        assert (shuffled.lines, order(shuffled)) == (decision.lines, order(decision))
        ranked = Policy(promotion_bias=bias, discounts_per_transaction=places)
        of_ranks = total_off(decide(basket, *promotions, policy=ranked))
        assert of_ranks <= best if bias == "max_customer_saving" else of_ranks >= best
        winners = {winner.promotion.code for winner in decision.applied}
        for promotion in promotions:
            if reason(decision, promotion.code) == "lost_conflict":
                lost = refusal(decision, promotion.code)
                assert lost.decided_by == "combination"
                assert lost.won_by
                assert set(lost.won_by) <= winners


def improved_slowly(ranked: list[Drawn], lines: list[Line], places: int | None) -> int:
    """The ranked order, improved by the first exchange of two places that betters it until none does."""
    current, saved = list(ranked), slow_order_saves(ranked, lines, places)
    while True:
        for first, second in combinations(range(len(current)), 2):
            exchanged = list(current)
            exchanged[first], exchanged[second] = current[second], current[first]
            better = slow_order_saves(exchanged, lines, places)
            if better > saved:
                current, saved = exchanged, better
                break
        else:
            return saved


@st.composite
def _crowds(draw: st.DrawFn) -> tuple[list[Drawn], list[Line]]:
    """Seven to nine discounts that all accept one product of the basket."""
    drawn = [draw(_discounts(code, "X")) for code in "abcdefghi"[: draw(st.integers(7, 9))]]
    prices = st.sampled_from(PRICES)
    lines = [line(sku, draw(st.integers(1, 3)), draw(prices)) for sku in (*SKUS, "X")]
    return drawn, lines


@given(case=_crowds(), places=st.sampled_from([None, None, 2, 3]))
def test_beyond_six_the_ranked_order_is_improved_by_exchange(
    case: tuple[list[Drawn], list[Line]], places: int | None
) -> None:
    drawn, lines = case
    candidates = qualifying(drawn, lines)
    units = [(run, row.sku, int(row.unit_inc_tax)) for run, row in enumerate(lines) for _ in range(row.units)]
    saving = {each.promotion.code: sum(slow_result(each, units).off.values()) for each in candidates}
    ranked = sorted(candidates, key=lambda each: (-saving[each.promotion.code], each.promotion.code))
    policy = Policy(discount_combination="best_total", discounts_per_transaction=places)
    decision = decide(make_basket(*lines), *(each.promotion for each in drawn), policy=policy)
    if len(candidates) > MAX_PROVED:
        assert total_off(decision) == improved_slowly(ranked, lines, places)
    assert decision.combination_proved == (len(candidates) <= MAX_PROVED)
    assert total_off(decision) >= slow_order_saves(ranked, lines, places)
