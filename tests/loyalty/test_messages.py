"""Redemption messages: recorded with the sale, sent once, with their delivery state."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from smtplib import (
    SMTPDataError,
    SMTPHeloError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from consumers.models import Consumer
from loyalty.choices import MessageState, TransactionStatus
from loyalty.exceptions import MessageSettled
from loyalty.models import RedemptionMessage, Transaction
from loyalty.services.message import (
    CLAIM_TIMEOUT,
    FIRST_RETRY_DELAY,
    GIVE_UP_AFTER,
    MAX_MESSAGES_PER_RUN,
    MAX_RETRY_DELAY,
    message_cancel,
    message_send_again,
    messages_send,
    retry_after,
)
from loyalty.tasks import messages_send as messages_send_task
from tests.loyalty.till.shop import Shop, make_basket, make_shop

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SOON = NOON + timedelta(minutes=1)
SAYS: dict[str, Any] = {
    "points": 50,
    "redemption_message_subject": "Thanks for {{ promotion_name }}",
    "redemption_message": "<p>You got <b>50</b> points</p>",
}


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    """Yield a shop at noon with a promotion that sends a message and a member who has an address."""
    with time_machine.travel(NOON, tick=False):
        shop = make_shop()
        shop.member("c", email="c@consumer.example")
        shop.promotion("tea", outcome=SAYS, always_apply=True)
        yield shop


def send(at: datetime = SOON) -> int:
    return messages_send(clock=lambda: at)


def stored_message() -> RedemptionMessage:
    return RedemptionMessage.objects.get()


def addresses() -> list[str]:
    return [address for sent in mail.outbox for address in sent.to]


class Server:
    """A mail connection that fails as a test asks, instead of sending."""

    def __init__(self, *, at_open: BaseException | None = None, at_sending: BaseException | None = None) -> None:
        self.at_open, self.at_sending = at_open, at_sending

    def open(self) -> None:
        if self.at_open:
            raise self.at_open

    def send_messages(self, messages: Any) -> int:
        if self.at_sending:
            raise self.at_sending
        return len(messages)

    def close(self) -> None:
        raise SMTPServerDisconnected("gone")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes the mail server fail from now on."""

    def fail_with(**how: BaseException) -> None:
        monkeypatch.setattr(mail, "get_connection", lambda: Server(**how))

    return fail_with


# --- recording ------------------------------------------------------------------------------------------------------


def test_a_sale_records_the_messages_of_its_promotions(shop: Shop) -> None:
    shop.promotion("cake", outcome={**SAYS, "redemption_message": "<p>Cake</p>"}, always_apply=True)
    shop.promotion("silent", always_apply=True)
    shop.sell("T1")
    messages = RedemptionMessage.objects.order_by("subject")
    assert [
        (message.subject, message.body, message.applied.promotion.code, message.applied.version.number)
        for message in messages
    ] == [
        ("Thanks for Promotion cake", "<p>Cake</p>", "cake", 1),
        ("Thanks for Promotion tea", "<p>You got <b>50</b> points</p>", "tea", 1),
    ]
    assert {(message.address, message.state, message.recorded_at) for message in messages} == {
        ("c@consumer.example", "waiting", NOON)
    }


def test_a_message_keeps_the_text_and_the_address_of_its_sale(shop: Shop) -> None:
    shop.sell("T1")
    Consumer.objects.update(email="new@consumer.example")
    shop.promotion("tea", outcome={**SAYS, "redemption_message": "Other"}, always_apply=True)
    send()
    assert addresses() == ["c@consumer.example"]
    assert stored_message().applied.version.number == 1
    assert "Other" not in mail.outbox[0].body


def test_a_repeated_commit_records_a_single_message(shop: Shop) -> None:
    for status in (201, 200):
        assert shop.call("post", "transactions", make_basket(reference="T1")).status_code == status
    assert RedemptionMessage.objects.count() == 1


@pytest.mark.parametrize("basket", [{"consumer": "d"}, {"consumer": None}])
def test_a_consumer_without_an_address_gets_no_message(shop: Shop, basket: dict[str, Any]) -> None:
    shop.member("d")
    shop.sell("T1", **basket)
    assert not RedemptionMessage.objects.exists()


def test_a_sale_that_is_not_committed_records_no_message(shop: Shop) -> None:
    body = make_basket(reference="T1", expected={"points": 9}, on_difference="refuse")
    assert shop.call("post", "transactions", body).status_code == 409
    with transaction.atomic():
        shop.sell("T2")
        transaction.set_rollback(True)
    shop.evaluate()
    assert not RedemptionMessage.objects.exists()


def test_messages_cost_a_sale_one_statement(shop: Shop) -> None:
    shop.member("d")
    for code in ("cake", "jam"):
        shop.promotion(code, outcome=SAYS, always_apply=True)
    shop.sell("T1", consumer="d")
    costs = []
    for reference, consumer in (("T2", "d"), ("T3", "c")):
        with CaptureQueriesContext(connection) as queries:
            shop.sell(reference, consumer=consumer)
        costs.append(len(queries))
    assert RedemptionMessage.objects.count() == 3
    assert costs[1] == costs[0] + 1


# --- sending --------------------------------------------------------------------------------------------------------


def test_a_message_arrives_in_html_and_in_plain_text(shop: Shop, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "shop@shop.example"
    shop.sell("T1")
    assert send() == 1
    [sent] = mail.outbox
    assert (sent.subject, sent.body, sent.to) == (
        "Thanks for Promotion tea",
        "You got 50 points",
        ["c@consumer.example"],
    )
    assert sent.from_email == "shop@shop.example"
    assert isinstance(sent, mail.EmailMultiAlternatives)
    assert [tuple(each) for each in sent.alternatives] == [("<p>You got <b>50</b> points</p>", "text/html")]
    message = stored_message()
    assert (message.state, message.sent_at, message.attempts, message.last_error) == ("sent", SOON, 1, "")


def test_a_sent_message_is_not_sent_again(shop: Shop) -> None:
    shop.sell("T1")
    assert [send(), send(), send(NOON + timedelta(days=9))] == [1, 0, 0]
    assert len(mail.outbox) == 1


def test_a_message_that_is_not_due_waits(shop: Shop) -> None:
    shop.sell("T1")
    assert send(NOON - timedelta(seconds=1)) == 0


def test_one_run_takes_a_limited_number(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty.services.message.MAX_MESSAGES_PER_RUN", 2)
    for number in range(3):
        shop.sell(f"T{number}")
    assert MAX_MESSAGES_PER_RUN > 2
    assert [send(), send()] == [2, 1]


def test_the_message_of_a_sale_voided_before_sending_is_cancelled(shop: Shop) -> None:
    shop.sell("T1")
    shop.sell("T2")
    assert shop.call("post", "transactions/T1/void", {"reference": "V1"}).status_code == 201
    assert send() == 1
    assert dict(RedemptionMessage.objects.values_list("applied__transaction__reference", "state")) == {
        "T1": "cancelled",
        "T2": "sent",
    }


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ({"at_open": ConnectionRefusedError(111, "refused")}, "waiting"),
        ({"at_open": TimeoutError()}, "waiting"),
        ({"at_open": SMTPResponseException(535, b"who are you")}, "waiting"),
        ({"at_sending": SMTPHeloError(501, b"no")}, "waiting"),
        ({"at_sending": SMTPSenderRefused(451, b"later", "us")}, "waiting"),
        ({"at_sending": SMTPSenderRefused(530, b"log in", "us")}, "waiting"),
        ({"at_sending": SMTPRecipientsRefused({"c": (450, b"busy")})}, "waiting"),
        ({"at_sending": SMTPRecipientsRefused({"c": (550, b"nobody")})}, "failed"),
        ({"at_sending": SMTPDataError(451, b"later")}, "waiting"),
        ({"at_sending": SMTPDataError(554, b"spam")}, "failed"),
        ({"at_sending": SMTPServerDisconnected("gone")}, "uncertain"),
        ({"at_sending": TimeoutError()}, "uncertain"),
        ({"at_sending": ValueError("anything")}, "uncertain"),
        ({}, "sent"),
    ],
)
def test_only_messages_known_not_to_be_sent_are_tried_again(
    shop: Shop, server: Callable[..., None], how: dict[str, Any], state: str
) -> None:
    shop.sell("T1")
    server(**how)
    send()
    message = stored_message()
    assert (message.state, message.attempts, message.sent_at) == (state, 1, SOON if state == "sent" else None)
    assert bool(message.last_error) is (state != "sent")


def test_a_failing_message_does_not_delay_the_others(shop: Shop, server: Callable[..., None]) -> None:
    for number in range(3):
        shop.sell(f"T{number}")
    server(at_open=ConnectionRefusedError())
    assert send() == 3
    assert set(RedemptionMessage.objects.values_list("state", "attempts")) == {("waiting", 1)}


def test_the_retry_delay_doubles_with_jitter_up_to_a_limit() -> None:
    for attempts, longest in (
        (1, FIRST_RETRY_DELAY),
        (2, FIRST_RETRY_DELAY * 2),
        (5, FIRST_RETRY_DELAY * 16),
        (500, MAX_RETRY_DELAY),
    ):
        waits = {retry_after(attempts) for _ in range(200)}
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(waits) > 100


def test_after_a_day_of_trying_a_message_has_failed(shop: Shop, server: Callable[..., None]) -> None:
    shop.sell("T1")
    server(at_open=ConnectionRefusedError(111, "refused"))
    tries = []
    while (message := stored_message()).state == MessageState.WAITING:
        tries.append(message.next_attempt_at)
        assert send(message.next_attempt_at - timedelta(microseconds=1)) == 0
        assert send(message.next_attempt_at) == 1
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert all(timedelta(seconds=15) <= wait <= MAX_RETRY_DELAY for wait in waits)
    assert message.state == MessageState.FAILED
    assert GIVE_UP_AFTER - MAX_RETRY_DELAY <= tries[-1] - NOON <= GIVE_UP_AFTER
    assert (message.attempts, message.last_error) == (len(tries), "ConnectionRefusedError: [Errno 111] refused")


def test_after_an_outage_of_the_worker_a_message_is_still_tried(shop: Shop) -> None:
    shop.sell("T1")
    send(NOON + timedelta(days=3))
    assert stored_message().state == "sent"


# --- workers that die -----------------------------------------------------------------------------------------------


def test_a_message_of_a_worker_that_died_becomes_uncertain(shop: Shop, server: Callable[..., None]) -> None:
    shop.sell("T1")
    server(at_sending=SystemExit())
    with pytest.raises(SystemExit):
        send(NOON)
    states = []
    for at in (SOON, NOON + CLAIM_TIMEOUT - timedelta(seconds=1), NOON + CLAIM_TIMEOUT, NOON + timedelta(days=2)):
        assert send(at) == 0
        states.append(stored_message().state)
    assert states == ["claimed", "claimed", "uncertain", "uncertain"]


def test_a_slow_worker_still_records_the_result_of_its_message(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sell("T1")

    class Slow(Server):
        def send_messages(self, messages: Any) -> int:
            send(NOON + CLAIM_TIMEOUT)
            assert stored_message().state == "uncertain"
            return 1

    monkeypatch.setattr(mail, "get_connection", Slow)
    send(NOON)
    assert stored_message().state == "sent"


def test_a_slow_worker_does_not_overwrite_a_decision_of_staff(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sell("T1")

    class Slow(Server):
        def send_messages(self, messages: Any) -> int:
            send(NOON + CLAIM_TIMEOUT)
            message_cancel(message=stored_message())
            return 1

    monkeypatch.setattr(mail, "get_connection", Slow)
    send(NOON)
    assert stored_message().state == "cancelled"


KILLED_WHILE_SENDING = """
import os, django
django.setup()
from django.core import mail
from django.utils import timezone
from loyalty.services.message import messages_send

class Killer:
    def open(self): pass
    def send_messages(self, messages): os._exit(9)

mail.get_connection = Killer
messages_send(clock=timezone.now)
"""


def database_url() -> str:
    """Return the URL of the test's database."""
    has = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{has['NAME']}"
    return f"postgres://{has['USER']}:{has['PASSWORD']}@{has['HOST']}:{has['PORT']}/{has['NAME']}"


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_while_sending_leaves_its_message_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop()
    shop.member("c", email="c@consumer.example")
    shop.promotion("tea", outcome=SAYS)
    monkeypatch.setattr(messages_send_task, "apply_async", lambda **_: None)
    shop.sell("T1")
    connection.close()
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_SENDING], env=environment, capture_output=True, timeout=120, check=False
    )
    assert killed.returncode == 9, killed.stderr
    message = stored_message()
    assert (message.state, message.attempts) == ("claimed", 1)
    assert message.claimed_at is not None
    assert send(message.claimed_at + CLAIM_TIMEOUT) == 0
    assert (stored_message().state, mail.outbox) == ("uncertain", [])


# --- at once --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_many_workers_send_each_message_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop()
    shop.promotion("tea", outcome=SAYS)
    monkeypatch.setattr(messages_send_task, "apply_async", lambda **_: None)
    for number in range(12):
        shop.member(f"c{number}", email=f"c{number}@consumer.example")
        shop.sell(f"T{number}", consumer=f"c{number}")
    start = Barrier(4)

    def worker(_: int) -> int:
        start.wait()
        try:
            return send(datetime.now(UTC) + timedelta(minutes=1))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(worker, range(4))) == 12
    assert sorted(addresses()) == sorted(f"c{number}@consumer.example" for number in range(12))
    assert set(RedemptionMessage.objects.values_list("state", "attempts")) == {("sent", 1)}


# --- starting the worker --------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_message_is_sent_as_soon_as_its_sale_is_committed() -> None:
    shop = make_shop()
    shop.member("c", email="c@consumer.example")
    shop.promotion("tea", outcome=SAYS)
    with transaction.atomic():
        shop.sell("T1")
        assert not mail.outbox
    assert addresses() == ["c@consumer.example"]


@pytest.mark.django_db(transaction=True)
def test_a_sale_is_committed_even_if_the_broker_is_unreachable(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def unreachable(**_: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(messages_send_task, "apply_async", unreachable)
    shop = make_shop()
    shop.member("c", email="c@consumer.example")
    shop.promotion("tea", outcome=SAYS)
    shop.sell("T1")
    assert stored_message().state == "waiting"
    assert "no broker" in caplog.text


# --- actions of staff -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["waiting", "sent", "uncertain", "failed", "cancelled"])
def test_a_message_is_sent_again_to_the_current_address(shop: Shop, state: str) -> None:
    shop.sell("T1")
    tomorrow = NOON + timedelta(days=1)
    RedemptionMessage.objects.update(
        state=state, attempts=9, last_error="x", sent_at=NOON, next_attempt_at=tomorrow, claimed_at=NOON
    )
    Consumer.objects.update(email="new@consumer.example")
    message = message_send_again(message=stored_message(), at=SOON)
    assert (message.state, message.attempts, message.last_error) == ("waiting", 0, "")
    assert (message.next_attempt_at, message.give_up_at) == (SOON, SOON + GIVE_UP_AFTER)
    assert send() == 1
    assert (addresses(), stored_message().state) == (["new@consumer.example"], "sent")


def test_a_message_sent_again_uses_the_earlier_address_if_there_is_no_current_one(shop: Shop) -> None:
    shop.sell("T1")
    Consumer.objects.update(email="")
    assert message_send_again(message=stored_message(), at=SOON).address == "c@consumer.example"


def test_a_message_being_sent_or_of_a_voided_sale_is_not_sent_again(shop: Shop) -> None:
    shop.sell("T1")
    RedemptionMessage.objects.update(state="claimed", claimed_at=NOON)
    with pytest.raises(MessageSettled):
        message_send_again(message=stored_message(), at=SOON)
    RedemptionMessage.objects.update(state="cancelled")
    Transaction.objects.update(status=TransactionStatus.VOIDED)
    with pytest.raises(MessageSettled):
        message_send_again(message=stored_message(), at=SOON)
    assert stored_message().state == "cancelled"


@pytest.mark.parametrize(
    ("state", "is_refused"),
    [("waiting", False), ("uncertain", False), ("failed", False), ("claimed", True), ("sent", True)],
)
def test_a_message_can_be_cancelled_unless_it_was_sent(shop: Shop, state: str, is_refused: bool) -> None:
    shop.sell("T1")
    RedemptionMessage.objects.update(state=state, claimed_at=NOON, sent_at=NOON)
    if is_refused:
        with pytest.raises(MessageSettled):
            message_cancel(message=stored_message())
    else:
        message_cancel(message=stored_message())
    assert stored_message().state == (state if is_refused else "cancelled")
    assert send() == 0


# --- the mail protocol ----------------------------------------------------------------------------------------------


class MailServer(ThreadingTCPServer):
    """A real server that answers each verb as a test asks; None hangs up. ``END`` is a message's end."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, **answers: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.answers = {"DATA": "354 go on", "QUIT": "221 bye", **answers}
        self.received: list[bytes] = []


class _Conversation(StreamRequestHandler):
    server: MailServer

    def say(self, verb: str) -> bool:
        answer = self.server.answers.get(verb, "250 ok")
        if answer is not None:
            self.wfile.write(f"{answer}\r\n".encode())
        return answer is not None

    def handle(self) -> None:
        self.wfile.write(b"220 shop.example\r\n")
        while line := self.rfile.readline():
            verb = line.split()[0].decode().upper()
            if not self.say(verb):
                return
            if verb == "DATA" and self.server.answers["DATA"] == "354 go on":
                self.server.received.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                if not self.say("END"):
                    return


@pytest.mark.parametrize(
    ("answers", "state", "received"),
    [
        ({}, "sent", 1),
        ({"MAIL": "451 later"}, "waiting", 0),
        ({"RCPT": "452 full"}, "waiting", 0),
        ({"RCPT": "550 nobody"}, "failed", 0),
        ({"DATA": "421 closing"}, "waiting", 0),
        ({"END": "452 full"}, "waiting", 1),
        ({"END": "554 spam"}, "failed", 1),
        ({"END": None}, "uncertain", 1),
        ({"MAIL": None}, "uncertain", 0),
        ({"EHLO": "502 no", "HELO": "502 no"}, "waiting", 0),
        ({"QUIT": None}, "sent", 1),
    ],
)
def test_a_mail_servers_answers_are_understood(
    shop: Shop, settings: Any, answers: dict[str, Any], state: str, received: int
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    shop.sell("T1")
    with MailServer(**answers) as answering:
        Thread(target=answering.serve_forever, daemon=True).start()
        settings.EMAIL_HOST, settings.EMAIL_PORT = answering.server_address[:2]
        send()
        answering.shutdown()
    assert stored_message().state == state
    assert len(answering.received) == received
    assert all(b"You got <b>50</b> points" in each for each in answering.received)


def test_an_unreachable_mail_server_is_tried_again(shop: Shop, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with MailServer() as away:
        settings.EMAIL_HOST, settings.EMAIL_PORT = away.server_address[:2]
    shop.sell("T1")
    send()
    message = stored_message()
    assert (message.state, message.last_error) == ("waiting", "ConnectionRefusedError: [Errno 111] Connection refused")
