"""Measured times, and the table that the figures of one run make."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns

MAX_SLOWEST_ROWS = 10
"""Measurements that have a line of their own where there are many."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Durations of one call, in seconds, the shortest first."""

    seconds: tuple[float, ...]

    def share(self, part: float) -> float:
        """Return the duration below which a part (0 to 1) of the calls lie."""
        return self.seconds[min(int(len(self.seconds) * part), len(self.seconds) - 1)]

    @property
    def median(self) -> float:
        """The duration in the middle."""
        return self.share(0.5)

    @property
    def p99(self) -> float:
        """All but one call in a hundred are shorter."""
        return self.share(0.99)


def timed(call: Callable[[], object], *, budget: float, min_calls: int = 5, max_calls: int = 20_000) -> Times:
    """Call repeatedly for ``budget`` seconds, ``min_calls`` to ``max_calls`` times, after one to warm up."""
    call()
    durations: list[int] = []
    deadline = perf_counter() + budget
    while len(durations) < min_calls or (perf_counter() < deadline and len(durations) < max_calls):
        started = perf_counter_ns()
        call()
        durations.append(perf_counter_ns() - started)
    return Times(seconds=tuple(nanoseconds / 1e9 for nanoseconds in sorted(durations)))


def duration(seconds: float) -> str:
    """Return a duration in the unit that fits."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def spread(times: Times) -> str:
    """Return the median (p50) and the p99 as text."""
    return f"p50 {duration(times.median)}, p99 {duration(times.p99)}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table; ``met`` is None where there is no target."""

    group: str
    name: str
    figure: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """The target, and whether it was met."""
        if self.met is None:
            return self.target
        return f"{self.target}: {'met' if self.met else 'MISSED'}"


@dataclass(kw_only=True)
class Report:
    """The lines of one run, printed as they are added."""

    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows: list[Row] = field(default_factory=list)

    def add(
        self, group: str, name: str, figure: str, *, ratio: str = "", target: str = "", met: bool | None = None
    ) -> None:
        """Add a line, and print it."""
        row = Row(group=group, name=name, figure=figure, ratio=ratio, target=target, met=met)
        if not self.rows or self.rows[-1].group != group:
            print(f"\n{group}\n{'-' * len(group)}")
        self.rows.append(row)
        print(f"  {name:<74} {figure:<38} {ratio:<18} {row.verdict}", flush=True)

    def at_most(self, group: str, name: str, *, value: float, limit: float, figure: str, ratio: str = "") -> None:
        """Add a line whose target is the largest ratio, ``≤ 1.5 ×``."""
        self.add(group, name, figure, ratio=ratio or f"{value:.2f} ×", target=f"≤ {limit:g} ×", met=value <= limit)

    def at_least(self, group: str, name: str, *, value: float, limit: float, figure: str, ratio: str = "") -> None:
        """Add a line whose target is the smallest ratio, ``≥ 0.9 ×``."""
        self.add(group, name, figure, ratio=ratio or f"{value:.2f} ×", target=f"≥ {limit:g} ×", met=value >= limit)

    def each_within(self, group: str, name: str, times: Mapping[str, Times], *, limit: float) -> None:
        """Add the slowest of many, and a line of all of them; ``limit`` is in seconds, for the median of each."""
        target = f"≤ {duration(limit)}"
        for slow in sorted(times, key=lambda key: times[key].median, reverse=True)[:MAX_SLOWEST_ROWS]:
            self.add(group, slow, spread(times[slow]), target=target, met=times[slow].median <= limit)
        medians = [measured.median for measured in times.values()]
        figure = f"half of them within {duration(median(medians))}"
        self.add(group, f"all {len(times)} {name}", figure, target=f"{target} each", met=max(medians) <= limit)

    def skip(self, group: str, name: str, why: str) -> None:
        """Add a line that could not be measured, with the reason."""
        self.add(group, name, f"skipped: {why}")

    def summary(self) -> str:
        """Return how many targets were met, and those that were missed."""
        targets = [row for row in self.rows if row.met is not None]
        missed = [f"{row.group}: {row.name}" for row in targets if not row.met]
        met = f"{len(targets) - len(missed)} of {len(targets)} targets met."
        return "\n".join([met, *(f"MISSED  {name}" for name in missed)])

    def markdown(self, *, called: str) -> str:
        """Return the run as a Markdown document."""
        parts = ["# One run of the benchmarks", "", "[What each line means](benchmarks.md).", ""]
        parts += [f"{self.began_at:%Y-%m-%d %H:%M} UTC, `{called}`, on {machine()}.", "", self.summary()]
        group = ""
        for row in self.rows:
            if row.group != group:
                group = row.group
                heading = ("", f"### {group}", "", "| what | figure | ratio | target |", "|---|---|---|---|")
                parts += heading
            parts.append("| " + " | ".join(_cell(t) for t in (row.name, row.figure, row.ratio, row.verdict)) + " |")
        return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def machine() -> str:
    """Return the machine on which the figures were measured."""
    return ", ".join(
        [_processor(), f"{os.cpu_count()} cores", _memory(), f"{platform.system()} {platform.release()}", _python()]
    )


def _python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _processor() -> str:
    names = _values_in("/proc/cpuinfo", "model name")
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> str:
    values = _values_in("/proc/meminfo", "MemTotal")
    return f"{int(values[0].split()[0]) / 2**20:.0f} GB of memory" if values else "memory unknown"


def _values_in(file: str, name: str) -> Sequence[str]:
    path = Path(file)
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
