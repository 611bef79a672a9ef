"""Taking times and memory, and lines of the table that they make."""

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of the table: what was measured, the figure in words, and the target with whether it was met.

    ``met`` is None where there is no target.
    """

    what: str
    figure: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met, in words."""
        return {None: "", True: "met", False: "missed"}[self.met]


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """Seconds that one call took, over many calls."""

    median: float
    p50: float
    p99: float

    def __str__(self) -> str:
        return f"{microseconds(self.median)} (p99 {microseconds(self.p99)})"


def microseconds(seconds: float) -> str:
    """A time as people read it."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 0.01:
        return f"{seconds * 1e3:.0f} ms"
    if seconds >= 0.001:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds * 1e6:.0f} µs"


def times_of(samples: Sequence[float]) -> Times:
    """The times of calls that were measured one by one."""
    ordered = sorted(samples)
    return Times(
        median=statistics.median(ordered),
        p50=ordered[len(ordered) // 2],
        p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
    )


def timed(call: Callable[[], object], *, seconds: float = 1.0, least: int = 5, most: int = 3000) -> Times:
    """Call again and again, for about so many seconds, and measure each call. The first calls are not counted."""
    call()
    call()
    samples: list[float] = []
    gc.collect()
    until = time.perf_counter() + seconds
    while len(samples) < least or (time.perf_counter() < until and len(samples) < most):
        begun = time.perf_counter()
        call()
        samples.append(time.perf_counter() - begun)
    return times_of(samples)


def alternately(calls: dict[str, Callable[[], object]], *, seconds: float = 1.0, rounds: int = 5) -> dict[str, Times]:
    """Measure several calls in turn, so that a machine that is busy for a while is so for all of them."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            until = time.perf_counter() + seconds / rounds
            while True:
                begun = time.perf_counter()
                call()
                samples[name].append(time.perf_counter() - begun)
                if time.perf_counter() >= until:
                    break
    return {name: times_of(taken) for name, taken in samples.items()}


def memory_of(call: Callable[[], object]) -> tuple[object, int]:
    """What a call returns, and the bytes that are kept of it when it is done."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept = call()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept, after - before


def megabytes(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 2**20:.1f} MB"


def ratio(figure: float, other: float, *, most: float) -> tuple[str, bool]:
    """How many times the other a figure is, and whether that is at most so many."""
    times = figure / other
    return f"{times:.2f} ×", times <= most
