"""Results of promotions: what a row counts, on which day and site it stands, and what a return adds."""

from typing import Any

import pytest
from django.utils import timezone

from consumers.models import Site
from loyalty.models import PromotionResult, ResultsMark
from loyalty.services.results.count import results_count
from tests.loyalty.till.shop import Json, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

EVERY = {"apply_to": "every", "units": 1}


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member()
    shop.product("TEA", cost_price="1.00")
    shop.product("BAP")
    return shop


def count(shop: Shop, path: str = "", *, code: str = "d", family: str = "discounts") -> Json:
    """Count what there is, and return the results as they are answered."""
    results_count(clock=timezone.now)
    answer = shop.call("get", f"{family}/{code}/results{path}", role="manager")
    assert answer.status_code == 200, answer.content
    return answer.json()


def part(answer: Json, **expected: Any) -> None:
    """Check some figures of a row."""
    assert {name: answer[name] for name in expected} == expected


def tenth_off_tea(shop: Shop, **values: Json) -> None:
    shop.discount("d", make_set(products=["TEA"]), value="10", **values)


def test_a_discount_is_counted_by_the_day_and_site_of_the_sale(shop: Shop) -> None:
    Site.objects.create(account=shop.account, number="002", name="York", town="York")
    tenth_off_tea(shop)
    shop.member("d")
    shop.sell("A", sold=[make_line("TEA", "2", "10.00", unit_price_ex_tax="8.00"), make_line("BAP", "1", "5.00")])
    shop.sell("B", sold=[make_line("TEA", "1", "10.00")], site="002", consumer="d", occurred_at="2026-03-05T12:00:00Z")
    shop.sell("C", sold=[make_line("BAP", "1", "5.00")])
    answer = count(shop, "?by=day")
    part(answer["totals"], baskets=2, redemptions=3, discount="3.00", promoted_sales="27.00", basket_sales="32.00")
    part(answer["totals"], cost="3.00", consumers=2, margin_unknown_sales="0.00")
    first, second = answer["rows"]
    # 16.00 without tax, of which nine tenths were paid, less two cost prices.
    part(first, key="2026-03-04", baskets=1, promoted_sales="18.00", basket_sales="23.00", margin="12.40", consumers=1)
    part(second, key="2026-03-05", baskets=1, redemptions=1, discount="1.00", margin="8.00")
    by_site = count(shop, "?by=site")["rows"]
    assert [(row["key"], row["redemptions"], row["consumers"]) for row in by_site] == [
        ("001", 2, None),
        ("002", 1, None),
    ]
    part(count(shop, "?from=2026-03-05&to=2026-03-05")["totals"], baskets=1, redemptions=1, consumers=1)


def test_a_return_leaves_what_was_sold_and_grows_beside_it_on_the_day_of_the_sale(shop: Shop) -> None:
    tenth_off_tea(shop)
    shop.sell("A", sold=[make_line("TEA", "3", "10.00"), make_line("BAP", "1", "5.00")])
    shop.give_back("A", "R1", TEA="1")
    row = count(shop, "?by=day")["rows"][0]
    part(row, baskets=1, redemptions=3, discount="3.00", promoted_sales="27.00", margin="24.00")
    part(row["returned"], baskets=0, redemptions=1, discount="1.00", promoted_sales="9.00", margin="8.00", cost="1.00")
    shop.void("A")
    row = count(shop, "?by=day")["rows"][0]
    part(row, baskets=1, redemptions=3, discount="3.00", basket_sales="32.00")
    part(row["returned"], baskets=1, redemptions=3, discount="3.00", basket_sales="32.00", promoted_sales="27.00")


def test_points_cost_their_value_by_the_expected_redemption(shop: Shop) -> None:
    shop.call("patch", "account", {"expected_redemption": "80"}, role="manager")
    shop.promotion("p", outcome={"points": 50, "quantity_rule": EVERY})
    shop.sell("A", sold=[make_line("TEA", "3", "10.00")])
    shop.give_back("A", "R1", TEA="1")
    answer = count(shop, code="p", family="promotions")
    part(answer["totals"], points=150, points_value="1.50", cost="1.20", promoted_sales="30.00")
    part(answer["totals"]["returned"], points=50, points_value="0.50", cost="0.40")


def test_a_change_of_the_expected_redemption_holds_for_its_whole_day(shop: Shop) -> None:
    shop.promotion("p", outcome={"points": 50, "quantity_rule": EVERY})
    shop.sell("A", sold=[make_line("TEA", "3", "10.00")])
    part(count(shop, code="p", family="promotions")["totals"], cost="1.50")
    shop.call("patch", "account", {"expected_redemption": "80"}, role="manager")
    for by in ("day", "site"):
        (row,) = count(shop, f"?by={by}", code="p", family="promotions")["rows"]
        part(row, cost="1.20")
    shop.sell("B", sold=[make_line("TEA", "1", "10.00")])
    (row,) = count(shop, "?by=site", code="p", family="promotions")["rows"]
    part(row, points=200, cost="1.60")


def test_vouchers_count_under_what_issued_them_where_and_when_they_pay(shop: Shop) -> None:
    shop.offer("o", value="2")
    shop.promotion("p", kind="redeem_offer", outcome={"offer": "o"}, customer_redemption_limit=1)
    code = shop.sell("A", sold=[make_line("BAP", "1", "5.00")])["vouchers_issued"][0]["code"]
    shop.sell("B", sold=[make_line("BAP", "1", "5.00")], vouchers=[code], occurred_at="2026-03-06T12:00:00Z")
    first, second = count(shop, "?by=day", code="p", family="promotions")["rows"]
    part(first, key="2026-03-04", baskets=1, vouchers_issued=1, vouchers_paid=0, cost="0.00")
    part(second, key="2026-03-06", baskets=0, vouchers_issued=0, vouchers_paid=1, vouchers_discount="2.00", cost="2.00")
    shop.void("B")
    shop.void("A", "V2")
    first, second = count(shop, "?by=day", code="p", family="promotions")["rows"]
    part(first["returned"], baskets=1, vouchers_issued=1)
    part(second["returned"], vouchers_paid=1, vouchers_discount="2.00", cost="2.00")


def test_a_second_run_counts_nothing_twice(shop: Shop) -> None:
    tenth_off_tea(shop)
    shop.sell("A", sold=[make_line("TEA", "1", "10.00")])
    assert results_count(clock=timezone.now) == 1
    assert results_count(clock=timezone.now) == 0
    assert PromotionResult.objects.get().baskets == 1
    assert {mark.as_of is not None for mark in ResultsMark.objects.all()} == {True}


def test_a_week_is_named_by_its_monday(shop: Shop) -> None:
    tenth_off_tea(shop)
    for number, day in enumerate(("2026-03-01", "2026-03-02", "2026-03-08")):
        shop.sell(str(number), sold=[make_line("TEA", "1", "10.00")], occurred_at=f"{day}T12:00:00Z")
    rows = count(shop, "?by=week")["rows"]
    assert [(row["key"], row["baskets"], row["consumers"]) for row in rows] == [
        ("2026-02-23", 1, 1),
        ("2026-03-02", 2, 1),
    ]


def test_sites_are_added_up_over_whole_months_and_days(shop: Shop) -> None:
    tenth_off_tea(shop)
    days = ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01")
    for day in days:
        shop.sell(day, sold=[make_line("TEA", "1", "10.00")], occurred_at=f"{day}T12:00:00Z")
    for first in days:
        for last in days:
            if first <= last:
                (row,) = count(shop, f"?by=site&from={first}&to={last}")["rows"]
                assert row["baskets"] == sum(first <= day <= last for day in days), (first, last)


def test_the_ranking_has_what_costs_most_first(shop: Shop) -> None:
    tenth_off_tea(shop)
    shop.promotion("p", outcome={"points": 500})
    shop.sell("A", sold=[make_line("TEA", "1", "10.00")])
    results_count(clock=timezone.now)
    answer = shop.call("get", "results?from=2026-03-01", role="manager").json()
    assert [(row["family"], row["key"], row["cost"]) for row in answer["rows"]] == [
        ("loyalty", "p", "5.00"),
        ("discount", "d", "1.00"),
    ]
    part(answer["totals"], cost="6.00", redemptions=2)


@pytest.mark.parametrize(
    ("query", "attr", "code"),
    [
        ("?from=2026-03-02&to=2026-03-01", "from", "from_after_to"),
        ("?by=month", "by", "invalid_choice"),
        ("?from=yesterday", "from", "invalid"),
        ("?to=2026-02-30", "to", "invalid"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(shop: Shop, query: str, attr: str, code: str) -> None:
    tenth_off_tea(shop)
    answer = shop.call("get", f"discounts/d/results{query}", role="manager")
    assert answer.status_code == 400
    assert [(error["attr"], error["code"]) for error in answer.json()["errors"]] == [(attr, code)]
