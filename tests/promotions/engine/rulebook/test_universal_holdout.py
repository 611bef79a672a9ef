"""The universal holdout draws its share of the consumers, the same all year, and others each year."""

from datetime import UTC, date, datetime, timedelta
from math import sqrt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.promotions.engine.builders import make_holdout

CONSUMERS = [f"consumer-{number}" for number in range(1_500)]


@settings(max_examples=20, deadline=None)
@given(percentage=st.integers(1, 99), year=st.integers(2020, 2060), day=st.integers(0, 364))
def test_the_share_is_right_the_same_all_year_and_drawn_anew_each_year(percentage: int, year: int, day: int) -> None:
    holdout = make_holdout(str(percentage), starts_on=date(2020, 1, 1))
    new_year = datetime(year, 1, 1, tzinfo=UTC)
    drawn = {name for name in CONSUMERS if holdout.holds_out(name, new_year)}
    assert drawn == {name for name in CONSUMERS if holdout.holds_out(name, new_year + timedelta(days=day, hours=23))}
    next_drawn = {name for name in CONSUMERS if holdout.holds_out(name, datetime(year + 1, 1, 1, tzinfo=UTC))}
    share = percentage / 100
    # Five standard deviations of what independent draws make.
    for size, expected in ((len(drawn), share), (len(drawn & next_drawn), share**2)):
        assert abs(size - expected * len(CONSUMERS)) < 5 * sqrt(len(CONSUMERS) * expected * (1 - expected)) + 1


@given(lower=st.integers(0, 100), higher=st.integers(0, 100))
def test_whom_a_share_holds_out_a_greater_share_holds_out_too(lower: int, higher: int) -> None:
    lower, higher = sorted((lower, higher))
    small, great = make_holdout(str(lower)), make_holdout(str(higher))
    assert all(great.draws(name, 2026) for name in CONSUMERS[:200] if small.draws(name, 2026))


@pytest.mark.parametrize(
    ("moment", "is_held_out"),
    [
        ("2026-01-31T23:00:00Z", False),
        ("2026-02-01T04:59:59Z", False),
        ("2026-02-01T05:00:00Z", True),
        ("2026-03-01T04:59:59Z", True),
        ("2026-03-01T05:00:00Z", False),
    ],
)
def test_its_first_and_last_day_are_the_accounts(moment: str, is_held_out: bool) -> None:
    days: dict[str, Any] = {
        "starts_on": date(2026, 2, 1),
        "ends_on": date(2026, 2, 28),
        "zone": ZoneInfo("America/New_York"),
    }
    assert make_holdout(**days).holds_out("anna", datetime.fromisoformat(moment)) is is_held_out


def test_the_year_is_that_of_the_account() -> None:
    holdout = make_holdout("50", starts_on=date(2020, 1, 1), zone=ZoneInfo("Asia/Tokyo"))
    at = datetime(2026, 12, 31, 15, tzinfo=UTC)
    assert all(holdout.holds_out(name, at) is holdout.draws(name, 2027) for name in CONSUMERS[:50])
