"""Measured times, and the table that the figures of one run make."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns

SLOWEST = 10
"""How many of many have a line of their own."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Durations of one call, in seconds, the shortest first."""

    seconds: tuple[float, ...]

    def share(self, part: float) -> float:
        """The duration below which that part (0 to 1) of the calls lie."""
        return self.seconds[min(int(len(self.seconds) * part), len(self.seconds) - 1)]

    @property
    def median(self) -> float:
        """The duration in the middle."""
        return self.share(0.5)

    @property
    def p99(self) -> float:
        """All but one call in a hundred are shorter."""
        return self.share(0.99)


def timed(call: Callable[[], object], *, budget: float, least: int = 5, most: int = 20_000) -> Times:
    """Call again and again, for so many seconds, at least and at most so many times."""
    call()
    taken: list[int] = []
    until = perf_counter() + budget
    while len(taken) < least or (perf_counter() < until and len(taken) < most):
        begun = perf_counter_ns()
        call()
        taken.append(perf_counter_ns() - begun)
    return Times(seconds=tuple(nanoseconds / 1e9 for nanoseconds in sorted(taken)))


def duration(seconds: float) -> str:
    """A duration as one reads it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def spread(times: Times) -> str:
    """Median (p50) and p99."""
    return f"p50 {duration(times.median)}, p99 {duration(times.p99)}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; ``met`` is None where there is no target."""

    group: str
    name: str
    figure: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """The target with its verdict."""
        if self.met is None:
            return self.target
        return f"{self.target}: {'met' if self.met else 'MISSED'}"


@dataclass(kw_only=True)
class Report:
    """The lines of one run, printed as they come."""

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
        """A line whose target is a limit of a ratio, ``1.5 ×``."""
        self.add(group, name, figure, ratio=ratio or f"{value:.2f} ×", target=f"≤ {limit:g} ×", met=value <= limit)

    def at_least(self, group: str, name: str, *, value: float, limit: float, figure: str, ratio: str = "") -> None:
        """A line whose target is the least of a ratio."""
        self.add(group, name, figure, ratio=ratio or f"{value:.2f} ×", target=f"≥ {limit:g} ×", met=value >= limit)

    def each_within(self, group: str, name: str, taken: Mapping[str, Times], *, limit: float) -> None:
        """The slowest of many, and a line of all of them; ``limit`` is in seconds, for the median of each."""
        target = f"≤ {duration(limit)}"
        for one in sorted(taken, key=lambda one: taken[one].median, reverse=True)[:SLOWEST]:
            self.add(group, one, spread(taken[one]), target=target, met=taken[one].median <= limit)
        medians = [times.median for times in taken.values()]
        figure = f"half of them within {duration(median(medians))}"
        self.add(group, f"all {len(taken)} {name}", figure, target=f"{target} each", met=max(medians) <= limit)

    def skip(self, group: str, name: str, why: str) -> None:
        """A line that could not be measured, and why."""
        self.add(group, name, f"skipped: {why}")

    def summary(self) -> str:
        """How many targets were met."""
        judged = [row for row in self.rows if row.met is not None]
        missed = [f"{row.group}: {row.name}" for row in judged if not row.met]
        said = f"{len(judged) - len(missed)} of {len(judged)} targets met."
        return "\n".join([said, *(f"MISSED  {name}" for name in missed)])

    def markdown(self, *, called: str) -> str:
        """The run as a document's section."""
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
    """The machine that the figures are of."""
    return ", ".join(
        [_processor(), f"{os.cpu_count()} cores", _memory(), f"{platform.system()} {platform.release()}", _python()]
    )


def _python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _processor() -> str:
    names = _said("/proc/cpuinfo", "model name")
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> str:
    said = _said("/proc/meminfo", "MemTotal")
    return f"{int(said[0].split()[0]) / 2**20:.0f} GB of memory" if said else "memory unknown"


def _said(file: str, name: str) -> Sequence[str]:
    path = Path(file)
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
