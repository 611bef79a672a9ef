"""Metrics of a process's decisions for Prometheus. None of them names an account."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

DECISIONS = Counter("promotions_decisions", "Baskets decided, by whether anything applied", ("outcome",))
EVALUATION = Histogram(
    "promotions_evaluation_seconds",
    "Time that the engine took for one basket",
    buckets=(0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25),
)
PROMOTION_EVALUATION = Histogram(
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


def decision_observe(*, applied: bool, seconds: float) -> None:
    """Count one decision and the time that it took."""
    EVALUATION.observe(seconds)
    (_APPLIED if applied else _NOTHING).inc()


def promotions_observe(nanoseconds: Iterable[int]) -> None:
    """Count the processor time that one sampled decision took for each promotion that it evaluated."""
    for promotion_nanoseconds in nanoseconds:
        PROMOTION_EVALUATION.observe(promotion_nanoseconds / 1e9)


def rulebook_observe(*, version: int) -> None:
    """Record the version of the rulebook that this process has read, and when."""
    RULEBOOK_VERSION.set(version)
    RULEBOOK_READ.set_to_current_time()
