"""What a process counts of its decisions, for Prometheus. Nothing here names an account."""

from prometheus_client import Counter, Gauge, Histogram

DECISIONS = Counter("promotions_decisions", "Baskets decided, by whether anything applied", ("outcome",))
EVALUATION = Histogram(
    "promotions_evaluation_seconds",
    "Time that the engine took for one basket",
    buckets=(0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25),
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


def rulebook_measured(*, version: int) -> None:
    """Say which rulebook this process has read."""
    RULEBOOK_VERSION.set(version)
    RULEBOOK_READ.set_to_current_time()
