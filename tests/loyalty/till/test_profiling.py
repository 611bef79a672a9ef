"""Some decisions are timed, promotion by promotion, and no sale is the worse for it."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import DatabaseError
from prometheus_client import REGISTRY

from loyalty.models import Transaction
from loyalty.services.till import profiling, quote
from loyalty.services.till.profiling import QUIET_SECONDS, Costs, Watch
from loyalty.services.till.snapshot import snapshot_current
from loyalty.services.tried_basket import BasketToTry, LineToTry, basket_try
from promotions.engine.pipeline.decision import Refusal
from promotions.engine.rulebook.promotion import Promotion as Compiled
from promotions.models import PromotionCost
from promotions.services.profiling import promotion_costs_add
from tests.loyalty.till.shop import BEGAN, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db


class Seconds:
    """A clock that stands still until it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def ticking(step: int) -> Callable[[], int]:
    """A clock that has gone on by ``step`` each time that it is looked at."""
    ticks = count(0, step)
    return lambda: next(ticks)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def costs(seconds: Seconds, monkeypatch: pytest.MonkeyPatch) -> Costs:
    """What the till's calls measure; each look takes seven nanoseconds."""
    measuring = Costs(seconds=seconds, clock=ticking(7), background=False)
    monkeypatch.setattr(quote, "COSTS", measuring)
    return measuring


@pytest.fixture
def shop() -> Shop:
    made = make_shop()
    made.member()
    return made


def kept() -> dict[str, tuple[int, int]]:
    """Sampled baskets and nanoseconds by promotion."""
    rows = PromotionCost.objects.values_list("promotion__code", "baskets", "nanoseconds")
    return {code: (baskets, nanoseconds) for code, baskets, nanoseconds in rows}


def ask(shop: Shop, times: int = 1) -> None:
    for _ in range(times):
        shop.evaluate(consumer="c")


@pytest.mark.parametrize(("every", "timed"), [(1, 12), (3, 4), (5, 2), (100, 0), (0, 0), (-1, 0)])
def test_one_decision_in_so_many_is_timed(shop: Shop, costs: Costs, settings: Any, every: int, timed: int) -> None:
    settings.COST_SAMPLE_EVERY = every
    shop.promotion("tea")
    ask(shop, 12)
    costs.write()
    assert kept() == ({"tea": (timed, 7 * timed)} if timed else {})


def test_after_a_quiet_time_the_next_decision_is_timed(
    shop: Shop, costs: Costs, seconds: Seconds, settings: Any
) -> None:
    settings.COST_SAMPLE_EVERY = 100
    shop.promotion("tea")
    ask(shop)
    seconds.now += QUIET_SECONDS
    ask(shop, 2)
    costs.write()
    assert kept() == {"tea": (1, 7)}


def test_a_process_that_has_just_started_does_not_time_its_first_decision(costs: Costs, settings: Any) -> None:
    settings.COST_SAMPLE_EVERY = 100
    assert costs.watch() is None


def test_commits_are_timed_as_quotes_are_and_a_tried_basket_is_not(shop: Shop, costs: Costs, settings: Any) -> None:
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
    costs.write()
    assert kept() == {"tea": (1, 7)}


def test_only_promotions_that_a_basket_looks_at_are_measured(shop: Shop, costs: Costs, settings: Any) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("here")
    shop.promotion("late", starts_at=BEGAN.replace(year=2027))
    ask(shop)
    costs.write()
    assert set(kept()) == {"here"}


def test_a_discount_that_is_looked_at_again_counts_one_basket(shop: Shop, costs: Costs, settings: Any) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.product("TEA")
    shop.discount("half", make_set(products=["TEA"]), value="50")
    shop.discount("third", value="30")
    shop.evaluate(sold=[make_line("TEA", price="10.00"), make_line("CAKE")])
    costs.write()
    assert kept() == {"half": (1, 7), "third": (1, 14)}


def test_a_decision_is_the_same_timed_or_not(shop: Shop, costs: Costs, settings: Any) -> None:
    shop.promotion("tea")
    shop.discount("half", value="50")
    plain = shop.evaluate(consumer="c")
    settings.COST_SAMPLE_EVERY = 1
    assert shop.evaluate(consumer="c") == plain


def test_of_a_promotion_edited_meanwhile_the_newer_version_counts(shop: Shop, costs: Costs, settings: Any) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    ask(shop, 3)
    shop.promotion("tea", outcome={"points": 60})
    ask(shop, 2)
    costs.write()
    assert list(PromotionCost.objects.values_list("version", "baskets")) == [(2, 2)]


def test_a_sale_sends_nothing_of_what_was_measured(
    shop: Shop, costs: Costs, settings: Any, django_assert_num_queries: Any
) -> None:
    shop.promotion("tea")
    shop.sell("R1", consumer="c")
    with django_assert_num_queries(17, exact=False) as plain:
        shop.sell("R2", consumer="c")
    settings.COST_SAMPLE_EVERY = 1
    with django_assert_num_queries(len(plain)):
        shop.sell("R3", consumer="c")
    assert not kept()


def test_what_the_database_does_not_take_is_written_later(
    shop: Shop, costs: Costs, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    ask(shop)

    def away(**_: Any) -> None:
        raise DatabaseError

    with monkeypatch.context() as broken:
        broken.setattr(profiling, "promotion_costs_add", away)
        costs.write()
        shop.sell("R1", consumer="c")
        costs.write()
    costs.write()
    assert kept() == {"tea": (2, 14)}
    assert Transaction.objects.get().reference == "R1"
    costs.write()
    assert kept() == {"tea": (2, 14)}


def test_a_part_that_was_written_before_a_failure_is_not_written_twice(
    shop: Shop, costs: Costs, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    for code in ("a", "b", "c"):
        shop.promotion(code)
    ask(shop)
    monkeypatch.setattr(profiling, "ROWS_AT_ONCE", 1)
    calls = count()

    def failing_second(**rows: Any) -> None:
        if next(calls) == 1:
            raise DatabaseError
        promotion_costs_add(**rows)

    monkeypatch.setattr(profiling, "promotion_costs_add", failing_second)
    costs.write()
    assert set(kept()) == {"a"}
    costs.write()
    assert kept() == {"a": (1, 7), "b": (1, 7), "c": (1, 7)}


def test_a_forked_process_begins_anew(shop: Shop, costs: Costs, settings: Any) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    ask(shop)
    costs.begin_anew()
    costs.write()
    assert not kept()


def test_a_process_that_can_start_no_thread_sells_on(
    shop: Shop, costs: Costs, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")

    def refuse(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", refuse)
    monkeypatch.setattr(costs, "_background", True)
    shop.sell("R1", consumer="c")
    costs.write()
    assert kept() == {"tea": (1, 7)}


@pytest.mark.django_db(transaction=True)
def test_a_thread_of_its_own_writes_beside_the_sales(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COST_SAMPLE_EVERY = 1
    monkeypatch.setattr(profiling, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(quote, "COSTS", Costs(clock=ticking(7)))
    shop.promotion("tea")
    shop.sell("R1", consumer="c")
    until = monotonic() + 30
    while not kept() and monotonic() < until:
        sleep(0.05)
    assert kept() == {"tea": (1, 7)}


def test_figures_are_of_the_accounts_own_promotions(shop: Shop, costs: Costs, settings: Any) -> None:
    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    other = make_shop("other")
    other.member()
    other.promotion("tea")
    ask(shop, 2)
    ask(other)
    costs.write()
    found = PromotionCost.objects.values_list("promotion__account__code", "baskets")
    assert dict(found) == {"shop": 2, "other": 1}


def test_looks_are_told_to_prometheus_without_naming_a_promotion(shop: Shop, costs: Costs, settings: Any) -> None:
    def looks() -> float:
        return REGISTRY.get_sample_value("promotions_look_seconds_count") or 0

    settings.COST_SAMPLE_EVERY = 1
    shop.promotion("tea")
    shop.promotion("cake")
    before = looks()
    ask(shop)
    assert looks() - before == 2


def test_of_two_looks_the_quicker_counts(shop: Shop) -> None:
    shop.promotion("tea")
    shop.account.refresh_from_db()
    (promotion,) = snapshot_current(account=shop.account).rulebook
    times = iter([0, 50, 50, 53, 100, 101, 200, 300])
    watch = Watch(lambda: next(times), twice=True)

    def look(one: Compiled, _: Any) -> Refusal:
        return Refusal(promotion=one, reason="no_value", detail="")

    timed = watch.around(look)
    assert timed(promotion, None).promotion is promotion  # type: ignore[arg-type]
    assert watch.spent == {promotion.id: 3}
    timed(promotion, None)  # type: ignore[arg-type]
    assert watch.spent == {promotion.id: 4}
