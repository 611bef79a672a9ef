"""How long it takes to build and edit a rulebook, and the memory that it needs."""

import gc
import tracemalloc
from collections.abc import Callable
from statistics import median
from time import perf_counter

from benchmarks.report import Report, duration, timed
from benchmarks.till import Till, without_database
from benchmarks.workload import body, workload
from promotions.engine.rulebook.promotion import compile_promotion
from promotions.engine.rulebook.rulebook import Rulebook

GROUP = "Rulebook: promotions compiled and indexed"
BUILD_LIMIT, EDIT_LIMIT, MEMORY_LIMIT = 2.0, 0.020, 200.0


def run(report: Report, *, quick: bool) -> None:
    """Measure the rulebook of many promotions; the targets are those of 10,000."""
    count = 1_000 if quick else 10_000
    generated = workload(count, matching=count // 100)
    gc.collect()
    build = timed(generated.rulebook, budget=0.5 if quick else 4.0, min_calls=3).median
    report.add(
        GROUP,
        f"built of {count:,} promotions",
        duration(build),
        target=f"≤ {duration(BUILD_LIMIT)}",
        met=build <= BUILD_LIMIT,
    )
    rulebook = generated.rulebook()
    source = generated.sources[count // 2]
    edit = timed(lambda: rulebook.changed(put=[compile_promotion(source)]), budget=0.5 if quick else 2.0).median
    report.add(
        GROUP, f"one of {count:,} edited", duration(edit), target=f"≤ {duration(EDIT_LIMIT)}", met=edit <= EDIT_LIMIT
    )
    with without_database():
        built = _first(generated.rulebook, times=3)
        Till(rulebook).answer(body(10))
        edited = _first(lambda: rulebook.changed(put=[compile_promotion(source)]), times=10)
    report.add(GROUP, f"the first decision with {count:,}", duration(built))
    report.add(GROUP, f"the first decision after an edit of one of {count:,}", duration(edited))
    memory = _megabytes(count)
    report.add(
        GROUP,
        f"memory of {count:,} promotions, their documents included",
        f"{memory:.0f} MB",
        target=f"≤ {MEMORY_LIMIT:g} MB",
        met=memory <= MEMORY_LIMIT,
    )


def _first(rulebook: Callable[[], Rulebook], *, times: int) -> float:
    """Return the seconds of a rulebook's first answer, which also finds what is live and what applies at the site."""
    basket = body(10)
    seconds = []
    for _ in range(times):
        till = Till(rulebook())
        started = perf_counter()
        till.answer(basket)
        seconds.append(perf_counter() - started)
    return median(seconds)


def _megabytes(count: int) -> float:
    """Return the megabytes that Python holds for a rulebook and for everything that it is made from."""
    gc.collect()
    tracemalloc.start()
    rulebook = workload(count, matching=count // 100).rulebook()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    if len(rulebook) != count:
        raise AssertionError("The rulebook has lost promotions.")
    return size / 1e6
