"""Files in a real browser: chosen, looked at, mended, imported; readable by day, by night and on a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from loyalty.models import LoyaltyPromotion
from tests.browser.conftest import Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "loyalty/loyaltypromotion/"


def choose(desk: Desk, file: Path) -> None:
    """Preview a file; its format is seen by its name."""
    page = desk.open(f"{LIST}import/")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_label("Format")).to_have_value("0")
    page.get_by_role("button", name="Preview").click()


def readable(desk: Desk) -> None:
    """No faults by day and by night, and nothing beyond the edge of a phone."""
    for scheme in ("light", "dark"):
        desk.page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.accessibility_faults() == []
    desk.page.set_viewport_size({"width": 390, "height": 844})
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert desk.accessibility_faults() == []
    desk.page.set_viewport_size({"width": 1280, "height": 900})


def test_promotions_are_exported_changed_previewed_and_imported(desk: Desk, tmp_path: Path) -> None:
    page = desk.open(f"{LIST}?q=fixed-1")
    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_text("The row in the list, with its search and filters.")).to_be_visible()
    page.get_by_label("Format").select_option("CSV")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    file = tmp_path / "promotions.csv"
    download.value.save_as(file)
    text = file.read_text(encoding="utf-8-sig")
    code = LoyaltyPromotion.objects.get(code__endswith="fixed-1").code
    assert code in text

    file.write_text(text.replace(",50,", ",many,"), encoding="utf-8")
    choose(desk, file)
    expect(page.get_by_role("alert").get_by_role("row", name="outcome.points")).to_contain_text("whole number")
    readable(desk)

    file.write_text(text.replace(",50,", ",75,"))
    choose(desk, file)
    expect(page.get_by_role("columnheader", name="Outcome · Points")).to_be_visible()
    row = page.get_by_role("row", name=code)
    expect(row.get_by_role("deletion")).to_have_text("50")
    expect(row.get_by_role("insertion")).to_have_text("75")
    readable(desk)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("Imported: 0 new, 1 changed, 0 unchanged.")).to_be_visible()
    assert LoyaltyPromotion.objects.get(code=code).outcome["points"] == 75


def test_chosen_rows_are_exported_from_the_list(desk: Desk) -> None:
    page = desk.open(LIST)
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option("Export")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("The row you selected.")).to_be_visible()
    assert desk.accessibility_faults() == []
