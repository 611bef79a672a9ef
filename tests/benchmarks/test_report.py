"""A run is a table of figures, each with its target."""

import pytest

from benchmarks.__main__ import main
from benchmarks.report import Report, Times, duration, timed


def test_the_median_and_the_slowest_of_a_hundred_are_distinguished() -> None:
    times = Times(seconds=tuple(n / 1000 for n in range(100)))
    assert (times.median, times.p99) == (0.050, 0.099)


def test_a_call_is_made_at_least_min_calls_times_and_once_to_warm_up() -> None:
    calls: list[int] = []
    assert len(timed(lambda: calls.append(1), budget=0, min_calls=7).seconds) == 7
    assert len(calls) == 8


@pytest.mark.parametrize(("seconds", "text"), [(0.0000441, "44.1 µs"), (0.0025, "2.50 ms"), (12.0, "12.00 s")])
def test_a_duration_is_written_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_table_shows_for_each_target_whether_it_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.at_most("Growth", "of one | thing", value=1.4, limit=1.5, figure="1 → 2")
    report.at_least("Growth", "of another", value=0.8, limit=0.9, figure="8 : 10")
    report.add("Others", "without a target", "5 ms")
    report.skip("Others", "what is not there", "no database")
    table = report.markdown(called="python -m benchmarks")
    assert "| of one \\| thing | 1 → 2 | 1.40 × | ≤ 1.5 ×: met |" in table
    assert "| of another | 8 : 10 | 0.80 × | ≥ 0.9 ×: MISSED |" in table
    assert "| without a target | 5 ms |  |  |" in table
    assert "skipped: no database" in table
    assert report.summary().splitlines() == ["1 of 2 targets met.", "MISSED  Growth: of another"]
    assert "of another" in capsys.readouterr().out


def test_an_unknown_group_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "speed"])
    with pytest.raises(SystemExit):
        main()
    assert "no such group: speed" in capsys.readouterr().err
