"""Promotions without effect are seldom called better or worse, however often they are looked at."""

from benchmarks.uplift import simulate


def test_looking_every_day_raises_few_false_alarms_by_the_interval_that_is_always_valid() -> None:
    alarms = simulate(promotions=40, seed=1)
    assert alarms.always_valid <= 0.05 * alarms.promotions
    assert alarms.fixed > 0.1 * alarms.promotions


def test_a_simulation_can_be_repeated() -> None:
    assert simulate(promotions=3, seed=7) == simulate(promotions=3, seed=7)
