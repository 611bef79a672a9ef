"""What a promotion would have given a consumer whom its control group holds out is worked out, and changes nothing."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Usage
from promotions.engine.pipeline.decision import Decision, HeldOut
from tests.promotions.engine.builders import (
    condition,
    decide,
    every,
    line,
    make_basket,
    make_discount,
    make_holdout,
    make_offer,
    make_promotion,
    make_shopper,
    make_terms,
    product_set,
    reason,
)

EVERYBODY = {"group": "held", "percentage": "100"}
HELD = make_shopper(groups=["held"])
TEA = every(condition("sku", "is", "TEA"))


def withheld(decision: Decision) -> list[tuple[str, int, int, Fraction]]:
    return [(held.promotion.code, held.redemptions, held.points, held.saving) for held in decision.held_out]


def ghost(fields: dict[str, Any], *, basket: Basket | None = None, **arguments: Any) -> HeldOut:
    """Return what one promotion withholds from a consumer who is held out, outside of all other things."""
    promotion = make_promotion(control_group=EVERYBODY, **fields)
    decision = decide(basket or make_basket(), promotion, shopper=HELD, **arguments)
    assert reason(decision) == "control_group"
    (held,) = decision.held_out or [HeldOut(promotion, 0, 0, Fraction(0), "control_group")]
    return held


@pytest.mark.parametrize(
    ("fields", "redemptions", "points", "saving"),
    [
        ({"points": 50}, 1, 50, "0.50"),
        ({"points": 50, "quantity_rule": {"apply_to": "every", "units": 1}}, 3, 150, "1.50"),
        ({"promotion_type": "redeem_offer"}, 1, 0, "3"),
        ({"transaction_rules": every(condition("total_inc_tax", "is_at_least", "30.01"))}, 0, 0, "0"),
        ({"line_item_rules": TEA}, 0, 0, "0"),
        ({"total_redemption_limit": 4, "quantity_rule": {"apply_to": "every", "units": 1}}, 1, 50, "0.50"),
        ({"total_redemption_limit": 3}, 0, 0, "0"),
        ({"customer_redemption_limit": 1}, 0, 0, "0"),
        ({"promotion_type": "points_multiplier", "multiplier": "3"}, 1, 60, "0.60"),
    ],
)
def test_the_checks_after_the_control_group_decide_what_is_withheld(
    fields: dict[str, Any], redemptions: int, points: int, saving: str
) -> None:
    promotion_id = make_promotion(control_group=EVERYBODY, **fields).id
    usage = Usage(total_redemptions={promotion_id: 3}, customer_redemptions={promotion_id: 1})
    held = ghost(fields, basket=make_basket(line(quantity=3)), usage=usage)
    assert (held.redemptions, held.points, held.saving) == (redemptions, points, Fraction(saving))


def test_a_check_before_the_control_group_withholds_nothing() -> None:
    promotion = make_promotion(control_group=EVERYBODY, customer_rules=every(condition("groups", "is", "vip")))
    assert decide(make_basket(), promotion, shopper=HELD).held_out == ()


def test_a_ghost_competes_with_nothing_and_takes_no_place() -> None:
    held_out = make_promotion("held", points=900, control_group=EVERYBODY)
    winner, loser = make_promotion("winner", points=100), make_promotion("loser", points=10)
    decision = decide(make_basket(), held_out, winner, loser, shopper=HELD)
    assert [applied.promotion.code for applied in decision.applied] == ["winner"]
    assert reason(decision, "loser") == "lost_conflict"
    assert withheld(decision) == [("held", 1, 900, Fraction(9))]


def test_a_ghost_is_worked_out_on_prices_and_base_points_as_given() -> None:
    half = make_discount("half", value="50")
    double = make_promotion("double", "points_multiplier", multiplier="2", control_group=EVERYBODY)
    decision = decide(make_basket(line(price="20.00")), half, double, shopper=HELD)
    assert (decision.net, decision.base_points) == (1000, 10)
    assert withheld(decision) == [("double", 1, 10, Fraction("0.1"))]


def test_a_ghost_draws_no_stock() -> None:
    held_out = make_promotion("held", "redeem_offer", control_group=EVERYBODY)
    other = make_promotion("other", "redeem_offer")
    decision = decide(
        make_basket(), held_out, other, shopper=HELD, offers=[make_offer()], usage=Usage(vouchers_left={"gift": 1})
    )
    assert [(applied.promotion.code, applied.vouchers) for applied in decision.applied] == [("other", 1)]
    assert withheld(decision) == [("held", 1, 0, Fraction(3))]


# --- the universal holdout --------------------------------------------------------------------------------------------

HOLDOUT = replace(make_terms(), universal_holdout=make_holdout())


def test_the_universal_holdout_leaves_out_every_promotion_that_does_not_ignore_it() -> None:
    promotions = [
        make_promotion("points"),
        make_promotion("offer", "redeem_offer", always_apply=True),
        make_promotion("thanks", points=1, ignores_universal_holdout=True, always_apply=True),
        make_discount("ten", "amount", value="1.00", sets=[product_set("A")]),
        make_discount("law", "amount", value="2.00", sets=[product_set("B")], ignores_universal_holdout=True),
    ]
    basket = make_basket(line("A"), line("B"))
    decision = decide(basket, *promotions, shopper=HELD, terms=HOLDOUT)
    assert {applied.promotion.code for applied in decision.applied} == {"law", "thanks"}
    assert {code: reason(decision, code) for code in ("points", "offer", "ten")} == dict.fromkeys(
        ("points", "offer", "ten"), "universal_holdout"
    )
    assert [(*held, row.reason) for held, row in zip(withheld(decision), decision.held_out, strict=True)] == [
        ("offer", 1, 0, Fraction(3), "universal_holdout"),
        ("points", 1, 50, Fraction("0.50"), "universal_holdout"),
        ("ten", 1, 0, Fraction(1), "universal_holdout"),
    ]
    assert (decision.net, decision.base_points) == (1800, 18)
    anonymous = decide(basket, *promotions, anonymous=True, terms=HOLDOUT)
    assert {applied.promotion.code for applied in anonymous.applied} == {"law", "ten"}


def test_the_checks_before_and_after_the_universal_holdout_are_made_as_ever() -> None:
    vip = make_promotion("vip", customer_rules=every(condition("groups", "is", "vip")))
    tea, half = make_promotion("tea", line_item_rules=TEA), make_promotion("half", control_group=EVERYBODY)
    decision = decide(make_basket(), vip, tea, half, shopper=HELD, terms=HOLDOUT)
    assert [reason(decision, code) for code in ("vip", "tea", "half")] == [
        "customer_rules",
        "universal_holdout",
        "universal_holdout",
    ]
    assert decision.held_out == ()
    ignoring = make_promotion("half", control_group=EVERYBODY, ignores_universal_holdout=True)
    (held,) = decide(make_basket(), ignoring, shopper=HELD, terms=HOLDOUT).held_out
    assert held.reason == "control_group"


# --- whatever promotions there are ------------------------------------------------------------------------------------

KINDS: list[dict[str, Any]] = [
    {"points": 50},
    {"points": 7, "quantity_rule": {"apply_to": "every", "units": 2}},
    {"promotion_type": "points_multiplier", "multiplier": "2.5"},
    {"promotion_type": "bonus_points", "issue_points_on": "currency", "conversion_units": "3", "conversion_points": 2},
    {"promotion_type": "redeem_offer"},
    {"line_item_rules": TEA},
    {"transaction_rules": every(condition("total_inc_tax", "is_at_least", "25"))},
    {"total_redemption_limit": 2, "quantity_rule": {"apply_to": "every", "units": 1}},
]


@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6),
    held=st.sets(st.integers(0, 5)),
    quantities=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    discounted=st.booleans(),
)
def test_a_ghost_is_what_the_promotion_gives_where_nothing_competes_and_decides_nothing(
    kinds: list[dict[str, Any]], held: set[int], quantities: tuple[int, int], discounted: bool
) -> None:
    basket = make_basket(line("TEA", quantities[0], "4.00"), line("CUP", quantities[1], "7.00"))
    discounts = [make_discount("ten", value="10")] if discounted else []
    codes = [f"p{number}" for number in range(len(kinds))]
    promotions = [
        make_promotion(code, **(fields | {"control_group": EVERYBODY if number in held else None}))
        for number, (code, fields) in enumerate(zip(codes, kinds, strict=True))
    ]
    decision = decide(basket, *discounts, *promotions, shopper=HELD)
    alone = {
        code: decide(basket, *discounts, make_promotion(code, **fields), shopper=HELD)
        for code, fields in zip(codes, kinds, strict=True)
    }
    expected = [
        (code, applied.redemptions, applied.points, applied.saving)
        for number, code in enumerate(codes)
        for applied in alone[code].applied
        if number in held and applied.promotion.code == code
    ]
    assert withheld(decision) == expected
    others = [promotion for number, promotion in enumerate(promotions) if number not in held]
    without = decide(basket, *discounts, *others, shopper=HELD)
    assert [applied[1:] for applied in decision.applied] == [applied[1:] for applied in without.applied]
    assert (decision.net, decision.points) == (without.net, without.points)
