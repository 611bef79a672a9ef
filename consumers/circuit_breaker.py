"""Go on without a server that does not answer, after the first calls have waited for it in vain.

A server that is gone refuses at once. One that accepts and never answers makes every call wait until its time-out, so
after ``FAILURES_ALLOWED`` failures in a row it is left alone. Every ``REST_SECONDS`` one call tries again.

    closed     every call is made
    open       no call is made
    half open  one call tries whether the server answers again; the others are not made

The state is the process's own. Only for what can be done without: see ``redis_breaker``.
"""

import logging
import threading
import time
from collections.abc import Callable
from enum import IntEnum
from typing import ParamSpec, TypeVar

from kombu.exceptions import OperationalError as BrokerError
from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError

P = ParamSpec("P")
T = TypeVar("T")

FAILURES_ALLOWED = 2
"""One lost connection is no reason: a server that was restarted closes all of them."""

REST_SECONDS = 10.0

STATE = Gauge(
    "promotions_circuit_breaker_state",
    "Whether calls to a server are made: 0 all of them, 1 one that tries, 2 none",
    labelnames=["server"],
    multiprocess_mode="liveall",
)
SKIPPED = Counter("promotions_circuit_breaker_skipped", "Calls to a server that were not made", labelnames=["server"])

logger = logging.getLogger(__name__)


class State(IntEnum):
    """Whether calls are made."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitOpen(Exception):
    """The call was not made: the server did not answer the last ones."""


class CircuitBreaker:
    """Makes calls to a server for as long as it answers; ``errors`` are the exceptions that say that it does not.

    Safe for threads. The lock is held for the change of the state alone, never during a call. ``clock`` returns
    seconds that never go back.
    """

    def __init__(
        self, server: str, *, errors: tuple[type[Exception], ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.server, self.errors, self.clock = server, errors, clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin again, closed."""
        with self._lock:
            self._failures = 0
            self._waits_until = 0.0
            self._enter(State.CLOSED)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns.

        Raises:
            CircuitOpen: the call was not made.
        """
        is_trial = self._admit()
        try:
            result = function(*args, **kwargs)
        except self.errors as error:
            self._failed(is_trial=is_trial, error=error)
            raise
        except BaseException:
            self._answered(is_trial=is_trial)
            raise
        self._answered(is_trial=is_trial)
        return result

    def _admit(self) -> bool:
        """Return whether this call is the one that tries; raise CircuitOpen if it must not be made."""
        with self._lock:
            if self.state is State.CLOSED:
                return False
            # A trial whose thread died must not keep the circuit half open: after the same time another one is made.
            if self.clock() < self._waits_until:
                SKIPPED.labels(self.server).inc()
                raise CircuitOpen(self.server)
            self._waits_until = self.clock() + REST_SECONDS
            self._enter(State.HALF_OPEN)
            return True

    def _answered(self, *, is_trial: bool) -> None:
        with self._lock:
            # The late answer to a call from before the circuit opened says nothing about now.
            if self.state is State.CLOSED:
                self._failures = 0
            elif is_trial:
                self._failures = 0
                self._enter(State.CLOSED)
                logger.warning("Calls to %s are made again: it answers.", self.server)

    def _failed(self, *, is_trial: bool, error: Exception) -> None:
        with self._lock:
            self._failures += 1
            if is_trial or (self.state is State.CLOSED and self._failures >= FAILURES_ALLOWED):
                if self.state is State.CLOSED:
                    logger.warning("Calls to %s are not made for now: it does not answer (%r).", self.server, error)
                self._waits_until = self.clock() + REST_SECONDS
                self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self.state = state
        STATE.labels(self.server).set(state)


redis_breaker = CircuitBreaker("redis", errors=(RedisError, BrokerError, OSError))
"""Of cache and broker, which are one server. A till sells without both: calls go uncounted, and work that a worker was
not told of is found by the schedule."""
