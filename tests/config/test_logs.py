"""Log lines about an API call name the request and the transaction."""

import logging
from typing import Any

import pytest

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
