"""The circuit breaker, and what a till notices of a cache that never answers."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import REGISTRY

from consumers.circuit_breaker import FAILURES_ALLOWED, REST_SECONDS, CircuitBreaker, CircuitOpen, State, redis_breaker
from tests.consumers.builders import make_shop
from tests.servers import DeafServer

CALLS = 50


class Silent(Exception):
    """The server does not answer."""


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Server:
    """Answers, or does not; counts the calls that reach it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.breaker = CircuitBreaker("test", errors=(Silent,), clock=self.clock)
        self.answers = True
        self.calls = 0

    def answer(self) -> str:
        self.calls += 1
        if not self.answers:
            raise Silent
        return "answer"

    def ask(self) -> str:
        """Call it; return its answer, or the name of the exception."""
        try:
            return self.breaker.call(self.answer)
        except (Silent, CircuitOpen) as error:
            return type(error).__name__


@pytest.fixture
def server() -> Server:
    return Server()


def test_every_call_is_made_while_the_server_answers(server: Server) -> None:
    assert [server.ask() for _ in range(CALLS)] == ["answer"] * CALLS
    assert server.breaker.state is State.CLOSED


def test_a_few_failures_in_a_row_open_it_and_then_no_call_waits(server: Server) -> None:
    server.answers = False
    outcomes = [server.ask() for _ in range(CALLS)]
    assert outcomes == ["Silent"] * FAILURES_ALLOWED + ["CircuitOpen"] * (CALLS - FAILURES_ALLOWED)
    assert server.breaker.state is State.OPEN


def test_failures_with_answers_between_them_do_not_open_it(server: Server) -> None:
    for _ in range(CALLS):
        server.answers = not server.answers
        server.ask()
    assert (server.breaker.state, server.calls) == (State.CLOSED, CALLS)


def test_after_its_rest_one_call_tries_and_its_answer_closes_it(server: Server) -> None:
    server.answers = False
    [server.ask() for _ in range(CALLS)]
    server.answers = True
    server.clock.seconds += REST_SECONDS - 0.1
    assert server.ask() == "CircuitOpen"
    server.clock.seconds += 0.1
    assert [server.ask() for _ in range(3)] == ["answer"] * 3
    assert server.breaker.state is State.CLOSED


def test_a_trial_without_an_answer_opens_it_for_another_rest(server: Server) -> None:
    server.answers = False
    [server.ask() for _ in range(CALLS)]
    for _ in range(3):
        server.clock.seconds += REST_SECONDS
        assert [server.ask() for _ in range(CALLS)] == ["Silent"] + ["CircuitOpen"] * (CALLS - 1)


def test_another_exception_is_an_answer(server: Server) -> None:
    server.answers = False
    [server.ask() for _ in range(CALLS)]
    server.clock.seconds += REST_SECONDS
    with pytest.raises(ValueError, match="no such key"):
        server.breaker.call(_no_such_key)
    assert server.breaker.state is State.CLOSED


def _no_such_key() -> None:
    raise ValueError("no such key")


def test_of_many_threads_one_tries_while_the_others_go_on_without(server: Server) -> None:
    server.answers = False
    [server.ask() for _ in range(CALLS)]
    server.clock.seconds += REST_SECONDS
    tries, others_have_asked = threading.Event(), threading.Event()

    def slow_answer() -> str:
        tries.set()
        others_have_asked.wait(timeout=30)
        return server.answer()

    server.answers = True
    with ThreadPoolExecutor(max_workers=8) as threads:
        trial = threads.submit(server.breaker.call, slow_answer)
        tries.wait(timeout=30)
        state_meanwhile = server.breaker.state
        others = [outcome.result() for outcome in [threads.submit(server.ask) for _ in range(CALLS)]]
        others_have_asked.set()
        assert trial.result() == "answer"
    assert others == ["CircuitOpen"] * CALLS
    assert (state_meanwhile, server.breaker.state) == (State.HALF_OPEN, State.CLOSED)


def test_a_trial_that_never_ends_does_not_keep_the_others_out_for_ever(server: Server) -> None:
    server.answers = False
    [server.ask() for _ in range(CALLS)]
    server.clock.seconds += REST_SECONDS
    server.breaker._admit()
    server.answers = True
    assert server.ask() == "CircuitOpen"
    server.clock.seconds += REST_SECONDS
    assert server.ask() == "answer"


def test_a_late_answer_from_before_it_opened_does_not_close_it(server: Server) -> None:
    def answer_late() -> str:
        server.answers = False
        [server.ask() for _ in range(CALLS)]
        return "late"

    assert server.breaker.call(answer_late) == "late"
    assert server.breaker.state is State.OPEN


def test_its_opening_and_closing_are_logged_once_and_its_state_is_a_metric(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = False
    [server.ask() for _ in range(CALLS)]
    assert REGISTRY.get_sample_value("promotions_circuit_breaker_state", {"server": "test"}) == State.OPEN
    server.answers = True
    server.clock.seconds += REST_SECONDS
    [server.ask() for _ in range(CALLS)]
    assert REGISTRY.get_sample_value("promotions_circuit_breaker_state", {"server": "test"}) == State.CLOSED
    assert [record.getMessage() for record in caplog.records] == [
        "Calls to test are not made for now: it does not answer (Silent()).",
        "Calls to test are made again: it answers.",
    ]


# --- a till -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def deaf_cache(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeafServer]:
    """Replace the cache with a server that accepts and never answers."""
    monkeypatch.setattr(redis_breaker, "clock", Clock())
    redis_breaker.reset()
    with DeafServer() as server:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{server.port}/0",
                "OPTIONS": {"socket_connect_timeout": 0.1, "socket_timeout": 0.1},
            }
        }
        yield server
    redis_breaker.reset()


@pytest.mark.django_db
def test_a_till_waits_a_few_times_for_a_cache_that_never_answers_and_not_at_every_call(deaf_cache: DeafServer) -> None:
    shop = make_shop()
    basket = {"site": "001", "currency": "GBP", "lines": []}
    statuses = {shop.till.post("baskets/evaluate", basket).status_code for _ in range(CALLS)}
    assert 429 not in statuses
    assert max(statuses) < 500
    assert deaf_cache.waits <= FAILURES_ALLOWED
