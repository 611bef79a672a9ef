"""Measure how long each promotion takes to evaluate, by timing some of a till's decisions where they are made.

A process keeps what it measured in memory and adds it to the promotions' rows about once a minute, from a thread of its
own: no till waits for that, no sale's transaction holds it, and a database that is away only puts it off. What is not
written yet when a process ends is lost, which is a minute of a sample.
"""

import logging
import os
import time
from collections.abc import Callable
from itertools import count, islice
from threading import Lock, Thread

from django.conf import settings
from django.db import Error, connections
from django.utils import timezone

from loyalty.services.till.metrics import decision_observe, promotions_observe
from promotions.engine.pipeline.context import EvaluationContext, Evaluator, Observer
from promotions.engine.pipeline.decision import Candidate, Decision, Refusal
from promotions.engine.rulebook.promotion import Promotion
from promotions.services.profiling import EvaluationSample, evaluation_samples_add

QUIET_SECONDS = 10.0
"""After this long without a timed decision the next one is timed, so that a shop with few tills is measured too."""

WRITE_INTERVAL_SECONDS = 60.0
"""How long a process keeps what it measured to itself."""

ROWS_PER_WRITE = 500
MAX_UNWRITTEN_VERSIONS = 50_000
"""Versions of promotions that a process keeps figures of while they cannot be written."""

logger = logging.getLogger(__name__)


class PromotionTimer:
    """Times the evaluations of one decision: nanoseconds and version by promotion id.

    With ``best_of_two`` each evaluation is done twice and the quicker one counts. An evaluation changes nothing, so
    this only leaves out what came between: other work of the machine, a garbage collection.
    """

    def __init__(self, clock: Callable[[], int] = time.thread_time_ns, *, best_of_two: bool = False) -> None:
        self._clock = clock
        self._best_of_two = best_of_two
        self.nanoseconds: dict[int, int] = {}
        self.versions: dict[int, int] = {}

    def observe(self, evaluator: Evaluator) -> Evaluator:
        """Return the evaluator, timed: an observer for the engine."""
        clock, nanoseconds, versions = self._clock, self.nanoseconds, self.versions

        def timed(promotion: Promotion, context: EvaluationContext) -> Candidate | Refusal:
            started = clock()
            result = evaluator(promotion, context)
            elapsed = clock() - started
            nanoseconds[promotion.id] = nanoseconds.get(promotion.id, 0) + elapsed
            versions[promotion.id] = promotion.source.version
            return result

        def best_of_two(promotion: Promotion, context: EvaluationContext) -> Candidate | Refusal:
            before = nanoseconds.get(promotion.id, 0)
            timed(promotion, context)
            first = nanoseconds[promotion.id] - before
            nanoseconds[promotion.id] = before
            result = timed(promotion, context)
            nanoseconds[promotion.id] = before + min(first, nanoseconds[promotion.id] - before)
            return result

        return best_of_two if self._best_of_two else timed


class PromotionProfiler:
    """What a process has measured. Its threads share it; a process that is forked from another starts without any.

    Args:
        seconds: the clock for ``QUIET_SECONDS``.
        clock: nanoseconds of processor time that the thread has used: other threads and processes are not in it.
        background: whether a thread writes what was measured; without it ``write`` is called.
    """

    def __init__(
        self,
        *,
        seconds: Callable[[], float] = time.monotonic,
        clock: Callable[[], int] = time.thread_time_ns,
        background: bool = True,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._background = background
        self.reset()

    def reset(self) -> None:
        """Forget what was measured, as a process that starts has measured nothing."""
        self._lock = Lock()
        self._decisions = count(1)
        self._measured: dict[tuple[int, int], tuple[int, int]] = {}
        self._thread: Thread | None = None
        self._last = self._seconds()

    def timer_if_due(self) -> PromotionTimer | None:
        """Return a timer for the next decision if it is one of those that are timed.

        Two threads that come at the same time may both get one after a quiet time, which does no harm.
        """
        every: int = settings.COST_SAMPLE_EVERY
        if every <= 0:
            return None
        now = self._seconds()
        if next(self._decisions) % every and now - self._last < QUIET_SECONDS:
            return None
        self._last = now
        return PromotionTimer(self._clock)

    def record(self, timer: PromotionTimer) -> None:
        """Add what a timer has measured."""
        promotions_observe(timer.nanoseconds.values())
        with self._lock:
            for promotion_id, nanoseconds in timer.nanoseconds.items():
                self._add((promotion_id, timer.versions[promotion_id]), 1, nanoseconds)
            if self._background and self._measured and (self._thread is None or not self._thread.is_alive()):
                self._start_writing()

    def _add(self, version: tuple[int, int], baskets: int, nanoseconds: int) -> None:
        measured = self._measured.get(version)
        if measured is not None:
            self._measured[version] = (measured[0] + baskets, measured[1] + nanoseconds)
        elif len(self._measured) < MAX_UNWRITTEN_VERSIONS:
            self._measured[version] = (baskets, nanoseconds)

    def _start_writing(self) -> None:
        self._thread = Thread(target=self._write_forever, name="promotion-profiler", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # a process that is ending starts no thread, and its sale must not fail for it
            self._thread = None

    def _write_forever(self) -> None:
        while True:
            time.sleep(WRITE_INTERVAL_SECONDS)
            try:
                self.write()
            finally:
                connections.close_all()

    def write(self) -> None:
        """Add what was measured to the promotions' rows; what the database does not take is kept for the next time."""
        with self._lock:
            measured, self._measured = self._measured, {}
        # A promotion edited within the minute has figures of two versions: those of the newer are kept.
        newest = {
            promotion_id: EvaluationSample(
                promotion_id=promotion_id, version=version, baskets=baskets, nanoseconds=nanoseconds
            )
            for (promotion_id, version), (baskets, nanoseconds) in sorted(measured.items())
        }
        remaining = iter(newest.values())
        while samples := list(islice(remaining, ROWS_PER_WRITE)):
            try:
                # Short writes: each is a transaction of its own, and on SQLite tills wait for it.
                evaluation_samples_add(samples=samples, at=timezone.now())
            except Error as error:
                logger.warning("What promotions cost was not written, and is kept: %s", type(error).__name__)
                with self._lock:
                    for sample in (*samples, *remaining):
                        self._add((sample.promotion_id, sample.version), sample.baskets, sample.nanoseconds)


PROFILER = PromotionProfiler()
"""This process's."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PROFILER.reset)


def evaluate_measured(
    evaluate: Callable[[Observer | None], Decision], *, profiler: PromotionProfiler | None
) -> Decision:
    """Evaluate a basket, count the decision, and let a profiler time some of them promotion by promotion."""
    timer = profiler.timer_if_due() if profiler is not None else None
    started = time.perf_counter()
    decision = evaluate(timer.observe if timer is not None else None)
    decision_observe(applied=bool(decision.applied), seconds=time.perf_counter() - started)
    if profiler is not None and timer is not None:
        profiler.record(timer)
    return decision
