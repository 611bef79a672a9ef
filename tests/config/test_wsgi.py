"""What the server hands to Django."""

import threading
from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory
from django.test.client import ClientHandler

from config import unread_body
from config.unread_body import CHUNK_BYTES
from config.wsgi import application
from tests.consumers.builders import Shop, make_shop


class Slow(BytesIO):
    """A body that arrives few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(7 if size is None or size < 0 else min(7, size))


@pytest.fixture
def shop(db: None, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop, and Django with the connection of the test."""
    monkeypatch.setattr("config.wsgi.django_application", lambda environ, _: ClientHandler()(environ))
    return make_shop()


def put(shop: Shop, body: bytes, *, ends: bool = True) -> Any:
    """The answer to a PUT of a site, whose body comes in chunks."""
    environ: dict[str, Any] = RequestFactory().put("/api/v1/sites/1").environ
    environ.pop("CONTENT_LENGTH", None)
    environ |= {
        "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": f"Api-Key {shop.manager_key}",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": Slow(body),
        "wsgi.input_terminated": ends,
    }
    return application(environ, lambda *_: pytest.fail("The test's Django starts no answer."))


def test_a_chunked_body_is_accepted(shop: Shop) -> None:
    assert put(shop, b'{"name": "Leeds Briggate", "town": "Leeds"}').status_code == 201
    assert shop.manager.get("sites/1").json()["name"] == "Leeds Briggate"


def test_a_chunked_body_has_the_same_size_limit(shop: Shop, settings: Any) -> None:
    body = b'{"name": "Leeds"}'
    settings.API_MAX_BODY_BYTES = len(body)
    assert put(shop, body).status_code == 201
    settings.API_MAX_BODY_BYTES = len(body) - 1
    assert put(shop, body).status_code == 413


def test_a_body_without_an_end_is_not_waited_for(shop: Shop) -> None:
    assert put(shop, b"{}", ends=False).status_code == 400


class Stalled:
    """A body of which nothing arrives until the connection ends."""

    def __init__(self) -> None:
        self.connection_ended = threading.Event()

    def read(self, size: int = -1) -> bytes:
        self.connection_ended.wait(timeout=30)
        return b""


def refused(shop: Shop, stream: Any, *, length: int, **headers: str) -> Any:
    """The answer to a PUT of so many bytes with a wrong key."""
    environ: dict[str, Any] = RequestFactory().put("/api/v1/sites/1").environ
    environ |= {
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(length),
        "HTTP_AUTHORIZATION": "Api-Key wrong",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        **headers,
    }
    return application(environ, lambda *_: pytest.fail("The test's Django starts no answer."))


LONG = 10 * CHUNK_BYTES


def test_the_rest_of_a_refused_body_is_read_before_the_answer(shop: Shop) -> None:
    stream = BytesIO(b"x" * LONG)
    assert refused(shop, stream, length=LONG).status_code == 401
    assert stream.tell() == LONG


def test_the_rest_of_a_refused_chunked_body_is_read_too(shop: Shop, settings: Any) -> None:
    settings.API_MAX_BODY_BYTES = CHUNK_BYTES
    stream = BytesIO(b"x" * 2 * CHUNK_BYTES)
    answer = refused(shop, stream, length=0, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    assert (answer.status_code, stream.read()) == (401, b"")


def test_no_more_of_it_is_read_than_twice_the_largest_body(shop: Shop, settings: Any) -> None:
    settings.API_MAX_BODY_BYTES = 2 * CHUNK_BYTES
    stream = BytesIO(b"x" * LONG)
    assert refused(shop, stream, length=LONG).status_code == 401
    assert stream.tell() == 4 * CHUNK_BYTES


def test_a_client_that_waits_to_be_asked_for_its_body_is_not_asked(shop: Shop) -> None:
    stream = BytesIO(b"x" * LONG)
    assert refused(shop, stream, length=LONG, HTTP_EXPECT="100-continue").status_code == 401
    assert stream.tell() == 0


def test_a_client_that_sends_no_more_is_answered_in_time_and_keeps_nobody_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.unread_body.MAX_SECONDS", 0.01)
    stalled, stream = Stalled(), BytesIO(b"x" * LONG)
    try:
        assert refused(shop, stalled, length=LONG).status_code == 401
        # The first client's read has not ended: the second answer does not wait for its body.
        assert refused(shop, stream, length=LONG).status_code == 401
        assert stream.tell() == 0
    finally:
        stalled.connection_ended.set()
    assert unread_body._slot.acquire(timeout=30)
    unread_body._slot.release()
