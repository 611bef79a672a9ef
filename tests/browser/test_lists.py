"""Lists and tables in a real browser: nothing of them lies under what stays at the window's bottom."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from consumers.models import ConsumerGroup
from consumers.services.consumer import ConsumerValues, consumers_save
from tests.browser.conftest import Desk
from tests.loyalty.admin.test_loyalty_tab_pages import add_entries

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (390, 800, 1100, 1440)


def bottom_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def top_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"]


def add_consumers(desk: Desk, number: int) -> None:
    rows = [ConsumerValues(consumer_id=f"long-{n:03}", last_name=f"Long {n:03}") for n in range(number)]
    consumers_save(account_id=desk.office.account.pk, rows=rows)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_last_row_and_the_pages_are_seen_while_rows_are_selected(desk: Desk, width: int) -> None:
    add_consumers(desk, 60)
    page = desk.page
    page.set_viewport_size({"width": width, "height": 800})
    desk.open("consumers/consumer/")
    page.locator("input.action-select").first.check(force=True)
    bar = page.locator("#changelist-actions")
    expect(bar).to_be_visible()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last_row = page.locator("#result_list tbody tr").last
    pages = page.get_by_text("· 62 consumers")
    assert bottom_of(last_row) <= top_of(bar)
    assert bottom_of(pages) <= top_of(bar) or top_of(pages) >= bottom_of(bar)


def test_the_keyboard_reaches_no_row_below_the_foot(desk: Desk) -> None:
    add_consumers(desk, 60)
    page = desk.page
    page.set_viewport_size({"width": 1280, "height": 700})
    desk.open("consumers/consumer/")
    page.locator("#result_list tbody tr").nth(3).get_by_role("link").first.focus()
    foot = page.locator("main > div.sticky, main [class*='lg:sticky']").last
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.locator("xpath=ancestor::*[@id='result_list']").count():
            assert bottom_of(focused) <= top_of(foot)


def test_a_preview_of_many_rows_is_one_table_at_every_width(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "consumers.csv"
    lines = [f"new-{n},Ada,Person {n},ada{n}@shop.example" for n in range(120)]
    file.write_text("\n".join(["consumer_id,first_name,last_name,email", *lines]))
    page = desk.open("consumers/consumer/import/")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_label("Format")).to_have_value("0")
    page.get_by_role("button", name="Preview").click()
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(121)
    expect(table.get_by_role("columnheader", name="Last name")).to_be_visible()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        row = table.get_by_role("row").nth(1)
        # One line of cells: no row of the table is a card.
        assert len({round(top_of(cell)) for cell in row.get_by_role("cell").all()}) == 1
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.accessibility_faults() == []


def test_a_section_of_the_loyalty_tab_turns_its_pages_in_place(desk: Desk) -> None:
    consumer = add_entries(desk.office, 90)
    page = desk.open(f"consumers/consumer/{consumer.pk}/change/#loyalty")
    section = page.locator("#section-activity")
    expect(section).to_contain_text("1–50 of 90")
    section.get_by_role("link", name="Next").press("Enter")
    expect(section).to_contain_text("51–90 of 90")
    expect(section).to_contain_text("Entry 90")
    assert desk.accessibility_faults() == []


def test_members_are_found_added_and_removed_by_the_keyboard(desk: Desk) -> None:
    add_consumers(desk, 3)
    group = ConsumerGroup.objects.get(account=desk.office.account, code="acme-g2")
    page = desk.open(f"consumers/consumergroup/{group.pk}/change/")
    expect(page.get_by_text("No members yet.")).to_be_visible()
    page.get_by_role("link", name="Add members").press("Enter")
    search = page.get_by_role("combobox", name="Consumers")
    search.fill("long-001")
    expect(page.get_by_role("option", name="Long 001")).to_be_visible()
    search.press("ArrowDown")
    search.press("Enter")
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.accessibility_faults() == []
    page.get_by_role("button", name="Add members").press("Enter")
    expect(page.get_by_text("1 consumer added to Group of acme.")).to_be_visible()

    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert desk.accessibility_faults() == []
    page.get_by_role("checkbox", name="Select Long 001").press("Space")
    page.get_by_role("button", name="Remove selected").press("Enter")
    expect(page.get_by_role("heading", name="Remove 1 consumer from Group of acme?")).to_be_visible()
    page.get_by_role("button", name="Remove members").press("Enter")
    expect(page.get_by_text("1 consumer removed from Group of acme.")).to_be_visible()


def test_all_that_the_list_shows_join_a_group(desk: Desk) -> None:
    add_consumers(desk, 60)
    page = desk.open("consumers/consumer/?q=long")
    page.locator("#action-toggle").check(force=True)
    page.get_by_role("link", name="Select all 60 consumers").click()
    page.get_by_role("combobox", name="Action").select_option("add_to_group")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("heading", name="Add 60 consumers to a group")).to_be_visible()
    group = page.get_by_role("combobox", name="Group")
    group.fill("acme-g2")
    expect(page.get_by_role("option", name="acme-g2")).to_be_visible()
    group.press("ArrowDown")
    group.press("Enter")
    assert desk.accessibility_faults() == []
    page.get_by_role("button", name="Add to group").click()
    expect(page.get_by_text("60 consumers added to Group of acme.")).to_be_visible()


def test_the_search_of_all_pages_is_a_dialog_for_the_keyboard(desk: Desk) -> None:
    page = desk.open("consumers/site/")
    search = page.get_by_role("combobox", name="Search", exact=True)
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()
    search.fill("acme-c1")
    option = page.get_by_role("option", name="Person 1 of acme")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(search).to_have_attribute("aria-activedescendant", "search-result-1")
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.accessibility_faults() == []
    search.press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/consumers/consumer/\d+/change/"))

    page.set_viewport_size({"width": 390, "height": 844})
    desk.open("consumers/site/")
    page.keyboard.press("Control+k")
    search.fill("nothing like it")
    expect(page.get_by_text("No results for “nothing like it”")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert desk.accessibility_faults() == []
    search.press("Escape")
    expect(search).to_be_hidden()


def test_the_search_opens_by_its_button_and_gives_the_focus_back(desk: Desk) -> None:
    page = desk.open("consumers/site/")
    button = page.get_by_role("button", name="Search", exact=True).first
    button.press("Enter")
    search = page.get_by_role("combobox", name="Search", exact=True)
    expect(search).to_be_focused()
    search.fill("acme")
    expect(page.get_by_role("option").first).to_be_visible()
    search.press("ArrowDown")
    expect(search).to_have_attribute("aria-activedescendant", "search-result-2")
    search.press("Tab")
    expect(page.get_by_role("button", name="Close the search")).to_be_focused()
    page.keyboard.press("Enter")
    expect(search).to_be_hidden()
    expect(button).to_be_focused()
