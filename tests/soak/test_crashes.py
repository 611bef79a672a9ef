"""Servers die while tills sell: every answer to a till stays true, and a repeated request is executed once."""

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
from decimal import Decimal
from functools import partial
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urljoin

import pytest
from django.utils.text import slugify

from tests.loyalty.till.shop import make_basket, make_line
from tests.servers import Postgres, Process, Redis, free_port, manage, project_environment, wait_for, web_command
from tests.soak.size import size

TILLS = 8
CONSUMERS = 25
SALES = size(200, 2_000)
LIMIT = SALES * 3 // 4
MAX_RETRY_SECONDS = 60.0
"""Time that a till repeats a request before it gives up."""


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
        """Return the ids of the web server's child processes."""
        assert self.web.running is not None
        main = self.web.running.pid
        return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]

    def call(self, method: str, path: str, body: Any = None, *, role: str = "till") -> tuple[int, Any]:
        """Call the API; return the status with the body, or with the headers of a refusal."""
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

    def open_shop(self, code: str) -> None:
        """Make a shop for a test: consumers, a promotion that runs out, one that does not, and an offer."""
        keys = json.loads(
            manage(
                *("account_create", code, "--currency", "GBP", "--time-zone", "Europe/London"),
                environment=self.environment,
            )
        )
        self.keys = {"till": keys["till_key"], "manager": keys["manager_key"]}
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
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("soak")
    postgres, redis = Postgres(), Redis(folder)
    server = Installation(postgres=postgres, redis=redis, folder=folder)
    try:
        postgres.start()
        redis.start()
        postgres.ask("CREATE DATABASE soak")
        manage("migrate", "--noinput", "--verbosity", "0", environment=server.environment)
        yield server
    finally:
        server.web.kill()
        redis.kill()
        postgres.remove()


@pytest.fixture
def server(installation: Installation, request: pytest.FixtureRequest) -> Iterator[Installation]:
    installation.begin()
    installation.open_shop(slugify(request.node.name.removeprefix("test_"))[:64])
    yield installation
    installation.web.kill()


@dataclass
class Day:
    """A day of sales: the answer to each by reference, how often each outcome occurred, and the waits asked for.

    Every sale is two units of ``sku``, at 3.00.
    """

    server: Installation
    record: Callable[..., None]
    sku: str = "TEA"
    answers: dict[str, Any] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    waits: set[str | None] = field(default_factory=set)

    def sell(self, number: int) -> None:
        """Sell as a till does: repeat the request until it is answered."""
        body = make_basket(reference=f"T{number}", consumer=f"c{number % CONSUMERS}", sold=[make_line(self.sku, "2")])
        until = time.monotonic() + MAX_RETRY_SECONDS
        while time.monotonic() < until:
            try:
                status, answer = self.server.call("POST", "transactions", body)
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

    def sell_during(self, *faults: Callable[[], None]) -> None:
        """Let all tills sell, and cause each fault at a random moment of that."""
        moments = sorted(Random(len(faults)).sample(range(SALES // 10, SALES * 9 // 10), len(faults)))
        with ThreadPoolExecutor(TILLS) as tills:
            sales = [tills.submit(self.sell, number) for number in range(SALES)]
            for moment, fault in zip(moments, faults, strict=True):
                wait_for(partial(self.has_answered, moment), seconds=300, what="sales")
                fault()
            for sale in sales:
                sale.result()

    def sell_during_kills(self) -> None:
        """Let all tills sell, while web processes are killed: all of them, and single ones."""

        def kill_all() -> None:
            self.server.web.kill()
            self.server.web.start()

        def kill_one() -> None:
            workers = wait_for(self.server.workers, what="the processes of the web server")
            os.kill(workers[len(self.answers) % len(workers)], signal.SIGKILL)

        self.sell_during(*[kill_all, kill_one] * size(2, 20))
        assert len(self.outcomes) > 1, "tills noticed"

    def has_answered(self, sales: int) -> bool:
        """Return whether at least this many sales have been answered."""
        return len(self.answers) >= sales

    def check(self) -> None:
        """Check that every sale is stored once and as answered, and that the ledger balances."""
        self.record("sales", SALES)
        self.record("answers", ", ".join(f"{count} × {outcome}" for outcome, count in self.outcomes.most_common()))
        manage("ledger_verify", environment=self.server.environment)
        assert len(self.answers) == SALES
        for reference, answer in list(self.answers.items())[:: max(1, SALES // 50)]:
            assert self.server.call("GET", f"transactions/{reference}") == (200, answer)
        issued = [voucher["code"] for answer in self.answers.values() for voucher in answer["vouchers_issued"]]
        assert len(set(issued)) == len(issued) == LIMIT
        for number in range(CONSUMERS):
            sold = len(range(number, SALES, CONSUMERS))
            status, loyalty = self.server.call("GET", f"consumers/c{number}/loyalty")
            assert (status, loyalty["balance"]) == (200, 16 * sold)


def test_no_sale_is_lost_when_web_processes_are_killed(
    server: Installation, record_property: Callable[..., None]
) -> None:
    day = Day(server, record_property)
    day.sell_during_kills()
    day.check()


@pytest.mark.parametrize("when_short", ["cut", "honour"])
def test_a_budget_counts_what_was_committed_when_processes_are_killed(
    server: Installation, record_property: Callable[..., None], when_short: str
) -> None:
    # 60p for each sale; a quarter of them finds nothing left, and the one before gets 10p, or 60p once more.
    whole = SALES * 3 // 4
    amount = whole * Decimal("0.60") + Decimal("0.10")
    mugs = {"match": "all", "rules": [{"attribute": "sku", "operator": "is", "value": "MUG"}]}
    discount = {
        "name": "Mugs",
        "currency": "GBP",
        "starts_at": "2026-01-01T00:00:00Z",
        "discount_type": "percentage",
        "value": "10",
        "product_sets": [{"rules": mugs, "required_quantity": 1, "gets_discount": True}],
        "budget": {"amount": f"{amount}", "when_short": when_short},
    }
    assert server.call("PUT", "discounts/mugs", discount, role="manager")[0] == 201
    day = Day(server, record_property, sku="MUG")
    day.sell_during_kills()
    manage("ledger_verify", environment=server.environment)
    given = Counter(answer["discount_total"] for answer in day.answers.values())
    expected = {"cut": {"0.60": whole, "0.10": 1}, "honour": {"0.60": whole + 1}}[when_short]
    assert {off: count for off, count in given.items() if off != "0.00"} == expected
    used = server.call("GET", "discounts/mugs", role="manager")[1]["budget_used"]
    assert Decimal(used) == sum(Decimal(off) * count for off, count in given.items())


def test_no_sale_is_lost_when_the_database_restarts(server: Installation, record_property: Callable[..., None]) -> None:
    day = Day(server, record_property)

    def restart(how: signal.Signals) -> None:
        server.postgres.end(how)
        with ThreadPoolExecutor(1) as another:
            sale = another.submit(server.call, "POST", "transactions", make_basket(reference="X"))
            assert server.call("GET", "/healthz")[0] == 200
            assert server.call("GET", "/readyz")[0] == 503
            status, headers = sale.result()
        assert (status, headers["Retry-After"]) == (503, "1")
        server.postgres.start()

    asked_to_end, crashed = partial(restart, signal.SIGINT), partial(restart, signal.SIGQUIT)
    day.sell_during(*[asked_to_end, crashed] * size(1, 5))
    assert day.outcomes["503"]
    assert day.waits == {"1"}
    day.check()


def test_no_till_notices_when_the_cache_restarts(server: Installation, record_property: Callable[..., None]) -> None:
    day = Day(server, record_property)
    day.sell_during(server.redis.kill, server.redis.start)
    assert set(day.outcomes) == {"201"}, "no till notices"
    day.check()
