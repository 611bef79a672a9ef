"""Open every admin page in a real browser: light, dark, on a phone, empty, with errors and with very long texts.

Opening a page takes longer than most of what is asked of it: one visit asks for all that the same rows can show. Their
free texts are very long words, which are accessible as shorter ones are, and wider.
"""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db.models import CharField, Value
from django.db.models.functions import Concat, Left
from django.utils import timezone
from playwright.sync_api import BrowserContext, ViewportSize, expect
from playwright.sync_api import Page as Tab

from loyalty.services.results.count import results_count
from tests.browser.conftest import BLOCKED, Desk, Scenery, logged_in, new_account
from tests.config.admin.pages import PAGES, A, Page, address_of, is_about_a_row
from tests.config.admin.scene import make_scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE: ViewportSize = {"width": 390, "height": 844}
SCREEN: ViewportSize = {"width": 1280, "height": 900}
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 4

# --- the pages to open ------------------------------------------------------------------------------------------------

REDIRECT = (
    "login",
    "loyalty_loyaltypromotion_try_it",
    "loyalty_loyaltypromotion_conflicts",
    "loyalty_loyaltypromotion_uplift",
    "loyalty_loyaltypromotion_versions",
    "promotions_discount_try_it",
    "promotions_discount_conflicts",
    "promotions_discount_versions",
    "promotions_personalizedpromotion_lists",
    "promotions_personalizedpromotion_give_lists_to_group",
    "consumers_consumergroup_remove_members",
    "conflicts_conflictsettings_changelist",
    "consumers_account_changelist",
    "loyalty_adjustmentlimits_changelist",
    "consumers_role_copy",
    "promotions_campaign_stop_members",
    "promotions_campaign_duplicate_members",
)
"""Pages that lead an administrator to another page."""

DATA = ("autocomplete", "jsi18n", "search", "rules_vocabulary", "choices_found", "consumers_job_download")
"""Pages that answer with a file, JSON or a part of a page."""


def address_key(page: Page) -> str:
    """Return what a page's address depends on: buttons and actions are sent to the address of their page."""
    return page.name if page.name.endswith("_changelist") or page.name == "try_basket" else page.key


def has_html(page: Page) -> bool:
    """Return whether an administrator sees an HTML page there."""
    return A in page.look and page.name not in (*REDIRECT, *DATA)


def once_for_each_address(pages: Iterator[Page]) -> list[Page]:
    """Return the pages without those at the address of an earlier one."""
    by_address: dict[str, Page] = {}
    for page in pages:
        by_address.setdefault(address_key(page), page)
    return list(by_address.values())


NEED_A_ROW = (
    "loyalty_ledgerentry_adjust",
    "loyalty_voucher_claim",
    "promotion_conflicts",
    "promotion_results",
    "campaign_results",
    "promotion_uplift",
    "promotions_personalizedlist_step",
)
"""Pages about a row that their query, or a row of another table, names."""

NOTHING_WRONG_BLANK = ("_changelist", "_delete", "_step:replace")
"""Key endings of pages whose form is valid when blank: an empty list may replace another list."""

VISIBLE = once_for_each_address(page for page in PAGES if has_html(page))
FORMS = {
    address_key(page)
    for page in PAGES
    if has_html(page) and A in page.send and not page.key.endswith(NOTHING_WRONG_BLANK)
}
"""The address keys of pages with a form that is wrong when blank."""


def looks_alike_without_rows(page: Page) -> bool:
    """Return whether a page shows no rows of the account: the form of a type to add."""
    return page.name.endswith("_add") and page.key != page.name


WITHOUT_ROWS = [
    page for page in VISIBLE if not (is_about_a_row(page) or page.name in NEED_A_ROW or looks_alike_without_rows(page))
]


def each(pages: list[Page]) -> pytest.MarkDecorator:
    """Parametrize a test with pages."""
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.key)


# --- the accounts and the checks --------------------------------------------------------------------------------------


FREE_TEXT_COLUMNS = ("name", "first_name", "last_name", "description", "subject", "title", "town", "category")
"""Columns that hold free text."""


def whole_account() -> Scenery:
    """Build an account that has a row for every page, with very long words in every free text."""
    scene = make_scene()
    scene.visited_by(A)
    results_count(clock=timezone.now)
    for model in apps.get_models():
        if model._meta.app_label in ("consumers", "promotions", "loyalty"):
            for column in model._meta.concrete_fields:
                if isinstance(column, CharField) and column.name in FREE_TEXT_COLUMNS and not column.unique:
                    # What it was comes first: some names are unique, and some rows are known by theirs.
                    words = Left(Concat(column.name, Value(LONG)), column.max_length or 200)
                    model._default_manager.update(**{column.name: words})
    return scene.account, scene.users[A], scene.sessions[A]


@pytest.fixture(scope="module")
def tab(browser_session: BrowserContext) -> Iterator[Tab]:
    """Share one page of the browser in this module."""
    tab = browser_session.new_page()
    tab.add_init_script(BLOCKED)
    yield tab
    tab.close()


@pytest.fixture
def whole_desk(tab: Tab, live_server: object, transactional_db: None) -> Iterator[Desk]:
    """Log an administrator in to an account that has a row, with very long words, for every page."""
    with logged_in(tab, str(live_server), whole_account) as desk:
        yield desk


@pytest.fixture
def empty_desk(tab: Tab, live_server: object, transactional_db: None) -> Iterator[Desk]:
    """Log an administrator in to an account that has nothing yet."""
    with logged_in(tab, str(live_server), new_account) as desk:
        yield desk


def visit(desk: Desk, page: Page, size: ViewportSize) -> None:
    """Open a page in a window of a size, with every tab of its form shown."""
    desk.page.set_viewport_size(size)
    address = address_of(page, desk.office.account)
    answer = desk.page.goto(address)
    assert answer is not None
    assert (answer.status, answer.header_value("content-type")) == (200, "text/html; charset=utf-8")
    assert desk.page.url == f"{desk.home}{address}"
    open_all_tabs(desk)


def open_all_tabs(desk: Desk) -> None:
    desk.page.evaluate("document.querySelectorAll('[role=tabpanel]').forEach(panel => panel.hidden = false)")


COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that depend on colours."""

NAVIGATION = "#nav-sidebar"
"""The part of the frame that is the same on every page, and has a test of its own."""


def page_problems(desk: Desk) -> list[str]:
    """Return the accessibility faults of the open page in light and dark mode, and its width if a phone is narrower."""
    turn = "scheme => document.documentElement.className = scheme"
    desk.page.evaluate(turn, "light")
    accessibility_faults = desk.accessibility_faults(without=NAVIGATION)
    desk.page.evaluate(turn, "dark")
    # Dark mode changes nothing but colours.
    accessibility_faults += [f"dark: {fault}" for fault in desk.accessibility_faults(*COLOURS, without=NAVIGATION)]
    return [*accessibility_faults, *cut_symbols(desk), *width_problems(desk)]


CUT_SYMBOLS = """() => [...document.querySelectorAll(".material-symbols-outlined")].filter(symbol => {
    const style = getComputedStyle(symbol);
    const room = symbol.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return symbol.offsetParent && style.display !== "inline" && room < parseFloat(style.fontSize) - 1;
}).map(symbol => `cut: ${symbol.textContent.trim()} in ${symbol.parentElement.className}`)"""


def cut_symbols(desk: Desk) -> list[str]:
    """Return the symbols that have less room than they are wide."""
    cut: list[str] = desk.page.evaluate(CUT_SYMBOLS)
    return cut


def width_problems(desk: Desk) -> list[str]:
    """Return the width of the open page where it is wider than a phone."""
    desk.page.set_viewport_size(PHONE)
    width = int(desk.page.evaluate("document.documentElement.scrollWidth"))
    return [f"{width} wide"] if width > PHONE["width"] else []


@each(WITHOUT_ROWS)
def test_a_page_of_a_new_account_is_accessible(empty_desk: Desk, page: Page) -> None:
    visit(empty_desk, page, SCREEN)
    assert [*width_problems(empty_desk), *empty_desk.accessibility_faults(without=NAVIGATION)] == []


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


def blank_form_problems(desk: Desk, page: Page) -> list[str]:
    """Send the form of the open page blank, and return what is wrong with the answer."""
    desk.page.evaluate("window.isOld = true")
    if not desk.page.evaluate(SEND_BLANK):
        return []
    desk.page.wait_for_function("!window.isOld && document.readyState === 'complete'")
    if desk.page.locator(".errorlist, [role=alert], .errors").count() == 0:
        return ["the blank form shows no errors"] if page.name.endswith("_add") else []
    open_all_tabs(desk)
    problems = [*width_problems(desk), *desk.accessibility_faults(without=NAVIGATION), *desk.blocked()]
    return [f"blank form: {problem}" for problem in problems]


@each(VISIBLE)
def test_a_page_with_long_texts_and_the_errors_of_its_form_are_accessible_in_both_modes_and_on_a_phone(
    whole_desk: Desk, page: Page
) -> None:
    visit(whole_desk, page, SCREEN)
    problems = [*page_problems(whole_desk), *whole_desk.blocked()]
    if address_key(page) in FORMS:
        problems += blank_form_problems(whole_desk, page)
    assert problems == []


@pytest.mark.parametrize("key", ["index", "consumers_consumer_changelist"])
def test_the_navigation_is_accessible_in_both_modes(whole_desk: Desk, key: str) -> None:
    visit(whole_desk, next(page for page in VISIBLE if page.key == key), SCREEN)
    expect(whole_desk.page.locator(NAVIGATION)).to_be_visible()
    assert whole_desk.accessibility_faults() == []
    whole_desk.page.evaluate("document.documentElement.className = 'dark'")
    assert whole_desk.accessibility_faults(*COLOURS) == []


@pytest.mark.parametrize("key", ["promotion_results", "campaign_results"])
def test_tables_of_results_are_whole_on_a_phone(whole_desk: Desk, key: str) -> None:
    visit(whole_desk, next(page for page in VISIBLE if page.key == key), PHONE)
    frames = whole_desk.page.locator(".results-frame")
    expect(frames.first).to_be_visible()
    heights = frames.evaluate_all("frames => frames.map(frame => getComputedStyle(frame).maxHeight)")
    assert set(heights) == {"none"}, "a frame with a height of its own cuts cards"
    assert frames.evaluate_all("frames => frames.some(frame => frame.scrollHeight > frame.clientHeight)") is False


def test_pages_left_out_are_shown_elsewhere_or_are_no_html(whole_desk: Desk) -> None:
    account, client = whole_desk.office.account, whole_desk.office.client
    addresses = {address_of(page, account) for page in VISIBLE}
    for page in PAGES:
        if A in page.look and page not in VISIBLE:
            address = address_of(page, account)
            answer = client.get(address)
            is_html = answer.status_code == 200 and not answer.streaming and b"</html>" in answer.content
            assert (address in addresses) == is_html, page.key


def test_errors_in_a_file_are_shown_accessibly(whole_desk: Desk) -> None:
    desk = whole_desk
    desk.page.set_viewport_size(SCREEN)
    page = desk.open("consumers/site/import/")
    rows = "".join(f"{number},Site,{LONG}\n" for number in range(3))
    page.locator("input[type=file]").set_input_files(
        {"name": f"{LONG}.csv", "mimeType": "text/csv", "buffer": f"number,name,time_zone\n{rows}".encode()}
    )
    page.locator("select[name=format]").select_option("0")
    page.locator("form [type=submit]").last.click()
    expect(page.get_by_text("row").first).to_be_visible()
    assert page_problems(desk) == []
