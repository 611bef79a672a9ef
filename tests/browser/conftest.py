"""A desk: somebody logged in at a filled account, in a real browser that is watched."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Page

from tests.consumers.admin.office import Office, fill, make_office

PICTURES = "https://shop.example/"
PICTURE = b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><rect width='40' height='40'/></svg>"
SERIOUS = {"serious", "critical"}


@dataclass(kw_only=True)
class Desk:
    """An office and the browser's page; what the page said and asked for is kept."""

    office: Office
    page: Page
    home: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, address: str) -> Page:
        """Open a page below the admin, such as ``loyalty/loyaltypromotion/``."""
        self.page.goto(f"/admin/{address}")
        return self.page

    def faults(self) -> list[str]:
        """What axe finds seriously wrong with the page as it stands: rule, and the first elements."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']} at {[node['target'] for node in one['nodes'][:4]]}"
            for one in found
            if one["impact"] in SERIOUS
        ]

    def focused(self) -> str:
        """The id of the element with the focus, or else its words."""
        return str(self.page.evaluate("document.activeElement.id || document.activeElement.innerText.trim()"))


@pytest.fixture
def desk(page: Page, live_server: Any, transactional_db: None) -> Iterator[Desk]:
    """An administrator at a filled account. A page that logs an error or asks another host fails the test.

    Pictures of promotions are on hosts of their own, here all below ``PICTURES``, and never fetched.
    """
    office = make_office("acme")
    fill(office.account, rows=2)
    cookie = office.client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    desk = Desk(office=office, page=page, home=live_server.url)
    page.on("console", lambda message: desk.said.append(message.text) if message.type == "error" else None)
    page.context.on("request", lambda request: desk.asked.append(request.url))
    page.context.route(f"{PICTURES}**", lambda route: route.fulfill(body=PICTURE, content_type="image/svg+xml"))
    yield desk
    assert desk.said == []
    assert [url for url in desk.asked if not url.startswith((desk.home, PICTURES, "data:", "blob:"))] == []
