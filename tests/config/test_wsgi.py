"""What the server hands to Django."""

from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory
from django.test.client import ClientHandler

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
