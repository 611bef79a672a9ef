"""Compare the consumers who could have a promotion with its control group, from sums that SQL makes.

Sums are floats: they are estimates, never amounts that are paid. scipy is imported where it is used, so that the
processes of tills, which compare nothing, do without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log, nan, sqrt

ALPHA = 0.05
"""The share of comparisons without any effect that may claim one."""

POWER = 0.8
"""How often the smallest effect that a control group is said to show would be shown."""

MIN_CONSUMERS = 50
"""Arms of fewer consumers are too small for what is said of large ones: nothing is concluded from them."""

SAMPLE_RATIO_ALPHA = 0.001
"""A sample ratio less probable than this is no chance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmSums:
    """Sums over the consumers of one arm: of x, the metric, and of y, the same metric before the promotion."""

    n: int = 0
    x: float = 0
    xx: float = 0
    y: float = 0
    yy: float = 0
    xy: float = 0

    def __add__(self, other: "ArmSums") -> "ArmSums":
        """Return the sums over the consumers of both."""
        return ArmSums(
            n=self.n + other.n,
            x=self.x + other.x,
            xx=self.xx + other.xx,
            y=self.y + other.y,
            yy=self.yy + other.yy,
            xy=self.xy + other.xy,
        )

    @property
    def mean(self) -> float:
        """The mean of the metric; not a number without consumers."""
        return self.x / self.n if self.n else nan

    @property
    def mean_before(self) -> float:
        """The mean of the metric before; not a number without consumers."""
        return self.y / self.n if self.n else nan

    @property
    def variance(self) -> float:
        """The sample variance of the metric."""
        return _sample_covariance(self.n, self.x, self.x, self.xx)

    @property
    def variance_before(self) -> float:
        """The sample variance of the metric before."""
        return _sample_covariance(self.n, self.y, self.y, self.yy)

    @property
    def covariance(self) -> float:
        """The sample covariance of the metric with the metric before."""
        return _sample_covariance(self.n, self.x, self.y, self.xy)


def _sample_covariance(n: int, first: float, second: float, products: float) -> float:
    return (products - first * second / n) / (n - 1) if n > 1 else nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A difference of means, treated less control, with its standard error after Welch: each arm has its variance."""

    value: float
    error: float

    @property
    def is_known(self) -> bool:
        """Whether it has an error to judge it by: both arms have two consumers, who are not all alike."""
        return self.error > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """Where the true difference lies."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the distance between its ends."""
        return (self.high - self.low) / 2


def means_difference(treated: ArmSums, control: ArmSums) -> Difference:
    """Return the difference of the means, with Welch's standard error."""
    return _difference(
        treated.mean - control.mean, variances=(treated.variance, control.variance), sizes=(treated.n, control.n)
    )


def cuped_difference(treated: ArmSums, control: ArmSums) -> Difference | None:
    """Return the difference less what the metric before explains of it; None where that varies nowhere.

    CUPED (Deng, Xu, Kohavi and Walker, 2013): x is replaced by x - θ·y with θ = cov(x, y) ÷ var(y), pooled over arms.
    """
    theta = _theta(treated, control)
    if theta is None:
        return None
    value = treated.mean - control.mean - theta * (treated.mean_before - control.mean_before)
    variances = tuple(
        max(arm.variance - 2 * theta * arm.covariance + theta**2 * arm.variance_before, 0.0)
        for arm in (treated, control)
    )
    return _difference(value, variances=variances, sizes=(treated.n, control.n))


def _theta(treated: ArmSums, control: ArmSums) -> float | None:
    arms = [arm for arm in (treated, control) if arm.n > 1]
    variance = sum((arm.n - 1) * arm.variance_before for arm in arms)
    if len(arms) < 2 or variance <= 0:
        return None
    return sum((arm.n - 1) * arm.covariance for arm in arms) / variance


def _difference(value: float, *, variances: Sequence[float], sizes: Sequence[int]) -> Difference:
    if min(sizes) < 2:
        return Difference(value=value, error=nan)
    parts = [max(variance, 0.0) / n for variance, n in zip(variances, sizes, strict=True)]
    return Difference(value=value, error=sqrt(sum(parts)))


def p_value(difference: Difference) -> float:
    """Return how probable a difference at least as large is without any effect."""
    from scipy.stats import norm  # noqa: PLC0415  (see the module)

    return float(2 * norm.sf(abs(difference.value) / difference.error))


def fixed_interval(difference: Difference, *, alpha: float = ALPHA) -> Interval:
    """Return Welch's interval. It holds for one look at a moment that was planned, not for looking again and again.

    The normal distribution stands for Welch's t: arms of fewer than ``MIN_CONSUMERS`` are not judged.
    """
    from scipy.stats import norm  # noqa: PLC0415  (see the module)

    return _interval(difference, float(norm.isf(alpha / 2)) * difference.error)


def always_valid_interval(difference: Difference, *, n: int, planned: int, alpha: float = ALPHA) -> Interval:
    """Return an interval that holds however often it is looked at.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021), tightest at
    ``planned`` consumers, of ``n`` that were seen.
    """
    ratio = n / planned * (-2 * log(alpha) + log(1 - 2 * log(alpha)))
    errors = sqrt(2 * (ratio + 1) / ratio * log(sqrt(ratio + 1) / alpha))
    return _interval(difference, errors * difference.error)


def _interval(difference: Difference, half_width: float) -> Interval:
    return Interval(low=difference.value - half_width, high=difference.value + half_width)


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleRatio:
    """How well the sizes of the arms fit the percentage of the control group."""

    chi_square: float
    p: float

    @property
    def is_plausible(self) -> bool:
        """Whether chance explains it."""
        return self.p >= SAMPLE_RATIO_ALPHA


def sample_ratio(*, treated: int, control: int, control_share: float) -> SampleRatio:
    """Return the chi-square test of the arms against the share that the control group should have, from 0 to 1."""
    from scipy.stats import chi2  # noqa: PLC0415  (see the module)

    n = treated + control
    expected = {"treated": n * (1 - control_share), "control": n * control_share}
    statistic = 0.0
    for observed, mean in ((treated, expected["treated"]), (control, expected["control"])):
        if mean:
            statistic += (observed - mean) ** 2 / mean
        elif observed:
            statistic = inf
    return SampleRatio(chi_square=statistic, p=float(chi2.sf(statistic, 1)))


def smallest_effect(error: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the smallest true difference that one planned look shows with the given power, from a standard error."""
    from scipy.stats import norm  # noqa: PLC0415  (see the module)

    return float(norm.isf(alpha / 2) + norm.ppf(power)) * error


def planned_error(*, deviation: float, treated: int, control: int, correlation: float = 0) -> float:
    """Return the standard error to expect of arms of these sizes.

    ``deviation`` is the standard deviation of the metric; with a ``correlation`` with the metric before, CUPED's.
    """
    if not treated or not control:
        return inf
    return deviation * sqrt((1 - correlation**2) * (1 / treated + 1 / control))


def time_needed(difference: Difference, interval: Interval) -> float:
    """Return how many times the time so far a difference of this size takes to leave its interval.

    Differences of consumers' sums grow with time, their errors with its square root. Infinite without a difference; at
    most 1: it is known now.
    """
    if not difference.value:
        return inf
    return (interval.half_width / abs(difference.value)) ** 2
