"""Pairs of promotions that meet, that cannot, and of which it is not known: each gets the right verdict."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conflicts.analysis.example_baskets import CatalogueContext
from conflicts.analysis.examples import ExampleSite
from conflicts.analysis.overlap import Overlap, Verdict, analyse_overlap
from conflicts.resolver import Policy
from promotions.engine.facts.basket import ProductFacts
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.builders import (
    NOON,
    condition,
    decide,
    either,
    every,
    make_discount,
    make_offer,
    make_personalized,
    make_promotion,
    make_site,
    make_terms,
    product_set,
    qualifying,
    selection,
    sku,
)

LEEDS = ExampleSite(name="Leeds", facts=make_site("1", town="Leeds"), zone=ZoneInfo("Europe/London"))
YORK = ExampleSite(name="York", facts=make_site("2", town="York"), zone=ZoneInfo("Europe/London"))
CATALOGUE = CatalogueContext(
    terms=make_terms(),
    products={
        "TEA": ProductFacts(category="Tea", product_brand="Acme", retail_price=Decimal(3)),
        "COFFEE": ProductFacts(category="Coffee", product_brand="Acme", retail_price=Decimal(8)),
    },
    offers={"gift": make_offer()},
    personalized={"picks": make_personalized()},
)
DISJOINT, OVERLAPPING, POSSIBLE = Verdict.DISJOINT, Verdict.OVERLAPPING, Verdict.POSSIBLE


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def overlap_of(
    first: Promotion, second: Promotion, *, policy: Policy | None = None, catalogue: CatalogueContext = CATALOGUE
) -> Overlap:
    return analyse_overlap(first, second, catalogue=catalogue, sites=[LEEDS, YORK], policy=policy or Policy(), at=NOON)


def fixed(code: str, **fields: Any) -> Promotion:
    return make_promotion(code, **fields)


def off(code: str, *skus: str, **fields: Any) -> Promotion:
    return make_discount(code, value="10", sets=fields.pop("sets", None) or [product_set(*skus)], **fields)


def rules(*conditions: tuple[str, str, Any]) -> dict[str, Any]:
    return every(*[condition(*each) for each in conditions])


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two promotions, the verdict, and the respect in which they are disjoint."""

    name: str
    first: dict[str, Any] = field(default_factory=dict)
    second: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict = OVERLAPPING
    apart: str = ""


LOYALTY = [
    Pair(name="nothing is asked"),
    Pair(
        name="one ends as the other begins",
        first={"ends_at": NOON},
        second={"starts_at": NOON},
        verdict=DISJOINT,
        apart="time",
    ),
    Pair(
        name="a minute in common",
        first={"ends_at": at(2026, 5, 4, 9, 1)},
        second={"starts_at": at(2026, 5, 4, 9)},
    ),
    Pair(
        name="weekdays that differ",
        first={"transaction_rules": rules(("transaction_weekday", "is_any_of", ["monday", "tuesday"]))},
        second={"transaction_rules": rules(("transaction_weekday", "is", "friday"))},
        verdict=DISJOINT,
        apart="time",
    ),
    Pair(
        name="a weekday that the week in common has not",
        first={"starts_at": at(2026, 3, 3), "ends_at": at(2026, 3, 6)},
        second={"transaction_rules": rules(("transaction_weekday", "is", "sunday"))},
        verdict=DISJOINT,
        apart="time",
    ),
    Pair(
        name="happy hours that meet over midnight",
        first={"transaction_rules": rules(("transaction_time", "is_between", ["22:00", "02:00"]))},
        second={"transaction_rules": rules(("transaction_time", "is_before", "00:30"))},
    ),
    Pair(
        name="towns that differ",
        first={"site_rules": rules(("town", "is", "leeds"))},
        second={"site_rules": rules(("town", "is", "York"))},
        verdict=DISJOINT,
        apart="site",
    ),
    Pair(
        name="a group that one wants and the other bars",
        first={"customer_rules": rules(("groups", "is", "vip"))},
        second={"customer_rules": rules(("groups", "is_not_any_of", ["vip", "staff"]))},
        verdict=DISJOINT,
        apart="audience",
    ),
    Pair(
        name="groups that one shopper can have",
        first={"customer_rules": rules(("groups", "is", "vip"), ("birthday", "is_today", True))},
        second={"customer_rules": rules(("groups", "is", "staff"), ("points_balance", "is_at_least", "500"))},
    ),
    Pair(
        name="points for those who are no members",
        first={"customer_rules": rules(("is_loyalty_member", "is", False))},
        verdict=DISJOINT,
        apart="audience",
    ),
    Pair(
        name="totals that exclude each other",
        first={"transaction_rules": rules(("total_inc_tax", "is_less_than", "20"))},
        second={"transaction_rules": rules(("total_inc_tax", "is_at_least", "20"))},
        verdict=DISJOINT,
        apart="products",
    ),
    Pair(
        name="totals a penny apart, and three units wanted",
        first={"transaction_rules": rules(("total_inc_tax", "is_less_than", "20.01"))},
        second={
            "transaction_rules": rules(("total_inc_tax", "is_at_least", "20")),
            "quantity_rule": {"apply_to": "every", "units": 3},
        },
    ),
    Pair(
        name="different products in one basket",
        first={"product_selection": selection(sku("TEA"))},
        second={"product_selection": selection(rules(("category", "is", "coffee")))},
    ),
    Pair(
        name="a product that the catalogue has in another category",
        first={"line_item_rules": rules(("sku", "is", "tea"), ("category", "is", "Coffee"))},
        verdict=DISJOINT,
        apart="products",
    ),
    Pair(
        name="either of two ways, of which one meets",
        first={"transaction_rules": either(condition("source", "is", "web"), condition("source", "is", "shop"))},
        second={"transaction_rules": rules(("source", "is_not", "web"))},
    ),
    Pair(
        name="repeat behaviour, taken for granted",
        first={
            "application_rules": [
                {
                    "measure": "transactions",
                    "threshold": "5",
                    "period": {"unit": "days", "length": 30},
                    "counting": "reached",
                }
            ]
        },
    ),
    Pair(name="currencies that differ", second={"currency": "EUR"}, verdict=DISJOINT, apart="products"),
    Pair(
        name="more ways than are looked at",
        first={
            "customer_rules": every(*[either(*[condition("groups", "is", f"{a}{b}") for b in "xyz"]) for a in "abcdef"])
        },
        verdict=POSSIBLE,
    ),
    Pair(
        name="a fact that counts from a day",
        first={"customer_rules": rules(("last_transaction_on", "is_in_last_days", 3))},
        second={"customer_rules": rules(("last_transaction_on", "is_before", "2020-01-01"))},
        verdict=POSSIBLE,
    ),
]

DISCOUNTS = [
    Pair(name="the same product", first={"sets": [product_set("TEA")]}, second={"sets": [product_set("TEA", "MILK")]}),
    Pair(
        name="other products",
        first={"sets": [product_set("TEA")]},
        second={"sets": [product_set("COFFEE")]},
        verdict=DISJOINT,
        apart="products",
    ),
    Pair(
        name="a product and the category it is in",
        first={"sets": [product_set("COFFEE", required_quantity=3, discounted_quantity=1)]},
        second={"sets": [{"rules": rules(("category", "is", "Coffee"))}]},
    ),
    Pair(
        name="a product and a category it is not in",
        first={"sets": [product_set("COFFEE")]},
        second={"sets": [{"rules": rules(("category", "is", "Tea"))}]},
        verdict=DISJOINT,
        apart="products",
    ),
    Pair(
        name="a product that only qualifies in the one",
        first={"sets": [qualifying("TEA", required_quantity=2), product_set("MILK")]},
        second={"sets": [product_set("TEA")]},
    ),
    Pair(
        name="a list of the consumer's own",
        first={"sets": [{"personalized_promotion": "picks"}]},
        second={"sets": [product_set("TEA")]},
    ),
    Pair(
        name="a spend on everything",
        first={"sets": [product_set(required_spend="80")]},
        second={"sets": [product_set("TEA")]},
    ),
    Pair(
        name="brands that begin differently",
        first={"sets": [{"rules": rules(("product_brand", "starts_with", "Ac"))}]},
        second={"sets": [{"rules": rules(("product_brand", "starts_with", "Zo"))}]},
        verdict=DISJOINT,
        apart="products",
    ),
    Pair(
        name="labels of one product",
        first={"sets": [{"rules": rules(("labels", "is", "green"), ("profit_margin", "is_at_least", "40"))}]},
        second={"sets": [{"rules": rules(("labels", "is_any_of", ["fair", "new"]))}]},
    ),
]


def check(pair: Pair, overlap: Overlap, first: Promotion, second: Promotion) -> None:
    apart = {name for name in ("time", "site", "audience", "products") if getattr(overlap, name) is DISJOINT}
    assert (overlap.verdict, apart) == (pair.verdict, {pair.apart} - {""})
    assert (overlap.example is not None) is (pair.verdict is OVERLAPPING)
    if overlap.example is not None:
        assert overlap.outcome is not None
        codes = {one.promotion.code for one in overlap.example.decision.applied}
        codes |= {one.promotion.code for one in overlap.example.decision.refused if one.reason == "lost_conflict"}
        assert codes == {first.code, second.code}


@pytest.mark.parametrize("pair", LOYALTY, ids=lambda pair: pair.name)
def test_a_pair_of_loyalty_promotions_gets_the_right_verdict(pair: Pair) -> None:
    first, second = fixed("first", **pair.first), fixed("second", **pair.second)
    check(pair, overlap_of(first, second), first, second)
    check(pair, overlap_of(second, first), second, first)


@pytest.mark.parametrize("pair", DISCOUNTS, ids=lambda pair: pair.name)
def test_a_pair_of_discounts_gets_the_right_verdict(pair: Pair) -> None:
    first, second = off("one", **pair.first), off("two", **pair.second)
    check(pair, overlap_of(first, second), first, second)
    check(pair, overlap_of(second, first), second, first)


def test_an_example_is_confirmed_by_the_engine() -> None:
    first, second = fixed("first", points=10), fixed("second", points=90)
    overlap = overlap_of(first, second)
    assert overlap.example is not None
    for promotion in (first, second):
        decision = decide(overlap.example.basket, promotion, shopper=overlap.example.shopper)
        assert [winner.promotion.code for winner in decision.applied] == [promotion.code]


@pytest.mark.parametrize(
    ("policy", "winner", "decided_by"),
    [
        (Policy(), "second", "bias"),
        (Policy(promotion_bias="min_customer_saving"), "first", "bias"),
        (Policy(promotions_per_type=2), None, ""),
    ],
)
def test_who_would_win_follows_the_settings(policy: Policy, winner: str | None, decided_by: str) -> None:
    first, second = fixed("first", points=10), fixed("second", points=90)
    outcome = overlap_of(first, second, policy=policy).outcome
    assert outcome is not None
    ids = {first.code: first.id, second.code: second.id, None: None}
    assert (outcome.winner, outcome.decided_by) == (ids[winner], decided_by)


def test_discounts_of_other_products_compete_where_one_discount_is_allowed() -> None:
    pair = off("one", "TEA"), off("two", "COFFEE")
    assert overlap_of(*pair).verdict is DISJOINT
    overlap = overlap_of(*pair, policy=Policy(discounts_per_transaction=1))
    assert overlap.verdict is OVERLAPPING
    assert overlap.outcome is not None
    assert overlap.outcome.winner is not None


def test_drafts_are_analysed_as_if_they_were_published() -> None:
    assert overlap_of(fixed("first", draft=True), fixed("second")).verdict is OVERLAPPING


def test_promotions_are_disjoint_without_a_site() -> None:
    overlap = analyse_overlap(fixed("first"), fixed("second"), catalogue=CATALOGUE, sites=[], policy=Policy(), at=NOON)
    assert (overlap.verdict, overlap.site) == (DISJOINT, DISJOINT)


def test_a_voucher_of_a_closed_offer_makes_no_example() -> None:
    gifts = [make_promotion(code, "redeem_offer") for code in ("first", "second")]
    closed = CatalogueContext(terms=CATALOGUE.terms, products={}, offers={}, personalized={})
    assert overlap_of(gifts[0], gifts[1]).verdict is OVERLAPPING
    assert overlap_of(gifts[0], gifts[1], catalogue=closed).verdict is POSSIBLE
