"""Where ranked discounts save customers less than the best combination, an example basket shows it."""

from typing import Any

import pytest

from conflicts.analysis.examples import Example
from conflicts.analysis.lost_saving import LostSaving, find_lost_saving
from conflicts.resolver import Policy
from promotions.engine.rulebook.promotion import Promotion
from tests.conflicts.analysis.test_overlap import CATALOGUE, overlap_of
from tests.promotions.engine.builders import make_discount, product_set


def bundle(code: str, value: str, *skus: str) -> Promotion:
    return make_discount(code, "amount", value=value, sets=[product_set(sku) for sku in skus])


def half(code: str, sku: str, **fields: Any) -> Promotion:
    return make_discount(code, value="50", sets=[product_set(sku)], **fields)


BUNDLE, TEA, COFFEE = bundle("bundle", "6.00", "TEA", "COFFEE"), half("tea", "TEA"), half("coffee", "COFFEE")


def lost_by(own: Promotion, *others: Promotion, policy: Policy | None = None) -> LostSaving | None:
    """Return what is found for one promotion among others, from the examples of its pairs."""
    overlaps = [overlap_of(own, other) for other in others]
    examples: list[Example] = [overlap.example for overlap in overlaps if overlap.example is not None]
    return find_lost_saving(examples, [own, *others], CATALOGUE, policy or Policy())


@pytest.mark.parametrize("promotions", [(BUNDLE, TEA, COFFEE), (TEA, COFFEE, BUNDLE), (COFFEE, BUNDLE, TEA)])
def test_a_bundle_that_keeps_out_two_better_discounts_is_shown_with_both_figures(
    promotions: tuple[Promotion, ...],
) -> None:
    lost = lost_by(*promotions)
    assert lost is not None
    assert {applied.promotion.code for applied in lost.ranked.applied} == {"bundle"}
    assert {applied.promotion.code for applied in lost.best.applied} == {"tea", "coffee"}
    assert (lost.ranked.total - lost.ranked.net, lost.best.total - lost.best.net) == (600, 1000)
    assert lost.example.basket is lost.ranked.basket


@pytest.mark.parametrize("saving", ["60.00", "1.00"])
def test_a_bundle_that_costs_nothing_is_not_shown(saving: str) -> None:
    """The first is the best of all; of the second the two others are ranked first."""
    assert lost_by(bundle("bundle", saving, "TEA", "COFFEE"), TEA, COFFEE) is None


def test_one_more_unit_may_show_it() -> None:
    """Half of two coffees is more than the bundle, which would leave one of them to be halved too."""
    lost = lost_by(BUNDLE, COFFEE)
    assert lost is not None
    assert {line.sku: line.units for line in lost.example.basket.lines} == {"TEA": 1, "COFFEE": 2}
    assert [applied.promotion.code for applied in lost.ranked.applied] == ["coffee"]
    assert [applied.promotion.code for applied in lost.best.applied] == ["bundle", "coffee"]


@pytest.mark.parametrize(
    "policy", [Policy(discount_combination="best_total"), Policy(promotion_bias="min_customer_saving")]
)
def test_nothing_is_said_where_the_best_total_or_the_smaller_saving_is_wanted(policy: Policy) -> None:
    assert lost_by(BUNDLE, TEA, COFFEE, policy=policy) is None


def test_discounts_that_always_apply_are_no_part_of_it() -> None:
    always = half("tea", "TEA", always_apply=True), half("coffee", "COFFEE", always_apply=True)
    assert lost_by(BUNDLE, *always) is None


def test_drafts_count_as_if_they_were_published() -> None:
    draft = make_discount("tea", value="50", sets=[product_set("TEA")], draft=True)
    assert lost_by(draft, BUNDLE, COFFEE) is not None
