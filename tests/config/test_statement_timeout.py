"""A statement of a request is ended when it takes too long; long work is not bound."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import BigIntegerField, QuerySet
from django.db.models.expressions import RawSQL

from config.celery import app
from config.errors import is_statement_timeout, outage_of
from config.web import bound_statements, bound_waits
from consumers.admin.site import SiteAdmin
from consumers.api.v1.sites import Sites
from consumers.models import Site
from consumers.selectors import sites_of
from tests.consumers.admin.office import Office, make_office
from tests.consumers.builders import Shop, make_shop

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 0.5
# Minutes on any machine, in both databases.
COUNTING = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) SELECT max(i) FROM n)"
ENDLESS = COUNTING.format(2_000_000_000)


def reconnect() -> None:
    wrapper: Any = connection
    wrapper.close()
    if wrapper.vendor == "postgresql":
        wrapper.close_pool()


@contextmanager
def bounded_connection() -> Iterator[None]:
    """Connect as a process that answers requests does, with a short time for each statement."""
    options = connection.settings_dict["OPTIONS"]
    before = dict(options)
    bound_statements(options, seconds=SECONDS)
    reconnect()
    try:
        yield
    finally:
        options.clear()
        options.update(before)
        reconnect()


@pytest.fixture
def bounded() -> Iterator[None]:
    """Bound the statements of the whole test."""
    with bounded_connection():
        yield


def endless_sites(account_id: int) -> QuerySet[Site]:
    slow = RawSQL(ENDLESS, (), output_field=BigIntegerField())  # noqa: S611 - of this test
    return sites_of(account_id=account_id).annotate(slow=slow).filter(slow__gt=0)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose list of sites takes minutes to read. Its own set-up takes as long as a busy machine needs."""
    shop = make_shop()
    # Django's client would raise what the API has answered.
    shop.manager.client.raise_request_exception = False
    Site.objects.create(account=shop.account, number="1")
    monkeypatch.setattr(Sites, "get_queryset", lambda view: endless_sites(view.account.pk))
    with bounded_connection():
        yield shop


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office whose list of sites takes minutes to read."""
    office = make_office()
    Site.objects.create(account=office.account, number="1")
    monkeypatch.setattr(SiteAdmin, "get_queryset", lambda *_: endless_sites(office.account.pk))
    with bounded_connection():
        yield office


def test_a_statement_that_runs_on_is_ended(bounded: None) -> None:
    with pytest.raises(OperationalError) as ended, connection.cursor() as cursor:
        cursor.execute(f"SELECT {ENDLESS}")
    assert is_statement_timeout(ended.value)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COUNTING.format(10)}")
        assert cursor.fetchone() == (10,)


def test_a_statement_of_other_processes_takes_its_time() -> None:
    seconds = "SHOW statement_timeout" if connection.vendor == "postgresql" else "SELECT 0"
    with connection.cursor() as cursor:
        cursor.execute(seconds)
        assert str(cursor.fetchone()[0]) == "0"
    assert not getattr(connection, "statement_seconds", 0)


def test_rows_that_are_read_for_longer_than_a_statement_may_take_are_read_to_the_end(
    bounded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor == "sqlite":
        monkeypatch.setattr("config.sqlite.base.STEPS_BETWEEN_LOOKS", 100)
    reconnect()
    rows = COUNTING.replace("SELECT max(i)", "SELECT i").format(2_000).strip("()")
    with connection.cursor() as cursor:
        cursor.execute(rows)
        number = 0
        while batch := cursor.fetchmany(500):
            number += len(batch)
            time.sleep(SECONDS)  # as a client that reads slowly does
    assert number == 2_000


def test_a_list_over_rest_that_takes_too_long_is_named_and_does_not_invite_a_retry(shop: Shop) -> None:
    answer = shop.manager.get("sites")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "too_slow")
    assert "Retry-After" not in answer.headers


def test_the_next_call_finds_a_database_that_answers(shop: Shop) -> None:
    assert shop.manager.get("sites").status_code == 503
    assert shop.manager.put("sites/2", {"name": "Leeds", "town": "Leeds"}).status_code == 503
    assert shop.manager.get("groups").status_code == 200


def test_a_page_that_takes_too_long_says_so_kindly(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    answer = office.page("consumers_site_changelist")
    assert answer.status_code == 503
    assert "This takes too long" in answer.content.decode()
    assert "Retry-After" not in answer.headers
    assert "A statement was ended: it took longer than STATEMENT_TIMEOUT." in caplog.messages


def test_a_write_that_waited_too_long_may_be_tried_again() -> None:
    ended = OperationalError("canceling statement due to statement timeout")
    ended.__cause__ = _Cancelled()
    assert [outage.get_codes() for method in ("GET", "POST") if (outage := outage_of(ended, method))] == [
        "too_slow",
        "unavailable",
    ]


class _Cancelled(Exception):
    sqlstate = "57014"


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Options of a database that is never connected to."""
    options: dict[str, Any] = {"options": "-c search_path=shop"}
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "OPTIONS", options)
        patch.setitem(app.conf, "broker_transport_options", {"socket_timeout": 5, "max_retries": 1})
        yield options


def test_a_process_that_answers_requests_waits_shortly_for_database_and_broker(
    settings: Any, options: dict[str, Any]
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.STATEMENT_TIMEOUT = 2.5
    bound_waits()
    assert app.conf.broker_transport_options["socket_timeout"] < 1
    assert app.conf.broker_transport_options["max_retries"] == 1
    if connection.vendor == "postgresql":
        assert options == {"options": "-c search_path=shop -c statement_timeout=2500"}
    else:
        assert options["statement_seconds"] == 2.5


def test_no_time_at_all_bounds_nothing(settings: Any, options: dict[str, Any]) -> None:
    settings.STATEMENT_TIMEOUT = 0
    settings.REDIS_URL = ""
    bound_waits()
    assert options == {"options": "-c search_path=shop"}
    assert app.conf.broker_transport_options["socket_timeout"] == 5
