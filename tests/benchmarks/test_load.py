"""The client counts answers, and ends the measurement at one that is no success."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat

import pytest
from django.test import Client, override_settings

from benchmarks.load import keep_busy, request
from benchmarks.shop import first_sales, shop_create
from benchmarks.workload import body, workload
from loyalty.models import Transaction


class Till(BaseHTTPRequestHandler):
    """Answers a body with itself; an empty one is refused."""

    protocol_version = "HTTP/1.1"
    received: list[bytes] = []

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(sent)
        self.send_response(200 if sent else 400)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library names it
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    Till.received.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Till) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("hang_up", [False, True])
def test_every_answer_is_counted_once(port: int, *, hang_up: bool) -> None:
    sent = request("/", b"x" * 100_000)
    load = keep_busy(port, [repeat(sent), repeat(sent)], seconds=0.05, hang_up=hang_up)
    assert len(load.times.seconds) == len(Till.received) >= 2
    assert load.seconds >= 0.05


def test_a_refusal_ends_the_measurement(port: int) -> None:
    with pytest.raises(ConnectionError, match="400"):
        keep_busy(port, [repeat(request("/", b""))], seconds=0.05)


@pytest.mark.django_db
def test_the_till_and_the_plain_views_accept_what_the_client_sends(client: Client) -> None:
    shop = shop_create("served", workload(10, matching=10), consumers=1)
    sale = body(10, consumer=shop.consumers[0], reference="R1", at=shop.at)
    key = {"HTTP_AUTHORIZATION": f"Api-Key {shop.till_key}"}
    with override_settings(ROOT_URLCONF="benchmarks.server_urls"):
        answers = [
            client.post(path, sale, content_type="application/json", **headers)  # type: ignore[arg-type]
            for path, headers in (
                ("/plain/nothing", {}),
                ("/plain/one-of-each", {}),
                ("/api/v1/baskets/evaluate", key),
                ("/api/v1/transactions", key),
            )
        ]
    assert [answer.status_code for answer in answers] == [200, 201, 200, 201]
    assert all(len(answer.json()["lines"]) == 10 for answer in answers)
    assert Transaction.objects.filter(account_id=shop.account_id).count() == 1


@pytest.mark.django_db
def test_every_consumer_has_bought_before_a_shop_is_measured() -> None:
    shop = shop_create("opened", workload(10, matching=10), consumers=2)
    first_sales([shop])
    sales = Transaction.objects.filter(account_id=shop.account_id)
    assert set(sales.values_list("consumer__consumer_id", flat=True)) == set(shop.consumers)
