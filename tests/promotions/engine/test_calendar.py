"""Local days as moments: without gap or overlap in every zone, also where clocks skip or repeat midnight."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.calendar import day_end, day_start, last_day_before

ZONES = (
    "UTC",
    "Europe/London",
    "America/New_York",
    "America/Havana",  # puts clocks back at 01:00, so that midnight comes twice
    "America/Sao_Paulo",  # skipped midnight until 2018
    "America/St_Johns",  # put clocks back at 00:01 until 2011, into the day before
    "Asia/Beirut",
    "Asia/Tehran",
    "Pacific/Apia",  # had no 30 December 2011
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",
    "America/Nuuk",
)
MINUTE = timedelta(minutes=1)

CASES = [
    ("Europe/London", date(2026, 3, 4), "2026-03-04T00:00:00"),
    ("Europe/London", date(2026, 7, 4), "2026-07-03T23:00:00"),
    ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00"),
    ("America/Havana", date(2025, 11, 2), "2025-11-02T04:00:00"),
    ("America/St_Johns", date(2010, 11, 7), "2010-11-07T03:30:00"),
    ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00"),
    ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00"),
]


@pytest.mark.parametrize(("zone", "day", "moment"), CASES)
def test_a_day_begins_at_the_first_moment_that_is_no_longer_the_day_before(zone: str, day: date, moment: str) -> None:
    assert day_start(day, ZoneInfo(zone)) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def end_minute_by_minute(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day is over, from the definition: after the last minute that is of the day, or of one before."""
    minute = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=3)
    while minute.astimezone(zone).date() > day:
        minute -= MINUTE
    return minute + MINUTE


days = st.one_of(
    st.dates(date(1971, 1, 1), date(2035, 12, 31)),
    st.sampled_from([case[1] for case in CASES]),
)


@given(zone=st.sampled_from(ZONES).map(ZoneInfo), day=days)
def test_a_day_ends_after_its_last_minute_in_any_zone(zone: ZoneInfo, day: date) -> None:
    end = day_end(day, zone)
    assert end == end_minute_by_minute(day, zone)
    assert day_start(day + timedelta(days=1), zone) == end
    assert last_day_before(end, zone) <= day
