"""A marketer builds rules in a real browser: by keyboard, by mouse, with mistakes, and without scripts."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from consumers.choices import StaffRole
from consumers.models import Account
from loyalty.models import LoyaltyPromotion
from promotions.engine.rules.tree import Tree
from promotions.models import Promotion
from tests.browser.conftest import Desk
from tests.consumers.admin.office import save_promotion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def condition(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    return {"attribute": attribute, "operator": operator, "value": value}


def group(match: str, *rules: Tree) -> dict[str, Any]:
    return {"match": match, "rules": list(rules)}


def draft(desk: Desk, **eligibility: Any) -> Promotion:
    return save_promotion(desk.office.account, draft=True, eligibility=eligibility)


def form(desk: Desk, promotion: Promotion, tab: str = "eligibility") -> Page:
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/#{tab}")
    expect(page.locator("rule-builder fieldset").first).to_be_attached()
    return page


def builder(page: Page, name: str) -> Locator:
    """The builder of a field: its tree, its sentence and its JSON."""
    return page.locator("rule-builder").filter(
        has=page.get_by_role("group", name=name, exact=True, include_hidden=True)
    )


def rule(inside: Locator, number: str) -> Locator:
    return inside.get_by_role("group", name=f"Rule {number}", exact=True)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save and continue").click()
    page.wait_for_load_state()


def saved(promotion: Promotion, name: str) -> Any:
    return LoyaltyPromotion.objects.get(pk=promotion.pk).eligibility[name]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_nested_tree_is_built_by_keyboard(desk: Desk) -> None:
    promotion = draft(desk)
    page = form(desk, promotion)
    site = builder(page, "Site")
    site.get_by_role("button", name="Add condition").focus()
    press(page, "Enter")
    # The new condition has the focus: attribute, operator, value.
    page.keyboard.type("Town")
    press(page, "Tab", "Tab")
    page.keyboard.type("lee")
    expect(site.get_by_role("option", name="Leeds")).to_be_visible()
    press(page, "ArrowDown", "Enter")
    expect(rule(site, "1").get_by_role("combobox", name="Value")).to_have_value("Leeds")
    # Past the cross and the button for conditions, to the one for groups.
    press(page, "Tab", "Tab", "Tab", "Enter")
    page.keyboard.type("County")
    press(page, "Tab")
    page.keyboard.type("is any of")
    press(page, "Tab")
    for county in ("Kent", "Essex", "Surrey"):
        page.keyboard.type(county)
        press(page, "Enter")
    press(page, "Backspace")
    expect(
        site.get_by_text("In words: at sites in the town of Leeds, and in the county of Kent or Essex.")
    ).to_be_visible()
    # Back over the chips' crosses, the operator and the attribute to the choice between all and any.
    press(page, *["Shift+Tab"] * 6, "ArrowLeft")
    expect(site.get_by_role("group", name="Group 2").get_by_label("All of these")).to_be_checked()
    save(page)
    nested = group("all", condition("county", "is_any_of", ["Kent", "Essex"]))
    assert saved(promotion, "site_rules") == group("all", condition("town", "is", "Leeds"), nested)


def test_a_tree_is_built_by_mouse_with_a_control_for_each_kind_of_value(desk: Desk) -> None:
    promotion = draft(desk)
    page = form(desk, promotion)
    customer = builder(page, "Customer")
    values: list[dict[str, Any]] = []

    def add(attribute: str, operator: str) -> Locator:
        customer.get_by_role("button", name="Add condition").last.click()
        row = rule(customer, str(len(values) + 1))
        row.get_by_label("Attribute").select_option(attribute)
        row.get_by_label("Operator").select_option(operator)
        return row

    row = add("groups", "is_any_of")
    row.get_by_role("combobox", name="Value: add").click()
    row.get_by_role("option", name="Group of acme acme-g2").click()
    expect(row.get_by_role("list", name="Value: chosen")).to_contain_text("Group of acme")
    values.append(condition("groups", "is_any_of", ["acme-g2"]))

    row = add("home_site", "is")
    row.get_by_role("combobox", name="Value").fill("site 2")
    row.get_by_role("option", name="Site 2 of acme").click()
    values.append(condition("home_site", "is", "acme-002"))

    row = add("is_loyalty_member", "is")
    row.get_by_label("Value").select_option("no")
    values.append(condition("is_loyalty_member", "is", value=False))

    row = add("enrolled_on", "is_between")
    row.get_by_label("From").fill("2026-01-01")
    row.get_by_label("To", exact=True).fill("2026-03-31")
    values.append(condition("enrolled_on", "is_between", ["2026-01-01", "2026-03-31"]))

    add("birthday", "is_this_month")
    values.append(condition("birthday", "is_this_month", value=True))

    row = add("points_balance", "is_at_least")
    expect(row.get_by_text("points", exact=True)).to_be_visible()
    row.get_by_label("Value").fill("500")
    values.append(condition("points_balance", "is_at_least", "500"))

    row = add("last_transaction_on", "is_in_last_days")
    row.get_by_label("Days").fill("30")
    values.append(condition("last_transaction_on", "is_in_last_days", 30))

    transaction = builder(page, "Transaction")
    transaction.get_by_role("button", name="Add condition").click()
    row = rule(transaction, "1")
    row.get_by_label("Attribute").select_option("transaction_weekday")
    row.get_by_label("Operator").select_option("is_any_of")
    row.get_by_text("Sat").click()
    row.get_by_text("Sun").click()
    transaction.get_by_role("button", name="Add condition").click()
    row = rule(transaction, "2")
    row.get_by_label("Attribute").select_option("transaction_time")
    row.get_by_label("Operator").select_option("is_before")
    row.get_by_label("Value").fill("11:30")
    transaction.get_by_text("Any of these").click()
    expect(transaction.get_by_text("shopping on Saturday or Sunday, or shopping before 11:30")).to_be_visible()
    assert desk.accessibility_faults() == []
    save(page)
    assert saved(promotion, "customer_rules") == group("all", *values)
    assert saved(promotion, "transaction_rules") == group(
        "any",
        condition("transaction_weekday", "is_any_of", ["saturday", "sunday"]),
        condition("transaction_time", "is_before", "11:30"),
    )


def test_untouched_rules_are_saved_unchanged(desk: Desk) -> None:
    rules = group(
        "all", condition("total_inc_tax", "is_at_least", "20.00"), group("any", condition("source", "is", "web"))
    )
    promotion = draft(desk, transaction_rules=rules)
    page = form(desk, promotion)
    expect(builder(page, "Transaction").get_by_text("is at least 20.00 GBP, and with the source web")).to_be_visible()
    save(page)
    after = LoyaltyPromotion.objects.get(pk=promotion.pk)
    assert (after.eligibility["transaction_rules"], after.version) == (rules, 1)


def test_removing_focuses_the_next_rule_and_removing_the_last_empties_the_field(desk: Desk) -> None:
    nested = group("any", condition("county", "is", "Kent"))
    promotion = draft(desk, site_rules=group("all", condition("town", "is", "Leeds"), nested))
    page = form(desk, promotion)
    site = builder(page, "Site")
    rule(site, "1").get_by_role("button", name="Remove condition").click()
    expect(rule(site, "1.1").get_by_label("Attribute")).to_be_focused()
    # A group goes with its last rule.
    rule(site, "1.1").get_by_role("button", name="Remove condition").click()
    expect(site.get_by_role("button", name="Add condition")).to_be_focused()
    expect(site.get_by_text("No rules: all sites qualify.")).to_be_visible()
    save(page)
    assert saved(promotion, "site_rules") is None


def test_a_value_is_kept_when_it_suits_the_new_operator(desk: Desk) -> None:
    page = form(desk, draft(desk, site_rules=group("all", condition("town", "is", "Leeds"))))
    first = rule(builder(page, "Site"), "1")
    first.get_by_label("Operator").select_option("is_any_of")
    expect(first.get_by_role("button", name="Remove Leeds")).to_be_visible()
    first.get_by_label("Operator").select_option("is_not")
    expect(first.get_by_role("combobox", name="Value")).to_have_value("Leeds")
    first.get_by_label("Attribute").select_option("county")
    expect(first.get_by_role("combobox", name="Value")).to_have_value("")


def test_an_error_is_marked_at_its_condition_and_takes_the_focus(desk: Desk) -> None:
    promotion = draft(desk)
    page = form(desk, promotion)
    customer = builder(page, "Customer")
    customer.get_by_role("button", name="Add condition").click()
    rule(customer, "1").get_by_label("Operator").select_option("is_any_of")
    rule(customer, "1").get_by_role("combobox", name="Value: add").fill("nobody")
    page.keyboard.press("Enter")
    customer.get_by_role("button", name="Add group").click()
    rule(customer, "2.1").get_by_label("Attribute").select_option("points_balance")
    rule(customer, "2.1").get_by_label("Value").fill("many")
    # What is just being entered is not wrong yet, what was left is.
    expect(rule(customer, "1").get_by_text("There is no group nobody.")).to_be_visible()
    expect(rule(customer, "2.1").locator(".rule-problem")).to_be_hidden()
    save(page)
    customer = builder(page, "Customer")
    wrong = rule(customer, "2.1").get_by_label("Value")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(rule(customer, "2.1").get_by_text("Must be a number")).to_be_visible()
    expect(rule(customer, "1").get_by_role("combobox", name="Value: add")).to_be_focused()
    assert desk.accessibility_faults() == []
    wrong.fill("100")
    expect(rule(customer, "2.1").locator(".rule-problem")).to_be_hidden()
    rule(customer, "1").get_by_role("button", name="Remove condition").click()
    save(page)
    nested = group("any", condition("points_balance", "is", "100"))
    assert saved(promotion, "customer_rules") == group("all", nested)


def test_without_the_catalogue_only_its_attributes_are_offered(desk: Desk) -> None:
    promotion = draft(desk, line_item_rules=group("all", condition("labels", "is", "new")))
    Account.objects.update(catalogue_enabled=False)
    page = form(desk, promotion)
    lines = builder(page, "Basket must contain")
    expect(rule(lines, "1").get_by_text("“Labels” needs the product catalogue.")).to_be_visible()
    expect(rule(lines, "1").get_by_label("Attribute")).to_have_value("labels")
    lines.get_by_role("button", name="Add condition").click()
    offered = rule(lines, "2").get_by_label("Attribute").locator("option").all_inner_texts()
    assert offered == ["Quantity", "SKU", "Product brand", "Category"]


def test_an_added_product_set_has_its_own_builder(desk: Desk) -> None:
    promotion = draft(desk)
    page = form(desk, promotion, "outcome")
    for name, category in (("Teas", "Tea"), ("Coffees", "Coffee")):
        page.get_by_role("button", name="Add product set").click()
        row = page.get_by_role("group", name="Product set").last
        row.get_by_label("Name of product set").fill(name)
        row.get_by_role("button", name="Add condition").click()
        rule(row, "1").get_by_label("Attribute").select_option("category")
        rule(row, "1").get_by_role("combobox", name="Value").fill(category)
    save(page)
    sets = LoyaltyPromotion.objects.get(pk=promotion.pk).outcome["product_selection"]["sets"]
    assert [(product_set["name"], product_set["rules"]) for product_set in sets] == [
        (name, group("all", condition("category", "is", category)))
        for name, category in (("Teas", "Tea"), ("Coffees", "Coffee"))
    ]


def test_skus_are_pasted_from_a_spreadsheet(desk: Desk) -> None:
    promotion = draft(desk, line_item_rules=group("all", condition("product", "is_any_of", ["acme-p1"])))
    page = form(desk, promotion)
    lines = builder(page, "Basket must contain")
    rule(lines, "1").get_by_role("combobox").last.evaluate(
        """input => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text", "acme-p2\\r\\nacme-p1\\r\\n");
            input.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }"""
    )
    expect(lines.get_by_text("“Product of acme” (acme-p1) or “Product of acme” (acme-p2)")).to_be_visible()
    save(page)
    assert saved(promotion, "line_item_rules")["rules"][0]["value"] == ["acme-p1", "acme-p2"]


def test_json_entered_by_hand_is_shown_in_the_builder(desk: Desk) -> None:
    page = form(desk, draft(desk))
    site = builder(page, "Site")
    site.get_by_text("Edit as JSON").click()
    text = site.get_by_label("Site", exact=True).and_(page.locator("textarea"))
    text.fill(json.dumps(group("any", condition("town", "starts_with", "Le"), condition("town", "is", "York"))))
    expect(rule(site, "2").get_by_role("combobox", name="Value")).to_have_value("York")
    expect(site.get_by_text("at sites whose town starts with Le, or in the town of York")).to_be_visible()
    rule(site, "1").get_by_role("button", name="Remove condition").click()
    assert json.loads(text.input_value()) == group("any", condition("town", "is", "York"))
    assert desk.accessibility_faults() == []


def test_json_that_is_no_tree_stays_in_the_textarea(desk: Desk) -> None:
    promotion = draft(desk)
    page = form(desk, promotion)
    site = builder(page, "Site")
    site.get_by_text("Edit as JSON").click()
    site.locator("textarea").fill('{"match": "all"')
    expect(site.get_by_text("These rules cannot be shown as a form.")).to_be_visible()
    expect(site.get_by_role("button", name="Add condition")).to_be_hidden()
    save(page)
    field = page.locator("#id_site_rules")
    expect(field).to_be_visible()
    expect(field).to_have_value('{"match": "all"')
    expect(page.get_by_text("This is not valid JSON").first).to_be_visible()
    field.fill("")
    expect(site.get_by_text("No rules: all sites qualify.")).to_be_visible()
    expect(site.get_by_role("button", name="Add condition")).to_be_visible()


def test_without_the_server_the_json_stays_editable(desk: Desk) -> None:
    promotion = draft(desk)
    desk.page.route("**/rules/vocabulary/", lambda route: route.fulfill(status=403))
    page = desk.open(f"loyalty/loyaltypromotion/{promotion.pk}/change/#eligibility")
    page.locator("#id_site_rules").fill(json.dumps(group("all", condition("town", "is", "Leeds"))))
    save(page)
    assert saved(promotion, "site_rules")["rules"][0]["value"] == "Leeds"
    # The browser says of each page that it was refused; the page after saving asks too.
    page.goto("about:blank")
    desk.console_errors.clear()


def test_without_scripts_the_json_is_editable(desk: Desk, chromium: Browser) -> None:
    promotion = draft(desk, site_rules=group("all", condition("town", "is", "Leeds")))
    context = chromium.new_context(base_url=desk.home, java_script_enabled=False)
    context.add_cookies(desk.page.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"/admin/loyalty/loyaltypromotion/{promotion.pk}/change/")
    expect(page.get_by_text("In words: at sites in the town of Leeds.")).to_be_visible()
    page.locator("#id_site_rules").fill(json.dumps(group("all", condition("town", "is", "York"))))
    save(page)
    assert saved(promotion, "site_rules")["rules"][0]["value"] == "York"
    context.close()


def test_a_viewer_sees_the_tree_and_cannot_change_it(desk: Desk) -> None:
    promotion = draft(desk, site_rules=group("all", condition("town", "is_any_of", ["Leeds"])))
    viewer = desk.office.login(StaffRole.VIEWER)
    desk.page.context.add_cookies(
        [{"name": "sessionid", "value": viewer.client.cookies["sessionid"].value, "url": desk.home}]
    )
    page = form(desk, promotion)
    site = builder(page, "Site")
    expect(site.get_by_text("In words: at sites in the town of Leeds")).to_be_visible()
    expect(rule(site, "1").get_by_label("Attribute")).to_be_disabled()
    expect(site.get_by_role("button")).to_have_count(0)


def test_a_tree_fits_a_phone_in_light_and_dark_mode(desk: Desk) -> None:
    deep = group("all", condition("is_loyalty_member", "is", value=True))
    for _ in range(4):
        deep = group("any", condition("enrolled_on", "is_between", ["2026-01-01", "2026-03-31"]), deep)
    promotion = draft(desk, customer_rules=deep)
    desk.page.set_viewport_size({"width": 390, "height": 844})
    page = form(desk, promotion)
    customer = builder(page, "Customer")
    expect(rule(customer, "2.2.2.2.1")).to_be_visible()
    # No deeper than rules may nest.
    expect(customer.get_by_role("button", name="Add group")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for scheme in ("light", "dark"):
        page.evaluate("scheme => document.documentElement.className = scheme", scheme)
        assert desk.accessibility_faults() == []


def test_the_sentence_above_the_form_follows_what_is_entered(desk: Desk) -> None:
    page = desk.open("loyalty/loyaltypromotion/add/?type=fixed_points#outcome")
    sentence = page.locator(".promotion-summary")
    expect(sentence).to_contain_text("loyalty members get … points per transaction.")
    page.get_by_label("Points").first.fill("50")
    page.get_by_role("button", name="Add product set").click()
    products = page.get_by_role("group", name="Products of this set")
    products.get_by_role("button", name="Add condition").click()
    rule(products, "1").get_by_label("Attribute").select_option("product")
    rule(products, "1").get_by_role("combobox", name="Value").fill("acme-p1")
    page.keyboard.press("Tab")
    expect(sentence).to_contain_text("who buy “Product of acme” (acme-p1) get 50 points per transaction.")
    page.get_by_role("tab", name="Eligibility").click()
    page.get_by_label("Limit redemptions per customer").fill("1")
    expect(sentence).to_contain_text("get 50 points per transaction, at most once per customer.")
    assert desk.accessibility_faults() == []


def test_enter_in_a_value_does_not_save_and_an_unknown_text_is_kept(desk: Desk) -> None:
    promotion = draft(desk)
    page = form(desk, promotion)
    lines = builder(page, "Basket must contain")
    lines.get_by_role("button", name="Add condition").click()
    lines.get_by_label("Attribute", exact=True).select_option("quantity")
    lines.get_by_role("textbox", name="Value").fill("2")
    page.keyboard.press("Enter")
    sites = builder(page, "Site")
    sites.get_by_role("button", name="Add condition").click()
    sites.get_by_label("Attribute", exact=True).select_option("town")
    sites.get_by_role("combobox", name="Value").fill("Nowhere")
    expect(sites.get_by_text("No town found: what you typed is kept.").first).to_be_visible()
    assert saved(promotion, "line_item_rules") is None


def test_an_empty_tree_suggests_conditions_that_count_once_they_have_a_value(desk: Desk) -> None:
    page = desk.open("loyalty/loyaltypromotion/add/?type=points_multiplier")
    page.get_by_label("Promotion name").fill("Tuesday mornings")
    page.get_by_role("tab", name="Outcome").click()
    page.get_by_label("Line items in the product sets").check()
    category = page.get_by_role("group", name="Products of this set").get_by_role("combobox", name="Value: add")
    category.fill("Tea")
    category.press("Enter")
    page.get_by_role("tab", name="Eligibility").click()
    transaction = builder(page, "Transaction")
    suggested = transaction.get_by_role("group", name="Suggested rule")
    expect(suggested).to_have_count(2)
    expect(transaction.get_by_text("No rules: all transactions qualify.")).to_be_visible()
    assert desk.accessibility_faults() == []
    transaction.get_by_text("Tue").click()
    expect(suggested).to_have_count(1)
    expect(rule(transaction, "1").get_by_label("Attribute")).to_have_value("transaction_weekday")
    customer = builder(page, "Customer")
    customer.get_by_role("button", name="Add condition").click()
    expect(customer.get_by_role("group", name="Suggested rule")).to_have_count(0)
    rule(customer, "1").get_by_label("Attribute").select_option("is_loyalty_member")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url("**/loyaltypromotion/")
    promotion = LoyaltyPromotion.objects.get(name="Tuesday mornings")
    [teas] = promotion.outcome["product_selection"]["sets"]
    assert (promotion.outcome["multiplier"], promotion.outcome["multiplier_scope"]) == ("2", "line_items")
    assert teas["rules"] == group("all", condition("category", "is_any_of", ["Tea"]))
    assert saved(promotion, "transaction_rules") == group(
        "all", condition("transaction_weekday", "is_any_of", ["tuesday"])
    )
    assert saved(promotion, "customer_rules") == group("all", condition("is_loyalty_member", "is", value=True))
    assert not saved(promotion, "site_rules")


def test_a_suggestion_that_is_changed_is_meant(desk: Desk) -> None:
    page = desk.open("loyalty/loyaltypromotion/add/?type=fixed_points#eligibility")
    site = builder(page, "Site")
    site.get_by_role("group", name="Suggested rule").get_by_label("Attribute").select_option("town")
    expect(site.get_by_role("group", name="Suggested rule")).to_have_count(0)
    expect(rule(site, "1").get_by_label("Attribute")).to_have_value("town")
    assert "town" in page.locator("#id_site_rules").input_value()
