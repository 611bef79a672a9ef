"""When something runs out: what is left against the medians of the weekdays."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from loyalty.forecast import day_of_running_out, day_used_up, weekday_medians

SUNDAY = date(2026, 3, 1)
MEDIANS = [Decimal(number) for number in (300, 310, 320, 350, 520, 780, 420)]


@pytest.mark.parametrize(
    ("left", "day"),
    [
        # A week uses 3,000; the 800 that then are left last until Wednesday.
        (3_800, date(2026, 3, 11)),
        (3_000, date(2026, 3, 8)),
        (3_001, date(2026, 3, 9)),
        (300, date(2026, 3, 2)),
        (1, date(2026, 3, 2)),
        (0, SUNDAY),
        (10**12, None),
    ],
)
def test_what_is_left_lasts_until_the_weekdays_have_used_it(left: int, day: date | None) -> None:
    assert day_of_running_out(Decimal(left), medians=MEDIANS, after=SUNDAY) == day


def test_what_nobody_uses_never_runs_out() -> None:
    assert day_of_running_out(Decimal(5), medians=[Decimal(0)] * 7, after=SUNDAY) is None


def test_medians_are_those_of_the_same_weekdays_of_four_weeks() -> None:
    used = {SUNDAY - timedelta(days=7 * week): Decimal(number) for week, number in enumerate((10, 20, 40, 1_000, 9))}
    assert weekday_medians(used, first=date(2020, 1, 1), last=SUNDAY) == [0, 0, 0, 0, 0, 0, 30]


def test_days_before_the_start_do_not_count_and_a_weekday_to_come_is_as_usual() -> None:
    used = {SUNDAY: Decimal(30), SUNDAY - timedelta(days=1): Decimal(50)}
    first = SUNDAY - timedelta(days=1)
    assert weekday_medians(used, first=first, last=SUNDAY) == [40, 40, 40, 40, 40, 50, 30]
    assert weekday_medians({}, first=SUNDAY + timedelta(days=1), last=SUNDAY) == [0] * 7


USED = {
    SUNDAY - timedelta(days=7 * week - (weekday + 1) % 7): median * factor
    for weekday, median in enumerate(MEDIANS)
    # Of weeks that used nothing, twice, as much as and three times the median: the median of each weekday is as given.
    for week, factor in ((1, 0), (2, 1), (3, 1), (4, 3))
}


@pytest.mark.parametrize(
    ("used_today", "day"),
    [
        # On Sunday night: today is through, whether it used as much as a Sunday does or more.
        (420, date(2026, 3, 11)),
        (900, date(2026, 3, 11)),
        # On Sunday morning: 420 of the 3,800 are still for today.
        (0, date(2026, 3, 10)),
        (-50, date(2026, 3, 10)),
        (419, date(2026, 3, 11)),
    ],
)
def test_today_still_uses_what_its_weekday_does_less_what_it_has_used(used_today: int, day: date) -> None:
    used = USED | {SUNDAY: Decimal(used_today)}
    assert day_used_up(Decimal(3_800), used, first=date(2020, 1, 1), today=SUNDAY) == day


def test_what_today_will_use_up_ends_today() -> None:
    assert day_used_up(Decimal(420), USED, first=date(2020, 1, 1), today=SUNDAY) == SUNDAY
    assert day_used_up(Decimal(421), USED, first=date(2020, 1, 1), today=SUNDAY) == SUNDAY + timedelta(days=1)
    assert day_used_up(Decimal(5), {}, first=date(2020, 1, 1), today=SUNDAY) is None
