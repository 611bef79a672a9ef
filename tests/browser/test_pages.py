"""The frame of the pages in a real browser: landmarks, menus, tabs, without a mouse and without scripts.

``test_every_page`` checks the accessibility of every page.
"""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from consumers.choices import StaffRole
from consumers.models import Consumer, StaffMembership
from consumers.services.staff import staff_member_add
from loyalty.models import LoyaltyPromotion, Transaction
from tests.browser.conftest import Desk
from tests.consumers.admin.office import make_office, save_promotion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_empty_list_is_accessible(desk: Desk) -> None:
    empty = make_office("empty")
    StaffMembership.objects.filter(user=desk.office.user).update(account=empty.account)
    page = desk.open("loyalty/loyaltypromotion/")
    expect(page.get_by_role("heading", name="No loyalty promotions yet")).to_be_visible()
    assert desk.accessibility_faults() == []


def test_the_log_in_page_is_accessible_and_logs_in(desk: Desk) -> None:
    desk.page.context.clear_cookies()
    page = desk.open("")
    assert desk.accessibility_faults() == []
    page.get_by_label("User name").fill(desk.office.user.username)
    page.get_by_label("Password").fill("correct-horse-7")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_link_for_a_new_password_is_made_opened_and_used_by_keyboard(desk: Desk) -> None:
    person = staff_member_add(account_id=desk.office.account.pk, username="sam", role=StaffRole.VIEWER)
    page = desk.open(f"consumers/staffmembership/{person.pk}/change/")
    page.get_by_role("link", name="Link for a new password").press("Enter")
    page.get_by_role("button", name="Make the link").press("Enter")
    link = page.locator("code.secret").inner_text()
    desk.page.context.clear_cookies()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(link)
    for theme in ("light", "dark"):
        page.evaluate("theme => document.documentElement.className = theme", theme)
        assert desk.accessibility_faults() == []
    for name in ("new_password1", "new_password2"):
        page.locator(f"[name={name}]").fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Fix the error", exact=False)).to_be_visible()
    assert desk.accessibility_faults() == []
    for name in ("new_password1", "new_password2"):
        page.locator(f"[name={name}]").fill("green-lantern-8")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Password set")).to_be_visible()
    page.get_by_role("link", name="Log in").press("Enter")
    page.get_by_label("User name").fill("Sam")
    page.get_by_label("Password").fill("green-lantern-8")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_every_page_has_its_landmarks(desk: Desk) -> None:
    page = desk.open("loyalty/loyaltypromotion/")
    for landmark in ("main", "banner", "navigation"):
        expect(page.get_by_role(landmark).first).to_be_attached()
    page.keyboard.press("Tab")
    assert desk.focused() == "Skip to main content"
    page.keyboard.press("Enter")
    assert desk.focused() == "content"


def test_the_menu_of_a_phone_opens_and_closes_by_keyboard(desk: Desk) -> None:
    desk.page.set_viewport_size({"width": 390, "height": 844})
    page = desk.open("")
    products = page.get_by_role("link", name="Products")
    expect(products).to_be_hidden()
    page.get_by_role("button", name="Show or hide menu").press("Enter")
    expect(products).to_be_visible()
    page.get_by_role("button", name="Close menu").press("Enter")
    expect(products).to_be_hidden()


def test_the_account_is_switched_by_keyboard(desk: Desk) -> None:
    other = make_office("other").account
    staff_member_add(account_id=other.pk, username=desk.office.user.username, role=StaffRole.VIEWER)
    page = desk.open("")
    page.get_by_role("button", name="Account: acme").press("Enter")
    page.get_by_role("button", name="other", exact=False).first.press("Enter")
    expect(page.get_by_text("You are now working in other.")).to_be_visible()
    page.goto("/admin/consumers/consumer/")
    expect(page.get_by_text("Person 1 of acme")).to_have_count(0)


def test_the_menu_of_the_user_opens_by_keyboard_and_logs_out(desk: Desk) -> None:
    page = desk.open("")
    page.get_by_role("button", name="staff-acme").press("Enter")
    page.get_by_role("button", name="Dark").press("Enter")
    expect(page.locator("html")).to_have_class("dark")
    page.get_by_role("button", name="Log out").press("Enter")
    expect(page.get_by_role("link", name="Consumers")).to_have_count(0)


def test_the_sidebar_marks_only_the_open_page(desk: Desk) -> None:
    for address, name in (
        ("loyalty/loyaltypromotion/add/", "Loyalty promotions"),
        ("consumers/consumer/", "Consumers"),
        ("consumers/consumergroup/", "Groups"),
        ("", "Overview"),
    ):
        page = desk.open(address)
        active = page.locator("#nav-sidebar a.active")
        assert [text.split("\n")[-1].strip() for text in active.all_inner_texts()] == [name]


def test_the_loyalty_tab_shows_balance_activity_and_vouchers(desk: Desk) -> None:
    consumer = Consumer.objects.get(consumer_id="acme-c1")
    page = desk.open(f"consumers/consumer/{consumer.pk}/change/")
    page.get_by_role("tab", name="Loyalty").press("Enter")
    panel = page.get_by_role("tabpanel", name="Loyalty")
    for heading in ("Membership", "Points balance", "Loyalty activity", "Vouchers", "Redemptions"):
        expect(panel.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(panel.get_by_text("53 points")).to_be_visible()
    expect(panel.get_by_role("row", name="acme-T1").first).to_be_visible()


def test_a_transaction_shows_why_other_promotions_did_not_apply(desk: Desk) -> None:
    transaction = Transaction.objects.get(reference="acme-T1")
    page = desk.open(f"loyalty/transaction/{transaction.pk}/change/")
    expect(page.get_by_role("heading", name="Why others did not apply")).to_be_visible()
    expect(page.get_by_text("Lost to").first).to_be_visible()


def test_without_scripts_every_tab_is_shown_and_a_promotion_is_saved(desk: Desk, chromium: Browser) -> None:
    promotion = save_promotion(desk.office.account)
    context = chromium.new_context(base_url=desk.home, java_script_enabled=False)
    context.add_cookies(desk.page.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"/admin/loyalty/loyaltypromotion/{promotion.pk}/change/")
    for name in ("General", "Outcome", "Eligibility", "Content"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    for label in ("Promotion name", "Limit redemptions per customer", "Short description", "Redemption message"):
        expect(page.locator("label").filter(has_text=label).first).to_be_visible()
        expect(page.get_by_label(label).first).to_be_visible()
    page.get_by_label("Promotion name").fill("Without scripts")
    page.get_by_role("button", name="Save and exit").click()
    page.wait_for_load_state()
    assert LoyaltyPromotion.objects.get(pk=promotion.pk).name == "Without scripts"
    context.close()


def test_a_new_form_begins_on_its_first_tab_though_another_was_left_on_its_last(desk: Desk) -> None:
    promotion = save_promotion(desk.office.account)
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/")
    page.get_by_role("tab", name="Content").click()
    # The server answers nothing: the browser stays on the page that it sent.
    page.route("**/change/*", lambda route: route.fulfill(status=204))
    with page.expect_response("**/change/*"):
        page.get_by_role("button", name="Save and continue").click()
    page.unroute("**/change/*")
    page.goto("/admin/loyalty/loyaltypromotion/add/?type=fixed_points")
    expect(page.get_by_role("tab", selected=True)).to_have_text("General")


def test_a_phone_shows_table_rows_as_cards_with_every_column(desk: Desk) -> None:
    desk.page.set_viewport_size({"width": 390, "height": 844})
    consumer = Consumer.objects.filter(account=desk.office.account, ledger_entries__isnull=False).first()
    assert consumer is not None
    page = desk.open(f"consumers/consumer/{consumer.pk}/change/#loyalty")
    table = page.get_by_role("region", name="Loyalty activity").locator("table")
    expect(table.locator("td[data-label=Points]").first).to_be_in_viewport(ratio=1)
    assert table.evaluate("table => table.parentElement.scrollWidth <= table.parentElement.clientWidth")


@pytest.mark.parametrize("view", ["timeline", "month"])
def test_the_calendar_shows_whole_periods_and_every_bar_is_reached_by_keyboard(desk: Desk, view: str) -> None:
    names = ["Old and endless", "Two days only"]
    account = desk.office.account
    save_promotion(account, code="endless", name=names[0], starts_at=datetime(2025, 1, 1, tzinfo=UTC))
    two_days = {"starts_at": datetime(2026, 6, 29, tzinfo=UTC), "ends_at": datetime(2026, 6, 30, tzinfo=UTC)}
    save_promotion(account, code="short", name=names[1], **two_days)
    page = desk.open(f"calendar/?view={view}&day=2026-06-15")
    sizes: list[ViewportSize] = [{"width": 1280, "height": 900}, {"width": 390, "height": 844}]
    for size in sizes:
        page.set_viewport_size(size)
        # No day is beside the edge of the page, or of a frame that scrolls.
        frame = page.locator(f".{view}")
        assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth + 1")
        for name in names:
            bar = frame.get_by_role("link", name=name)
            expect(bar).to_have_count(1)
            expect(bar).to_contain_text("Fixed points")
    bars = page.locator(f".{view} a")
    bars.first.focus()
    reached = []
    for _ in range(bars.count()):
        reached.append(desk.focused())
        page.keyboard.press("Tab")
    # What changes comes before what runs throughout.
    assert [name for text in reached for name in names if name in text] == [names[1], names[0]]
