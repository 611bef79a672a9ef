"""A till's call that goes past the pages' middlewares is answered, logged and counted as it is behind them."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
import time_machine
from django.conf import settings as project
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections
from django.test import AsyncClient, RequestFactory
from django.utils import timezone
from prometheus_client import REGISTRY

from consumers.choices import StaffRole
from tests.consumers.admin.office import make_office
from tests.loyalty.till.shop import Shop, make_basket, make_shop

pytestmark = pytest.mark.django_db

CHAIN = "config.till_chain.TillChain"
EVALUATE, TRANSACTIONS = "/api/v1/baskets/evaluate", "/api/v1/transactions"
GOOD = make_basket(sold=[{"line_id": "1", "sku": "TEA", "quantity": "1", "unit_price_inc_tax": "3.00"}])


def fails_as(error: Exception) -> Any:
    """Return a function that logs a line and raises an error, whatever it is given."""

    def fail(*_: Any, **__: Any) -> Any:
        structlog.getLogger("till").warning("It is about to fail.")
        raise error

    return fail


@dataclass(kw_only=True)
class Call:
    """A call, the status that it is answered with, and the settings and broken functions under which it is made."""

    status: int
    method: str = "POST"
    path: str = EVALUATE
    body: Any = field(default_factory=lambda: GOOD)
    headers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    broken: Mapping[str, Exception] = field(default_factory=dict)
    calls_before: int = 0


HTTPS = {
    "SECURE_SSL_REDIRECT": True,
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "SECURE_HSTS_SECONDS": 3600,
}
AWAY = OperationalError("the database is away")
QUOTE, RENDER = "loyalty.api.v1.till.quote", "loyalty.api.v1.till.BytesRenderer.render"
CALLS = {
    "a quote": Call(status=200),
    "a quote by a script of a page": Call(status=200, headers={"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}),
    "an explained quote": Call(status=200, path=f"{EVALUATE}?explain=true&promotion=R"),
    "a list": Call(status=200, method="GET", path=f"{TRANSACTIONS}?limit=2"),
    "a list, by HEAD": Call(status=403, method="HEAD", path=TRANSACTIONS),
    "an unknown parameter": Call(status=400, path=f"{EVALUATE}?Cafe%CC%81=true"),
    "no JSON": Call(status=400, body=b"{"),
    "a wrong key": Call(status=401, headers={"HTTP_AUTHORIZATION": "Api-Key wrong.key"}),
    "no key": Call(status=401, headers={"HTTP_AUTHORIZATION": ""}),
    "an unknown sale": Call(status=404, method="GET", path=f"{TRANSACTIONS}/R1"),
    "an unknown path": Call(status=404, path="/api/v1/baskets/nothing/of/this"),
    "a wrong method": Call(status=405, method="PUT"),
    "an invented method": Call(status=405, method="BREW"),
    "a body that is too large": Call(status=413, settings={"API_MAX_BODY_BYTES": 10}),
    "a limited key": Call(status=429, settings={"API_REQUESTS_PER_MINUTE": 1}, calls_before=1),
    "a wrong host": Call(status=400, headers={"HTTP_HOST": "elsewhere.example"}),
    "plain HTTP": Call(status=301, settings=HTTPS),
    "plain HTTP and a wrong host": Call(status=400, settings=HTTPS, headers={"HTTP_HOST": "elsewhere.example"}),
    "HTTPS": Call(status=200, settings=HTTPS, headers={"HTTP_X_FORWARDED_PROTO": "https"}),
    "no database": Call(status=503, broken={QUOTE: AWAY}),
    "an error": Call(status=500, broken={QUOTE: ZeroDivisionError("one by nothing")}),
    "no database as the answer is written": Call(status=503, broken={RENDER: AWAY}),
    "an error as the answer is written": Call(status=500, broken={RENDER: ZeroDivisionError("one by nothing")}),
    "a length that is no number": Call(status=500, headers={"CONTENT_LENGTH": "ten"}),
    "a successful call in a log of everything": Call(status=200, settings={"LOG_LEVEL": "DEBUG"}),
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a call leaves behind: its answer, its lines in the log, and what it adds to the metrics."""

    answer: tuple[str, list[tuple[str, str]], bytes]
    lines: list[dict[str, Any]]
    counted: Counter[tuple[str, Any]]


def send(shop: Shop, call: Call) -> tuple[str, list[tuple[str, str]], bytes]:
    """Make a call as the web server does; return status, headers in their order, and body."""
    body = call.body if isinstance(call.body, bytes) else json.dumps(call.body).encode()
    sent: dict[str, Any] = {
        "HTTP_AUTHORIZATION": f"Api-Key {shop.keys['till']}",
        "HTTP_X_REQUEST_ID": "till-7",
        **call.headers,
    }
    request = RequestFactory().generic(call.method, call.path, body, content_type="application/json", **sent)
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        started.extend((status, headers))

    response = WSGIHandler()(request.environ, start_response)
    content = b"".join(response)
    response.close()
    return started[0], started[1], content


def metrics() -> Counter[tuple[str, Any]]:
    """Return every sample that counts calls; durations differ from call to call."""
    return Counter(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in REGISTRY.collect()
            if family.name.startswith("django_http")
            for sample in family.samples
            if not sample.name.endswith("_created") and not ("latency" in sample.name and "_count" not in sample.name)
        }
    )


def see(shop: Shop, call: Call, caplog: pytest.LogCaptureFixture) -> Seen:
    """Make a call and look at all that it leaves behind."""
    cache.clear()
    for _ in range(call.calls_before):
        send(shop, call)
    caplog.clear()
    before = metrics()
    status, headers, body = send(shop, call)
    after = metrics()
    lines = [
        {name: str(value) for name, value in record.msg.items() if name != "timestamp"}
        for record in caplog.records
        if isinstance(record.msg, dict) and record.name != "loyalty.services.till.snapshot"
    ]
    return Seen(answer=(status, headers, body), lines=lines, counted=after - before)


@pytest.fixture
def shop(settings: Any) -> Iterator[Shop]:
    """A shop whose connection to the database outlives the web server's calls, as the test rolls back by it."""
    settings.DEBUG = False
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    shop = make_shop()
    shop.member()
    yield shop
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("name", CALLS)
def test_a_tills_call_leaves_the_same_behind_as_it_does_behind_the_pages_middlewares(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    call = CALLS[name]
    for setting, value in call.settings.items():
        setattr(settings, setting, value)
    for target, error in call.broken.items():
        monkeypatch.setattr(target, fails_as(error))
    caplog.set_level(call.settings.get("LOG_LEVEL", "INFO"))
    # Some answers say how many seconds are left.
    with time_machine.travel(timezone.now(), tick=False):
        past_them = see(shop, call, caplog)
        settings.MIDDLEWARE = [entry for entry in project.MIDDLEWARE if entry != CHAIN]
        behind_them = see(shop, call, caplog)
    assert past_them.answer == behind_them.answer
    assert past_them.lines == behind_them.lines
    assert past_them.counted == behind_them.counted
    assert past_them.answer[0].startswith(str(call.status))
    assert past_them.counted["django_http_requests_before_middlewares_total", frozenset()] == 1


def test_calls_of_tills_go_past_the_sessions_of_pages_and_all_others_do_not(shop: Shop) -> None:
    browser = make_office("other", role=StaffRole.ADMINISTRATOR).client
    key = {"Authorization": f"Api-Key {shop.keys['till']}"}
    has_session = {
        (sender, path): hasattr(client.get(path, headers=key).wsgi_request, "session")
        for sender, client in (("till", shop.client), ("browser", browser))
        for path in (TRANSACTIONS, "/api/v1/account", "/healthz")
    }
    assert [where for where, held in has_session.items() if not held] == [("till", TRANSACTIONS)]


def test_a_server_of_the_asynchronous_kind_makes_the_same_choice() -> None:
    async def answers() -> list[Any]:
        return [await AsyncClient().get(path) for path in (TRANSACTIONS, "/api/v1/account")]

    answered = asyncio.run(answers())
    assert [(answer.status_code, hasattr(answer.asgi_request, "session")) for answer in answered] == [
        (401, False),
        (401, True),
    ]
