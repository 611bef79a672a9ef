"""Log lines about an API call name the request and the transaction."""

import json
import logging
import logging.config
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.loyalty.till.shop import make_basket, make_shop

pytestmark = pytest.mark.django_db


def logged_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The events that were logged of calls."""
    return [record.msg for record in caplog.records if isinstance(record.msg, dict) and "request" in record.msg]


def test_a_log_line_about_a_sale_names_its_transaction_and_request(caplog: pytest.LogCaptureFixture) -> None:
    shop = make_shop()
    with caplog.at_level(logging.INFO):
        shop.call("post", "transactions", make_basket(reference="T-77", site="nowhere"))
        shop.call("get", "transactions/T-78")
    refused, missing = logged_lines(caplog)
    assert (refused["code"], refused["transaction"]) == (400, "T-77")
    assert (missing["code"], missing["transaction"]) == (404, "T-78")
    assert refused["request_id"] != missing["request_id"]


def test_the_log_context_of_a_call_does_not_leak_into_the_next(caplog: pytest.LogCaptureFixture) -> None:
    shop = make_shop()
    with caplog.at_level(logging.INFO):
        shop.call("get", "transactions/T-78")
        shop.call("get", "nowhere")
    assert ["transaction" in line for line in logged_lines(caplog)] == [True, False]


@pytest.mark.parametrize(
    ("level", "line", "is_logged"),
    [
        (logging.INFO, "worker-1 RSS over threshold, gracefully respawning..", True),
        (logging.INFO, "Respawning worker-1", True),
        (logging.INFO, "Stopped old worker-1", True),
        (logging.WARNING, "Killing old worker-1 after it refused to gracefully stop", True),
        (logging.ERROR, "Unexpected exit from worker-1", True),
        (logging.INFO, "Starting granian (main PID: 7)", False),
        (logging.INFO, "Spawning worker-1 with PID: 8", False),
        (
            logging.WARNING,
            "Workers respawn is configured, but the net.ipv4.tcp_migrate_req sysctl is not enabled",
            False,
        ),
    ],
)
def test_of_the_web_server_replacements_and_errors_are_logged(
    monkeypatch: pytest.MonkeyPatch, level: int, line: str, is_logged: bool
) -> None:
    # Restores the loggers of the tests' own process.
    server = logging.getLogger("_granian")
    monkeypatch.setattr(server, "handlers", [])
    monkeypatch.setattr(server, "propagate", server.propagate)
    monkeypatch.setattr(server, "level", server.level)
    logging.config.dictConfig(json.loads((Path(settings.BASE_DIR) / "config" / "web_log.json").read_text()))
    written = StringIO()
    (handler,) = server.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    server.log(level, line)
    assert (line in written.getvalue()) is is_logged
