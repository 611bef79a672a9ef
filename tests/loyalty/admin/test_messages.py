"""Redemption messages in the back office."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from consumers.choices import StaffRole
from consumers.models import Consumer
from loyalty.models import RedemptionMessage, Transaction
from loyalty.services.message import messages_send
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

PAGE = "loyalty_redemptionmessage_change"
WITH_SCRIPTS: dict[str, Any] = {"headers": {"HX-Request": "true"}}


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office(role=StaffRole.CUSTOMER_SERVICE)
    fill(office.account)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def stored_message() -> RedemptionMessage:
    return RedemptionMessage.objects.get()


def post_step(office: Office, name: str, **how: Any) -> Any:
    address = reverse(f"admin:loyalty_redemptionmessage_{name}", args=[stored_message().pk])
    return office.client.post(address, {"_form_submitted": "True"}, **how)


def set_state(state: str, **values: Any) -> None:
    now = timezone.now()
    RedemptionMessage.objects.update(**{"state": state, "claimed_at": now, "sent_at": now, **values})


def steps_offered(office: Office) -> set[str]:
    words = office.page(PAGE, stored_message().pk).content.decode()
    return {name for name in ("send_again", "cancel") if f"/{name}" in words}


def test_a_message_is_shown_with_its_text_and_state(office: Office) -> None:
    set_state("uncertain", last_error="SMTPServerDisconnected: gone")
    words = office.page(PAGE, stored_message().pk).content.decode()
    for text in ("Uncertain", "person-1@acme.example", "Thanks from acme", "SMTPServerDisconnected: gone", "version 1"):
        assert text in words


def test_messages_are_filtered_by_state_and_recipient(office: Office) -> None:
    set_state("failed")
    for query, count in (("?state=failed", 1), ("?state=sent", 0), ("?q=acme-T1", 1), ("?q=nobody", 0)):
        page = office.page("loyalty_redemptionmessage_changelist", query=query)
        assert len(page.context["cl"].result_list) == count, query


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        ("waiting", {"send_again", "cancel"}),
        ("claimed", set()),
        ("sent", {"send_again"}),
        ("uncertain", {"send_again", "cancel"}),
        ("failed", {"send_again", "cancel"}),
        ("cancelled", {"send_again"}),
    ],
)
def test_only_possible_steps_are_offered(office: Office, state: str, steps: set[str]) -> None:
    set_state(state)
    assert steps_offered(office) == steps


@pytest.mark.parametrize("how", [{}, WITH_SCRIPTS])
def test_a_message_is_sent_again(office: Office, how: dict[str, Any]) -> None:
    set_state("uncertain")
    Consumer.objects.update(email="new@acme.example")
    answer = post_step(office, "send_again", **how)
    page = reverse(f"admin:{PAGE}", args=[stored_message().pk])
    assert (answer.headers["HX-Redirect"] if how else answer.url) == page
    assert "The message to new@acme.example is now waiting." in office.client.get(page).content.decode()
    messages_send(clock=timezone.now)
    assert [sent.to for sent in mail.outbox] == [["new@acme.example"]]
    assert stored_message().state == "sent"


def test_a_message_is_cancelled(office: Office) -> None:
    assert post_step(office, "cancel").status_code == 302
    assert stored_message().state == "cancelled"
    assert messages_send(clock=lambda: timezone.now() + timedelta(days=1)) == 0


@pytest.mark.parametrize(("name", "state"), [("send_again", "claimed"), ("cancel", "sent")])
def test_a_step_that_comes_too_late_is_refused_in_the_dialog(office: Office, name: str, state: str) -> None:
    set_state(state)
    answer = post_step(office, name)
    assert answer.status_code == 200
    assert "being sent" in str(answer.context["form"].non_field_errors())
    assert stored_message().state == state


@pytest.mark.parametrize("role", [StaffRole.MARKETER, StaffRole.VIEWER])
def test_other_roles_are_read_only(office: Office, role: StaffRole) -> None:
    other = office.login(role)
    assert steps_offered(other) == set()
    for name in ("send_again", "cancel"):
        assert post_step(other, name).status_code == 403
    assert stored_message().state == "waiting"


def test_a_message_of_another_account_is_not_found(office: Office) -> None:
    rival = make_office("rival")
    for name in ("send_again", "cancel"):
        assert post_step(rival, name).status_code == 404
        assert rival.page(f"loyalty_redemptionmessage_{name}", stored_message().pk).status_code == 404
    assert stored_message().state == "waiting"


@pytest.mark.parametrize("pk", ["x", "0", "9" * 30])
def test_no_url_causes_a_server_error(office: Office, pk: str) -> None:
    page = reverse("admin:loyalty_redemptionmessage_changelist")
    assert office.client.get(f"{page}{pk}/send_again").status_code in (301, 302, 404)
    assert office.client.post(f"{page}{pk}/cancel", {"_form_submitted": "True"}).status_code in (301, 302, 404)


def test_a_transaction_links_to_its_messages(office: Office) -> None:
    page = office.page("loyalty_transaction_change", Transaction.objects.get().pk)
    assert reverse(f"admin:{PAGE}", args=[stored_message().pk]) in page.content.decode()
    assert "to person-1@acme.example: waiting." in page.content.decode()


def test_the_page_takes_a_fixed_number_of_statements(office: Office) -> None:
    # What a process keeps once it has seen it, such as the kinds of content, is no cost of a message.
    office.page(PAGE, stored_message().pk)
    costs = []
    for state in ("waiting", "sent"):
        set_state(state)
        with CaptureQueriesContext(connection) as queries:
            office.page(PAGE, stored_message().pk)
        costs.append(len(queries))
    assert costs == [7, 7]
