"""Weeks and months that are over are kept merged, and are what their days say."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from loyalty.models import (
    PromotionDayConsumers,
    PromotionMonthConsumers,
    PromotionMonthTotal,
    PromotionWeekConsumers,
    ResultsMark,
)
from loyalty.selectors.results_verification import results_differences
from loyalty.services.results.count import results_count
from tests.loyalty.till.shop import Json, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

MONDAY, TUESDAY, APRIL = "2026-03-02", "2026-03-03", "2026-04-01"


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    for consumer in ("c", "d"):
        shop.member(consumer)
    shop.product("TEA")
    shop.discount("d", make_set(products=["TEA"]), value="10")
    return shop


def sell(shop: Shop, reference: str, consumer: str, day: str) -> None:
    sell_at(shop, reference, consumer, f"{day}T12:00:00Z")


def sell_at(shop: Shop, reference: str, consumer: str, moment: str) -> None:
    shop.sell(reference, sold=[make_line("TEA", "1", "10.00")], consumer=consumer, occurred_at=moment)


def count() -> None:
    results_count(clock=timezone.now)
    assert [str(difference) for difference in results_differences()] == []


def consumers(shop: Shop, query: str = "") -> list[int]:
    answer: Json = shop.call("get", f"discounts/d/results{query}", role="manager").json()
    return [answer["totals"]["consumers"], *(row["consumers"] for row in answer["rows"])]


def test_a_late_sale_comes_into_the_week_and_the_month_that_are_merged(shop: Shop) -> None:
    sell(shop, "A", "c", MONDAY)
    count()
    assert PromotionWeekConsumers.objects.get().count == 1
    assert PromotionMonthConsumers.objects.get().month == date(2026, 3, 1)
    sell(shop, "B", "d", TUESDAY)
    sell(shop, "C", "c", APRIL)
    count()
    assert consumers(shop, "?by=week") == [2, 2, 1]
    assert consumers(shop, "?by=day") == [2, 1, 1, 1]
    # A part of a merged week or month is read from its days.
    assert consumers(shop, f"?by=week&from={TUESDAY}&to={APRIL}") == [2, 1, 1]


def test_a_week_is_merged_when_it_is_over(shop: Shop) -> None:
    sell_at(shop, "A", "c", timezone.now().isoformat())
    count()
    assert not PromotionWeekConsumers.objects.exists()
    assert consumers(shop, "?by=week") == [1, 1]
    later = timezone.now() + timedelta(days=40)
    results_count(clock=lambda: later)
    assert PromotionWeekConsumers.objects.get().count == 1
    assert PromotionMonthConsumers.objects.get().count == 1
    assert consumers(shop, "?by=week") == [1, 1]


def test_rows_of_before_are_read_by_days_and_then_added_up(shop: Shop) -> None:
    sell(shop, "A", "c", MONDAY)
    count()
    # As a version leaves it that knows neither.
    PromotionMonthTotal.objects.all().delete()
    PromotionMonthConsumers.objects.all().delete()
    PromotionWeekConsumers.objects.all().delete()
    ResultsMark.objects.update(summed_to=None, merged_to=None)
    before = shop.call("get", "discounts/d/results", role="manager").json()["totals"]
    assert (before["baskets"], before["consumers"]) == (1, 1)
    count()
    assert PromotionMonthTotal.objects.get().baskets == 1
    assert PromotionWeekConsumers.objects.get().count == 1
    after = shop.call("get", "discounts/d/results", role="manager").json()["totals"]
    assert after == before


def test_what_is_kept_and_is_not_what_days_say_is_named(shop: Shop) -> None:
    sell(shop, "A", "c", MONDAY)
    count()
    PromotionMonthTotal.objects.update(baskets=2)
    PromotionMonthConsumers.objects.update(count=2)
    PromotionWeekConsumers.objects.all().delete()
    PromotionDayConsumers.objects.update(count=3)
    rows = sorted(difference.row for difference in results_differences())
    assert [row.partition(" (")[2].split(" 2026")[0] for row in rows] == ["count of", "month", "month", "week of"]
