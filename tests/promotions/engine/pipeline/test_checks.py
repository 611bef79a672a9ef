"""The checks in their order: the first that fails is the promotion's reason."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from conflicts.resolver import Policy
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.facts.progress import Progress
from promotions.engine.pipeline.decision import REASONS, Decision
from promotions.engine.pipeline.evaluate import nearest_first
from promotions.engine.rulebook.promotion import ControlGroup
from tests.promotions.engine.builders import (
    NOON,
    applied,
    condition,
    decide,
    every,
    line,
    make_basket,
    make_offer,
    make_promotion,
    make_shopper,
    make_site,
    reason,
    refusal,
    selection,
    sku,
)

SECOND = timedelta(seconds=1)

LIVES: list[tuple[dict[str, Any], str]] = [
    ({"starts_at": NOON}, ""),
    ({"starts_at": NOON + SECOND}, "scheduled"),
    ({"ends_at": NOON}, "ended"),
    ({"ends_at": NOON + SECOND}, ""),
    ({"draft": True}, "draft"),
    ({"draft": True, "starts_at": NOON + SECOND}, "draft"),
    ({"draft": True, "ends_at": NOON}, "draft"),
    ({"stopped_at": NOON}, "stopped"),
    ({"stopped_at": NOON - SECOND, "ends_at": NOON + SECOND}, "stopped"),
    ({"stopped_at": NOON + SECOND}, ""),
    ({"stopped_at": NOON + SECOND, "starts_at": NOON + SECOND}, "scheduled"),
    ({"stopped_at": NOON - SECOND, "starts_at": NOON + SECOND}, "stopped"),
]


@pytest.mark.parametrize(("life", "expected"), LIVES)
def test_a_promotion_is_in_force_from_its_start_to_before_its_end(life: dict[str, Any], expected: str) -> None:
    assert reason(decide(make_basket(), make_promotion(**life))) == expected


def test_moments_are_compared_across_zones() -> None:
    in_berlin = datetime.fromisoformat("2026-03-02T13:00:00+01:00")
    assert reason(decide(make_basket(), make_promotion(starts_at=in_berlin))) == ""
    assert reason(decide(make_basket(), make_promotion(ends_at=in_berlin))) == "ended"


RULE = {"measure": "transactions", "threshold": 2, "period": {"unit": "days", "length": 30}}
NEVER = {
    "site_rules": every(condition("town", "is", "Nowhere")),
    "customer_rules": every(condition("groups", "is", "nobody")),
    "transaction_rules": every(condition("total_inc_tax", "is_at_least", "1000000")),
    "line_item_rules": every(condition("sku", "is", "nothing")),
}

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("scheduled", {"starts_at": NOON + SECOND}),
    ("currency", {"currency": "EUR"}),
    ("consumer_required", {"anonymous": True}),
    ("not_a_member", {"is_loyalty_member": False}),
    ("site_rules", {"site_rules": NEVER["site_rules"]}),
    ("customer_rules", {"customer_rules": NEVER["customer_rules"]}),
    ("control_group", {"control_group": {"group": "held", "percentage": "100"}}),
    ("transaction_rules", {"transaction_rules": NEVER["transaction_rules"]}),
    ("line_item_rules", {"line_item_rules": NEVER["line_item_rules"]}),
    ("application_rules", {"application_rules": [RULE]}),
    ("no_matching_products", {"product_selection": selection(sku("nothing"))}),
    ("total_limit", {"total_redemption_limit": 3}),
    ("customer_limit", {"customer_redemption_limit": 2}),
    ("budget", {"budget": {"amount": "0"}}),
    ("customer_budget", {"customer_budget": {"amount": "0", "period": "day"}}),
    ("no_value", {"conversion_units": "1000000"}),
]
"""What makes a promotion fail one check, in the order of the checks."""


def decided(faults: dict[str, Any], promotion_type: str = "bonus_points", **overrides: Any) -> Decision:
    faults = dict(faults)
    anonymous = faults.pop("anonymous", False)
    member = faults.pop("is_loyalty_member", True)
    promotion = make_promotion("promo", promotion_type, **faults)
    usage = Usage(total_redemptions={promotion.id: 3}, customer_redemptions={promotion.id: 2}, **overrides)
    shopper = make_shopper(is_loyalty_member=member, groups=["held"])
    return decide(make_basket(line("A")), promotion, shopper=shopper, anonymous=anonymous, usage=usage)


@pytest.mark.parametrize(("expected", "fault"), FAULTS)
def test_each_check_has_its_reason(expected: str, fault: dict[str, Any]) -> None:
    assert reason(decided({})) == ""
    assert reason(decided(fault)) == expected


@pytest.mark.parametrize(("first", "second"), list(combinations(FAULTS, 2)))
def test_a_promotion_that_fails_two_checks_names_the_first(
    first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]
) -> None:
    assert reason(decided(second[1] | first[1])) == first[0]


def test_the_reasons_are_in_the_order_of_the_checks() -> None:
    names = [name for name, _ in FAULTS]
    assert names == [name for name in REASONS if name in names]
    assert REASONS[-5:] == ("offer_unavailable", "budget", "customer_budget", "no_value", "lost_conflict")


def test_a_voucher_needs_no_membership_but_a_consumer() -> None:
    assert reason(decided({"is_loyalty_member": False}, "redeem_offer")) == ""
    assert reason(decided({"anonymous": True}, "redeem_offer")) == "consumer_required"


def test_site_rules_see_the_site_of_the_basket() -> None:
    promotion = make_promotion(site_rules=every(condition("town", "is", "leeds")))
    assert reason(decide(make_basket(site=make_site(town="Leeds")), promotion)) == ""
    assert reason(decide(make_basket(site=make_site("2", town="York")), promotion)) == "site_rules"


def test_transaction_rules_see_totals_before_any_discount() -> None:
    promotion = make_promotion(transaction_rules=every(condition("total_inc_tax", "is_at_least", "10.00")))
    assert reason(decide(make_basket(line(price="10.00")), promotion)) == ""
    assert reason(decide(make_basket(line(price="9.99")), promotion)) == "transaction_rules"


def test_line_item_rules_take_lines_of_one_sku_together() -> None:
    promotion = make_promotion(
        line_item_rules=every(condition("sku", "is", "A"), condition("quantity", "is_at_least", 3))
    )
    assert reason(decide(make_basket(line("A", 2), line("A", 1, "5.00")), promotion)) == ""
    assert reason(decide(make_basket(line("A", 2), line("B", 3)), promotion)) == "line_item_rules"


def test_one_line_must_satisfy_the_whole_tree() -> None:
    tree = every(condition("category", "is", "tea"), condition("product_brand", "is", "acme"))
    basket = make_basket(line("A", category="Tea", brand="Other"), line("B", category="Coffee", brand="Acme"))
    assert reason(decide(basket, make_promotion(line_item_rules=tree))) == "line_item_rules"


# --- limits ---------------------------------------------------------------------------------------------------------

EACH: dict[str, Any] = {"quantity_rule": {"apply_to": "every", "units": 1}}

LIMITS: list[tuple[dict[str, Any], int, int, int | str]] = [
    # limits, used by all, used by the customer, redemptions or reason with ten sets
    ({}, 0, 0, 10),
    ({"total_redemption_limit": 4}, 0, 0, 4),
    ({"total_redemption_limit": 4}, 3, 0, 1),
    ({"total_redemption_limit": 4}, 4, 0, "total_limit"),
    ({"total_redemption_limit": 4}, 5, 0, "total_limit"),
    ({"customer_redemption_limit": 4}, 99, 3, 1),
    ({"customer_redemption_limit": 4}, 99, 4, "customer_limit"),
    ({"transaction_redemption_limit": 4}, 99, 99, 4),
    ({"total_redemption_limit": 9, "customer_redemption_limit": 4, "transaction_redemption_limit": 2}, 5, 1, 2),
    ({"total_redemption_limit": 9, "customer_redemption_limit": 4, "transaction_redemption_limit": 2}, 8, 1, 1),
    ({"total_redemption_limit": 9, "customer_redemption_limit": 4}, 9, 4, "total_limit"),
    ({"total_redemption_limit": 9, "customer_redemption_limit": 4}, 8, 4, "customer_limit"),
]


@pytest.mark.parametrize(("limits", "by_all", "by_customer", "expected"), LIMITS)
def test_limits_count_redemptions_and_reduce_matching_sets(
    limits: dict[str, Any], by_all: int, by_customer: int, expected: int | str
) -> None:
    promotion = make_promotion(**EACH, **limits)
    usage = Usage(total_redemptions={promotion.id: by_all}, customer_redemptions={promotion.id: by_customer})
    decision = decide(make_basket(line("A", 10)), promotion, usage=usage)
    if isinstance(expected, str):
        assert reason(decision) == expected
    else:
        winner = applied(decision)
        assert (winner.redemptions, winner.points) == (expected, 50 * expected)
        assert sum(share.quantity for share in winner.lines) == expected


def test_a_basket_multiplier_is_one_redemption_whatever_is_left() -> None:
    promotion = make_promotion("promo", "points_multiplier", **EACH, total_redemption_limit=5)
    usage = Usage(total_redemptions={promotion.id: 4})
    assert applied(decide(make_basket(line("A", 10)), promotion, usage=usage)).points == 100


def test_limits_apply_before_savings_are_compared() -> None:
    limited = make_promotion("limited", points=10, **EACH, customer_redemption_limit=1)
    plain = make_promotion("plain", points=15)
    decision = decide(make_basket(line("A", 10)), limited, plain)
    assert [winner.promotion.code for winner in decision.applied] == ["plain"]


# --- offers ---------------------------------------------------------------------------------------------------------

OFFERS: list[tuple[dict[str, Any], int | None, int | str]] = [
    # dates, vouchers left, redemptions or reason with ten sets
    ({}, None, 10),
    ({}, 10, 10),
    ({}, 3, 3),
    ({}, 0, "offer_unavailable"),
    ({}, -1, "offer_unavailable"),
    ({"starts_at": NOON}, None, 10),
    ({"starts_at": NOON + SECOND}, None, "offer_unavailable"),
    ({"ends_at": NOON}, None, "offer_unavailable"),
    ({"ends_at": NOON + SECOND}, None, 10),
    ({"archived": True}, None, "offer_unavailable"),
]


@pytest.mark.parametrize(("dates", "left", "expected"), OFFERS)
def test_an_offers_stock_is_a_limit_and_its_dates_are_checked(
    dates: dict[str, Any], left: int | None, expected: int | str
) -> None:
    promotion = make_promotion("promo", "redeem_offer", **EACH)
    usage = Usage(vouchers_left={} if left is None else {"gift": left})
    decision = decide(make_basket(line("A", 10)), promotion, usage=usage, offers=[make_offer(**dates)])
    if isinstance(expected, str):
        assert reason(decision) == expected
    else:
        assert (applied(decision).redemptions, applied(decision).vouchers) == (expected, expected)


SHARED: list[tuple[int | None, dict[str, int]]] = [
    # vouchers left of the one offer, redemptions of each promotion with three sets
    (None, {"dear": 3, "young": 3, "always": 3}),
    (9, {"dear": 3, "young": 3, "always": 3}),
    (8, {"dear": 3, "young": 3, "always": 2}),
    (4, {"dear": 3, "young": 1}),
    (3, {"dear": 3, "other": 3}),
    (1, {"dear": 1, "other": 3}),
    (0, {"other": 3}),
]


@pytest.mark.parametrize(("left", "expected"), SHARED)
def test_promotions_that_issue_one_offer_share_its_stock_in_the_order_in_which_they_apply(
    left: int | None, expected: dict[str, int]
) -> None:
    promotions = [
        make_promotion("dear", "redeem_offer", starts_at=NOON - 2 * SECOND, **EACH),
        make_promotion("young", "redeem_offer", starts_at=NOON - 3 * SECOND, **EACH),
        make_promotion("other", "redeem_offer", offer="mug", starts_at=NOON - 4 * SECOND, **EACH),
        make_promotion("always", "redeem_offer", always_apply=True, **EACH),
    ]
    decision = decide(
        make_basket(line("A", 3)),
        *promotions,
        usage=Usage(vouchers_left={} if left is None else {"gift": left}),
        policy=Policy(promotions_per_type=2),
        offers=[make_offer(), make_offer("mug", perceived_value="0.50")],
    )
    assert {winner.promotion.code: winner.redemptions for winner in decision.applied} == expected
    for code in {"dear", "young", "always"} - set(expected):
        assert reason(decision, code) == "offer_unavailable"


def test_an_unknown_offer_is_unavailable() -> None:
    assert reason(decide(make_basket(), make_promotion("promo", "redeem_offer"), offers=[])) == "offer_unavailable"


def test_limits_are_checked_before_the_offer() -> None:
    promotion = make_promotion("promo", "redeem_offer", total_redemption_limit=1)
    usage = Usage(total_redemptions={promotion.id: 1}, vouchers_left={"gift": 0})
    assert reason(decide(make_basket(), promotion, usage=usage)) == "total_limit"


def test_offers_are_checked_before_the_value() -> None:
    assert REASONS.index("offer_unavailable") < REASONS.index("no_value")


# --- control group --------------------------------------------------------------------------------------------------


def members(count: int) -> Iterator[Shopper]:
    return (make_shopper(f"member-{i}", groups=["held"]) for i in range(count))


def held_out(code: str, percentage: str, *, of: int, family: str = "loyalty") -> set[int]:
    """The numbers of the members whom a promotion's control group holds out."""
    plain = make_promotion(code)
    promotion = replace(plain, source=replace(plain.source, family=family))
    group = ControlGroup(group="held", percentage=Decimal(percentage))
    return {number for number, member in enumerate(members(of)) if group.holds_out(promotion, member)}


@pytest.mark.parametrize(("percentage", "least", "most"), [("0", 0, 0), ("20", 160, 240), ("100", 1000, 1000)])
@pytest.mark.parametrize("code", ["promo", "summer", "x"])
def test_a_thousand_members_are_held_out_by_percentage(percentage: str, least: int, most: int, code: str) -> None:
    assert least <= len(held_out(code, percentage, of=1000)) <= most


def test_who_is_held_out_never_changes() -> None:
    assert held_out("promo", "20", of=20) == {3, 4, 5, 7, 16, 18}


def test_promotions_hold_out_independently() -> None:
    first = held_out("a", "20", of=1000)
    for other in (held_out("b", "20", of=1000), held_out("a", "20", of=1000, family="discount")):
        assert 15 <= len(first & other) <= 65


def test_a_greater_percentage_holds_out_the_same_and_more() -> None:
    assert held_out("promo", "5", of=500) < held_out("promo", "20", of=500) < held_out("promo", "60", of=500)


def test_only_members_of_the_group_are_held_out() -> None:
    promotion = make_promotion(control_group={"group": "held", "percentage": "100"})
    assert reason(decide(make_basket(), promotion, shopper=make_shopper(groups=["other"]))) == ""
    assert reason(decide(make_basket(), promotion, shopper=make_shopper(groups=["held"]))) == "control_group"


# --- refusals -------------------------------------------------------------------------------------------------------


def test_an_always_apply_promotion_skips_only_the_conflict() -> None:
    always = make_promotion("always", points=1, always_apply=True)
    other = make_promotion("other", points=100)
    decision = decide(make_basket(), always, other)
    assert {winner.promotion.code for winner in decision.applied} == {"always", "other"}
    for name, fault in FAULTS:
        assert reason(decided(fault | {"always_apply": True})) == name


def test_an_always_apply_promotion_takes_no_slot_and_beats_no_other() -> None:
    always = make_promotion("always", points=1000, always_apply=True)
    codes = [winner.promotion.code for winner in decide(make_basket(), always, make_promotion("b")).applied]
    assert codes == ["b", "always"]


def test_a_loser_names_the_winners_and_what_decided() -> None:
    decision = decide(
        make_basket(),
        make_promotion("a", points=30),
        make_promotion("b", points=20),
        make_promotion("c", points=10),
        policy=Policy(promotions_per_type=2),
    )
    lost = refusal(decision, "c")
    assert (lost.reason, lost.won_by, lost.decided_by) == ("lost_conflict", ("a", "b"), "bias")


def test_refusals_are_ordered_by_code_and_can_be_sorted_nearest_first() -> None:
    decision = decide(
        make_basket(),
        make_promotion("b", draft=True),
        make_promotion("a", currency="EUR"),
        make_promotion("d", line_item_rules=NEVER["line_item_rules"]),
        make_promotion("c", points=2),
        make_promotion("e", points=1),
    )
    assert [refusal.promotion.code for refusal in decision.refused] == ["a", "b", "d", "e"]
    assert [refusal.promotion.code for refusal in nearest_first(decision.refused)] == ["e", "d", "a", "b"]


def test_a_basket_of_any_moment_can_be_evaluated() -> None:
    for at in (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)):
        basket = make_basket(at=at)
        rules = [
            {"measure": "spend", "threshold": 1, "period": {"unit": unit, "length": 3650}}
            for unit in ("days", "weeks", "months")
        ]
        promotion = make_promotion(
            starts_at=datetime(1, 1, 1, tzinfo=UTC),
            application_rules=rules,
            customer_rules=every(condition("birthday", "is_within_days", 3)),
        )
        shopper = make_shopper(today=basket.today, date_of_birth=basket.today)
        usage = Usage(progress={promotion.id: Progress.none(promotion.application_rules)})
        assert reason(decide(basket, promotion, shopper=shopper, usage=usage)) == ""
