"""What was measured of promotions is added up, and compared within the account."""

from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections

from promotions.models import Promotion, PromotionCost
from promotions.selectors.profiling import evaluation_time_median, promotions_with_evaluation_time
from promotions.services import profiling
from promotions.services.profiling import EvaluationSample, evaluation_samples_add
from tests.loyalty.till.shop import Shop, make_shop

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def shop() -> Shop:
    return make_shop()


def measured(promotion: Promotion, *, baskets: int, nanoseconds: int, version: int | None = None) -> EvaluationSample:
    return EvaluationSample(
        promotion_id=promotion.pk,
        version=promotion.version if version is None else version,
        baskets=baskets,
        nanoseconds=nanoseconds,
    )


def row(promotion: Promotion) -> tuple[int, int, int]:
    kept = PromotionCost.objects.get(promotion=promotion)
    return kept.version, kept.baskets, kept.nanoseconds


@pytest.mark.django_db
def test_what_is_measured_later_is_added(shop: Shop) -> None:
    tea, cake = shop.promotion("tea"), shop.promotion("cake")
    evaluation_samples_add(samples=[measured(tea, baskets=2, nanoseconds=10)], at=AT)
    evaluation_samples_add(
        samples=[measured(cake, baskets=1, nanoseconds=7), measured(tea, baskets=3, nanoseconds=20)], at=AT
    )
    assert row(tea) == (1, 5, 30)
    assert row(cake) == (1, 1, 7)


@pytest.mark.django_db
def test_a_newer_version_replaces_the_samples_and_an_older_one_is_dropped(shop: Shop) -> None:
    tea = shop.promotion("tea")
    evaluation_samples_add(samples=[measured(tea, baskets=2, nanoseconds=10, version=1)], at=AT)
    evaluation_samples_add(samples=[measured(tea, baskets=1, nanoseconds=9, version=2)], at=AT)
    evaluation_samples_add(samples=[measured(tea, baskets=5, nanoseconds=90, version=1)], at=AT)
    assert row(tea) == (2, 1, 9)


@pytest.mark.django_db
def test_a_promotion_that_is_gone_is_dropped_and_the_others_are_kept(shop: Shop) -> None:
    tea, gone = shop.promotion("tea"), shop.promotion("gone")
    both = [measured(gone, baskets=1, nanoseconds=1), measured(tea, baskets=1, nanoseconds=4)]
    Promotion.objects.filter(pk=gone.pk).delete()
    evaluation_samples_add(samples=both, at=AT)
    assert list(PromotionCost.objects.values_list("promotion_id", flat=True)) == [tea.pk]


@pytest.mark.django_db
def test_older_baskets_of_many_count_half(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "FULL_WEIGHT_BASKETS", 10)
    tea = shop.promotion("tea")
    evaluation_samples_add(samples=[measured(tea, baskets=10, nanoseconds=1000)], at=AT)
    evaluation_samples_add(samples=[measured(tea, baskets=5, nanoseconds=0)], at=AT)
    assert row(tea) == (1, 10, 500)


@pytest.mark.django_db
def test_adding_takes_one_statement_whatever_the_promotions(shop: Shop, django_assert_num_queries: Any) -> None:
    rows = [measured(shop.promotion(f"p{n}"), baskets=1, nanoseconds=1) for n in range(20)]
    with django_assert_num_queries(1):
        evaluation_samples_add(samples=rows, at=AT)
    assert PromotionCost.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_threads_that_write_the_same_rows_add_up(shop: Shop) -> None:
    promotions = [shop.promotion(f"p{n}") for n in range(5)]
    start = Barrier(4)

    def write(order: list[Promotion]) -> None:
        start.wait()
        try:
            for _ in range(25):
                evaluation_samples_add(samples=[measured(each, baskets=1, nanoseconds=3) for each in order], at=AT)
        finally:
            connections.close_all()

    # Half of them name the promotions the other way round.
    threads = [Thread(target=write, args=(promotions[:: 1 if n % 2 else -1],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row(each) for each in promotions] == [(1, 100, 300)] * 5


# --- within the account -----------------------------------------------------------------------------------------------


def measure(shop: Shop, **average: int) -> None:
    """Promotions that took so many nanoseconds on average, in ten baskets."""
    evaluation_samples_add(
        samples=[measured(shop.promotion(code), baskets=10, nanoseconds=10 * ns) for code, ns in average.items()],
        at=AT,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("averages", "expected"),
    [
        ({}, None),
        ({"a": 10, "b": 20}, None),
        ({"a": 10, "b": 50, "c": 20}, 20),
        ({"a": 10, "b": 50, "c": 20, "d": 40}, 30),
    ],
)
def test_the_median_needs_three_promotions(shop: Shop, averages: dict[str, int], expected: float | None) -> None:
    measure(shop, **averages)
    assert evaluation_time_median(account_id=shop.account.pk, at=AT) == expected


@pytest.mark.django_db
def test_the_median_is_of_live_promotions_of_the_account_as_they_are_now(shop: Shop) -> None:
    measure(shop, a=10, b=20, c=30, stopped=1000, archived=1000, edited=1000)
    Promotion.objects.filter(code="stopped").update(stopped_at=AT)
    Promotion.objects.filter(code="archived").update(archived=True)
    Promotion.objects.filter(code="edited").update(version=2)
    measure(make_shop("other"), x=5000, y=5000, z=5000)
    assert evaluation_time_median(account_id=shop.account.pk, at=AT) == 20


@pytest.mark.django_db
def test_the_median_takes_two_statements(shop: Shop, django_assert_num_queries: Any) -> None:
    measure(shop, **{f"p{n}": n for n in range(1, 30)})
    with django_assert_num_queries(2):
        assert evaluation_time_median(account_id=shop.account.pk, at=AT) == 15


@pytest.mark.django_db
def test_a_promotion_that_was_edited_is_not_measured_yet(shop: Shop) -> None:
    measure(shop, tea=10, cake=20)
    Promotion.objects.filter(code="cake").update(version=2)
    found = promotions_with_evaluation_time(Promotion.objects.order_by("code"))
    assert list(found.values_list("code", "cost_nanoseconds", "cost_baskets")) == [
        ("cake", None, None),
        ("tea", 10, 10),
    ]
