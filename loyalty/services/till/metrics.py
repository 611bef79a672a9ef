"""What a process counts of its decisions, for Prometheus. Nothing here names an account."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

DECISIONS = Counter("promotions_decisions", "Baskets decided, by whether anything applied", ("outcome",))
EVALUATION = Histogram(
    "promotions_evaluation_seconds",
    "Time that the engine took for one basket",
    buckets=(0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25),
)
LOOKS = Histogram(
    "promotions_look_seconds",
    "Processor time that a sampled decision took to look at one promotion",
    buckets=(0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.025),
)
RULEBOOK_VERSION = Gauge(
    "promotions_rulebook_version", "Version of the rulebook that a process read last", multiprocess_mode="liveall"
)
RULEBOOK_READ = Gauge(
    "promotions_rulebook_read_timestamp_seconds", "When a process last read a rulebook", multiprocess_mode="liveall"
)

_APPLIED, _NOTHING = DECISIONS.labels("applied"), DECISIONS.labels("nothing")


def decision_measured(*, applied: bool, seconds: float) -> None:
    """Count one decision."""
    EVALUATION.observe(seconds)
    (_APPLIED if applied else _NOTHING).inc()


def looks_measured(nanoseconds: Iterable[int]) -> None:
    """Count what one sampled decision took for each promotion that it looked at."""
    for one in nanoseconds:
        LOOKS.observe(one / 1e9)


def rulebook_measured(*, version: int) -> None:
    """Say which rulebook this process has read."""
    RULEBOOK_VERSION.set(version)
    RULEBOOK_READ.set_to_current_time()
