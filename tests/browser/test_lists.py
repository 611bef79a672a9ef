"""Lists and tables in a real browser: nothing of them lies under what stays at the window's bottom."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from consumers.services.consumer import ConsumerValues, consumers_save
from tests.browser.conftest import Desk

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
    pages = page.get_by_text("62 consumers")
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
    from tests.loyalty.admin.test_loyalty_tab_pages import add_entries  # noqa: PLC0415

    consumer = add_entries(desk.office, 90)
    page = desk.open(f"consumers/consumer/{consumer.pk}/change/#loyalty")
    section = page.locator("#section-activity")
    expect(section).to_contain_text("1–50 of 90")
    section.get_by_role("link", name="Next").press("Enter")
    expect(section).to_contain_text("51–90 of 90")
    expect(section).to_contain_text("Entry 90")
    assert desk.accessibility_faults() == []
