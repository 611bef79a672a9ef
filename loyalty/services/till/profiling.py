"""What each promotion costs a till's decision, measured by timing some of them where they are made.

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

from loyalty.services.till.metrics import looks_measured
from promotions.engine.pipeline.context import EvaluationContext, Evaluator
from promotions.engine.pipeline.decision import Candidate, Refusal
from promotions.engine.rulebook.promotion import Promotion
from promotions.services.profiling import MeasuredCost, promotion_costs_add

QUIET_SECONDS = 10.0
"""After so long without one the next decision is timed, so that a shop with few tills is measured too."""

WRITE_SECONDS = 60.0
"""How long a process keeps what it measured to itself."""

ROWS_AT_ONCE = 500
MOST_KEPT = 50_000
"""Versions of promotions that a process keeps figures of while they cannot be written."""

logger = logging.getLogger(__name__)


class Watch:
    """Times the looks of one decision: nanoseconds by promotion.

    With ``twice`` each look is taken two times and the quicker one counts. A look changes nothing, so that this only
    leaves out what came between: other work of the machine, a collection of garbage.
    """

    def __init__(self, clock: Callable[[], int] = time.thread_time_ns, *, twice: bool = False) -> None:
        self._clock = clock
        self._twice = twice
        self.spent: dict[int, int] = {}
        self.versions: dict[int, int] = {}

    def around(self, look: Evaluator) -> Evaluator:
        """The look, timed."""
        clock, spent, versions = self._clock, self.spent, self.versions

        def once(promotion: Promotion, situation: EvaluationContext) -> Candidate | Refusal:
            begun = clock()
            judged = look(promotion, situation)
            took = clock() - begun
            spent[promotion.id] = spent.get(promotion.id, 0) + took
            versions[promotion.id] = promotion.source.version
            return judged

        def quicker(promotion: Promotion, situation: EvaluationContext) -> Candidate | Refusal:
            before = spent.get(promotion.id, 0)
            once(promotion, situation)
            first = spent[promotion.id] - before
            spent[promotion.id] = before
            judged = once(promotion, situation)
            spent[promotion.id] = before + min(first, spent[promotion.id] - before)
            return judged

        return quicker if self._twice else once


class Costs:
    """What a process measures. Its threads share it; a process that is forked from another begins anew.

    Args:
        seconds: the clock by which a quiet time is told.
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
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was measured, as a process that starts has measured nothing."""
        self._lock = Lock()
        self._decisions = count(1)
        self._measured: dict[tuple[int, int], tuple[int, int]] = {}
        self._thread: Thread | None = None
        self._last = self._seconds()

    def watch(self) -> Watch | None:
        """A watch for the next decision where it is one of those that are timed.

        Two threads that come at the same time may both be given one after a quiet time; that is no harm.
        """
        every: int = settings.COST_SAMPLE_EVERY
        if every <= 0:
            return None
        now = self._seconds()
        if next(self._decisions) % every and now - self._last < QUIET_SECONDS:
            return None
        self._last = now
        return Watch(self._clock)

    def keep(self, watch: Watch) -> None:
        """Take over what a watch has seen."""
        looks_measured(watch.spent.values())
        with self._lock:
            for promotion_id, nanoseconds in watch.spent.items():
                self._add((promotion_id, watch.versions[promotion_id]), 1, nanoseconds)
            if self._background and self._measured and (self._thread is None or not self._thread.is_alive()):
                self._begin_writing()

    def _add(self, key: tuple[int, int], baskets: int, nanoseconds: int) -> None:
        known = self._measured.get(key)
        if known is not None:
            self._measured[key] = (known[0] + baskets, known[1] + nanoseconds)
        elif len(self._measured) < MOST_KEPT:
            self._measured[key] = (baskets, nanoseconds)

    def _begin_writing(self) -> None:
        self._thread = Thread(target=self._write_for_ever, name="promotion-costs", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # a process that is ending starts no thread, and its sale is none the worse
            self._thread = None

    def _write_for_ever(self) -> None:
        while True:
            time.sleep(WRITE_SECONDS)
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
            promotion_id: MeasuredCost(
                promotion_id=promotion_id, version=version, baskets=baskets, nanoseconds=nanoseconds
            )
            for (promotion_id, version), (baskets, nanoseconds) in sorted(measured.items())
        }
        left = iter(newest.values())
        while rows := list(islice(left, ROWS_AT_ONCE)):
            try:
                # Short writes: each is a transaction of its own, and on SQLite tills wait for it.
                promotion_costs_add(measured=rows, at=timezone.now())
            except Error as error:
                logger.warning("What promotions cost was not written, and is kept: %s", type(error).__name__)
                with self._lock:
                    for row in (*rows, *left):
                        self._add((row.promotion_id, row.version), row.baskets, row.nanoseconds)


COSTS = Costs()
"""This process's."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=COSTS.begin_anew)
