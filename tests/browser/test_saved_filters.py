"""Filters are saved, opened and changed in a real browser, with the keyboard alone, on a telephone and at night."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_filters_are_saved_and_opened_with_the_keyboard_on_a_telephone_at_night(desk: Desk) -> None:
    page = desk.page
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    desk.open("consumers/site/?q=acme")
    page.get_by_role("link", name="Save filters").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Save filters")
    expect(dialog.get_by_label("Name")).to_be_focused()
    assert desk.accessibility_faults() == []
    page.keyboard.type("Mine")
    page.keyboard.press("Enter")
    saved = page.get_by_role("navigation", name="Saved filters").get_by_role("link", name="Mine")
    expect(saved).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("Search by", exact=False).first).to_have_value("acme")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert desk.accessibility_faults() == []
    page.get_by_role("link", name="Manage saved filters").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert desk.accessibility_faults() == []
    page.get_by_label("Name").fill("Ours")
    page.get_by_label("Share with colleagues").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Ours (shared)")).to_be_visible()
    assert desk.console_errors == []
