"""Every page of the table of pages in a real browser: by day, by night, on a telephone, empty, wrong and very long."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db.models import CharField
from playwright.sync_api import ViewportSize, expect

from tests.browser.conftest import BLOCKED, Desk
from tests.config.admin.pages import PAGES, A, Page, address_of, is_about_a_row

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE: ViewportSize = {"width": 390, "height": 844}
SCREEN: ViewportSize = {"width": 1280, "height": 900}
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 4


def shown(desk: Desk, pages: tuple[Page, ...] = PAGES) -> Iterator[tuple[Page, str]]:
    """The pages that an administrator looks at, with their addresses: those that lead on and plain answers are none."""
    for page in pages:
        if A in page.look:
            address = address_of(page, desk.office.account)
            answer = desk.office.client.get(address)
            if answer.status_code == 200 and not answer.streaming and b"</html>" in answer.content:
                yield page, address


def opened(desk: Desk, address: str) -> None:
    """Open a page anew, with every tab of its form laid open."""
    desk.page.set_viewport_size(SCREEN)
    desk.page.goto("about:blank")
    desk.page.goto(address)
    lay_open(desk)


def lay_open(desk: Desk) -> None:
    desk.page.evaluate("document.querySelectorAll('[role=tabpanel]').forEach(panel => panel.hidden = false)")


def looked_at(desk: Desk) -> list[str]:
    """What is wrong with the page as it stands: by day, by night, and on a telephone."""
    turn = "scheme => document.documentElement.className = scheme"
    desk.page.evaluate(turn, "light")
    wrong = desk.faults()
    desk.page.evaluate(turn, "dark")
    # Colours are all that the night changes.
    wrong += [f"by night: {fault}" for fault in desk.faults("color-contrast", "link-in-text-block")]
    desk.page.set_viewport_size(PHONE)
    return [*wrong, *too_wide(desk)]


def too_wide(desk: Desk) -> list[str]:
    """Whether the page is wider than a telephone that it is looked at with."""
    width = int(desk.page.evaluate("document.documentElement.scrollWidth"))
    return [f"{width} wide"] if width > PHONE["width"] else []


def test_every_page_is_fit_by_day_by_night_and_on_a_telephone(whole_desk: Desk) -> None:
    wrong = {}
    whole_desk.page.add_init_script(BLOCKED)
    for page, address in shown(whole_desk):
        opened(whole_desk, address)
        if found := [*looked_at(whole_desk), *whole_desk.blocked()]:
            wrong[page.key] = found
    assert wrong == {}


NEED_A_ROW = (
    "loyalty_ledgerentry_adjust",
    "loyalty_voucher_claim",
    "promotion_conflicts",
    "promotions_personalizedlist_step",
)
"""Pages about a row that their query, or a row of another table, names."""


def test_every_page_of_a_new_account_is_fit(new_desk: Desk) -> None:
    pages = tuple(page for page in PAGES if not is_about_a_row(page) and page.name not in NEED_A_ROW)
    wrong = {}
    for page, address in shown(new_desk, pages):
        opened(new_desk, address)
        new_desk.page.set_viewport_size(PHONE)
        if found := [*new_desk.faults(), *too_wide(new_desk)]:
            wrong[page.key] = found
    assert wrong == {}


SEND_BLANK = """() => {
    const own = [...document.querySelectorAll("form[method=post]")]
        .filter(form => !/(logout|switch-account)\\/$/.test(form.action));
    if (!own.length) return false;
    const form = own.reduce((most, one) => one.elements.length > most.elements.length ? one : most);
    form.noValidate = true;
    for (const field of form.elements) {
        if (!["hidden", "submit", "button", "checkbox", "radio"].includes(field.type)) field.value = "";
    }
    // The answer to this call comes before the page is left.
    setTimeout(() => form.submit());
    return true;
}"""


def test_every_form_that_is_sent_blank_says_fitly_what_is_wrong(whole_desk: Desk) -> None:
    desk, wrong, told = whole_desk, {}, set()
    # A blank list in place of another is a list, and nothing to be told of.
    fine_blank = ("_changelist", "_delete", "_step:replace")
    forms = tuple(page for page in PAGES if A in page.send and not page.key.endswith(fine_blank))
    for page, address in shown(desk, forms):
        opened(desk, address)
        desk.page.evaluate("window.isOld = true")
        if not desk.page.evaluate(SEND_BLANK):
            continue
        desk.page.wait_for_function("!window.isOld && document.readyState === 'complete'")
        if desk.page.locator(".errorlist, [role=alert], .errors").count():
            told.add(page.name)
            lay_open(desk)
            desk.page.set_viewport_size(PHONE)
            if found := [*desk.faults(), *too_wide(desk)]:
                wrong[page.key] = found
    assert wrong == {}
    assert {page.name for page in forms if page.name.endswith("_add")} <= told


WRITTEN = ("name", "first_name", "last_name", "description", "subject", "title", "town", "category")
"""Columns in which people write what they like."""


def test_no_page_is_made_wider_by_what_people_write(whole_desk: Desk) -> None:
    desk, wide = whole_desk, {}
    for model in apps.get_models():
        if model._meta.app_label in ("consumers", "promotions", "loyalty"):
            columns = [one for one in model._meta.concrete_fields if isinstance(one, CharField) and one.name in WRITTEN]
            for column in columns:
                model._default_manager.update(**{column.name: LONG[: column.max_length or 200]})
    desk.page.set_viewport_size(PHONE)
    for page, address in shown(desk):
        desk.page.goto("about:blank")
        desk.page.goto(address)
        lay_open(desk)
        if found := too_wide(desk):
            wide[page.key] = found
    assert wide == {}


def test_what_is_wrong_in_a_file_is_told_fitly(whole_desk: Desk) -> None:
    desk = whole_desk
    page = desk.open("consumers/site/import/")
    rows = "".join(f"{number},Site,{LONG}\n" for number in range(3))
    page.locator("input[type=file]").set_input_files(
        {"name": f"{LONG}.csv", "mimeType": "text/csv", "buffer": f"number,name,time_zone\n{rows}".encode()}
    )
    page.locator("select[name=format]").select_option("0")
    page.locator("form [type=submit]").last.click()
    expect(page.get_by_text("row").first).to_be_visible()
    assert looked_at(desk) == []
