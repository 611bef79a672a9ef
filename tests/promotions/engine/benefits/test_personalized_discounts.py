"""Discounts on products of each consumer's own list: what qualifies, what is shown, what a commit makes final."""

from datetime import timedelta
from typing import Any

import pytest

from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import PersonalizedChoice
from promotions.engine.pipeline.decision import Decision, PersonalizedState
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.builders import (
    NOON,
    applied,
    condition,
    decide,
    every,
    line,
    make_basket,
    make_discount,
    make_list,
    make_personalized,
    make_shopper,
    off,
    product_set,
    qualifying,
    reason,
    refusal,
)

BASKET = make_basket(
    line("TEA", 1, "3.00", line_id="tea"),
    line("CAKE", 2, "2.50", line_id="cake"),
    line("BAP", 1, "4.50", line_id="bap"),
    line("COLA", 1, "1.50", line_id="cola"),
)


def yours(
    code: str = "promo", discount_type: str = "percentage", *, default: str | None = None, **overrides: Any
) -> Promotion:
    """A discount on one product of the consumer's list."""
    sets = [product_set(personalized_promotion="PP", default_product=default)]
    return make_discount(code, discount_type, **{"sets": sets, **overrides})


def decided(
    *discounts: Promotion,
    choice: PersonalizedChoice | None = None,
    maximum: int | None = None,
    locks: bool = False,
    basket: Basket = BASKET,
    **overrides: Any,
) -> Decision:
    """A decision for a consumer with one list (or none), under a personalized promotion in force."""
    shopper = make_shopper(personalized={} if choice is None else {"PP": choice})
    personalized = {"PP": make_personalized(maximum, locks=locks)}
    return decide(basket, *discounts, shopper=shopper, **{"personalized": personalized, **overrides})


def reduction(decision: Decision, code: str = "promo") -> dict[str, int]:
    return off(applied(decision, code)) if decision.applied else {}


def state(decision: Decision) -> PersonalizedState:
    (selection_state,) = decision.personalized
    return selection_state


LIST = make_list("BAP", "CAKE", "TEA")


# --- what qualifies -------------------------------------------------------------------------------------------------

QUALIFY: list[tuple[PersonalizedChoice | None, int | None, str | None, set[str]]] = [
    (None, None, None, set()),
    (make_list(), None, None, set()),
    (make_list("WINE"), None, None, set()),
    # without a choice any listed product, up to the maximum, cheapest first
    (LIST, None, None, {"tea", "cake", "bap"}),
    (LIST, 3, None, {"tea", "cake", "bap"}),
    (LIST, 2, None, {"tea", "cake"}),
    (LIST, 1, None, {"cake"}),
    (make_list("WINE", "BAP"), 1, None, {"bap"}),
    # with a choice only that, also above a maximum that was lowered
    (make_list("BAP", "CAKE", "TEA", selected=["TEA"]), None, None, {"tea"}),
    (make_list("BAP", "CAKE", "TEA", selected=["TEA", "BAP"]), 1, None, {"tea", "bap"}),
    (make_list("BAP", "WINE", selected=["WINE"]), None, None, set()),
    # the default product stands in for a choice, if it is on the list
    (LIST, None, "BAP", {"bap"}),
    (LIST, 1, "BAP", {"bap"}),
    (make_list("TEA", "WINE"), None, "WINE", set()),
    (make_list("CAKE", "TEA"), 1, "BAP", {"cake"}),
    (make_list("BAP", "TEA", selected=["TEA"]), None, "BAP", {"tea"}),
]


@pytest.mark.parametrize(("choice", "maximum", "default", "names"), QUALIFY)
def test_which_products_of_a_list_qualify(
    choice: PersonalizedChoice | None, maximum: int | None, default: str | None, names: set[str]
) -> None:
    decision = decided(yours(default=default), choice=choice, maximum=maximum)
    assert set(reduction(decision)) == names
    assert reason(decision) == ("" if names else "no_matching_products")


def test_the_maximum_of_distinct_products_is_filled_in_price_order() -> None:
    decision = decided(yours(price_order="most_expensive"), choice=LIST, maximum=1)
    assert reduction(decision) == {"bap": 225}


def test_the_maximum_counts_products_and_not_units() -> None:
    assert reduction(decided(yours(), choice=LIST, maximum=1)) == {"cake": 250}


def test_a_list_belongs_to_one_consumer() -> None:
    other = decide(BASKET, yours(), shopper=make_shopper("other"), personalized={"PP": make_personalized()})
    assert (reason(other), other.personalized) == ("no_matching_products", ())


def test_an_archived_definition_has_no_effect() -> None:
    decision = decided(yours(), choice=LIST, personalized={})
    assert (reason(decision), decision.personalized) == ("no_matching_products", ())


def test_a_personalized_set_combines_with_other_sets() -> None:
    sets = [qualifying("COLA"), product_set(personalized_promotion="PP")]
    assert reduction(decided(yours(sets=sets), choice=LIST)) == {"cola": 0, "cake": 125}


def test_two_sets_of_one_discount_share_the_maximum_of_their_list() -> None:
    sets = [product_set(personalized_promotion="PP"), product_set(personalized_promotion="PP")]
    choice = make_list("BAP", "COLA", "TEA")
    assert reduction(decided(yours(sets=sets), choice=choice, maximum=1)) == {}
    assert reduction(decided(yours(sets=sets), choice=choice, maximum=2)) == {"cola": 75, "tea": 150}


@pytest.mark.parametrize(
    ("maximum", "expected", "chosen"),
    [(1, {"cake": 100}, ("CAKE",)), (2, {"bap": 180}, ("CAKE", "BAP")), (None, {"bap": 180}, ("CAKE", "BAP"))],
)
@pytest.mark.parametrize("always_apply", [False, True])
def test_two_discounts_of_one_list_share_its_maximum(
    maximum: int | None, expected: dict[str, int], chosen: tuple[str, ...], always_apply: bool
) -> None:
    """The first takes a cake. The second prefers a bap, but under a maximum of one it has to take a cake too."""
    once: dict[str, Any] = {"transaction_redemption_limit": 1, "always_apply": always_apply}
    first = yours("a", value="80", **once)
    second = yours("b", value="40", price_order="most_expensive", **once)
    decision = decided(second, first, choice=LIST, maximum=maximum, locks=True)
    assert (reduction(decision, "a"), reduction(decision, "b")) == ({"cake": 200}, expected)
    assert decision.choices_to_lock == {"PP": chosen}


# --- what is shown --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "default", "requires", "selected"),
    [
        (LIST, None, True, ()),
        (LIST, "BAP", True, ()),
        (make_list("TEA", selected=["TEA"]), None, False, ("TEA",)),
        (make_list("TEA", selected=["TEA"], locked=True), "TEA", False, ("TEA",)),
    ],
)
@pytest.mark.parametrize("locks", [False, True])
def test_a_list_is_shown_with_its_choice_and_lock(
    choice: PersonalizedChoice, default: str | None, requires: bool, selected: tuple[str, ...], locks: bool
) -> None:
    assert state(decided(yours(default=default), choice=choice, locks=locks)) == PersonalizedState(
        backend_id="PP",
        requires_selection=requires,
        locks_after_first_apply=locks,
        locked=choice.locked,
        selected=selected,
    )


def test_a_list_is_shown_where_another_list_of_the_discount_is_missing() -> None:
    sets = [product_set(personalized_promotion="Other"), product_set(personalized_promotion="PP")]
    for overrides in (sets, sets[::-1]):
        assert state(decided(yours(sets=overrides), choice=LIST)).backend_id == "PP"


def test_a_list_is_shown_where_only_its_products_are_missing() -> None:
    decision = decided(yours(), choice=make_list("WINE"))
    assert reason(decision) == "no_matching_products"
    assert state(decision).requires_selection


@pytest.mark.parametrize(
    "fault",
    [
        {"customer_rules": every(condition("groups", "is", "vip"))},
        {"transaction_rules": every(condition("total_inc_tax", "is_at_least", "999"))},
        {"transaction_rules": every(condition("transaction_time", "is_before", "09:00"))},
        {"site_rules": every(condition("town", "is", "Nowhere"))},
    ],
)
def test_a_list_is_shown_also_where_the_discount_in_force_does_not_qualify(fault: dict[str, Any]) -> None:
    assert state(decided(yours(**fault), choice=LIST)).requires_selection


@pytest.mark.parametrize(
    "fault",
    [
        {"draft": True},
        {"starts_at": NOON + timedelta(seconds=1)},
        {"ends_at": NOON},
        {"stopped_at": NOON},
        {"currency": "EUR"},
    ],
)
def test_a_list_is_not_shown_where_no_discount_in_force_in_the_currency_uses_it(fault: dict[str, Any]) -> None:
    assert decided(yours(**fault), choice=LIST).personalized == ()


def test_a_commit_shows_the_choice_that_it_made_final() -> None:
    decision = decided(yours(), choice=LIST, maximum=2, locks=True)
    assert (state(decision).locked, state(decision).selected) == (False, ())
    after = state(decision.committed())
    assert (after.locked, after.selected, after.requires_selection) == (True, ("CAKE", "TEA"), False)


# --- what a commit makes final --------------------------------------------------------------------------------------

FINAL: list[tuple[PersonalizedChoice, str | None, bool, dict[str, tuple[str, ...]]]] = [
    (LIST, None, True, {"PP": ("CAKE", "TEA")}),
    (LIST, None, False, {}),
    (LIST, "BAP", True, {}),
    (make_list("BAP", "TEA", selected=["TEA"]), None, True, {"PP": ("TEA",)}),
    (make_list("BAP", "TEA", selected=["TEA"], locked=True), None, True, {}),
    (make_list("WINE", selected=["WINE"]), None, True, {}),
    (make_list("WINE"), None, True, {}),
]


@pytest.mark.parametrize(("choice", "default", "locks", "expected"), FINAL)
def test_the_first_application_makes_the_choice_final(
    choice: PersonalizedChoice, default: str | None, locks: bool, expected: dict[str, tuple[str, ...]]
) -> None:
    assert decided(yours(default=default), choice=choice, maximum=2, locks=locks).choices_to_lock == expected


def test_an_automatic_default_product_is_no_part_of_the_choice() -> None:
    """One set of the discount has its default product, another takes what is listed."""
    sets = [
        product_set(personalized_promotion="PP", default_product="CAKE"),
        product_set(personalized_promotion="PP", required_quantity=1),
    ]
    decision = decided(yours(sets=sets), choice=LIST, locks=True)
    assert decision.choices_to_lock == {"PP": ("TEA", "BAP")}
    assert set(decision.effective_choices["PP"]) == {"CAKE", "TEA", "BAP"}


def test_a_default_product_of_one_discount_is_no_part_of_the_choice_that_another_makes_final() -> None:
    first = yours("first", value="60", default="CAKE", transaction_redemption_limit=1)
    for second in (yours("second", value="10"), yours("second", value="10", always_apply=True)):
        decision = decided(first, second, choice=LIST, maximum=2, locks=True)
        assert {winner.promotion.code for winner in decision.applied} == {"first", "second"}
        assert decision.choices_to_lock == {"PP": ("TEA",)}


def test_only_products_that_were_taken_are_chosen() -> None:
    decision = decided(yours(transaction_redemption_limit=1), choice=LIST, locks=True)
    assert decision.choices_to_lock == {"PP": ("CAKE",)}


def test_a_discount_that_was_beaten_chooses_nothing() -> None:
    decision = decided(yours(), make_discount("better", value="90"), choice=LIST, locks=True)
    assert (reason(decision), decision.choices_to_lock) == ("lost_conflict", {})


# --- a free product of the list -------------------------------------------------------------------------------------

FREE: list[tuple[PersonalizedChoice | None, list[str]]] = [
    (make_list("WINE", "TEA"), ["WINE"]),
    (make_list("WINE", "BEER", selected=["WINE"]), ["WINE"]),
    # where the default product would not qualify, adding it would not make it free
    (make_list("WINE", "BEER", selected=["BEER"]), []),
    (make_list("BEER"), []),
    (None, []),
]


@pytest.mark.parametrize(("choice", "expected"), FREE)
def test_the_default_product_is_proposed_where_it_would_be_free(
    choice: PersonalizedChoice | None, expected: list[str]
) -> None:
    sets = [qualifying("TEA"), product_set(personalized_promotion="PP", default_product="WINE")]
    gift = yours("gift", "free_product", sets=sets)
    decision = decided(gift, choice=choice)
    assert [product.sku for product in decision.add_products] == expected
    for added in expected:
        joined = make_basket(*BASKET.lines, line(added, 1, "9.00", line_id="added"))
        assert off(applied(decided(gift, choice=choice, basket=joined), "gift"))["added"] == 900


# --- lists and units that others took -------------------------------------------------------------------------------


def test_the_winners_named_hold_a_listed_product() -> None:
    """A list whose cheapest product is taken falls back on the next; lost, it lost to whoever holds what is listed."""
    pair = yours(sets=[product_set(personalized_promotion="PP", required_quantity=2)], value="10")
    basket = make_basket(line("CAKE", 2, "2.00"), line("TEA", 1, "3.00"), line("COLA", 1, "4.00"))
    cakes = make_discount("cakes", value="90", sets=[product_set("CAKE")])
    colas = make_discount("colas", value="50", sets=[product_set("COLA")])
    decision = decided(pair, cakes, colas, choice=make_list("CAKE", "TEA"), maximum=1, basket=basket)
    assert reason(decision) == "lost_conflict"
    assert refusal(decision).won_by == ("cakes",)


def test_the_discount_that_used_up_the_maximum_of_a_list_is_named_as_winner() -> None:
    """Only one product may be chosen: the first took the cake, and the second's bap is one product too many."""
    first = yours("first", value="90", transaction_redemption_limit=1)
    second = yours("second", value="10", price_order="most_expensive")
    colas = make_discount("colas", value="50", sets=[product_set("COLA")])
    basket = make_basket(line("CAKE", 1, "5.00"), line("BAP", 1, "6.00"), line("COLA", 1, "4.00"))
    decision = decided(first, second, colas, choice=make_list("CAKE", "BAP"), maximum=1, basket=basket)
    assert refusal(decision, "second").won_by == ("first",)
