"""The pages that stand before any app's own."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect


def test_the_root_address_redirects_to_the_admin(client: Client) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/schema", "/api/v1/docs", "/metrics"])
def test_schema_docs_and_metrics_need_no_key(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_docs_page_loads_nothing_from_other_hosts(page: Page, live_server: object) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/v1/docs")
    expect(page.get_by_role("heading", name="Promotions and loyalty")).to_be_visible()
    home = page.url.split("/api/")[0]
    assert [url for url in asked if not url.startswith((home, "data:", "blob:"))] == []


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_log_in_page_is_served(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
