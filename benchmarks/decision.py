"""How long one decision takes, from the till's JSON to its answer's, and how that grows."""

import gc
import tracemalloc
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time_ns

from django.conf import settings
from django.test import override_settings

from benchmarks.report import Report, Times, duration, spread, timed
from benchmarks.till import Till, without_database
from benchmarks.workload import Workload, body, workload

GROUP = "Decision: bytes to bytes, no database, 10 lines unless said"
SIZES = (10, 100, 1_000, 10_000)
QUICK_SIZES = (10, 1_000)
CONSTANT = 10
MIXED = 0.1
LINES = (1, 10, 30, 100, 500)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """A kind of workload: how many promotions match, and what part has no product key."""

    name: str
    constant: bool
    unkeyed: float

    def workload(self, count: int) -> Workload:
        """Generate a number of promotions."""
        matching = CONSTANT if self.constant else max(count // 100, 1)
        return workload(count, matching=matching, unkeyed=self.unkeyed)


ONE_PERCENT = Mix(name="1% matching", constant=False, unkeyed=MIXED)
ONE_PERCENT_KEYED = Mix(name="1% matching, all with a product key", constant=False, unkeyed=0)
TEN_MATCHING = Mix(name=f"{CONSTANT} matching", constant=True, unkeyed=MIXED)
TEN_MATCHING_KEYED = Mix(name=f"{CONSTANT} matching, all with a product key", constant=True, unkeyed=0)
MIXES = (ONE_PERCENT, TEN_MATCHING, ONE_PERCENT_KEYED, TEN_MATCHING_KEYED)
KEYED_OF = {ONE_PERCENT: ONE_PERCENT_KEYED, TEN_MATCHING: TEN_MATCHING_KEYED}
GROWTH_LIMITS = {True: 1.5, False: 12.0}
MEDIAN_LIMIT = 150e-6
UNKEYED_LIMIT = 5.0
SAMPLED_LIMIT = 1.01
TURN = 200
"""Decisions of one turn: two of them are timed at the default sample."""


def run(report: Report, *, quick: bool) -> None:
    """Measure decisions over promotions, lines, units and explanations."""
    sizes = QUICK_SIZES if quick else SIZES
    budget = 0.4 if quick else 2.0
    times_of: dict[tuple[Mix, int], Times] = {}
    with without_database():
        for mix in MIXES:
            for size in sizes:
                times = times_of[mix, size] = _of_promotions(report, mix, size, budget=budget)
                if mix is ONE_PERCENT and size == 1_000:
                    median = times.median
                    report.add(
                        GROUP,
                        f"  median of {size:,} promotions, {mix.name}",
                        duration(median),
                        target=f"≤ {duration(MEDIAN_LIMIT)}",
                        met=median <= MEDIAN_LIMIT,
                    )
        _growth(report, times_of, sizes)
        _of_baskets(report, budget=budget, quick=quick)
        _sampled(report, budget=5 * budget)


def _of_promotions(report: Report, mix: Mix, size: int, *, budget: float) -> Times:
    generated = mix.workload(size)
    till, basket = Till(generated.rulebook()), body(10)
    if till.matches(basket) != generated.matching:
        raise AssertionError("The workload does not match what it says.")
    gc.collect()
    times = timed(lambda: till.answer(basket), budget=budget)
    peak = _peak(till, basket)
    report.add(GROUP, f"{size:,} promotions, {mix.name}", f"{spread(times)}, {peak / 1024:.0f} KiB")
    return times


def _peak(till: Till, basket: bytes) -> int:
    """Return the peak memory of one answer, in bytes."""
    tracemalloc.start()
    till.answer(basket)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _growth(report: Report, times_of: dict[tuple[Mix, int], Times], sizes: tuple[int, ...]) -> None:
    fewest, most = sizes[0], sizes[-1]
    for mix in MIXES:
        low, high = times_of[mix, fewest].median, times_of[mix, most].median
        report.at_most(
            GROUP,
            f"growth from {fewest:,} to {most:,} promotions, {mix.name}",
            value=high / low,
            limit=GROWTH_LIMITS[mix.constant],
            figure=f"{duration(low)} → {duration(high)}",
        )
    for mix, keyed in KEYED_OF.items():
        for size in sizes[1:]:
            mixed, all_keyed = times_of[mix, size].median, times_of[keyed, size].median
            report.at_most(
                GROUP,
                f"10% with no product key against none, {size:,} promotions, {mix.name}",
                value=mixed / all_keyed,
                limit=UNKEYED_LIMIT,
                figure=f"{duration(all_keyed)} → {duration(mixed)}",
            )


def _of_baskets(report: Report, *, budget: float, quick: bool) -> None:
    """Measure sizes of baskets and explanations, at 1,000 promotions of which 1% match."""
    generated = ONE_PERCENT.workload(1_000)
    till = Till(generated.rulebook())
    ten_lines = body(10)
    ten = timed(lambda: till.answer(ten_lines), budget=budget).median
    for lines in LINES[:3] if quick else LINES:
        _of_basket(report, f"{lines} line{'s' * (lines > 1)}", till, body(lines), ten, budget=budget)
    _of_basket(report, "10 lines of 100,000 units each", till, body(10, units=100_000), ten, budget=budget)
    basket = body(10)
    explained = timed(lambda: till.answer(basket, explain=True), budget=budget)
    report.add(
        GROUP,
        "1,000 promotions, 1% matching, each of the others explained",
        spread(explained),
        ratio=f"{explained.median / ten:.2f} × unexplained",
    )


def _of_basket(report: Report, name: str, till: Till, basket: bytes, ten: float, *, budget: float) -> None:
    matched = len(till.matches(basket))
    times = timed(lambda: till.answer(basket), budget=budget)
    report.add(
        GROUP,
        f"1,000 promotions, {matched} of them matching, {name}",
        f"{spread(times)}, {_peak(till, basket) / 1024:.0f} KiB",
        ratio=f"{times.median / ten:.2f} × 10 lines",
    )


def _sampled(report: Report, *, budget: float) -> None:
    """Measure what timing some decisions costs all of them, in pairs of turns: what disturbs one disturbs both."""
    till, basket = Till(TEN_MATCHING.workload(1_000).rulebook()), body(10)
    default = settings.COST_SAMPLE_EVERY
    for every, name in ((default, f"one decision in {default}, the default,"), (1, "every decision")):
        ratios: list[float] = []
        deadline = perf_counter() + budget
        while perf_counter() < deadline or len(ratios) < 5:
            # Which comes first alternates: the second of a pair finds the processor as the first has left it.
            turns = (every, 0) if len(ratios) % 2 else (0, every)
            nanoseconds = {sampled: _turn(till, basket, every=sampled) for sampled in turns}
            ratios.append(nanoseconds[every] / nanoseconds[0])
        figure = f"{len(ratios)} pairs of {TURN} decisions"
        title = f"{name} timed by promotion, against none, 10 matching"
        if every == default:
            report.at_most(GROUP, title, value=median(ratios), limit=SAMPLED_LIMIT, figure=figure)
        else:
            report.add(GROUP, title, figure, ratio=f"{median(ratios):.2f} ×")


def _turn(till: Till, basket: bytes, *, every: int) -> int:
    """Return the nanoseconds of processor time of ``TURN`` decisions, one in ``every`` of them timed by promotion."""
    with override_settings(COST_SAMPLE_EVERY=every):
        started = process_time_ns()
        for _ in range(TURN):
            till.answer(basket)
        return process_time_ns() - started
