"""The generated promotions match as the workload says."""

import msgspec
import pytest

from benchmarks.shop import shop_create
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
    return any(item.get("rules") or item.get("products") or item.get("personalized_promotion") for item in sets)


def till_of(generated: Workload) -> Till:
    return Till(generated.rulebook())


@pytest.mark.parametrize("unkeyed", [0, 0.1, 0.5])
@pytest.mark.parametrize(("count", "matching"), [(1, 1), (10, 10), (60, 0), (100, 10), (200, 100), (MANY, MANY)])
def test_a_basket_of_ten_lines_qualifies_for_the_promotions_that_should_match(
    count: int, matching: int, unkeyed: float
) -> None:
    generated = workload(count, matching=matching, unkeyed=unkeyed)
    assert len(generated.sources) == count
    assert len(generated.matching) == matching
    with without_database():
        assert till_of(generated).matches(body(10)) == generated.matching


def test_a_larger_basket_qualifies_for_no_other_promotions() -> None:
    generated = workload(200, matching=20)
    till = till_of(generated)
    with without_database():
        assert till.matches(body(100)) == generated.matching
        assert till.matches(body(1)) < generated.matching


def test_a_tenth_of_the_promotions_names_no_product_unless_all_should() -> None:
    mixed, keyed = workload(1_000, matching=100, unkeyed=0.1), workload(1_000, matching=100, unkeyed=0)
    assert sum(not names_a_product(source) for source in mixed.sources) == 100
    assert all(names_a_product(source) for source in keyed.sources)


@pytest.mark.parametrize("matches", [True, False])
def test_promotions_of_every_type_are_among_those_that_match_and_among_the_others(*, matches: bool) -> None:
    generated = workload(2 * MANY, matching=MANY)
    types = {source.type for source in generated.sources if (source.code in generated.matching) is matches}
    assert types == {*LOYALTY_TYPES, *DISCOUNT_TYPES}


def test_without_total_limits_the_same_promotions_match() -> None:
    limited, unlimited = workload(50, matching=10), workload(50, matching=10, limited=False)
    assert any(source.eligibility["total_redemption_limit"] for source in limited.sources)
    assert not any(source.eligibility["total_redemption_limit"] for source in unlimited.sources)
    assert limited.matching == unlimited.matching


@pytest.mark.parametrize(("lines", "units"), [(1, 1), (30, 1), (500, 1), (10, 100_000)])
def test_a_basket_has_the_requested_lines_and_units(lines: int, units: int) -> None:
    sale = sale_decoded(body(lines, units=units), now=NOW, commit=False)
    assert [line.quantity for line in sale.lines] == [units] * lines
    assert len(sale.skus) == lines


def test_the_answer_explains_promotions_that_do_not_match_if_asked() -> None:
    generated = workload(50, matching=5)
    till = till_of(generated)
    with without_database():
        answer = msgspec.json.decode(till.answer(body(10), explain=True))
    codes = {promotion["promotion"] for promotion in (*answer["applied"], *answer["not_applied"])}
    assert codes == {source.code for source in generated.sources}
    with without_database():
        assert "not_applied" not in msgspec.json.decode(till.answer(body(10)))


@pytest.mark.django_db
def test_a_shop_in_the_database_matches_as_its_workload_says() -> None:
    generated = workload(60, matching=20)
    shop = shop_create("shop", generated, consumers=2)
    account = Account.objects.get(pk=shop.account_id)
    for consumer in shop.consumers:
        sale = sale_decoded(body(10, consumer=consumer, at=shop.at), now=shop.at, commit=False)
        assert qualified(quote(account=account, sale=sale).decision) == generated.matching
