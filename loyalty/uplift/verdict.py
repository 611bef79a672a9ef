"""Judge whether a promotion was worth it, from the sums of both arms."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, isfinite

from loyalty.uplift.statistics import (
    MIN_CONSUMERS,
    ArmSums,
    Difference,
    Interval,
    SampleRatio,
    always_valid_interval,
    cuped_difference,
    fixed_interval,
    means_difference,
    p_value,
    smallest_effect,
    time_needed,
)

MAX_DAYS_MORE = 3 * 365
"""A verdict that takes longer than this is not waited for."""


class Verdict(StrEnum):
    """What the estimate says. ``UNTRUSTED``: the arms are not what chance makes of the percentage."""

    BETTER = "better"
    WORSE = "worse"
    UNKNOWN = "not_known_yet"
    UNTRUSTED = "sample_ratio"


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A difference with its interval; ``p`` only with an interval for one look at the planned end.

    ``smallest_effect`` is the true difference that consumers as many and as different as these show with 80 % power.
    """

    difference: Difference
    interval: Interval
    p: float | None
    smallest_effect: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What the treated had more than the control group per consumer.

    ``plain`` compares the means; ``adjusted`` also takes account of the same metric before the promotion. None: too
    few consumers, or all alike.
    """

    treated: ArmSums
    control: ArmSums
    is_fixed: bool
    plain: Compared | None
    adjusted: Compared | None

    @property
    def best(self) -> Compared | None:
        """The comparison that is judged by: the adjusted where there is one."""
        return self.adjusted or self.plain

    @property
    def relative(self) -> float | None:
        """The difference as a share of the control group's mean; None where that is not above zero."""
        if self.best is None or self.control.mean <= 0:
            return None
        return self.best.difference.value / self.control.mean


def estimate_arms(*, treated: ArmSums, control: ArmSums, planned: int, is_planned_end: bool) -> Estimate:
    """Compare two arms: with an interval that is always valid, or after the planned end with the fixed one.

    ``planned`` is the number of consumers at which the always valid interval is tightest.
    """
    plain, adjusted = None, None
    if min(treated.n, control.n) >= MIN_CONSUMERS:
        plain_difference, adjusted_difference = means_difference(treated, control), cuped_difference(treated, control)
        n = treated.n + control.n
        plain = _compared(plain_difference, n=n, planned=planned, is_fixed=is_planned_end)
        if adjusted_difference is not None:
            adjusted = _compared(adjusted_difference, n=n, planned=planned, is_fixed=is_planned_end)
    return Estimate(treated=treated, control=control, is_fixed=is_planned_end, plain=plain, adjusted=adjusted)


def _compared(difference: Difference, *, n: int, planned: int, is_fixed: bool) -> Compared | None:
    if not difference.is_known:
        return None
    return Compared(
        difference=difference,
        interval=fixed_interval(difference) if is_fixed else always_valid_interval(difference, n=n, planned=planned),
        p=p_value(difference) if is_fixed else None,
        smallest_effect=smallest_effect(difference.error),
    )


def verdict_of(assigned: Estimate, ratio: SampleRatio) -> Verdict:
    """Return what the estimate of all consumers, as assigned, says."""
    if not ratio.is_plausible:
        return Verdict.UNTRUSTED
    if assigned.best is None:
        return Verdict.UNKNOWN
    interval = assigned.best.interval
    if interval.low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if interval.high < 0 else Verdict.UNKNOWN


def days_more(assigned: Estimate, *, days_so_far: float) -> int | None:
    """Return how many days more a difference of this size would take to be known; None: too many, or it cannot be said.

    Zero where it is known.
    """
    if assigned.best is None:
        return None
    times = time_needed(assigned.best.difference, assigned.best.interval)
    if not isfinite(times):
        return None
    days = ceil(max(times - 1, 0) * days_so_far)
    return days if days <= MAX_DAYS_MORE else None
