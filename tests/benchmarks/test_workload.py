"""What is measured is what it is said to be."""

import msgspec
import pytest

from benchmarks.shop import shop_filled
from benchmarks.till import Till, qualified, without_database
from benchmarks.workload import KEYED, NOW, UNKEYED, Workload, body, workload
from consumers.models import Account
from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.services.till.quote import quote
from promotions.engine.definition.fields import DISCOUNT_TYPES, LOYALTY_TYPES
from promotions.engine.rulebook.promotion import PromotionSource

MANY = 10 * (len(KEYED) + len(UNKEYED))


def names_a_product(source: PromotionSource) -> bool:
    if source.eligibility["line_item_rules"] is not None:
        return True
    sets = source.outcome.get("product_sets") or source.outcome["product_selection"]["sets"]
    return any(one.get("rules") or one.get("products") or one.get("personalized_promotion") for one in sets)


def till_of(drawn: Workload) -> Till:
    return Till(drawn.rulebook())


@pytest.mark.parametrize("unkeyed", [0, 0.1, 0.5])
@pytest.mark.parametrize(("count", "matching"), [(1, 1), (10, 10), (60, 0), (100, 10), (200, 100), (MANY, MANY)])
def test_a_basket_of_ten_lines_qualifies_for_as_many_promotions_as_are_said_to_match(
    count: int, matching: int, unkeyed: float
) -> None:
    drawn = workload(count, matching=matching, unkeyed=unkeyed)
    assert len(drawn.sources) == count
    assert len(drawn.matching) == matching
    with without_database():
        assert till_of(drawn).matches(body(10)) == drawn.matching


def test_a_larger_basket_qualifies_for_no_other_promotions() -> None:
    drawn = workload(200, matching=20)
    till = till_of(drawn)
    with without_database():
        assert till.matches(body(100)) == drawn.matching
        assert till.matches(body(1)) < drawn.matching


def test_a_tenth_of_the_promotions_names_no_product_unless_all_are_to() -> None:
    mixed, keyed = workload(1_000, matching=100, unkeyed=0.1), workload(1_000, matching=100, unkeyed=0)
    assert sum(not names_a_product(source) for source in mixed.sources) == 100
    assert all(names_a_product(source) for source in keyed.sources)


@pytest.mark.parametrize("matches", [True, False])
def test_promotions_of_every_type_are_among_those_that_match_and_among_the_others(*, matches: bool) -> None:
    drawn = workload(2 * MANY, matching=MANY)
    types = {source.type for source in drawn.sources if (source.code in drawn.matching) is matches}
    assert types == {*LOYALTY_TYPES, *DISCOUNT_TYPES}


def test_without_total_limits_the_same_promotions_match() -> None:
    limited, unlimited = workload(50, matching=10), workload(50, matching=10, limited=False)
    assert any(source.eligibility["total_redemption_limit"] for source in limited.sources)
    assert not any(source.eligibility["total_redemption_limit"] for source in unlimited.sources)
    assert limited.matching == unlimited.matching


@pytest.mark.parametrize(("lines", "units"), [(1, 1), (30, 1), (500, 1), (10, 100_000)])
def test_a_basket_has_the_lines_and_units_that_are_asked_for(lines: int, units: int) -> None:
    sale = sale_decoded(body(lines, units=units), now=NOW, commit=False)
    assert [line.quantity for line in sale.lines] == [units] * lines
    assert len(sale.skus) == lines


def test_of_promotions_that_do_not_match_the_reason_is_answered_where_it_is_asked_for() -> None:
    drawn = workload(50, matching=5)
    till = till_of(drawn)
    with without_database():
        answer = msgspec.json.decode(till.answer(body(10), explain=True))
    codes = {one["promotion"] for one in answer["applied"]} | {one["promotion"] for one in answer["not_applied"]}
    assert codes == {source.code for source in drawn.sources}
    with without_database():
        assert "not_applied" not in msgspec.json.decode(till.answer(body(10)))


@pytest.mark.django_db
def test_a_shop_in_the_database_matches_what_its_workload_says() -> None:
    drawn = workload(60, matching=20)
    shop = shop_filled("shop", drawn, consumers=2)
    account = Account.objects.get(pk=shop.account_id)
    for consumer in shop.consumers:
        sale = sale_decoded(body(10, consumer=consumer, at=shop.at), now=shop.at, commit=False)
        assert qualified(quote(account=account, sale=sale).decision) == drawn.matching
