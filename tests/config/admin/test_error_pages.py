"""Error pages of the admin."""

from urllib.parse import quote

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.views import defaults
from redis.exceptions import TimeoutError as RedisTimeout

from consumers.access import CurrentAccountMiddleware
from consumers.admin.site import SiteAdmin
from consumers.choices import StaffRole
from consumers.circuit_breaker import CircuitOpen
from consumers.models import Site
from tests.consumers.admin.office import make_office

pytestmark = pytest.mark.django_db


def test_a_missing_page_links_back(client: Client) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "Go to the overview" in answer.content.decode()


def test_a_page_forbidden_to_the_role_says_so() -> None:
    viewer = make_office().login(StaffRole.VIEWER)
    answer = viewer.page("consumers_apikey_changelist")
    assert answer.status_code == 403
    assert "This page is not for your role." in answer.content.decode()


@pytest.mark.parametrize("text", ["²", "1e3", "-1", "9" * 30])
@pytest.mark.parametrize(
    "address",
    [
        "/admin/try/?promotion={}",
        "/admin/try/?basket={}",
        "/admin/conflicts-of/?promotion={}",
        "/admin/loyalty/loyaltypromotion/{}/stop/",
        "/admin/loyalty/redemptionmessage/{}/cancel/",
        "/admin/consumers/job/{}/cancel/",
    ],
)
def test_an_invalid_row_id_is_not_found(address: str, text: str) -> None:
    assert make_office().client.get(address.format(quote(text))).status_code == 404


def test_an_export_skips_invalid_row_ids() -> None:
    office = make_office()
    site = Site.objects.create(account=office.account, number="1")
    answer = office.post("consumers_site_export", chosen=f"{site.pk},²", format="0", resource="0")
    assert answer.status_code == 200
    assert answer.content.decode().splitlines()[1].startswith("1,")


def test_the_server_error_page_needs_no_database_or_assets() -> None:
    answer = defaults.server_error(RequestFactory().get("/admin/"))
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()


OUTAGES = [OperationalError("server closed the connection"), RedisTimeout("no answer"), CircuitOpen("redis")]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_an_outage_shows_a_page_that_invites_another_try(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    office = make_office()

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(SiteAdmin, "get_queryset", fails)
    answer = office.page("consumers_site_changelist")
    assert answer.status_code == 503
    assert "Not available at the moment" in answer.content.decode()


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("address", "words"), [("/admin/", "Not available"), ("/api/v1/sites", '"unavailable"')])
def test_an_outage_before_the_view_is_none_of_our_faults(
    error: Exception, address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = make_office()

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(CurrentAccountMiddleware, "__call__", fails)
    office.client.raise_request_exception = False
    answer = office.client.get(address)
    assert answer.status_code == 503
    assert words in answer.content.decode()


def test_too_many_wrong_passwords_show_an_error_page(client: Client) -> None:
    office = make_office()
    wrong = {"username": office.user.username, "password": "wrong"}
    answer = [client.post("/admin/login/", wrong) for _ in range(6)][-1]
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()
