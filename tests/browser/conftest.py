"""Fixtures of the browser tests: a desk is a member of staff logged in to an account, in a real browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.test import Client
from playwright.sync_api import ConsoleMessage, Error, Page, Request

from consumers.models import Account, User
from tests.consumers.admin.office import Office, fill, make_office
from tests.database import build_once

PICTURES = "https://shop.example/"
PICTURE = b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><rect width='40' height='40'/></svg>"
SERIOUS = {"serious", "critical"}
CSRF_SECRET = "b" * 32
"""A secret that the server keeps.

Without one, each answer to a page that is left would bring another, and the next form would be refused.
"""
BLOCKED = """
document.addEventListener("securitypolicyviolation", event => {
    window.blocked = [...(window.blocked || []), `${event.violatedDirective}: ${event.blockedURI} ${event.sample}`];
});
"""
"""Records what the Content-Security-Policy forbids on a page."""


@dataclass(kw_only=True)
class Desk:
    """An office, the browser page in which its member of staff is logged in, and the errors that pages logged."""

    office: Office
    page: Page
    home: str
    console_errors: list[str] = field(default_factory=list)

    def open(self, address: str) -> Page:
        """Open a page below the admin, such as ``loyalty/loyaltypromotion/``."""
        self.page.goto(f"/admin/{address}")
        return self.page

    def accessibility_faults(self, *rules: str, without: str = "") -> list[str]:
        """Return the serious accessibility violations of the page in its present state: rule, and first elements.

        Axe applies all of its rules, or only ``rules``, to the whole page or to what is not in the element ``without``.
        """
        # Axe loads a page's files again only to find media that play automatically; no page has any.
        options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
        if rules:
            options["runOnly"] = list(rules)
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        excluded = [without] if without and self.page.locator(without).count() else []
        violations = self.page.evaluate(
            """([exclude, options]) => axe
                .run(exclude.length ? { exclude } : document, options)
                .then(results => results.violations)""",
            [excluded, options],
        )
        return [
            f"{violation['id']}: {violation['help']} at {[node['target'] for node in violation['nodes'][:4]]}"
            for violation in violations
            if violation["impact"] in SERIOUS
        ]

    def blocked(self) -> list[str]:
        """Return what the Content-Security-Policy blocked on the open page, where ``BLOCKED`` runs."""
        blocked: list[str] = self.page.evaluate("window.blocked || []")
        return blocked

    def focused(self) -> str:
        """Return the id of the element with the focus, or else its text."""
        return str(self.page.evaluate("document.activeElement.id || document.activeElement.innerText.trim()"))


def publish(page: Page) -> None:
    """Publish the promotion that a form shows, and answer the question."""
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("dialog").get_by_role("button", name="Publish").click()


Scenery = tuple[Account, User, str]
"""An account, a member of its staff, and the key of the session in which they are logged in."""


def filled_account() -> Scenery:
    """Build an account with two rows of every kind."""
    office = make_office("acme")
    fill(office.account, rows=2)
    return office.account, office.user, session_of(office.client)


def new_account() -> Scenery:
    """Build an account that has nothing yet."""
    office = make_office("new")
    return office.account, office.user, session_of(office.client)


def session_of(client: Client) -> str:
    """Return the key of the session in which a client is logged in."""
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
def desk(page: Page, live_server: Any, transactional_db: None) -> Iterator[Desk]:
    """Log an administrator in to a filled account. A page that logs an error or requests another host fails the test.

    Promotion pictures are on other hosts: a test that shows those below ``PICTURES`` takes the fixture ``pictures``.
    """
    with logged_in(page, live_server.url, filled_account) as desk:
        yield desk


@pytest.fixture
def pictures(page: Page) -> None:
    """Answer the page's requests for pictures below ``PICTURES``, which are never fetched."""
    page.route(f"{PICTURES}**", lambda route: route.fulfill(body=PICTURE, content_type="image/svg+xml"))


@pytest.fixture
def new_desk(page: Page, live_server: Any, transactional_db: None) -> Iterator[Desk]:
    """Log an administrator in to an account that has nothing yet; otherwise the same as ``desk``."""
    with logged_in(page, live_server.url, new_account) as desk:
        yield desk


BLANK = "<!doctype html><title>Left</title><link rel='icon' href='data:,'>"
"""A page that asks for nothing more; without an icon of its own the browser would ask for one, some time later."""


def leave(page: Page, home: str) -> None:
    """Leave the open page for a blank one of the same site, for which the browser keeps its process."""
    page.route(f"{home}/left", lambda route: route.fulfill(body=BLANK, content_type="text/html"))
    page.goto(f"{home}/left")
    page.unroute(f"{home}/left")


@contextmanager
def logged_in(page: Page, home: str, build: Callable[[], Scenery]) -> Iterator[Desk]:
    """Log a member of staff in to the account from ``build``; check afterwards what the pages logged and requested."""
    account, user, session = build_once(build)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    page.context.clear_cookies()
    cookies = {settings.SESSION_COOKIE_NAME: session, settings.CSRF_COOKIE_NAME: CSRF_SECRET}
    page.context.add_cookies([{"name": name, "value": value, "url": home} for name, value in cookies.items()])
    desk = Desk(office=Office(account=account, user=user, client=client), page=page, home=home)
    requests: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            desk.console_errors.append(f"{message.text} {message.location}")

    def on_error(error: Error) -> None:
        desk.console_errors.append(error.stack or str(error))

    def on_request(request: Request) -> None:
        requests.append(request.url)

    page.on("console", on_console)
    page.on("pageerror", on_error)
    page.context.on("request", on_request)
    yield desk
    leave(page, home)
    page.remove_listener("console", on_console)
    page.remove_listener("pageerror", on_error)
    page.context.remove_listener("request", on_request)
    assert desk.console_errors == []
    assert [url for url in requests if not url.startswith((home, PICTURES, "data:", "blob:"))] == []
