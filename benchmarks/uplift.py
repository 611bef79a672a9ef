"""How often promotions without any effect are called better or worse, by an interval that is looked at every day.

Prints the share of promotions that a look on any day rejects, by the interval that is always valid and by the fixed
one. Run it from the project's folder::

    python -m benchmarks.uplift [--promotions 2000] [--seed 1]
"""

from argparse import ArgumentParser
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loyalty.uplift.statistics import ArmSums, Interval, always_valid_interval, fixed_interval, means_difference

DAYS = 60
CONSUMERS = 1_000
CONTROL = 200
VISIT = 0.12
"""The share of consumers who visit on a day; each spends about 20.00, most of them less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FalseAlarms:
    """How many of the promotions without effect were rejected on any day."""

    promotions: int
    always_valid: int
    fixed: int


def simulate(*, promotions: int, seed: int) -> FalseAlarms:
    """Run promotions that change nothing, and look at each of them every day."""
    chance = np.random.default_rng(seed)
    always_valid = fixed = 0
    for _ in range(promotions):
        visits = chance.random((DAYS, CONSUMERS)) < VISIT
        spend = np.cumsum(visits * chance.gamma(1.5, 13.3, (DAYS, CONSUMERS)), axis=0)
        looks = [_looks(arms) for arms in spend]
        always_valid += any(_rejects(look) for look, _ in looks)
        fixed += any(_rejects(look) for _, look in looks)
    return FalseAlarms(promotions=promotions, always_valid=always_valid, fixed=fixed)


def _looks(spend: NDArray[np.float64]) -> tuple[Interval, Interval]:
    difference = means_difference(_sums(spend[CONTROL:]), _sums(spend[:CONTROL]))
    return always_valid_interval(difference, n=CONSUMERS, planned=CONSUMERS), fixed_interval(difference)


def _sums(spend: NDArray[np.float64]) -> ArmSums:
    return ArmSums(n=len(spend), x=float(spend.sum()), xx=float((spend * spend).sum()))


def _rejects(interval: Interval) -> bool:
    return interval.low > 0 or interval.high < 0


def main() -> None:
    """Print the shares."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--promotions", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    alarms = simulate(promotions=options.promotions, seed=options.seed)
    print(f"{alarms.promotions:,} promotions without effect, looked at daily for {DAYS} days, were rejected:")
    print(f"  by the interval that is always valid  {alarms.always_valid / alarms.promotions:.1%}")
    print(f"  by the fixed interval                 {alarms.fixed / alarms.promotions:.1%}")


if __name__ == "__main__":
    main()
