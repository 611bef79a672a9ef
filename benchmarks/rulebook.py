"""What a rulebook costs: to build, to change by one promotion, to keep."""

import time
from collections.abc import Iterator

from benchmarks import workload
from benchmarks.measure import Figure, megabytes, memory_of, microseconds, timed
from promotions.engine.rulebook import Rulebook, compile_promotion

COUNT = 10_000


def measured(*, quick: bool) -> Iterator[Figure]:
    """All figures of rulebooks."""
    count = 1_000 if quick else COUNT
    sources = [one.source for one in workload.promotions(count, matching=count // 100, keyless=10)]

    def build() -> Rulebook:
        return workload.rulebook([compile_promotion(source) for source in sources])

    begun = time.perf_counter()
    book = build()
    built = time.perf_counter() - begun
    yield Figure(
        what=f"rulebook of {count:,} promotions, built",
        figure=microseconds(built),
        target="≤ 2 s",
        met=None if quick else built <= 2,
    )
    changed = compile_promotion(sources[count // 2])

    def edit() -> Rulebook:
        return book.changed(
            removed=(), put=[changed], terms=book.terms, offers=book.offers, personalized=book.personalized
        )

    times = timed(edit, seconds=0.5)
    yield Figure(what="rulebook, one promotion changed", figure=str(times), target="≤ 20 ms", met=times.median <= 0.020)
    _, kept = memory_of(build)
    yield Figure(
        what="rulebook, memory", figure=megabytes(kept), target="≤ 200 MB", met=None if quick else kept <= 200 * 2**20
    )
