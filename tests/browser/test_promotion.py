"""A marketer makes a promotion in a real browser, by mouse and by keyboard."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from loyalty.models import LoyaltyPromotion
from tests.browser.conftest import Desk, publish
from tests.consumers.admin.office import save_promotion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADD = "loyalty/loyaltypromotion/add/"


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def selected(page: Page) -> str:
    return page.locator('[role="tab"][aria-selected="true"]').inner_text().split("\n")[0].strip()


def test_a_fixed_points_promotion_is_made_from_the_overview_and_listed(desk: Desk) -> None:
    page = desk.open("")
    page.get_by_role("link", name="Add promotion").click()
    page.get_by_role("link", name="Fixed points").click()
    page.get_by_label("Promotion name").fill("Two teas")
    page.get_by_label("Start date").fill("2030-06-01T09:00")
    expect(page.get_by_text("Europe/London").first).to_be_visible()
    tab(page, "Outcome")
    page.get_by_label("Points", exact=False).first.fill("50")
    page.get_by_role("button", name="Add product set").click()
    page.get_by_label("Name of product set").fill("Tea")
    products = page.get_by_role("group", name="Products of this set")
    products.get_by_role("button", name="Add condition").click()
    products.get_by_label("Attribute").select_option("category")
    products.get_by_role("combobox", name="Value").fill("Tea")
    page.get_by_label("Quantity rules").select_option("every")
    page.get_by_label("X", exact=True).fill("2")
    tab(page, "Eligibility")
    page.get_by_label("Limit redemptions per customer").fill("1")
    tab(page, "Content")
    page.get_by_label("Short description").fill("Two teas, fifty points")
    publish(page)
    expect(page.get_by_text("Scheduled: starts on 1 Jun 2030, 09:00 BST.")).to_be_visible()
    expect(page.get_by_role("row", name="Two teas")).to_contain_text("Scheduled")
    promotion = LoyaltyPromotion.objects.get(name="Two teas")
    assert promotion.outcome["points"] == 50
    assert promotion.outcome["quantity_rule"] == {"apply_to": "every", "units": 2}
    [teas] = promotion.outcome["product_selection"]["sets"]
    assert (teas["name"], teas["rules"]["rules"][0]["value"]) == ("Tea", "Tea")
    assert promotion.eligibility["customer_redemption_limit"] == 1


def test_the_keyboard_reaches_every_tab(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points")
    page.get_by_role("link", name="Choose another type").focus()
    page.keyboard.press("Tab")
    assert desk.focused() == "tab-general"
    for key, name in (
        ("ArrowRight", "Outcome"),
        ("ArrowRight", "Eligibility"),
        ("End", "Content"),
        ("ArrowRight", "General"),
        ("ArrowLeft", "Content"),
        ("Home", "General"),
    ):
        page.keyboard.press(key)
        assert (selected(page), desk.focused()) == (name, f"tab-{name.lower()}")
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        assert page.get_by_role("tabpanel").count() == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert desk.focused() == "id_points"


def test_the_first_tab_with_an_error_opens_with_the_focus_on_it(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points")
    page.get_by_label("Promotion name").fill("Bad")
    page.get_by_label("Start date").fill("2030-06-01T09:00")
    tab(page, "Outcome")
    page.locator("#id_points").fill("10")
    tab(page, "Content")
    page.get_by_label("Link URL 1").fill("http://plain.example")
    tab(page, "Eligibility")
    site_rules = page.locator("#id_site_rules")
    page.locator("rule-builder", has=site_rules).get_by_text("Edit as JSON").click()
    site_rules.fill('{"match": "all", "rules": [{"attribute": "colour"}]}')
    tab(page, "General")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_load_state()
    assert selected(page) == "Eligibility"
    assert desk.focused() == "id_site_rules"
    expect(page.get_by_role("tab", name="Eligibility")).to_contain_text("1 error")
    expect(page.get_by_role("tab", name="Content")).to_contain_text("1 error")
    expect(page.get_by_text("Rule 1, attribute: Unknown attribute")).to_be_visible()


def test_an_error_in_an_editor_takes_the_focus(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points#outcome")
    page.locator("#id_points").fill("10")
    page.get_by_role("textbox", name="Redemption message").last.click()
    page.keyboard.type("Hello {{ nobody }}")
    tab(page, "General")
    page.get_by_label("Promotion name").fill("Bad")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_load_state()
    assert selected(page) == "Outcome"
    expect(page.get_by_role("textbox", name="Redemption message").last).to_be_focused()


def test_a_concurrent_change_is_shown_next_to_the_input(desk: Desk) -> None:
    promotion = save_promotion(desk.office.account)
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/#outcome")
    page.locator("#id_points").fill("60")
    save_promotion(desk.office.account, outcome={"points": 70}, starts_at=promotion.starts_at)
    page.get_by_role("button", name="Save and exit").click()
    expect(page.get_by_text("test saved version 2 on")).to_be_visible()
    expect(page.locator("[data-changes]").get_by_role("row", name="Points 70 60")).to_be_visible()
    page.get_by_role("button", name="Save and exit").click()
    expect(page.get_by_text("is saved. Active")).to_be_visible()
    assert LoyaltyPromotion.objects.get(pk=promotion.pk).outcome["points"] == 60


def test_adjacent_inserts_stay_separate(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points#outcome")
    description = page.locator(".field-activity_description")
    for entry in ("Applied promotion name", "Spend"):
        description.get_by_role("button", name=entry).click()
    expect(page.get_by_label("Loyalty activity description")).to_have_value("{{ promotion_name }} {{ spend }}")
    menu = page.locator(".field-redemption_message [data-insert-menu]")
    for entry in ("Applied promotion name", "Applied promotion short description"):
        menu.locator("summary").click()
        menu.get_by_role("button", name=entry, exact=True).click()
    expect(page.locator("#id_redemption_message")).to_have_value(
        re.compile(r"\{\{ promotion_name \}\} \{\{ short_description \}\}")
    )


def test_saving_and_continuing_keeps_the_tab_open(desk: Desk) -> None:
    promotion = save_promotion(desk.office.account)
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/#content")
    assert selected(page) == "Content"
    page.get_by_label("Short description").fill("Short")
    page.get_by_role("button", name="Save and continue").click()
    page.wait_for_load_state()
    assert selected(page) == "Content"
    assert LoyaltyPromotion.objects.get(pk=promotion.pk).content["short_description"] == "Short"


def test_rows_are_added_and_removed(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points")
    page.get_by_label("Promotion name").fill("Rows")
    page.get_by_label("Start date").fill("2030-06-01T09:00")
    tab(page, "Outcome")
    page.locator("#id_points").fill("10")
    for name in ("First", "Second", "Third"):
        page.get_by_role("button", name="Add product set").click()
        page.get_by_label("Name of product set").last.fill(name)
    page.get_by_role("button", name="Remove Product set").nth(1).click()
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_load_state()
    sets = LoyaltyPromotion.objects.get(name="Rows").outcome["product_selection"]["sets"]
    assert [product_set["name"] for product_set in sets] == ["First", "Third"]


def test_conditions_become_the_product_set_with_one_press(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=points_multiplier#outcome")
    page.get_by_label("Line items in the product sets below").check()
    advice = page.locator("[data-advice]")
    expect(advice).to_be_hidden()
    tab(page, "Eligibility")
    conditions = page.get_by_role("group", name="Basket must contain")
    conditions.get_by_role("button", name="Add condition").click()
    conditions.get_by_label("Attribute").select_option("category")
    conditions.get_by_role("combobox", name="Value").fill("Coffee")
    expect(advice).to_contain_text("without product sets, all line items count")
    summary = page.locator("[data-summary-words]")
    expect(summary).to_contain_text("times the base points on all line items.")
    advice.get_by_role("button", name="Use these conditions as the product set").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Outcome")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("Name of product set")).to_be_focused()
    products = page.get_by_role("group", name="Products of this set")
    expect(products.get_by_label("Attribute")).to_have_value("category")
    expect(summary).to_contain_text("times the base points on Coffee.")
    expect(advice).to_be_hidden()


def test_fields_are_shown_only_when_they_apply(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points#outcome")
    units = page.get_by_label("X", exact=True)
    expect(units).to_be_hidden()
    page.get_by_label("Quantity rules").select_option("first")
    expect(units).to_be_visible()
    page.get_by_role("button", name="Add product set").click()
    bundle = page.get_by_label("Units of this set in a bundle")
    expect(bundle).to_be_hidden()
    page.get_by_label("Product rules").select_option("all")
    expect(bundle).to_be_visible()


def test_numbers_show_their_unit(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=bonus_points#outcome")
    rate = page.locator(".field-conversion_units")
    expect(rate).to_contain_text("GBP")
    page.get_by_label("Quantity purchased").check()
    expect(rate).to_contain_text("units")
    page.get_by_label("Currency spent").check()
    tab(page, "General")
    page.get_by_label("Promotion currency").select_option("SEK")
    tab(page, "Outcome")
    expect(rate).to_contain_text("SEK")
    tab(page, "Eligibility")
    page.get_by_role("button", name="Add rule").click()
    row = page.get_by_role("group", name="Rule", exact=True)
    expect(row.locator(".row-field-threshold")).to_contain_text("transactions")
    row.locator("select").first.select_option("spend")
    expect(row.locator(".row-field-threshold")).to_contain_text("SEK")


def test_an_offer_is_found_by_typing(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=redeem_offer#outcome")
    page.get_by_role("combobox", name="Personalised offer to be redeemed").click()
    page.keyboard.type("o2")
    page.keyboard.press("Enter")
    expect(page.locator("#id_offer")).to_have_value("acme-o2")
    assert desk.accessibility_faults() == []


def test_a_message_is_written_with_inserts_links_and_images(desk: Desk, pictures: None) -> None:
    page = desk.open(f"{ADD}?type=fixed_points")
    page.get_by_label("Promotion name").fill("Message")
    page.get_by_label("Start date").fill("2030-06-01T09:00")
    tab(page, "Content")
    page.get_by_label("Link URL 1").fill("https://shop.example/tea")
    page.get_by_label("Anchor text 1").fill("Our teas")
    page.get_by_label("Image URL 2").fill("https://shop.example/tea.png")
    page.get_by_label("Alt text 2").fill("A cup of tea")
    tab(page, "Outcome")
    page.locator("#id_points").fill("10")
    field = page.locator(".field-redemption_message")
    editor = field.get_by_role("textbox", name="Redemption message")
    editor.click()
    page.keyboard.type("Thanks for ")
    menu = field.locator("[data-insert-menu]")
    for entry in ("Applied promotion name", "Applied promotion link 1", "Applied promotion image 2"):
        menu.locator("summary").click()
        menu.get_by_role("button", name=entry).click()
        expect(menu.get_by_role("button", name=entry)).to_be_hidden()
    page.get_by_role("button", name="Save and continue").click()
    page.wait_for_load_state()
    stored = LoyaltyPromotion.objects.get(name="Message").outcome["redemption_message"]
    for part in (
        "Thanks for {{ promotion_name }}",
        '<a href="{{ link_url_1 }}"',
        ">{{ anchor_text_1 }}</a>",
        '<img src="{{ image_url_2 }}" alt="{{ alt_text_2 }}">',
    ):
        assert part in stored
    assert "trix" not in stored
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_load_state()
    promotion = LoyaltyPromotion.objects.get(name="Message")
    assert (promotion.outcome["redemption_message"], promotion.version) == (stored, 1)


def test_the_menu_of_inserts_lists_them_and_is_used_by_keyboard(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points#content")
    page.get_by_label("Link URL 2").fill("https://shop.example/tea")
    tab(page, "Outcome")
    menu = page.locator(".field-redemption_message [data-insert-menu]")
    opener = menu.locator("summary")
    opener.focus()
    page.keyboard.press("Enter")
    expect(menu.get_by_role("button", name="Applied promotion link 1")).to_be_disabled()
    expect(menu.get_by_role("button", name="Applied promotion link URL 2")).to_contain_text("https://shop.example/tea")
    assert desk.accessibility_faults() == []
    for entry in ("Applied promotion name", "Applied promotion short description"):
        page.keyboard.press("ArrowDown")
        expect(menu.get_by_role("button", name=entry)).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(menu.get_by_role("button", name="Applied promotion name")).to_be_hidden()


def test_the_message_preview_follows_the_form(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points")
    page.get_by_label("Promotion name").fill("Tea time")
    tab(page, "Content")
    preview = page.locator("[data-preview]:visible")
    expect(preview).to_contain_text("No redemption message.")
    page.get_by_label("Confirmation message").fill("Enjoy your tea")
    expect(preview.locator(".preview-receipt")).to_have_text("Enjoy your tea")
    tab(page, "Outcome")
    preview.get_by_role("combobox", name="Preview for").fill("acme-c2")
    page.get_by_role("option", name="Person 2 of acme").click()
    page.get_by_role("textbox", name="Redemption message").last.click()
    page.keyboard.type("Thanks!")
    expect(preview.locator(".preview-message")).to_have_text("Thanks!")
    expect(preview).to_contain_text("<person-2@acme.example>")
    assert desk.accessibility_faults() == []


def test_enter_in_a_text_field_does_not_publish(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points")
    page.get_by_label("Promotion name").fill("Half a promotion")
    page.keyboard.press("Enter")
    tab(page, "Outcome")
    page.locator("#id_points").fill("5")
    page.keyboard.press("Enter")
    expect(page.locator("#id_points")).to_be_focused()
    page.get_by_role("button", name="Save draft").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/loyaltypromotion/")
    assert LoyaltyPromotion.objects.filter(name="Half a promotion").count() == 1


def test_publishing_by_the_keyboard_asks_once_and_saves_what_is_entered(desk: Desk) -> None:
    draft = save_promotion(desk.office.account, code="later", name="Later", draft=True)
    page = desk.open(f"loyalty/loyaltypromotion/{draft.pk}/change/#outcome")
    page.locator("#id_points").fill("75")
    page.get_by_role("button", name="Publish").press("Enter")
    question = page.get_by_role("dialog", name="Publish this promotion?")
    expect(question).to_contain_text("get 75 points per transaction.")
    expect(question.get_by_label("Reason")).to_be_focused()
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.accessibility_faults() == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Publish")).to_be_focused()
    assert selected(page) == "Outcome", "the tab that the form was sent from"
    expect(page.locator("#id_points")).to_have_value("75")
    assert LoyaltyPromotion.objects.get(pk=draft.pk).outcome["points"] == 50, "nothing is saved yet"
    page.keyboard.press("Enter")
    expect(question.get_by_label("Reason")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("“Later” is published.")).to_be_visible()
    published = LoyaltyPromotion.objects.get(pk=draft.pk)
    assert (published.draft, published.outcome["points"]) == (False, 75)


def test_an_edit_shows_its_changes_before_saving(desk: Desk) -> None:
    promotion = save_promotion(desk.office.account)
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/#outcome")
    changed = page.locator("[data-changes]")
    expect(changed).to_contain_text("Changes when you save: nothing")
    page.locator("#id_points").fill("60")
    expect(changed.locator("summary")).to_have_text("Changes when you save: Points")
    changed.locator("summary").click()
    expect(changed.get_by_role("row", name="Points 50 60")).to_be_visible()
    assert desk.accessibility_faults() == []
    page.locator("#id_points").fill("50")
    expect(changed.locator("summary")).to_have_text("Changes when you save: nothing")


@pytest.mark.parametrize("kind", ["new", "stored"])
def test_a_form_does_not_shift_while_it_loads(desk: Desk, kind: str) -> None:
    stored = f"loyalty/loyaltypromotion/{save_promotion(desk.office.account).pk}/change/"
    page = desk.open({"new": f"{ADD}?type=fixed_points", "stored": stored}[kind])
    outcome = page.get_by_role("tab", name="Outcome")
    before = outcome.bounding_box()
    with page.expect_response("**/summary/**"):
        page.get_by_label("Promotion name").fill("Fifty more points")
    assert outcome.bounding_box() == before


SHIFTED = """
window.shifted = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shifted += entry.value; }))
    .observe({type: "layout-shift", buffered: true});
"""
"""Adds up by how much a page moves by itself, as browsers measure it: 0.1 is what people begin to mind."""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("address", ["", "loyalty/loyaltypromotion/", ADD, f"{ADD}?type=fixed_points"])
def test_a_page_does_not_shift_after_it_is_shown(desk: Desk, address: str, width: int) -> None:
    desk.page.set_viewport_size({"width": width, "height": 844})
    desk.page.add_init_script(SHIFTED)
    opened_page = desk.open(address)
    opened_page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
    assert opened_page.evaluate("window.shifted") < 0.01


def test_the_summary_is_updated_when_the_pointer_is_released(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points#outcome")
    page.locator("#id_points").fill("60")
    page.locator("#id_points").hover()
    page.mouse.down()
    with page.expect_response("**/summary/**"):
        pass
    summary = page.locator("[data-summary-words]")
    expect(summary).to_contain_text("get … points")
    page.mouse.up()
    expect(summary).to_contain_text("get 60 points")


def test_the_stop_dialog_takes_the_focus_and_returns_it(desk: Desk) -> None:
    promotion = save_promotion(desk.office.account)
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/")
    stop = page.get_by_role("link", name="Stop")
    stop.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Stop this promotion?")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Reason")).to_be_focused()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.getElementById('modal-content').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(stop).to_be_focused()
    assert LoyaltyPromotion.objects.get(pk=promotion.pk).stopped_at is None
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Stop promotion").click()
    expect(page.get_by_text("Stopped on").first).to_be_visible()
    stopped_at = LoyaltyPromotion.objects.get(pk=promotion.pk).stopped_at
    assert stopped_at is not None
    assert stopped_at <= timezone.now()


def test_a_copy_is_made_in_a_dialog(desk: Desk) -> None:
    promotion = save_promotion(desk.office.account)
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/")
    page.get_by_role("link", name="Duplicate").click()
    dialog = page.get_by_role("dialog", name="Duplicate this promotion")
    dialog.get_by_label("Promotion code").fill("fifty")
    dialog.get_by_role("button", name="Duplicate").click()
    expect(dialog.get_by_text("A promotion fifty exists already")).to_be_visible()
    dialog.get_by_label("Promotion code").fill("sixty")
    dialog.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_text("Draft: does not apply").first).to_be_visible()
    assert LoyaltyPromotion.objects.get(code="sixty").draft


def test_the_list_is_filtered_by_the_keyboard(desk: Desk) -> None:
    save_promotion(desk.office.account, code="later", name="Sleeping", draft=True)
    page = desk.open("loyalty/loyaltypromotion/")
    page.get_by_role("button", name="Filters").press("Enter")
    sheet = page.get_by_role("dialog", name="Filters")
    expect(sheet).to_be_visible()
    assert sheet.evaluate("sheet => sheet.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page.get_by_role("button", name="Filters")).to_be_focused()
    page.goto("/admin/loyalty/loyaltypromotion/?status=draft")
    expect(page.get_by_role("link", name="Sleeping later")).to_be_visible()
    expect(page.get_by_text("Promotion of acme")).to_have_count(0)


def test_a_control_group_is_made_without_leaving_the_promotion(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=fixed_points#eligibility")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="New group").click()
    window = opened.value
    window.get_by_label("Group code").fill("panel")
    window.get_by_label("Group name").fill("Test panel")
    window.get_by_role("button", name="Save and exit").click()
    expect(page.locator("#id_control_group")).to_have_value("panel")


def test_an_offer_is_made_without_leaving_the_promotion(desk: Desk) -> None:
    page = desk.open(f"{ADD}?type=redeem_offer")
    page.get_by_label("Promotion name").fill("A treat for you")
    tab(page, "Outcome")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="New offer").press("Enter")
    window = opened.value
    window.get_by_label("Offer code").fill("treat")
    window.get_by_label("Offer name").fill("Treat")
    window.get_by_label("Value", exact=True).fill("2")
    window.get_by_role("button", name="Save and exit").click()
    expect(page.locator("#id_offer")).to_have_value("treat")
    publish(page)
    expect(page.get_by_text("“A treat for you” is published.")).to_be_visible()
    assert LoyaltyPromotion.objects.get(name="A treat for you").outcome["offer"] == "treat"


def test_promotions_are_deleted_from_the_overview_one_by_one_and_together(desk: Desk) -> None:
    for code in ("one", "two", "three"):
        save_promotion(desk.office.account, code=code, name=f"Named {code}")
    page = desk.open("loyalty/loyaltypromotion/")
    page.get_by_role("link", name="Delete Named one (one)").press("Enter")
    expect(page.get_by_role("heading", name="Delete “Named one (one)”?")).to_be_visible()
    page.get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_role("row", name="Named one")).to_have_count(0)
    for name in ("Named two", "Named three", "acme-fixed-2"):
        page.get_by_role("row", name=name).get_by_role("checkbox").check()
    page.get_by_label("Select action to run").select_option(label="Delete")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("heading", name="Delete these loyalty promotions?")).to_be_visible()
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.accessibility_faults() == []
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("2 deleted.")).to_be_visible()
    expect(page.get_by_role("row", name="acme-fixed-2")).to_be_visible()
    assert not LoyaltyPromotion.objects.filter(code__in=["one", "two", "three"]).exists()


def test_several_promotions_are_stopped_from_the_overview(desk: Desk) -> None:
    for code in ("one", "two"):
        save_promotion(desk.office.account, code=code, name=f"Named {code}")
    page = desk.open("loyalty/loyaltypromotion/")
    for code in ("one", "two"):
        page.get_by_role("row", name=f"Named {code}").get_by_role("checkbox").check()
    page.get_by_label("Select action to run").select_option(label="Stop")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("heading", name="Stop these loyalty promotions?")).to_be_visible()
    assert desk.accessibility_faults() == []
    page.get_by_label("Reason").fill("Out of stock")
    page.get_by_role("button", name="Stop promotions").click()
    expect(page.get_by_text("2 stopped.")).to_be_visible()
    expect(page.get_by_role("row", name="Named one")).to_contain_text("Stopped")
