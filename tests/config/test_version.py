"""One version: in pyproject.toml, in the API's document and at the foot of the pages."""

import re
import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from config.version import VERSION
from consumers.choices import StaffRole
from tests.consumers.admin.office import make_office

ROOT = Path(settings.BASE_DIR)
FOOT = f'<footer class="page-foot">Promotions {VERSION}</footer>'


def test_the_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_the_changelog_names_the_version() -> None:
    releases = re.findall(
        r"^## (\d+\.\d+\.\d+) \(\d{4}-\d{2}-\d{2}\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert releases[0] == VERSION


def test_the_image_has_the_file_that_the_version_is_read_from() -> None:
    assert "pyproject.toml" in (ROOT / "deploy" / "Dockerfile").read_text()
    assert "!pyproject.toml" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_apis_document_has_the_version(client: Client) -> None:
    document = client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    assert document["info"]["version"] == VERSION


@pytest.mark.django_db
def test_the_log_in_page_shows_the_version(client: Client) -> None:
    assert FOOT in client.get("/admin/login/").content.decode()


@pytest.mark.django_db
def test_the_pages_of_the_admin_show_the_version() -> None:
    office = make_office().login(StaffRole.VIEWER)
    for name in ("index", "consumers_consumer_changelist", "password_change"):
        assert FOOT in office.page(name).content.decode(), name


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [390, 1280])
def test_the_version_is_visible_below_the_log_in_form(page: Page, live_server: object, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/admin/login/")
    expect(page.get_by_role("contentinfo")).to_have_text(f"Promotions {VERSION}")
    expect(page.get_by_role("contentinfo")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
