"""What promotions give: base points, fixed points, multipliers, bonuses and vouchers, and how they are shared."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.benefits.rewards import BasketValue, Outcome, compile_outcome
from promotions.engine.facts.basket import Basket, Line
from promotions.engine.pipeline.decision import Decision
from tests.promotions.engine.builders import (
    applied,
    decide,
    line,
    make_basket,
    make_offer,
    make_promotion,
    make_shopper,
    make_terms,
    reason,
    selection,
    sku,
)


def base(decision: Decision) -> dict[str, int]:
    return {row.line_id: row.base_points for row in decision.lines}


@pytest.mark.parametrize(
    ("price", "quantity", "rate", "points"),
    [
        ("10.00", 1, "1", 10),
        ("9.99", 1, "1", 9),
        ("9.99", 2, "1", 19),
        ("3.33", 3, "1.5", 14),
        ("0.99", 1, "1", 0),
        ("0.10", 1, "10", 1),
        ("100.00", 1, "0.333333", 33),
        ("10.00", 1, "0", 0),
        ("19.98", "0.5", "1", 9),
    ],
)
def test_base_points_are_the_floor_of_net_value_times_rate(price: str, quantity: Any, rate: str, points: int) -> None:
    assert decide(make_basket(line("A", quantity, price)), terms=make_terms(rate=rate)).base_points == points


def test_one_floor_for_the_transaction_shared_by_largest_remainder() -> None:
    decision = decide(make_basket(*(line(sku, 1, "0.50", line_id=sku) for sku in "CBA")))
    assert decision.base_points == 1
    assert base(decision) == {"A": 1, "B": 0, "C": 0}


def test_ties_of_one_sku_go_to_the_lower_unit_price() -> None:
    basket = make_basket(line("A", 1, "1.50", line_id="dear"), line("A", 3, "0.50", line_id="cheap"))
    assert base(decide(basket)) == {"cheap": 2, "dear": 1}


@pytest.mark.parametrize("member", [True, False])
def test_only_active_members_earn_base_points(member: bool) -> None:
    decision = decide(make_basket(line()), shopper=make_shopper(is_loyalty_member=member))
    assert decision.base_points == (10 if member else 0)


def test_a_basket_without_a_consumer_earns_nothing() -> None:
    assert decide(make_basket(line()), anonymous=True).points == 0


@pytest.mark.parametrize(
    ("currency", "rates", "points"),
    [("GBP", {}, 10), ("EUR", {}, 0), ("EUR", {"EUR": "2"}, 20), ("JPY", {"JPY": "0.01"}, 10), ("JPY", {}, 0)],
)
def test_only_the_accounts_currency_and_those_it_names_earn(currency: str, rates: dict[str, str], points: int) -> None:
    price = "1000" if currency == "JPY" else "10.00"
    basket = make_basket(line(price=price, currency=currency), currency=currency)
    assert decide(basket, terms=make_terms(**rates)).base_points == points


def given_by(promotion_type: str, basket: Basket, **overrides: Any) -> tuple[int, int, int]:
    """Points, redemptions and vouchers of a promotion that applies."""
    winner = applied(decide(basket, make_promotion("promo", promotion_type, **overrides)))
    return winner.points, winner.redemptions, winner.vouchers


PAIRS = {"quantity_rule": {"apply_to": "every", "units": 2}}


def test_fixed_points_are_given_for_each_redemption() -> None:
    assert given_by("fixed_points", make_basket(line("A", 5)), points=7) == (7, 1, 0)
    assert given_by("fixed_points", make_basket(line("A", 5)), points=7, **PAIRS) == (14, 2, 0)


@pytest.mark.parametrize(
    ("multiplier", "points"), [("2", 19), ("1.5", 9), ("1.05", 0), ("1.053", 1), ("100", 1881), ("1", 0)]
)
def test_a_basket_multiplier_is_the_floor_of_base_points_times_what_is_above_one(multiplier: str, points: int) -> None:
    decision = decide(
        make_basket(line("A", 2, "9.99")), make_promotion("promo", "points_multiplier", multiplier=multiplier)
    )
    assert decision.base_points == 19
    assert decision.promotion_points == points
    assert reason(decision) == ("" if points else "no_value")


def test_a_basket_multiplier_multiplies_everything_once_when_its_products_are_there() -> None:
    basket = make_basket(line("A", 4), line("B", 1))
    overrides = {"product_selection": selection(sku("A")), **PAIRS}
    assert given_by("points_multiplier", basket, **overrides) == (50, 1, 0)
    assert reason(decide(make_basket(line("B")), make_promotion("promo", "points_multiplier", **overrides))) == (
        "no_matching_products"
    )


def test_a_line_item_multiplier_multiplies_the_base_points_of_its_units() -> None:
    basket = make_basket(line("A", 3, "9.99"), line("B", 1, "5.00"))
    overrides = {"multiplier_scope": "line_items", "product_selection": selection(sku("A"))}
    # 34 base points: 29.142 of A and 4.857 of B become 29 and 5.
    assert given_by("points_multiplier", basket, **overrides) == (29, 1, 0)


def test_part_of_a_unit_group_has_an_unrounded_share_of_base_points_and_one_floor_at_the_end() -> None:
    basket = make_basket(line("A", 3, "9.99"), line("B", 1, "5.00"))
    overrides = {"multiplier_scope": "line_items", "product_selection": selection(sku("A")), **PAIRS}
    assert given_by("points_multiplier", basket, **overrides) == (19, 1, 0)
    assert given_by("points_multiplier", basket, **overrides | {"multiplier": "2.5"}) == (29, 1, 0)


@pytest.mark.parametrize(
    ("overrides", "points"),
    [
        ({}, 2),
        ({"conversion_points": 5}, 10),
        ({"conversion_points": 5, "whole_ratio_units_only": False}, 14),
        ({"conversion_units": "29.97"}, 1),
        ({"conversion_units": "0.01"}, 2997),
        ({"conversion_units": "2.5", "conversion_points": 3}, 33),
        ({"conversion_units": "2.5", "conversion_points": 3, "whole_ratio_units_only": False}, 35),
        ({"issue_points_on": "quantity", "conversion_units": "2", "conversion_points": 3}, 3),
        (
            {
                "issue_points_on": "quantity",
                "conversion_units": "2",
                "conversion_points": 3,
                "whole_ratio_units_only": False,
            },
            4,
        ),
        ({"issue_points_on": "quantity", "conversion_units": "3"}, 1),
        ({"issue_points_on": "quantity", "conversion_units": "1.5"}, 2),
    ],
)
def test_bonus_points_on_29_97_spent_and_three_units(overrides: dict[str, Any], points: int) -> None:
    assert given_by("bonus_points", make_basket(line("A", 3, "9.99")), **overrides)[0] == points


@pytest.mark.parametrize(
    "overrides", [{"conversion_units": "29.98"}, {"issue_points_on": "quantity", "conversion_units": 4}]
)
def test_less_than_one_whole_ratio_gives_nothing(overrides: dict[str, Any]) -> None:
    basket = make_basket(line("A", 3, "9.99"))
    assert reason(decide(basket, make_promotion("promo", "bonus_points", **overrides))) == "no_value"


def test_bonus_points_count_only_the_applied_sets() -> None:
    basket = make_basket(line("A", 5, "5.00"), line("B", 9, "5.00"))
    overrides = {"product_selection": selection(sku("A")), **PAIRS}
    assert given_by("bonus_points", basket, **overrides) == (2, 2, 0)
    assert given_by("bonus_points", basket, **overrides, total_redemption_limit=1) == (1, 1, 0)


def test_the_bonus_of_a_currency_without_decimals() -> None:
    promotion = make_promotion("promo", "bonus_points", conversion_units="100", currency="JPY")
    basket = make_basket(line("A", 1, "250", currency="JPY"), currency="JPY")
    assert applied(decide(basket, promotion)).points == 2


def test_weighed_goods_count_as_one_unit_of_the_lines_whole_value() -> None:
    basket = make_basket(line("A", "2.5", "4.00"))
    assert given_by("bonus_points", basket)[0] == 1
    assert given_by("bonus_points", basket, issue_points_on="quantity", conversion_units="1")[0] == 1


def test_an_offer_gives_one_voucher_per_redemption() -> None:
    assert given_by("redeem_offer", make_basket(line("A", 5)), **PAIRS) == (0, 2, 2)


@pytest.mark.parametrize(
    ("promotion_type", "overrides", "saving"),
    [
        ("fixed_points", {"points": 50, **PAIRS}, "1"),
        ("points_multiplier", {}, "0.5"),
        ("redeem_offer", PAIRS, "7"),
    ],
)
def test_the_customers_saving_in_money(promotion_type: str, overrides: dict[str, Any], saving: str) -> None:
    promotion = make_promotion("promo", promotion_type, **overrides)
    decision = decide(make_basket(line("A", 5)), promotion, offers=[make_offer(perceived_value="3.50")])
    assert applied(decision).saving == Fraction(saving)


def test_a_saving_follows_the_accounts_point_value() -> None:
    decision = decide(make_basket(), make_promotion(points=50), terms=make_terms(point_value="0.005"))
    assert applied(decision).saving == Fraction("0.25")


WORTH = BasketValue(
    units=(2, 1),
    net=(1000, 500),
    base_points=(10, 5),
    unit_groups=make_basket(line("A", 2, "5.00"), line("B", 1, "5.00")).unit_groups,
)


@pytest.mark.parametrize(
    ("promotion_type", "overrides"),
    [
        ("fixed_points", {"points": 3}),
        ("points_multiplier", {"multiplier": "3", "multiplier_scope": "line_items"}),
        (
            "bonus_points",
            {
                "issue_points_on": "quantity",
                "conversion_units": "1",
                "conversion_points": 2,
                "whole_ratio_units_only": True,
            },
        ),
        ("redeem_offer", {"offer": "gift"}),
    ],
)
def test_an_outcome_gives_no_less_for_more_units(promotion_type: str, overrides: dict[str, Any]) -> None:
    outcome: Outcome = compile_outcome(promotion_type, overrides, "GBP")
    some = outcome.give(sets=1, taken=((0, 1),), basket_value=WORTH)
    more = outcome.give(sets=2, taken=((0, 2), (1, 1)), basket_value=WORTH)
    assert some.points + some.vouchers < more.points + more.vouchers
    assert outcome.gives_points is (promotion_type != "redeem_offer")


def test_an_unknown_outcome_cannot_be_compiled() -> None:
    with pytest.raises(ValueError, match="lottery"):
        compile_outcome("lottery", {}, "GBP")


# --- shares ---------------------------------------------------------------------------------------------------------


def test_points_are_shared_over_the_unit_groups_taken_by_their_value() -> None:
    basket = make_basket(line("A", 1, "30.00"), line("B", 1, "10.00"), line("C", 1, "60.00"))
    winner = applied(decide(basket, make_promotion(points=5, product_selection=selection(sku("A", "B")))))
    assert {share.line_id: share.points for share in winner.lines} == {"A/1/30.00": 4, "B/1/10.00": 1}


def test_within_a_unit_group_lines_get_points_in_their_order() -> None:
    basket = make_basket(line("A", 2, line_id="1"), line("A", 2, line_id="2"), line("A", 2, line_id="3"))
    winner = applied(decide(basket, make_promotion(quantity_rule={"apply_to": "first", "units": 3})))
    assert [(share.line_id, share.quantity) for share in winner.lines] == [("1", Decimal(2)), ("2", Decimal(1))]


def test_the_unit_of_weighed_goods_is_shown_as_the_quantity_weighed() -> None:
    basket = make_basket(line("A", "0.5", line_id="1"), line("A", "1.25", line_id="2"), line("A", 2, line_id="3"))
    winner = applied(decide(basket, make_promotion()))
    assert {share.line_id: share.quantity for share in winner.lines} == {
        "1": Decimal("0.5"),
        "2": Decimal("1.25"),
        "3": Decimal(2),
    }


LINES = st.lists(
    st.builds(
        line,
        st.sampled_from(["A", "B", "C"]),
        st.integers(1, 5) | st.sampled_from(["0.5", "1.333"]),
        st.sampled_from(["0.00", "0.01", "0.33", "9.99", "10.00"]),
    ),
    min_size=1,
    max_size=6,
)


@given(
    lines=LINES,
    rule=st.none()
    | st.fixed_dictionaries({"apply_to": st.sampled_from(["every", "first"]), "units": st.integers(1, 4)}),
    scope=st.sampled_from(["basket", "line_items"]),
    rate=st.sampled_from(["0", "0.7", "1", "13"]),
)
def test_shares_add_up(lines: list[Line], rule: Any, scope: str, rate: str) -> None:
    named = [
        *(basket_line._replace(line_id=str(i)) for i, basket_line in enumerate(lines)),
        line("D", 2, "7.77", line_id="D"),
    ]
    decision = decide(
        make_basket(*named),
        make_promotion("fixed", points=101, quantity_rule=rule),
        make_promotion("bonus", "bonus_points", conversion_units="0.5", quantity_rule=rule),
        make_promotion("times", "points_multiplier", multiplier="2.7", multiplier_scope=scope, quantity_rule=rule),
        make_promotion("gift", "redeem_offer", quantity_rule=rule),
        terms=make_terms(rate=rate),
    )
    assert sum(row.base_points for row in decision.lines) == decision.base_points
    assert sum(row.net for row in decision.lines) == decision.net
    assert sum(row.total for row in decision.lines) == decision.total
    assert decision.points == decision.base_points + sum(winner.points for winner in decision.applied)
    bought = {basket_line.line_id: basket_line.quantity for basket_line in named}
    for winner in decision.applied:
        assert sum(share.points for share in winner.lines) == winner.points
        assert sum(share.discount for share in winner.lines) == winner.discount == 0
        assert all(0 < share.quantity <= bought[share.line_id] and share.points >= 0 for share in winner.lines)
