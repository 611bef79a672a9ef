"""What every answer says of its request, and what is kept of it."""

import logging
import re
from itertools import pairwise
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from config.logs import WithoutQueryStrings
from config.requests import without_personal_data
from consumers.choices import StaffRole
from consumers.models import ApiKey
from tests.config.test_api_access import ENDPOINTS, module_shop, shop
from tests.consumers.admin.office import make_office
from tests.consumers.builders import Shop

__all__ = ["module_shop", "shop"]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")


def logged_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.msg for record in caplog.records if isinstance(record.msg, dict) and "request" in record.msg]


def test_every_answer_of_the_api_has_an_id_and_is_stored_nowhere(shop: Shop) -> None:
    wrong = {}
    for method, path in ENDPOINTS:
        for client in (shop.manager, shop.till, shop.nobody):
            answer = client.call(method, path, None if method in ("GET", "DELETE") else {})
            headers = answer.headers
            if not UUID.fullmatch(headers["X-Request-Id"]) or headers["Cache-Control"] != "no-store":
                wrong[method, path] = dict(headers)
    assert wrong == {}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/nowhere", 404),
        ("/api/v1/schema", 200),
        ("/healthz", 200),
        ("/", 302),
        ("/admin/login/", 200),
        ("/admin/nowhere", 302),
        ("/nowhere", 404),
    ],
)
def test_answers_without_a_view_of_ours_have_an_id_too(client: Client, db: None, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, bool(UUID.fullmatch(answer["X-Request-Id"]))) == (status, True)


def test_a_host_that_is_refused_gets_an_id_too(client: Client, db: None) -> None:
    assert UUID.fullmatch(client.get("/api/v1/account", HTTP_HOST="elsewhere.example")["X-Request-Id"])


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("till-7.0001", True),
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("a b", False),
        ("a\nb", False),
        ("", False),
        ("é", False),
    ],
)
def test_an_id_of_the_caller_is_used_if_it_is_one(
    client: Client, db: None, caplog: pytest.LogCaptureFixture, sent: str, taken: bool
) -> None:
    with caplog.at_level(logging.INFO):
        answer = client.get("/api/v1/account", HTTP_X_REQUEST_ID=sent)
    used = answer["X-Request-Id"]
    assert (used == sent) == taken
    assert taken or UUID.fullmatch(used)
    assert [line["request_id"] for line in logged_lines(caplog)] == [used]


def test_pages_of_the_admin_are_stored_nowhere(client: Client, db: None) -> None:
    office = make_office(role=StaffRole.ADMINISTRATOR)
    for address in ("/admin/", "/admin/consumers/consumer/", "/admin/calendar/", "/admin/loyalty/voucher/"):
        page = office.client.get(address)
        assert page.status_code == 200, address
        assert "no-store" in page["Cache-Control"], address
    assert "no-store" in client.get("/admin/login/")["Cache-Control"]


def test_no_query_string_is_logged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        shop.manager.get("consumers?email=ada@example.com&serch=ada")
        shop.manager.get("consumers?search=Lovelace")
        shop.manager.get("consumers/nobody/loyalty?x=Lovelace")
    assert "consumers" in caplog.text
    assert not re.search("ada@example|Lovelace|serch", caplog.text)


def test_the_development_server_logs_no_query_string() -> None:
    record = logging.LogRecord("django.server", 20, "", 0, '"%s" %s %s', ("GET /x?q=ada HTTP/1.1", "200", "5"), None)
    WithoutQueryStrings().filter(record)
    assert record.getMessage() == '"GET /x HTTP/1.1" 200 5'


def test_what_a_client_sees_as_a_503_is_logged_as_one(
    shop: Shop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("the database is away")

    monkeypatch.setattr("consumers.api.v1.sites.sites_of", away)
    shop.manager.client.raise_request_exception = False
    with caplog.at_level(logging.INFO):
        answer = shop.manager.get("sites?town=Leeds")
    assert answer.status_code == 503
    (line,) = logged_lines(caplog)
    assert (line["code"], line["event"], line["request"]) == (503, "request_failed", "GET /api/v1/sites")
    assert "Leeds" not in caplog.text


def test_an_error_report_has_no_query_string() -> None:
    event = {
        "request": {
            "url": "https://x.example/admin/consumers/?q=ada",
            "query_string": "q=ada",
            "headers": {"Referer": "https://x.example/admin/?q=ada", "Host": "x.example"},
        }
    }
    assert "ada" not in str(without_personal_data(event, {}))
    assert without_personal_data({"message": "x"}, {}) == {"message": "x"}


def test_no_address_of_an_api_key_shows_its_hash(db: None) -> None:
    office = make_office(role=StaffRole.ADMINISTRATOR)
    key = ApiKey.objects.filter(account=office.account).first()
    assert key is not None
    secret_hash = key.pk.partition(".")[2]
    base = "/admin/consumers/apikey/"
    pages = {path: office.client.get(base + path) for path in ("", f"{key.prefix}/change/", f"{key.prefix}/history/")}
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert f"{base}{key.prefix}/change/" in pages[""].content.decode()
    for page in pages.values():
        text = page.content.decode()
        assert secret_hash not in text
        assert "sha512" not in text
    made = office.client.post(f"{base}add/", {"name": "New", "role": "till"})
    new = ApiKey.objects.get(name="New")
    assert made["Location"] == f"{base}{new.prefix}/change/"
    history = office.client.get(f"{base}{new.prefix}/history/").content.decode()
    assert "Added" in history


# --- the rate limit ---


def test_every_answer_to_a_key_says_how_many_calls_are_left(shop: Shop, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10_000
    left = 10_000
    for method, path in ENDPOINTS:
        if path.endswith(("/bulk", "/batch", "/assignments")):
            continue
        answer = shop.till.call(method, path, None if method in ("GET", "DELETE") else {})
        headers = answer.headers
        remaining = int(headers["RateLimit-Remaining"])
        assert remaining in (left - 1, 9_999), (method, path)  # the minute may turn
        assert (headers["RateLimit-Limit"], headers["RateLimit-Policy"]) == ("10000", "10000;w=60")
        assert 0 <= int(headers["RateLimit-Reset"]) <= 60
        left = remaining


def test_a_refused_call_says_that_none_is_left(shop: Shop, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    answers = [shop.till.get("account") for _ in range(6)]
    assert 403 in [answer.status_code for answer in answers], "a refused call counts too"
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert abs(int(refused.headers["Retry-After"]) - int(refused.headers["RateLimit-Reset"])) <= 1


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("sites/bulk", [{"number": str(number)} for number in range(7)]),
        ("transactions/batch", [{}] * 7),
        ("personalized-promotions/PP/assignments", [{"consumer": "c", "products": []}, *[{}] * 6]),
    ],
)
def test_a_list_counts_its_rows(shop: Shop, settings: Any, path: str, rows: list[Any]) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1_000
    remaining = [int(shop.manager.post(path, rows).headers["RateLimit-Remaining"]) for _ in range(3)]
    assert {before - after for before, after in pairwise(remaining)} & {7}


def test_a_list_is_taken_while_a_call_is_left_and_keeps_the_next_one_out(shop: Shop, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 50  # the shop's own calls counted too
    rows = [{"number": str(number)} for number in range(80)]
    answers = [shop.manager.post("sites/bulk", rows) for _ in range(3)]
    assert [answer.status_code for answer in answers].count(200) in (1, 2)  # the minute may turn
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["0"] * 3


def test_without_a_limit_or_a_cache_no_answer_names_one(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise ValueError

    settings.API_REQUESTS_PER_MINUTE = 0
    assert not set(RATE) & set(shop.manager.get("account").headers)
    settings.API_REQUESTS_PER_MINUTE = 5
    monkeypatch.setattr("consumers.api.framework.throttling._counted", away)
    answer = shop.manager.get("account")
    assert (answer.status_code, bool(set(RATE) & set(answer.headers))) == (200, False)
