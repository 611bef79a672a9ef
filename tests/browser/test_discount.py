"""A marketer makes a discount in a real browser: by mouse, by keyboard, on a telephone and without scripts."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from promotions.models import Discount, PersonalizedPromotion
from tests.browser.conftest import Desk, publish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADD = "promotions/discount/add/"


def set_at(page: Page, place: int) -> Locator:
    """The product set that is shown at a place."""
    return page.locator("[data-row]:visible").nth(place - 1)


def begin(desk: Desk, discount_type: str = "percentage") -> Page:
    page = desk.open(f"{ADD}?type={discount_type}")
    page.get_by_label("Discount name").fill("Half-price trousers")
    page.get_by_label("Start date").fill("2030-06-01T09:00")
    page.get_by_role("tab", name="Discount").click()
    return page


def choose(row: Locator, text: str) -> None:
    """Find a product by a text and take the first."""
    box = row.get_by_role("combobox", name="Products: add")
    box.fill(text)
    row.locator("choice-box [role=option]").first.wait_for()
    box.press("ArrowDown")
    box.press("Enter")


def test_a_discount_is_made_from_its_type_and_listed(desk: Desk) -> None:
    PersonalizedPromotion.objects.create(account=desk.office.account, backend_id="PP-1", name="Your favourites")
    page = desk.open(ADD)
    page.get_by_role("link", name="Percentage off").click()
    page.get_by_label("Discount name").fill("Half-price trousers")
    page.get_by_label("Start date").fill("2030-06-01T09:00")
    page.get_by_role("tab", name="Discount").click()
    page.get_by_label("Percentage off").fill("50")
    page.get_by_role("button", name="Add product set").click()
    first = set_at(page, 1)
    expect(first.get_by_text("Remove").filter(visible=True)).to_have_count(1)
    first.get_by_label("Name of product set").fill("Tees")
    first.get_by_label("Required amount of products").fill("2")
    first.get_by_text("This product set gets the discount").click()
    expect(first.get_by_label("This many products get the discount")).to_be_hidden()
    page.get_by_role("button", name="Add product set").click()
    second = set_at(page, 2)
    second.get_by_label("Products of this set").select_option("products")
    expect(second.get_by_role("button", name="Add condition")).to_be_hidden()
    choose(second, "acme-p1")
    page.get_by_role("button", name="Add personalized promotion").click()
    third = set_at(page, 3)
    third.get_by_label("Personalized promotion", exact=True).select_option("PP-1")
    assert desk.accessibility_faults() == []
    publish(page)
    expect(page.get_by_role("row", name="Half-price trousers")).to_contain_text("Scheduled")
    tees, chosen, personalized = Discount.objects.get(name="Half-price trousers").outcome["product_sets"]
    assert (tees["name"], tees["required_quantity"], tees["gets_discount"]) == ("Tees", 2, False)
    assert chosen["products"] == ["acme-p1"]
    assert personalized["personalized_promotion"] == "PP-1"


def test_a_personalized_promotion_is_made_without_leaving_the_discount(desk: Desk) -> None:
    page = begin(desk)
    page.get_by_role("button", name="Add personalized promotion").click()
    with page.context.expect_page() as opened:
        set_at(page, 1).get_by_role("link", name="New personalized promotion").click()
    window = opened.value
    window.locator("#id_name").fill("Picked for you")
    window.locator("#id_backend_id").fill("picked")
    window.get_by_role("button", name="Save and exit").click()
    expect(set_at(page, 1).get_by_label("Personalized promotion", exact=True)).to_have_value("picked")


def test_sets_are_moved_and_removed_by_the_keyboard(desk: Desk) -> None:
    page = begin(desk)
    page.get_by_label("Percentage off").fill("50")
    for name in ("One", "Two", "Three"):
        page.get_by_role("button", name="Add product set").press("Enter")
        page.keyboard.type(name)
    set_at(page, 3).get_by_role("button", name="Move up").press("Enter")
    assert page.evaluate("document.activeElement.dataset.moveRow") == "up"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.moveRow") == "down", "the first has nowhere to go up"
    set_at(page, 2).get_by_role("button", name="Remove").press("Enter")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("row", name="Half-price trousers")).to_be_visible()
    assert [
        product_set["name"] for product_set in Discount.objects.get(name="Half-price trousers").outcome["product_sets"]
    ] == [
        "Three",
        "Two",
    ]


def test_an_error_is_shown_at_its_product_set_and_the_input_is_kept(desk: Desk) -> None:
    page = begin(desk)
    page.get_by_label("Percentage off").fill("50")
    page.get_by_role("button", name="Add product set").click()
    page.get_by_role("button", name="Add product set").click()
    second = set_at(page, 2)
    second.get_by_label("Products of this set").select_option("products")
    choose(second, "acme-p1")
    second.get_by_label("This many products get the discount").fill("4")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("tabpanel", name="Discount")).to_be_visible()
    expect(set_at(page, 2)).to_contain_text("Must be at most the required quantity, 1.")
    expect(set_at(page, 1)).not_to_contain_text("At most")
    expect(set_at(page, 2).locator(".chip")).to_have_count(1)
    assert desk.accessibility_faults() == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_the_form_is_accessible_on_a_phone_and_in_dark_mode(desk: Desk, width: int, scheme: str) -> None:
    desk.page.set_viewport_size({"width": width, "height": 900})
    desk.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page = begin(desk, "free_product")
    page.get_by_role("button", name="Add product set").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert desk.accessibility_faults() == []


def test_without_scripts_a_discount_is_made_with_the_spare_rows(desk: Desk, chromium: Browser) -> None:
    context = chromium.new_context(base_url=desk.home, java_script_enabled=False)
    context.add_cookies(desk.page.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"/admin/{ADD}?type=free_product")
    page.get_by_label("Discount name").fill("Gift")
    page.get_by_label("Start date").fill("2030-06-01T09:00")
    page.locator('[name="product_sets-1-name"]').fill("Mug")
    page.locator('[name="product_sets-1-source"]').select_option("products")
    page.locator('[name="product_sets-1-products"]').fill("acme-p1\nacme-p2")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("row", name="Gift")).to_be_visible()
    context.close()
    [mug] = Discount.objects.get(name="Gift").outcome["product_sets"]
    assert (mug["name"], mug["products"]) == ("Mug", ["acme-p1", "acme-p2"])


def fill_in(page: Page) -> None:
    """Fill in a discount of 10% on everything, and leave its tab Discount open."""
    page.get_by_label("Discount name").fill("Ten off")
    page.get_by_role("tab", name="Discount").click()
    page.get_by_label("Percentage off").fill("10")
    page.get_by_role("button", name="Add product set").click()


def test_after_saving_the_next_form_begins_on_its_first_tab(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=percentage")
    fill_in(page)
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("row", name="Ten off")).to_be_visible()
    page.goto(f"/admin/{ADD}?type=percentage")
    expect(page.get_by_label("Discount name")).to_be_visible()


def test_save_and_continue_opens_the_same_tab_again(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=percentage")
    fill_in(page)
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("link", name="History").first).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Discount")).to_be_visible()


def test_the_first_product_set_is_there_and_the_next_may_keep_its_price(desk: Desk) -> None:
    page = begin(desk)
    page.get_by_label("Percentage off").fill("50")
    first = set_at(page, 1)
    trousers = first.get_by_role("combobox", name="Value: add")
    trousers.fill("Trousers")
    trousers.press("Enter")
    page.get_by_role("button", name="Add set at full price").click()
    second = set_at(page, 2)
    expect(second.get_by_label("This product set gets the discount")).not_to_be_checked()
    second.get_by_label("Required amount of products").fill("2")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url("**/discount/")
    one, other = Discount.objects.get(name="Half-price trousers").outcome["product_sets"]
    assert (one["gets_discount"], one["required_quantity"]) == (True, 1)
    assert (other["gets_discount"], other["required_quantity"]) == (False, 2)


def test_a_blank_first_product_set_is_what_the_first_button_begins(desk: Desk) -> None:
    page = begin(desk)
    expect(page.locator("[data-row]:visible")).to_have_count(1)
    page.get_by_role("button", name="Add personalized promotion").click()
    expect(page.locator("[data-row]:visible")).to_have_count(1)
    expect(set_at(page, 1).get_by_label("Products of this set")).to_have_value("personalized_promotion")
    page.get_by_role("button", name="Add product set").click()
    expect(page.locator("[data-row]:visible")).to_have_count(2)
