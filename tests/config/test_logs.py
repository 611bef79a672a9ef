"""What a line of the log about a call carries."""

import logging
from typing import Any

import pytest

from tests.loyalty.till.shop import make_basket, make_shop

pytestmark = pytest.mark.django_db


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The events that were logged of calls."""
    return [record.msg for record in caplog.records if isinstance(record.msg, dict) and "request" in record.msg]


def test_a_line_about_a_sale_names_its_transaction_and_the_request(caplog: pytest.LogCaptureFixture) -> None:
    shop = make_shop()
    with caplog.at_level(logging.INFO):
        shop.call("post", "transactions", make_basket(reference="T-77", site="nowhere"))
        shop.call("get", "transactions/T-78")
    refused, missing = said(caplog)
    assert (refused["code"], refused["transaction"]) == (400, "T-77")
    assert (missing["code"], missing["transaction"]) == (404, "T-78")
    assert refused["request_id"] != missing["request_id"]


def test_a_call_leaves_nothing_of_itself_to_the_next(caplog: pytest.LogCaptureFixture) -> None:
    shop = make_shop()
    with caplog.at_level(logging.INFO):
        shop.call("get", "transactions/T-78")
        shop.call("get", "nowhere")
    assert ["transaction" in line for line in said(caplog)] == [True, False]
