"""Some decisions are timed, promotion by promotion, without affecting the sale."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count
from threading import Thread
from time import monotonic, sleep

import pytest
from django.db import DatabaseError
from prometheus_client import REGISTRY
from pytest_django import DjangoAssertNumQueries, Settings

from loyalty.models import Transaction
from loyalty.services.till import commit, profiling, quote
from loyalty.services.till.profiling import QUIET_SECONDS, PromotionProfiler, PromotionTimer
from loyalty.services.till.snapshot import snapshot_current
from loyalty.services.tried_basket import BasketToTry, LineToTry, basket_try
from promotions.engine.pipeline.decision import Refusal
from promotions.engine.rulebook.promotion import Promotion as Compiled
from promotions.models import PromotionCost
from promotions.services.profiling import EvaluationSample, evaluation_samples_add
from tests.loyalty.till.shop import BEGAN, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db


class Seconds:
    """A clock that stands still until the test sets it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def ticking_clock(step: int) -> Callable[[], int]:
    """Return a clock that advances by ``step`` each time it is read."""
    ticks = count(0, step)
    return lambda: next(ticks)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def profiler(seconds: Seconds, monkeypatch: pytest.MonkeyPatch) -> PromotionProfiler:
    """Install a profiler for the till's calls; each evaluation of a promotion takes seven nanoseconds."""
    profiler = PromotionProfiler(seconds=seconds, clock=ticking_clock(7), background=False)
    install_profiler(profiler, monkeypatch)
    return profiler


def install_profiler(profiler: PromotionProfiler, monkeypatch: pytest.MonkeyPatch) -> None:
    for caller in (quote, commit):
        monkeypatch.setattr(caller, "PROFILER", profiler)


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member()
    return shop


def stored_costs() -> dict[str, tuple[int, int]]:
    """Return sampled baskets and nanoseconds by promotion."""
    rows = PromotionCost.objects.values_list("promotion__code", "baskets", "nanoseconds")
    return {code: (baskets, nanoseconds) for code, baskets, nanoseconds in rows}


def evaluate(shop: Shop, times: int = 1) -> None:
    for _ in range(times):
        shop.evaluate(consumer="c")


@pytest.mark.parametrize(("every", "timed"), [(1, 12), (3, 4), (5, 2), (100, 0), (0, 0), (-1, 0)])
def test_every_nth_decision_is_timed(
    shop: Shop, profiler: PromotionProfiler, settings: Settings, every: int, timed: int
) -> None:
    settings.COST_SAMPLE_EVERY = every
    shop.promotion("tea")
    evaluate(shop, 12)
    profiler.write()
    assert stored_costs() == ({"tea": (timed, 7 * timed)} if timed else {})


def test_the_first_decision_after_a_pause_is_timed(
    shop: Shop, profiler: PromotionProfiler, seconds: Seconds, settings: Settings
) -> None:
    settings.COST_SAMPLE_EVERY = 100
    shop.promotion("tea")
    evaluate(shop)
    seconds.now += QUIET_SECONDS
    evaluate(shop, 2)
    profiler.write()
    assert stored_costs() == {"tea": (1, 7)}


def test_a_process_that_has_just_started_does_not_time_its_first_decision(
    profiler: PromotionProfiler, settings: Settings
) -> None:
    settings.COST_SAMPLE_EVERY = 100
    assert profiler.timer_if_due() is None


def test_commits_are_timed_as_quotes_are_and_a_tried_basket_is_not(
    shop: Shop, profiler: PromotionProfiler, settings: Settings
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    tea = shop.promotion("tea")
    shop.sell("R1", consumer="c")
    line = LineToTry(sku="A", quantity=Decimal(1), unit_price_inc_tax=Decimal(1))
    shop.account.refresh_from_db()
    basket_try(
        account=shop.account,
        basket=BasketToTry(site="001", currency="GBP", lines=(line,), consumer="c"),
        promotion=tea,
        at=BEGAN,
    )
    profiler.write()
    assert stored_costs() == {"tea": (1, 7)}


def test_only_promotions_that_a_basket_evaluates_are_measured(
    shop: Shop, profiler: PromotionProfiler, settings: Settings
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("here")
    shop.promotion("late", starts_at=BEGAN.replace(year=2027))
    evaluate(shop)
    profiler.write()
    assert set(stored_costs()) == {"here"}


def test_a_discount_evaluated_twice_counts_as_one_basket(
    shop: Shop, profiler: PromotionProfiler, settings: Settings
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.product("TEA")
    shop.discount("half", make_set(products=["TEA"]), value="50")
    shop.discount("third", value="30")
    shop.evaluate(sold=[make_line("TEA", price="10.00"), make_line("CAKE")])
    profiler.write()
    assert stored_costs() == {"half": (1, 7), "third": (1, 14)}


def test_timing_does_not_change_a_decision(shop: Shop, profiler: PromotionProfiler, settings: Settings) -> None:
    shop.promotion("tea")
    shop.discount("half", value="50")
    plain = shop.evaluate(consumer="c")
    settings.COST_SAMPLE_EVERY = 1
    assert shop.evaluate(consumer="c") == plain


def test_the_newer_version_of_a_promotion_edited_meanwhile_counts(
    shop: Shop, profiler: PromotionProfiler, settings: Settings
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    evaluate(shop, 3)
    shop.promotion("tea", outcome={"points": 60})
    evaluate(shop, 2)
    profiler.write()
    assert list(PromotionCost.objects.values_list("version", "baskets")) == [(2, 2)]


def test_a_sale_writes_nothing_that_was_measured(
    shop: Shop,
    profiler: PromotionProfiler,
    settings: Settings,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    shop.promotion("tea")
    shop.sell("R1", consumer="c")
    with django_assert_max_num_queries(17) as plain:
        shop.sell("R2", consumer="c")
    settings.COST_SAMPLE_EVERY = 1
    with django_assert_num_queries(len(plain)):
        shop.sell("R3", consumer="c")
    assert not stored_costs()


def test_samples_that_the_database_does_not_take_are_written_later(
    shop: Shop, profiler: PromotionProfiler, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    evaluate(shop)

    def raise_database_error(**_: object) -> None:
        raise DatabaseError

    with monkeypatch.context() as broken:
        broken.setattr(profiling, "evaluation_samples_add", raise_database_error)
        profiler.write()
        shop.sell("R1", consumer="c")
        profiler.write()
    profiler.write()
    assert stored_costs() == {"tea": (2, 14)}
    assert Transaction.objects.get().reference == "R1"
    profiler.write()
    assert stored_costs() == {"tea": (2, 14)}


def test_samples_written_before_a_failure_are_not_written_twice(
    shop: Shop, profiler: PromotionProfiler, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    for code in ("a", "b", "c"):
        shop.promotion(code)
    evaluate(shop)
    monkeypatch.setattr(profiling, "ROWS_PER_WRITE", 1)
    calls = count()

    def failing_second(*, samples: Sequence[EvaluationSample], at: datetime) -> None:
        if next(calls) == 1:
            raise DatabaseError
        evaluation_samples_add(samples=samples, at=at)

    monkeypatch.setattr(profiling, "evaluation_samples_add", failing_second)
    profiler.write()
    assert set(stored_costs()) == {"a"}
    profiler.write()
    assert stored_costs() == {"a": (1, 7), "b": (1, 7), "c": (1, 7)}


def test_a_forked_process_starts_without_samples(shop: Shop, profiler: PromotionProfiler, settings: Settings) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    evaluate(shop)
    profiler.reset()
    profiler.write()
    assert not stored_costs()


def test_a_process_that_cannot_start_a_thread_still_sells(
    shop: Shop, profiler: PromotionProfiler, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")

    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", refuse)
    monkeypatch.setattr(profiler, "_background", True)
    shop.sell("R1", consumer="c")
    profiler.write()
    assert stored_costs() == {"tea": (1, 7)}


@pytest.mark.django_db(transaction=True)
def test_a_thread_of_its_own_writes_while_sales_go_on(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    monkeypatch.setattr(profiling, "WRITE_INTERVAL_SECONDS", 0.05)
    install_profiler(PromotionProfiler(clock=ticking_clock(7)), monkeypatch)
    shop.promotion("tea")
    shop.sell("R1", consumer="c")
    until = monotonic() + 30
    while not stored_costs() and monotonic() < until:
        sleep(0.05)
    assert stored_costs() == {"tea": (1, 7)}


def test_samples_belong_to_the_accounts_own_promotions(
    shop: Shop, profiler: PromotionProfiler, settings: Settings
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    other = make_shop("other")
    other.member()
    other.promotion("tea")
    evaluate(shop, 2)
    evaluate(other)
    profiler.write()
    sampled = PromotionCost.objects.values_list("promotion__account__code", "baskets")
    assert dict(sampled) == {"shop": 2, "other": 1}


def test_evaluations_are_exported_to_prometheus_without_naming_a_promotion(
    shop: Shop, profiler: PromotionProfiler, settings: Settings
) -> None:
    def evaluations() -> float:
        return REGISTRY.get_sample_value("promotions_look_seconds_count") or 0

    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    shop.promotion("cake")
    before = evaluations()
    evaluate(shop)
    assert evaluations() - before == 2


def test_the_quicker_of_two_evaluations_counts(shop: Shop) -> None:
    shop.promotion("tea")
    shop.account.refresh_from_db()
    (promotion,) = snapshot_current(account=shop.account).rulebook
    times = iter([0, 50, 50, 53, 100, 101, 200, 300])
    timer = PromotionTimer(lambda: next(times), best_of_two=True)

    def evaluator(promotion: Compiled, _: object) -> Refusal:
        return Refusal(promotion=promotion, reason="no_value", detail="")

    timed = timer.observe(evaluator)
    assert timed(promotion, None).promotion is promotion  # type: ignore[arg-type]
    assert timer.nanoseconds == {promotion.id: 3}
    timed(promotion, None)  # type: ignore[arg-type]
    assert timer.nanoseconds == {promotion.id: 4}
