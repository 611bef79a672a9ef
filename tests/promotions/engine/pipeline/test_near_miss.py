"""A promotion that lacked one thing says which, and how much of it."""

from datetime import date
from typing import Any

import pytest

from conflicts.resolver import Policy
from promotions.engine.facts.basket import ProductFacts
from promotions.engine.facts.consumer import Usage
from promotions.engine.facts.progress import QUANTITY_SCALE, Progress, Totals
from promotions.engine.pipeline.decision import NearMiss, Refusal
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.builders import (
    condition,
    either,
    every,
    line,
    make_basket,
    make_discount,
    make_promotion,
    make_rulebook,
    make_shopper,
    make_site,
    selection,
    sku,
)

TEA = ProductFacts(category="Tea")


def refused(promotion: Promotion, *lines: Any, usage: Usage | None = None, **facts: Any) -> Refusal:
    """Why a promotion does not apply to a basket of a member in Leeds."""
    basket = make_basket(*lines, site=make_site("1", town="Leeds"), products={"TEA": TEA})
    case = EvaluationCase(
        basket=basket,
        shopper=make_shopper(today=basket.today, **facts),
        usage=usage or Usage(),
        explain=[promotion],
        max_explained=10,
    )
    (refusal,) = evaluate(case, make_rulebook([promotion]), Policy()).refused
    return refusal


def spend(amount: int, required: str) -> NearMiss:
    return NearMiss(lacking="spend", amount=amount, required=required)


def units(number: int) -> NearMiss:
    return NearMiss(lacking="units", units=number)


@pytest.mark.parametrize(
    ("rule", "lacking"),
    [
        (condition("total_inc_tax", "is_at_least", "20"), spend(320, "20.00")),
        (condition("total_inc_tax", "is_greater_than", "20"), spend(321, "20.01")),
        (condition("total_inc_tax", "is_between", ["20", "30"]), spend(320, "20.00")),
        (condition("total_ex_tax", "is_at_least", "17.005"), spend(21, "17.01")),
    ],
)
def test_a_total_that_is_too_low_lacks_an_amount_to_the_penny(rule: dict[str, Any], lacking: NearMiss) -> None:
    refusal = refused(make_promotion(transaction_rules=every(rule)), line("A", 1, "16.80"))
    assert refusal.near_miss == lacking
    assert refusal.detail.endswith(f"more to reach {lacking.required} GBP.")


def test_a_total_that_is_too_high_lacks_a_rule() -> None:
    rule = condition("total_inc_tax", "is_less_than", "10")
    refusal = refused(make_promotion(transaction_rules=every(rule)), line("A", 1, "16.80"))
    assert refusal.near_miss == NearMiss(lacking="rule", rule=rule)


@pytest.mark.parametrize(
    ("overrides", "rule"),
    [
        ({"site_rules": every(condition("town", "is", "York"))}, condition("town", "is", "York")),
        ({"customer_rules": every(condition("groups", "is", "vip"))}, condition("groups", "is", "vip")),
        ({"transaction_rules": every(condition("source", "is", "web"))}, condition("source", "is", "web")),
        ({"line_item_rules": every(condition("category", "is", "Cake"))}, condition("category", "is", "Cake")),
    ],
)
def test_the_one_rule_that_fails_is_named(overrides: dict[str, Any], rule: dict[str, Any]) -> None:
    assert refused(make_promotion(**overrides), line("TEA")).near_miss == NearMiss(lacking="rule", rule=rule)


def test_where_all_alternatives_fail_their_group_is_named() -> None:
    group = either(condition("town", "is", "York"), condition("county", "is", "Kent"))
    assert refused(make_promotion(site_rules=every(group))).near_miss == NearMiss(lacking="rule", rule=group)


@pytest.mark.parametrize(
    "overrides",
    [
        {"site_rules": every(condition("town", "is", "York"), condition("county", "is", "Kent"))},
        {"site_rules": every(condition("town", "is", "York")), "customer_rules": every(condition("groups", "is", "x"))},
        {
            "site_rules": every(condition("town", "is", "York")),
            "product_selection": selection(sku("NONE")),
        },
        {"transaction_rules": every(condition("total_inc_tax", "is_at_least", "20")), "draft": True},
    ],
)
def test_a_promotion_that_lacks_two_things_has_no_near_miss(overrides: dict[str, Any]) -> None:
    assert refused(make_promotion(**overrides), line("A", 1, "5.00")).near_miss is None


def test_what_no_customer_can_change_is_no_near_miss() -> None:
    promotion = make_promotion(customer_redemption_limit=1)
    used = Usage(customer_redemptions={promotion.id: 1})
    refusal = refused(promotion, usage=used)
    assert (refusal.reason, refusal.near_miss) == ("customer_limit", None)


def test_missing_units_are_no_near_miss_where_the_limit_is_reached() -> None:
    promotion = make_promotion(
        customer_redemption_limit=1,
        product_selection=selection(sku("A")),
        quantity_rule={"apply_to": "every", "units": 2},
    )
    assert refused(promotion, line("A")).near_miss == units(1)
    assert refused(promotion, line("A"), usage=Usage(customer_redemptions={promotion.id: 1})).near_miss is None


@pytest.mark.parametrize(
    ("overrides", "bought", "missing"),
    [
        ({"product_selection": selection(sku("A"))}, [], 1),
        ({"product_selection": selection(sku("A")), "quantity_rule": {"apply_to": "first", "units": 3}}, [], 1),
        ({"product_selection": selection(sku("A")), "quantity_rule": {"apply_to": "every", "units": 5}}, [("A", 3)], 2),
        ({"product_selection": selection(sku("A"), sku("B"), match="all", units=[2, 3])}, [("A", 1), ("B", 1)], 3),
        ({"product_selection": selection(sku("A", "B"), sku("B"), match="all", units=[1, 1])}, [("B", 1)], 1),
    ],
)
def test_the_units_that_a_first_matching_set_lacks(
    overrides: dict[str, Any], bought: list[tuple[str, int]], missing: int
) -> None:
    refusal = refused(make_promotion(**overrides), line("Z"), *(line(name, number) for name, number in bought))
    assert (refusal.reason, refusal.near_miss) == ("no_matching_products", units(missing))


def test_a_basket_without_any_matching_product_is_told_so_and_no_number() -> None:
    pairs: dict[str, Any] = {
        "product_selection": selection(sku("A")),
        "quantity_rule": {"apply_to": "every", "units": 2},
    }
    discount = make_discount(sets=[{"products": ["A"], "required_quantity": 2, "gets_discount": True}])
    for promotion in (make_promotion(**pairs), discount):
        assert refused(promotion, line("Z")).detail == "The basket has no matching products."
        refusal = refused(promotion, line("Z"), line("A"))
        assert refusal.detail == "The basket has too few matching products. Add 1 more matching unit."


def test_missing_units_are_counted_for_the_nearest_line_item() -> None:
    promotion = make_promotion(line_item_rules=every(condition("quantity", "is_at_least", "5")))
    refusal = refused(promotion, line("A", 1), line("B", 3))
    assert refusal.near_miss == units(2)
    assert refusal.detail.endswith("Add 2 more matching units.")


@pytest.mark.parametrize(
    ("measure", "threshold", "lacking"),
    [
        ("transactions", "3", NearMiss(lacking="transactions", count=1)),
        ("quantity", "5", units(2)),
        ("spend", "40", spend(1000, "40.00")),
    ],
)
def test_application_rules_tell_how_much_is_missing(measure: str, threshold: str, lacking: NearMiss) -> None:
    rule = {"measure": measure, "threshold": threshold, "period": {"unit": "days", "length": 7}}
    promotion = make_promotion(application_rules=[rule])
    before = Progress(({date(2026, 3, 1): Totals(1, 2 * QUANTITY_SCALE, 2000)},))
    refusal = refused(promotion, line("A", 1, "10.00"), usage=Usage(progress={promotion.id: before}))
    assert (refusal.reason, refusal.near_miss) == ("application_rules", lacking)


def test_a_discount_tells_what_its_product_sets_lack() -> None:
    pair = make_discount(sets=[{"products": ["A"], "required_quantity": 2, "gets_discount": True}])
    assert refused(pair, line("A")).near_miss == units(1)
    rich = make_discount(sets=[{"rules": {}, "required_spend": "80", "gets_discount": True}])
    assert refused(rich, line("A", 1, "79.01")).near_miss == spend(99, "80.00")
    every = make_discount("every", "amount", sets=[{"rules": {}, "required_spend": "80", "repeats": True}])
    assert refused(every, line("A", 1, "79.01")).near_miss == spend(99, "80.00")
    both = make_discount(
        sets=[
            {"products": ["B"], "required_quantity": 1, "gets_discount": False},
            {"rules": {}, "required_spend": "80", "gets_discount": True},
        ]
    )
    assert refused(both, line("A", 1, "70.00")).near_miss is None


def test_near_misses_are_found_only_on_request() -> None:
    promotion = make_promotion(site_rules=every(condition("town", "is", "York")))
    case = EvaluationCase(basket=make_basket(), shopper=make_shopper(), usage=Usage(), explain=[promotion])
    decision = evaluate(case, make_rulebook([promotion]), Policy())
    assert decision.refused[0].near_miss is None
