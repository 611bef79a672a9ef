"""Budgets in money and points, sentence by sentence."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflicts.resolver import Policy
from promotions.engine.facts.consumer import Usage
from promotions.engine.pipeline.decision import Decision, NearMiss
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.pipeline.strategy import ReturnLimit, ReturnPolicy, ReturnStrategy
from promotions.engine.rulebook.promotion import Budget, Campaign, Promotion, needs_consumer
from tests.promotions.engine.builders import (
    decide,
    line,
    make_basket,
    make_discount,
    make_offer,
    make_promotion,
    make_rulebook,
    make_shopper,
    make_terms,
    product_set,
    qualifying,
    refusal,
    selection,
    sku,
)

TENTH: dict[str, Any] = {"value": "10"}


def budget(amount: str, when_short: str = "refuse") -> dict[str, str]:
    return {"amount": amount, "when_short": when_short}


def customers(amount: str, when_short: str = "refuse", period: str = "week") -> dict[str, str]:
    return {"amount": amount, "when_short": when_short, "period": period}


def given_of(decision: Decision, code: str = "promo") -> int:
    """Minor units off, points or vouchers; 0 of what does not apply."""
    return sum(a.discount + a.points + a.vouchers for a in decision.applied if a.promotion.code == code)


def is_cut(decision: Decision, code: str = "promo") -> bool:
    return next(applied.cut for applied in decision.applied if applied.promotion.code == code)


# --- the promotion's own budget ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when_short", "used", "price", "expected", "cut"),
    [
        ("refuse", 9490, "124.00", 0, False),
        ("refuse", 9490, "50.00", 500, False),
        ("refuse", 9490, "51.00", 510, False),
        ("refuse", 9490, "51.10", 0, False),
        ("refuse", 9990, "50.00", 0, False),
        ("cut", 9490, "124.00", 510, True),
        ("cut", 9490, "51.00", 510, False),
        ("cut", 10000, "50.00", 0, False),
        ("honour", 9490, "124.00", 1240, False),
        ("honour", 9999, "124.00", 1240, False),
        ("honour", 10000, "0.10", 0, False),
        ("honour", 10730, "50.00", 0, False),
    ],
)
def test_a_discount_is_refused_cut_or_honoured(
    when_short: str, used: int, price: str, expected: int, cut: bool
) -> None:
    discount = make_discount(**TENTH, budget=budget("100.00", when_short))
    decision = decide(make_basket(line("TEA", 1, price)), discount, usage=Usage(budget_used={discount.id: used}))
    assert given_of(decision) == expected
    if expected:
        assert is_cut(decision) is cut
        assert decision.applied[0].saving == Fraction(expected, 100)
    else:
        assert refusal(decision).reason == "budget"


@pytest.mark.parametrize(
    ("used", "left"), [(9490, 510), (9990, 10), (10000, 0), (10730, 0)], ids=["some", "a dime", "none", "overrun"]
)
def test_the_near_miss_of_a_budget_is_what_is_left(used: int, left: int) -> None:
    discount = make_discount(**TENTH, budget=budget("100.00"))
    case = EvaluationCase(
        basket=make_basket(line("TEA", 1, "124.00")),
        shopper=None,
        usage=Usage(budget_used={discount.id: used}),
        explain=[discount],
        max_explained=10,
    )
    (refused,) = evaluate(case, make_rulebook([discount]), Policy()).refused
    assert refused.near_miss == NearMiss(lacking="budget", amount=left)
    assert "100.00 GBP" in refused.detail


def test_a_cut_discount_is_shared_over_all_discounted_runs_by_their_value_before_it() -> None:
    discount = make_discount(**TENTH, sets=[product_set("TEA", "BAP", "CAKE")], budget=budget("5.10", "cut"))
    basket = make_basket(line("TEA", 1, "40.00"), line("BAP", 1, "50.00"), line("CAKE", 1, "34.00"), line("COLA"))
    (applied,) = decide(basket, discount).applied
    assert {share.line_id.split("/")[0]: share.discount for share in applied.lines} == {
        "TEA": 164,
        "BAP": 206,
        "CAKE": 140,
    }
    assert (applied.redemptions, applied.discount, applied.cut) == (3, 510, True)


def test_a_unit_whose_share_was_nothing_has_its_share_of_the_cut_and_one_that_only_qualified_has_none() -> None:
    sets = [qualifying("JEANS"), product_set("TEA", "BAP")]
    discount = make_discount("d", "amount", value="1.00", sets=sets, budget=budget("0.03", "cut"))
    basket = make_basket(line("JEANS", 2, "40.00"), line("TEA", 1, "0.01"), line("BAP", 1, "0.02"))
    (applied,) = decide(basket, discount).applied
    assert (applied.discount, applied.redemptions) == (3, 2)
    assert {share.line_id[:3]: share.discount for share in applied.lines} == {"JEA": 0, "TEA": 1, "BAP": 2}


def test_a_points_promotion_is_cut_to_the_points_left_and_keeps_its_redemptions() -> None:
    promotion = make_promotion(points=30, quantity_rule={"apply_to": "every", "units": 1}, budget=budget("100", "cut"))
    decision = decide(make_basket(line("TEA", 2)), promotion, usage=Usage(budget_used={promotion.id: 90}))
    (applied,) = decision.applied
    assert (applied.points, applied.redemptions, applied.cut, applied.saving) == (10, 2, True, Fraction(1, 10))
    assert sum(share.points for share in applied.lines) == 10


def test_of_vouchers_as_many_whole_ones_are_issued_as_fit() -> None:
    promotion = make_promotion(
        "promo", "redeem_offer", quantity_rule={"apply_to": "every", "units": 1}, budget=budget("10.00", "cut")
    )
    basket, offers = make_basket(line("TEA", 5)), [make_offer(perceived_value="3")]
    (applied,) = decide(basket, promotion, offers=offers).applied
    assert (applied.vouchers, applied.redemptions, applied.cut) == (3, 3, True)
    used = Usage(budget_used={promotion.id: 750})
    assert refusal(decide(basket, promotion, offers=offers, usage=used)).reason == "budget"


def test_points_lack_units() -> None:
    promotion = make_promotion(points=30, budget=budget("100"))
    refused = refusal(decide(make_basket(), promotion, usage=Usage(budget_used={promotion.id: 90})))
    assert refused.near_miss == NearMiss(lacking="budget", units=10)


def test_limits_and_stock_cut_the_sets_before_a_budget_is_asked() -> None:
    rule = {"apply_to": "every", "units": 1}
    promotion = make_promotion(points=30, quantity_rule=rule, total_redemption_limit=2, budget=budget("60"))
    (applied,) = decide(make_basket(line("TEA", 9)), promotion).applied
    assert (applied.points, applied.cut) == (60, False)


def test_a_used_up_budget_comes_before_nothing_to_give() -> None:
    free = make_basket(line("TEA", 1, "0.00"))
    discount = make_discount(**TENTH, budget=budget("0.00"))
    assert refusal(decide(free, discount)).reason == "budget"
    assert refusal(decide(free, make_discount(**TENTH, budget=budget("1.00")))).reason == "no_value"


# --- several budgets --------------------------------------------------------------------------------------------------

SPRING = Campaign(id=1, code="spring", name="Spring", budget=Budget(1000, "refuse"))


def campaign(amount: int, when_short: str = "refuse") -> Campaign:
    return SPRING._replace(budget=Budget(amount, when_short))


@pytest.mark.parametrize(
    ("own", "shared", "customer", "expected"),
    [
        (("20.00", "cut"), (2000, "cut"), ("20.00", "cut"), 1240),
        (("8.00", "cut"), (700, "cut"), ("6.00", "cut"), 600),
        (("8.00", "cut"), (800, "refuse"), ("8.00", "refuse"), 800),
        (("8.00", "cut"), (799, "refuse"), ("8.00", "refuse"), "budget"),
        (("8.00", "cut"), (800, "refuse"), ("7.99", "refuse"), "customer_budget"),
        (("8.00", "honour"), (1300, "refuse"), ("8.00", "honour"), 1240),
        (("8.00", "honour"), (1200, "refuse"), ("8.00", "honour"), "budget"),
        (("8.00", "honour"), (900, "cut"), ("9.00", "refuse"), 900),
        (("8.00", "refuse"), (900, "cut"), ("0.00", "refuse"), "customer_budget"),
        (("8.00", "refuse"), (900, "cut"), ("5.00", "cut"), "budget"),
    ],
)
def test_each_budget_is_asked_on_what_the_one_before_left(
    own: tuple[str, str], shared: tuple[int, str], customer: tuple[str, str], expected: int | str
) -> None:
    discount = make_discount(**TENTH, budget=budget(*own), customer_budget=customers(*customer), campaign_id=1)
    decision = decide(make_basket(line("TEA", 1, "124.00")), discount, campaigns=[campaign(*shared)])
    if isinstance(expected, int):
        assert given_of(decision) == expected
        assert is_cut(decision) is (expected < 1240)
    else:
        assert refusal(decision).reason == expected


def test_a_customers_budget_needs_a_customer() -> None:
    discount = make_discount(**TENTH, customer_budget=customers("10.00"))
    assert needs_consumer(discount)
    assert refusal(decide(make_basket(), discount, anonymous=True)).reason == "consumer_required"


# --- conflicts --------------------------------------------------------------------------------------------------------


def test_conflicts_compare_what_is_really_given() -> None:
    great = make_promotion("great", points=100, budget=budget("40", "cut"))
    small = make_promotion("small", points=50)
    assert [a.promotion.code for a in decide(make_basket(), great, small).applied] == ["small"]
    decision = decide(make_basket(), great, small, policy=Policy(promotion_bias="min_customer_saving"))
    assert given_of(decision, "great") == 40


def test_a_discount_is_judged_on_the_whole_basket_first() -> None:
    """On the units that the winner leaves it would fit: it is refused before."""
    tea = make_discount("tea", value="50", sets=[product_set("TEA")])
    everything = make_discount("all", **TENTH, budget=budget("1.00"))
    decision = decide(make_basket(line("TEA", 1, "100.00"), line("BAP", 1, "10.00")), tea, everything)
    assert refusal(decision, "all").reason == "budget"


def test_a_discount_that_gives_more_on_the_units_left_is_judged_again() -> None:
    winner = make_discount("win", value="100", sets=[product_set("BAP")])
    sets = [product_set("TEA", "BAP", "CAKE", required_quantity=2, discounted_quantity=1)]
    pair = make_discount("pair", value="10", sets=sets, budget=budget("0.60"))
    basket = make_basket(line("BAP", 1, "5.00"), line("CAKE", 1, "9.00"), line("TEA", 1, "9.50"))
    decision = decide(basket, winner, pair)
    refused = refusal(decision, "pair")
    assert (refused.reason, refused.near_miss) == ("budget", NearMiss(lacking="budget", amount=60))
    cut = make_discount("pair", value="10", sets=sets, budget=budget("0.60", "cut"))
    applied = decide(basket, winner, cut).applied[1]
    assert (applied.discount, applied.cut) == (60, True)


def test_the_best_total_is_looked_for_under_the_budgets_as_they_stand() -> None:
    great = make_discount("great", value="50", budget=budget("1.00", "cut"))
    small = make_discount("small", value="20")
    best = Policy(discount_combination="best_total")
    decision = decide(make_basket(line("TEA", 1, "10.00")), great, small, policy=best)
    assert [applied.promotion.code for applied in decision.applied] == ["small"]


# --- campaigns --------------------------------------------------------------------------------------------------------


def discounts_of_one_campaign(*when: str) -> list[Promotion]:
    return [
        make_discount(code, **TENTH, sets=[product_set(product)], campaign_id=1, always_apply="always" in when)
        for code, product in (("d", "TEA"), ("e", "BAP"))
    ]


@pytest.mark.parametrize("always", [(), ("always",)], ids=["competing", "always"])
def test_a_winner_that_no_longer_fits_its_campaign_is_refused_and_names_it(always: tuple[str, ...]) -> None:
    decision = decide(
        make_basket(line("TEA", 1, "60.00"), line("BAP", 1, "50.00")),
        *discounts_of_one_campaign(*always),
        campaigns=[campaign(1000)],
    )
    assert (given_of(decision, "d"), given_of(decision, "e")) == (600, 0)
    refused = refusal(decision, "e")
    assert (refused.reason, refused.near_miss) == ("budget", NearMiss(lacking="budget", amount=400))
    assert "Spring (spring)" in refused.detail


def test_nothing_succeeds_a_winner_that_no_longer_fits_its_campaign() -> None:
    """Three on the same tea: what loses to the one that is refused then does not get the tea."""
    first = make_discount("first", value="10", sets=[product_set("BAP")], campaign_id=1)
    second = make_discount("second", value="9", sets=[product_set("TEA")], campaign_id=1)
    third = make_discount("third", value="5", sets=[product_set("TEA")])
    basket = make_basket(line("TEA", 1, "60.00"), line("BAP", 1, "60.00"))
    decision = decide(basket, first, second, third, campaigns=[campaign(1000)])
    assert [applied.promotion.code for applied in decision.applied] == ["first"]
    assert refusal(decision, "second").reason == "budget"
    assert refusal(decision, "third").won_by == ("second",)
    assert decision.net == 11400


@pytest.mark.parametrize(
    ("when_short", "expected"), [("cut", (600, 400)), ("honour", (600, 500)), ("refuse", (600, 0))]
)
def test_members_share_a_campaigns_budget_within_a_basket(when_short: str, expected: tuple[int, int]) -> None:
    decision = decide(
        make_basket(line("TEA", 1, "60.00"), line("BAP", 1, "50.00")),
        *discounts_of_one_campaign(),
        campaigns=[campaign(1000, when_short)],
    )
    assert (given_of(decision, "d"), given_of(decision, "e")) == expected


def test_points_count_by_their_value_half_up_and_vouchers_by_theirs() -> None:
    """150 points at 0.005 are 0.75; a voucher is worth 3.00: loyalty promotions take by code, then the always ones."""
    points = make_promotion("b", points=150, campaign_id=1)
    voucher = make_promotion("a", "redeem_offer", campaign_id=1)
    always = make_promotion("0", points=1, campaign_id=1, always_apply=True)
    terms = make_terms(point_value="0.005")
    for amount, expected in ((376, {"a", "b", "0"}), (375, {"a", "b"}), (374, {"a", "0"}), (299, {"b", "0"})):
        decision = decide(make_basket(), points, voucher, always, campaigns=[campaign(amount)], terms=terms)
        assert {applied.promotion.code for applied in decision.applied} == expected, amount


@pytest.mark.parametrize(("left", "points"), [(1, 2), (2, 4), (3, 6), (10, 19), (0, 0)])
def test_points_are_cut_to_the_most_whose_value_fits(left: int, points: int) -> None:
    """At 0.0055 a point, 2 points are 0.011: 0.01; 3 are 0.0165: 0.02."""
    promotion = make_promotion(points=100, campaign_id=1)
    terms = make_terms(point_value="0.0055")
    decision = decide(make_basket(), promotion, campaigns=[campaign(left, "cut")], terms=terms)
    assert given_of(decision) == points


def test_discounts_take_from_a_campaign_before_loyalty_promotions() -> None:
    discount = make_discount("z", **TENTH, campaign_id=1)
    promotion = make_promotion("a", points=500, campaign_id=1)
    decision = decide(make_basket(line("TEA", 1, "60.00")), discount, promotion, campaigns=[campaign(1000)])
    assert [applied.promotion.code for applied in decision.applied] == ["z"]
    assert refusal(decision, "a").near_miss == NearMiss(lacking="budget", amount=400)


def test_held_out_customers_ghosts_are_within_the_budgets_and_use_none() -> None:
    held = make_promotion(
        "held", points=70, control_group={"group": "held", "percentage": "100"}, budget=budget("60", "cut")
    )
    decision = decide(make_basket(), held, shopper=make_shopper(groups=["held"]))
    assert [ghost.points for ghost in decision.held_out] == [60]
    spent = Usage(budget_used={held.id: 60})
    assert not decide(make_basket(), held, shopper=make_shopper(groups=["held"]), usage=spent).held_out


# --- returns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "expected"), [("124.00", 510), ("60.00", 510), ("30.00", 300)])
def test_a_return_leaves_a_cut_discount_at_most_what_it_gave_just_before(price: str, expected: int) -> None:
    discount = make_discount(**TENTH, budget=budget("0.00", "cut"))
    limits = {discount.id: ReturnLimit(position=0, redemptions=1, points=0, cut_discount=510)}
    case = EvaluationCase(
        basket=make_basket(line("TEA", 1, price)),
        shopper=None,
        usage=Usage(),
        strategy=ReturnStrategy(limits=limits, paid=10**6, base_points=0),
    )
    decision = evaluate(case, make_rulebook([discount]), ReturnPolicy(limits=limits))
    assert given_of(decision) == expected


# --- lines ------------------------------------------------------------------------------------------------------------


@given(
    quantities=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 4)), min_size=1, max_size=5),
    left=st.integers(0, 400),
    order=st.randoms(use_true_random=False),
)
def test_a_cut_does_not_depend_on_how_lines_are_split_or_ordered(
    quantities: list[tuple[str, int]], left: int, order: Any
) -> None:
    prices = {"A": "0.99", "B": "3.33", "C": "7.01"}
    discount = make_discount(value="15", budget=budget(f"{left / 100:.2f}", "cut"))
    together = [line(code, n, prices[code], line_id=str(i)) for i, (code, n) in enumerate(quantities)]
    split = [
        line(code, 1, prices[code], line_id=f"{i}.{j}") for i, (code, n) in enumerate(quantities) for j in range(n)
    ]
    order.shuffle(split)
    one, other = decide(make_basket(*together), discount), decide(make_basket(*split), discount)
    assert given_of(one) == given_of(other)

    def by_sku(decision: Decision, lines: Any) -> dict[str, int]:
        skus = {entry.line_id: entry.sku for entry in lines}
        totals: dict[str, int] = {}
        for result in decision.lines:
            totals[skus[result.line_id]] = totals.get(skus[result.line_id], 0) + result.discount
        return totals

    assert by_sku(one, together) == by_sku(other, split)


def test_products_of_one_selection_are_cut_alike() -> None:
    promotion = make_promotion(
        points=10,
        product_selection=selection(sku("TEA")),
        quantity_rule={"apply_to": "every", "units": 1},
        budget=budget("25", "cut"),
    )
    assert given_of(decide(make_basket(line("TEA", 9)), promotion)) == 25
