"""Servers that die while tills sell: whatever a till was told stands, and what it asked for again was done once."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.loyalty.till.shop import make_basket, make_line
from tests.servers import Postgres, Process, Redis, free_port, manage, project_environment, wait_for, web_command
from tests.soak.size import size

TILLS = 8
CONSUMERS = 25
SALES = size(200, 2_000)
LIMIT = SALES * 3 // 4
MOST_SECONDS = 60.0
"""How long a till asks again before it gives up."""


@dataclass(kw_only=True)
class Installation:
    """The project on servers of its own, with a shop in it."""

    postgres: Postgres
    redis: Redis
    folder: Path
    port: int = field(default_factory=free_port)
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = project_environment(
            database=self.postgres.url("soak"), redis=self.redis.url, folder=self.folder
        )
        self.web = Process(web_command(self.port, workers=2), environment=self.environment, log=self.folder / "web.log")

    def begin(self) -> None:
        """Start the web server and wait until it can work."""
        self.web.start()
        wait_for(lambda: self.call("GET", "/readyz")[0] == 200, what="the web server")

    def workers(self) -> list[int]:
        """The processes that the web server's main one has started."""
        assert self.web.running is not None
        main = self.web.running.pid
        return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]

    def call(self, method: str, path: str, body: Any = None, *, role: str = "till") -> tuple[int, Any]:
        """One call: the status, and the answer or, for a refusal, the headers."""
        request = urllib.request.Request(  # noqa: S310 - a server of this test
            urljoin(f"http://127.0.0.1:{self.port}/api/v1/", path),
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Api-Key {self.keys.get(role)}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - a server of this test
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.headers

    def opened(self, code: str) -> None:
        """A shop of its own for a test: consumers, a promotion that runs out, one that does not, and an offer."""
        made = json.loads(
            manage(
                *("account_create", code, "--currency", "GBP", "--time-zone", "Europe/London"),
                environment=self.environment,
            )
        )
        self.keys = {"till": made["till_key"], "manager": made["manager_key"]}
        begun = {"name": "Promotion", "currency": "GBP", "starts_at": "2026-01-01T00:00:00Z"}
        member = {"enrolled_on": "2026-01-01", "status": "active", "cards": []}
        consumers = [
            {"consumer_id": f"c{n}", "email": f"c{n}@shop.example", "loyalty": member} for n in range(CONSUMERS)
        ]
        thanks = {"redemption_message_subject": "Thank you", "redemption_message": "<p>Thank you</p>"}
        for method, path, body in (
            ("PATCH", "account", {"late_transaction_days": 36500}),
            ("PUT", "sites/001", {"name": "Leeds"}),
            ("POST", "consumers/bulk", consumers),
            ("PUT", "offers/coffee", {"name": "Coffee", "benefit": "external", "stock": LIMIT}),
            ("PUT", "promotions/each", {**begun, "type": "fixed_points", "outcome": {"points": 10, **thanks}}),
            (
                "PUT",
                "promotions/coffees",
                {
                    **begun,
                    "type": "redeem_offer",
                    "outcome": {"offer": "coffee"},
                    "eligibility": {"total_redemption_limit": LIMIT},
                },
            ),
        ):
            status, answer = self.call(method, path, body, role="manager")
            assert status in (200, 201), (path, status, str(answer))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("soak")
    postgres, redis = Postgres(), Redis(folder)
    here = Installation(postgres=postgres, redis=redis, folder=folder)
    try:
        postgres.start()
        redis.start()
        postgres.ask("CREATE DATABASE soak")
        manage("migrate", "--noinput", "--verbosity", "0", environment=here.environment)
        yield here
    finally:
        here.web.kill()
        redis.kill()
        postgres.remove()


@pytest.fixture
def here(made: Installation, request: pytest.FixtureRequest) -> Iterator[Installation]:
    made.begin()
    made.opened(request.node.name.removeprefix("test_"))
    yield made
    made.web.kill()


@dataclass
class Day:
    """What the tills of a shop were told: answers by reference, and how often each other outcome."""

    here: Installation
    noted: Callable[..., None]
    answers: dict[str, Any] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    waits: set[str | None] = field(default_factory=set)

    def sell(self, number: int) -> None:
        """What a till does: it asks until it is answered."""
        body = make_basket(reference=f"T{number}", consumer=f"c{number % CONSUMERS}", sold=[make_line(quantity="2")])
        until = time.monotonic() + MOST_SECONDS
        while time.monotonic() < until:
            try:
                status, answer = self.here.call("POST", "transactions", body)
            except (OSError, HTTPException, ValueError) as error:
                self.outcomes[type(error).__name__] += 1
                time.sleep(0.2)
                continue
            self.outcomes[str(status)] += 1
            if status in (200, 201):
                self.answers[f"T{number}"] = answer
                return
            assert status == 503, (status, str(answer))
            self.waits.add(answer["Retry-After"])
            time.sleep(float(answer["Retry-After"]))
        raise AssertionError(f"T{number} was not answered")

    def disturbed_by(self, *faults: Callable[[], None]) -> None:
        """Let all tills sell, and let each fault happen at some moment of it."""
        moments = sorted(Random(len(faults)).sample(range(SALES // 10, SALES * 9 // 10), len(faults)))
        with ThreadPoolExecutor(TILLS) as tills:
            sales = [tills.submit(self.sell, number) for number in range(SALES)]
            for moment, fault in zip(moments, faults, strict=True):
                wait_for(partial(self.has_come_to, moment), seconds=300, what="sales")
                fault()
            for sale in sales:
                sale.result()

    def has_come_to(self, sales: int) -> bool:
        """Whether so many have been answered."""
        return len(self.answers) >= sales

    def check(self) -> None:
        """Nothing lost, nothing doubled: what tills were told is what is kept, and the books balance."""
        self.noted("sales", SALES)
        self.noted("answers", ", ".join(f"{count} × {outcome}" for outcome, count in self.outcomes.most_common()))
        manage("ledger_verify", environment=self.here.environment)
        assert len(self.answers) == SALES
        for reference, answer in list(self.answers.items())[:: max(1, SALES // 50)]:
            assert self.here.call("GET", f"transactions/{reference}") == (200, answer)
        issued = [voucher["code"] for answer in self.answers.values() for voucher in answer["vouchers_issued"]]
        assert len(set(issued)) == len(issued) == LIMIT
        for number in range(CONSUMERS):
            sold = len(range(number, SALES, CONSUMERS))
            status, loyalty = self.here.call("GET", f"consumers/c{number}/loyalty")
            assert (status, loyalty["balance"]) == (200, 16 * sold)


def test_web_processes_that_are_killed(here: Installation, record_property: Callable[..., None]) -> None:
    day = Day(here, record_property)

    def kill_all() -> None:
        here.web.kill()
        here.web.start()

    def kill_one() -> None:
        workers = wait_for(here.workers, what="the processes of the web server")
        os.kill(workers[len(day.answers) % len(workers)], signal.SIGKILL)

    day.disturbed_by(*[kill_all, kill_one] * size(2, 20))
    assert len(day.outcomes) > 1, "tills noticed"
    day.check()


def test_a_database_that_is_restarted(here: Installation, record_property: Callable[..., None]) -> None:
    day = Day(here, record_property)

    def restart(how: signal.Signals) -> None:
        here.postgres.end(how)
        with ThreadPoolExecutor(1) as another:
            sale = another.submit(here.call, "POST", "transactions", make_basket(reference="X"))
            assert here.call("GET", "/healthz")[0] == 200
            assert here.call("GET", "/readyz")[0] == 503
            status, headers = sale.result()
        assert (status, headers["Retry-After"]) == (503, "1")
        here.postgres.start()

    asked_to_end, crashed = partial(restart, signal.SIGINT), partial(restart, signal.SIGQUIT)
    day.disturbed_by(*[asked_to_end, crashed] * size(1, 5))
    assert day.outcomes["503"]
    assert day.waits == {"1"}
    day.check()


def test_a_cache_that_goes_away_and_comes_back(here: Installation, record_property: Callable[..., None]) -> None:
    day = Day(here, record_property)
    day.disturbed_by(here.redis.kill, here.redis.start)
    assert set(day.outcomes) == {"201"}, "no till notices"
    day.check()
