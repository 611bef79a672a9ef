"""The statistics of uplift give the figures of the literature, and those of a second library."""

import random
import secrets
import subprocess
import sys
from math import inf, isnan, sqrt

import pytest
from statsmodels.stats.proportion import proportions_chisquare
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from loyalty.uplift.statistics import (
    ArmSums,
    Difference,
    always_valid_interval,
    cuped_difference,
    fixed_interval,
    means_difference,
    p_value,
    planned_error,
    sample_ratio,
    smallest_effect,
    time_needed,
)


def sums(*, n: int, mean: float, deviation: float, correlation: float = 0) -> ArmSums:
    """Return the sums of an arm whose metric before has the same mean and deviation."""
    squares = (n - 1) * deviation**2 + n * mean**2
    products = (n - 1) * correlation * deviation**2 + n * mean**2
    return ArmSums(n=n, x=n * mean, xx=squares, y=n * mean, yy=squares, xy=products)


TREATED, CONTROL = sums(n=18_000, mean=62.40, deviation=85), sums(n=2_000, mean=59.10, deviation=83)


def sums_of(pairs: list[tuple[float, float]]) -> ArmSums:
    return ArmSums(
        n=len(pairs),
        x=sum(x for x, _ in pairs),
        xx=sum(x * x for x, _ in pairs),
        y=sum(y for _, y in pairs),
        yy=sum(y * y for _, y in pairs),
        xy=sum(x * y for x, y in pairs),
    )


@pytest.fixture(scope="module")
def arms() -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    chance = random.Random(5)

    def arm(n: int, effect: float) -> list[tuple[float, float]]:
        before = [chance.gauss(50, 20) for _ in range(n)]
        return [(effect + 0.7 * y + chance.gauss(10, 15), y) for y in before]

    return arm(900, 2.0), arm(100, 0.0)


@pytest.mark.parametrize(
    ("treated", "control", "chi_square", "p"),
    [(17_950, 2_050, "1.39", "0.239"), (17_700, 2_300, "50", "1.5e-12")],
)
def test_the_sample_ratio_is_tested_against_the_percentage(treated: int, control: int, chi_square: str, p: str) -> None:
    ratio = sample_ratio(treated=treated, control=control, control_share=0.1)
    assert f"{ratio.chi_square:.3g}" == chi_square
    assert (f"{ratio.p:.3g}" if "e" not in p else f"{ratio.p:.1e}") == p
    assert ratio.is_plausible is ("e" not in p)


@pytest.mark.parametrize(("control", "share", "p"), [(0, 0.0, 1.0), (5, 0.0, 0.0), (100, 1.0, 1.0)])
def test_a_control_group_of_nobody_or_everybody_is_no_division_by_zero(control: int, share: float, p: float) -> None:
    assert sample_ratio(treated=100 - control if share else 100, control=control, control_share=share).p == p


def test_a_difference_of_means_has_welchs_interval() -> None:
    difference = means_difference(TREATED, CONTROL)
    interval = fixed_interval(difference)
    assert f"{difference.value:+.2f}" == "+3.30"
    assert f"{difference.error:.3f}" == "1.961"
    assert f"{interval.low:.2f} {interval.high:.2f}" == "-0.54 7.14"
    assert f"{p_value(difference):.3f}" == "0.092"


@pytest.mark.parametrize(("planned", "half_width", "times"), [(20_000, "5.95", "1.55"), (5_000, "6.13", "1.60")])
def test_an_interval_that_is_always_valid_is_wider(planned: int, half_width: str, times: str) -> None:
    difference = means_difference(TREATED, CONTROL)
    always = always_valid_interval(difference, n=20_000, planned=planned).half_width
    assert f"{always:.2f}" == half_width
    assert f"{always / fixed_interval(difference).half_width:.2f}" == times


def test_the_metric_before_narrows_the_interval() -> None:
    treated, control = (
        sums(n=18_000, mean=62.40, deviation=85, correlation=0.6),
        sums(n=2_000, mean=59.10, deviation=83, correlation=0.6),
    )
    adjusted = cuped_difference(treated, control)
    assert adjusted is not None
    assert f"{adjusted.error:.3f}" == "1.569"


def test_the_smallest_effect_follows_from_the_error() -> None:
    difference = means_difference(TREATED, CONTROL)
    assert f"{smallest_effect(difference.error):.2f}" == "5.49"
    assert f"{smallest_effect(difference.error * sqrt(1 - 0.6**2)):.2f}" == "4.40"
    planned = planned_error(deviation=85, treated=18_000, control=2_000)
    assert planned == pytest.approx(85 * sqrt(1 / 18_000 + 1 / 2_000))
    assert planned_error(deviation=85, treated=18_000, control=2_000, correlation=0.6) == pytest.approx(0.8 * planned)
    assert smallest_effect(planned_error(deviation=85, treated=10, control=0)) == inf


def test_a_second_library_gives_the_same_interval(
    arms: tuple[list[tuple[float, float]], list[tuple[float, float]]],
) -> None:
    treated, control = arms
    difference = means_difference(sums_of(treated), sums_of(control))
    compared = CompareMeans(DescrStatsW([x for x, _ in treated]), DescrStatsW([x for x, _ in control]))
    low, high = compared.zconfint_diff(usevar="unequal")
    _, p = compared.ztest_ind(usevar="unequal")
    interval = fixed_interval(difference)
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert p_value(difference) == pytest.approx(p)


def test_a_second_library_gives_the_same_adjusted_difference(
    arms: tuple[list[tuple[float, float]], list[tuple[float, float]]],
) -> None:
    # The regression of x on arm and y has CUPED's difference with the pooled coefficient as that of its arm.
    from statsmodels.api import OLS, add_constant  # noqa: PLC0415

    treated, control = arms
    adjusted = cuped_difference(sums_of(treated), sums_of(control))
    rows = [(1.0, y) for _, y in treated] + [(0.0, y) for _, y in control]
    fitted = OLS([x for x, _ in [*treated, *control]], add_constant(rows)).fit()
    assert adjusted is not None
    assert adjusted.value == pytest.approx(fitted.params[1])
    assert adjusted.error == pytest.approx(fitted.bse[1], rel=0.1)
    assert adjusted.error < means_difference(sums_of(treated), sums_of(control)).error


def test_a_second_library_gives_the_same_sample_ratio() -> None:
    statistic, p, _ = proportions_chisquare(2_050, 20_000, value=0.1)
    ratio = sample_ratio(treated=17_950, control=2_050, control_share=0.1)
    assert (ratio.chi_square, ratio.p) == pytest.approx((statistic, p))


@pytest.mark.parametrize("arm", [ArmSums(), ArmSums(n=1, x=5, xx=25, y=5, yy=25, xy=25)])
def test_too_few_consumers_show_nothing(arm: ArmSums) -> None:
    difference = means_difference(TREATED, arm)
    assert isnan(difference.error)
    assert not difference.is_known
    assert cuped_difference(TREATED, arm) is None


def test_consumers_who_are_all_alike_show_nothing() -> None:
    alike = ArmSums(n=10, x=50, xx=250, y=0, yy=0, xy=0)
    assert not means_difference(alike, alike).is_known
    assert cuped_difference(alike, alike) is None


def test_how_long_it_would_take_grows_with_the_square_of_what_is_lacking() -> None:
    difference = Difference(value=3.0, error=2.0)
    interval = always_valid_interval(difference, n=100, planned=100)
    assert time_needed(difference, interval) == pytest.approx((interval.half_width / 3) ** 2)
    assert time_needed(Difference(value=0.0, error=2.0), interval) == inf


def test_tills_processes_do_without_scipy() -> None:
    code = (
        "import django, sys; django.setup(); import config.urls, loyalty.api.v1.till; "
        "sys.exit(any(name.split('.')[0] == 'scipy' for name in sys.modules))"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings", "PATH": "", "SECRET_KEY": secrets.token_hex(32)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
