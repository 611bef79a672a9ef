"""The form of a discount: marketers' fields, to and from the definition."""

import json
from typing import Any

import pytest
from django.urls import reverse

from consumers.choices import StaffRole
from loyalty.models import Transaction
from promotions.models import Discount, PersonalizedPromotion, PromotionVersion
from tests.consumers.admin.office import Office, fill, make_office, save_discount, save_promotion, sell
from tests.loyalty.admin.editor.test_form import CONTENT
from tests.loyalty.admin.promotion_page import errors_of, values_of_form
from tests.promotions.admin.discount.discount_page import BLANK, EVERYTHING, add, rows

pytestmark = pytest.mark.django_db

TEA: dict[str, Any] = {"match": "all", "rules": [{"attribute": "category", "operator": "is", "value": "Tea"}]}
LEEDS = {"match": "any", "rules": [{"attribute": "town", "operator": "is", "value": "Leeds"}]}
GENERAL = [
    "Discount name",
    "Discount currency",
    "Discount description",
    "Start date",
    "End date",
    "Campaign",
    "Discount code",
    "Parties",
    "Ledger class",
]
CONDITIONS = ["Site", "Customer", "Transaction", "Basket must contain"]
LIMITS = [
    "Limit total number of redemptions",
    "Limit redemptions per customer",
    "Period of the limit per customer",
    "Limit redemptions per transaction",
    "Always apply",
    "Ignore the universal holdout",
    "Budget",
    "When too little is left",
    "Budget per customer",
    "Period of the budget per customer",
    "When too little is left for the customer",
]


@pytest.fixture
def office() -> Office:
    office = make_office()
    fill(office.account)
    return office


def saved(office: Office, code: str = "half-price") -> Discount:
    return Discount.objects.get(account=office.account, code=code)


def change(office: Office, discount: Any, **values: Any) -> Any:
    page = office.page("promotions_discount_change", discount.pk)
    shown = values_of_form(page.context["adminform"].form, office.account.zone)
    address = reverse("admin:promotions_discount_change", args=[discount.pk])
    return office.client.post(address, {**shown, **values, "_save": "1"})


def row_errors(answer: Any) -> dict[int, dict[str, list[str]]]:
    """The errors of the product sets that came back, by their place."""
    bound = answer.context["adminform"].form["product_sets"]
    forms = bound.field.counted_rows(bound.data)
    return {
        index: {name: list(messages) for name, messages in form.errors.items()}
        for index, form in enumerate(forms)
        if form.errors
    }


# --- the screen -----------------------------------------------------------------------------------------------------


def test_adding_begins_with_the_type(office: Office) -> None:
    page = office.page("promotions_discount_add")
    for label in ("Amount off", "Percentage off", "Fixed price", "Free product"):
        assert label in page.content.decode()
    assert "adminform" not in page.context
    assert "adminform" not in office.page("promotions_discount_add", query="?type=fixed_points").context


@pytest.mark.parametrize(
    ("discount_type", "own"),
    [
        ("amount", ["Amount off"]),
        ("percentage", ["Percentage off", "Maximum discount"]),
        ("fixed_price", ["Fixed price"]),
        ("free_product", []),
    ],
)
def test_each_type_has_its_fields_in_their_tabs(office: Office, discount_type: str, own: list[str]) -> None:
    page = office.page("promotions_discount_add", query=f"?type={discount_type}")
    labels = {
        tab.name: [
            one.field.label for section in tab.sections for line in section for one in line if not one.field.is_hidden
        ]
        for tab in page.context["form_tabs"]
    }
    assert labels == {
        "General": GENERAL,
        "Discount": [*own, "Discount which units?", "Product sets"],
        "Conditions": CONDITIONS,
        "Limits": LIMITS,
        "Content": CONTENT,
    }


def test_a_set_is_added_by_one_of_two_buttons(office: Office) -> None:
    page = office.page("promotions_discount_add", query="?type=percentage").content.decode()
    assert "Add product set" in page
    assert "Add personalized promotion" in page
    assert 'data-add-row="source:personalized_promotion"' in page


def test_a_viewer_reads_every_field_and_changes_none(office: Office) -> None:
    discount = save_discount(office.account)
    viewer = office.login(StaffRole.VIEWER)
    page = viewer.page("promotions_discount_change", discount.pk)
    assert all(field.disabled for field in page.context["adminform"].form.fields.values())
    assert "Acme Coffee" in page.content.decode()
    assert viewer.post("promotions_discount_change", discount.pk, name="Mine").status_code == 403
    assert viewer.page("promotions_discount_add").status_code == 403


# --- saving ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("discount_type", "value"),
    [("amount", "50.00"), ("percentage", "50"), ("fixed_price", "50.00"), ("free_product", None)],
)
def test_a_discount_of_each_type_is_saved(office: Office, discount_type: str, value: str | None) -> None:
    answer = add(office.client, discount_type)
    assert answer.status_code == 302
    discount = saved(office)
    assert (discount.type, discount.outcome["value"]) == (discount_type, value)
    assert discount.outcome["product_sets"] == [
        {
            "name": "",
            "rules": None,
            "required_quantity": 1,
            "required_spend": None,
            "discounted_quantity": 1,
            "gets_discount": True,
            "default_product": None,
        }
    ]
    assert discount.versions.get().created_by == office.user


def every_field(office: Office) -> Any:
    PersonalizedPromotion.objects.create(account=office.account, backend_id="PP-1", name="Yours")
    return add(
        office.client,
        "percentage",
        {"name": "Teas", "source": "rules", "rules": json.dumps(TEA), "required_by": "quantity",
         "required_quantity": "2"},
        {"name": "Chosen", "source": "products", "products": "acme-p1\r\n", "required_by": "spend",
         "required_spend": "80", "gets_discount": "on", "default_product": "acme-p1"},
        {"name": "Yours", "source": "personalized_promotion", "personalized_promotion": "PP-1",
         "required_by": "quantity", "required_quantity": "3", "gets_discount": "on", "discounted_quantity": "1"},
        code="all-of-it",
        description="For colleagues",
        ends_at="2030-07-01T09:00",
        maximum_discount="20",
        price_order="most_expensive",
        site_rules=json.dumps(LEEDS),
        total_redemption_limit="100",
        customer_redemption_limit="2",
        transaction_redemption_limit="1",
        always_apply="on",
        ignores_universal_holdout="on",
    )  # fmt: skip


def test_every_field_reaches_the_definition(office: Office) -> None:
    answer = every_field(office)
    assert answer.status_code == 302, errors_of(answer)
    discount = saved(office, "all-of-it")
    assert discount.subtype == "personalized"
    assert discount.outcome == {
        "value": "50",
        "maximum_discount": "20.00",
        "price_order": "most_expensive",
        "product_sets": [
            {"name": "Teas", "rules": TEA, "required_quantity": 2, "required_spend": None, "discounted_quantity": 0,
             "gets_discount": False, "default_product": None},
            {"name": "Chosen", "products": ["acme-p1"], "required_quantity": None, "required_spend": "80.00",
             "discounted_quantity": None, "gets_discount": True, "default_product": "acme-p1"},
            {"name": "Yours", "personalized_promotion": "PP-1", "required_quantity": 3, "required_spend": None,
             "discounted_quantity": 1, "gets_discount": True, "default_product": None},
        ],
    }  # fmt: skip
    assert discount.eligibility["site_rules"] == LEEDS
    assert discount.eligibility["always_apply"] is True
    assert discount.eligibility["ignores_universal_holdout"] is True
    assert [discount.eligibility[f"{name}_redemption_limit"] for name in ("total", "customer", "transaction")] == [
        100, 2, 1,
    ]  # fmt: skip


def test_saving_what_is_shown_changes_nothing(office: Office) -> None:
    every_field(office)
    discount = saved(office, "all-of-it")
    before = Discount.objects.filter(pk=discount.pk).values().get()
    answer = change(office, discount)
    assert answer.status_code == 302, errors_of(answer)
    assert Discount.objects.filter(pk=discount.pk).values().get() == before
    assert PromotionVersion.objects.filter(promotion=discount).count() == 1


def test_an_edit_makes_a_version(office: Office) -> None:
    discount = save_discount(office.account)
    assert change(office, discount, value="25").status_code == 302
    after = saved(office, "tenth")
    assert (after.outcome["value"], after.version) == ("25", 2)


def test_sets_are_kept_in_the_order_that_was_chosen(office: Office) -> None:
    sets = [{**EVERYTHING, "name": name, "ORDER": order} for name, order in (("c", "3"), ("a", "1"), ("b", "2"))]
    add(office.client, "percentage", *sets)
    assert [product_set["name"] for product_set in saved(office).outcome["product_sets"]] == ["a", "b", "c"]


def test_an_amount_for_every_spend_is_saved_and_shown(office: Office) -> None:
    spend = {**EVERYTHING, "required_by": "spend", "required_spend": "50", "discounted_quantity": "", "repeats": "on"}
    assert add(office.client, "amount", spend, value="5").status_code == 302
    (product_set,) = saved(office).outcome["product_sets"]
    assert (product_set["required_spend"], product_set["repeats"]) == ("50.00", True)
    assert change(office, saved(office), name="Still").status_code == 302
    assert saved(office).outcome["product_sets"] == [product_set]


def test_a_spend_that_cannot_repeat_is_refused_at_its_switch(office: Office) -> None:
    spend = {**EVERYTHING, "required_by": "spend", "required_spend": "50", "discounted_quantity": "1", "repeats": "on"}
    answer = add(office.client, "amount", spend, value="5")
    assert list(row_errors(answer)[0]) == ["repeats"]


@pytest.mark.parametrize("discount_type", ["percentage", "fixed_price", "free_product"])
def test_only_an_amount_offers_to_repeat(office: Office, discount_type: str) -> None:
    label = "Repeat each time the spend is reached"
    assert label in office.page("promotions_discount_add", query="?type=amount").content.decode()
    page = office.page("promotions_discount_add", query=f"?type={discount_type}").content.decode()
    assert label not in page


@pytest.mark.parametrize(
    ("discount_type", "proposed"),
    [
        ("amount", "cheapest"),
        ("percentage", "cheapest"),
        ("fixed_price", "most_expensive"),
        ("free_product", "cheapest"),
    ],
)
def test_a_fixed_price_proposes_the_most_expensive_units(office: Office, discount_type: str, proposed: str) -> None:
    form = office.page("promotions_discount_add", query=f"?type={discount_type}").context["adminform"].form
    assert form["price_order"].value() == proposed


def test_a_fixed_price_on_the_cheapest_units_stays_as_it_is(office: Office) -> None:
    discount = save_discount(office.account, discount_type="fixed_price", value="20")
    form = office.page("promotions_discount_change", discount.pk).context["adminform"].form
    assert form["price_order"].value() == "cheapest"


def test_a_percentage_says_that_it_is_rounded_once_a_set(office: Office) -> None:
    page = office.page("promotions_discount_add", query="?type=percentage").content.decode()
    assert "10% off one screw at 0.04 is nothing" in page


def test_a_removed_set_is_not_saved_whatever_is_in_it(office: Office) -> None:
    gone = {**EVERYTHING, "required_quantity": "none", "DELETE": "on"}
    assert add(office.client, "percentage", gone, {**EVERYTHING, "name": "kept"}).status_code == 302
    assert [product_set["name"] for product_set in saved(office).outcome["product_sets"]] == ["kept"]


def test_values_of_hidden_fields_are_ignored(office: Office) -> None:
    answer = add(
        office.client,
        "percentage",
        {**EVERYTHING, "products": "acme-p1", "required_spend": "80", "personalized_promotion": ""},
        {**EVERYTHING, "gets_discount": "", "discounted_quantity": "1", "default_product": "acme-p1"},
    )
    assert answer.status_code == 302, errors_of(answer)
    first, second = saved(office).outcome["product_sets"]
    assert (first["rules"], first["required_spend"]) == (None, None)
    assert (second["discounted_quantity"], second["default_product"]) == (0, None)


# --- without scripts ------------------------------------------------------------------------------------------------


def test_without_scripts_there_are_spare_rows_and_those_left_untouched_are_passed_over(office: Office) -> None:
    page = office.page("promotions_discount_add", query="?type=percentage").content.decode()
    [without_scripts] = [
        part.partition("</noscript>")[0]
        for part in page.split("<noscript>")
        if "product_sets-0-SPARE" in part or "product_sets-2-SPARE" in part
    ]
    assert 'name="product_sets-TOTAL_FORMS" value="3"' in without_scripts
    assert 'name="product_sets-2-SPARE"' in without_scripts
    sets = [{**EVERYTHING, "name": "One"}, EVERYTHING, EVERYTHING]
    answer = office.client.post(
        f"{reverse('admin:promotions_discount_add')}?type=free_product",
        {"name": "Gift", "currency": "GBP", "starts_at": "2030-06-01T09:00", "price_order": "cheapest",
         **rows(*sets, spare=3)},
    )  # fmt: skip
    assert answer.status_code == 302, errors_of(answer)
    assert [product_set["name"] for product_set in saved(office, "gift").outcome["product_sets"]] == ["One"]


# --- what is refused ------------------------------------------------------------------------------------------------


def test_problems_are_shown_at_the_set_and_the_field_that_they_belong_to(office: Office) -> None:
    answer = add(
        office.client,
        "percentage",
        {**EVERYTHING, "required_quantity": "2", "discounted_quantity": "3"},
        {**EVERYTHING, "source": "products", "products": "acme-p1\nnone"},
        {**EVERYTHING, "rules": json.dumps({"match": "all", "rules": [{**TEA["rules"][0], "value": 7}]})},
    )
    problems = row_errors(answer)
    assert set(problems) == {0, 2}
    assert list(problems[0]) == ["discounted_quantity"]
    assert problems[2]["rules"][0].startswith("Rule 1, value:")
    unknown = add(office.client, "percentage", EVERYTHING, {**EVERYTHING, "source": "products", "products": "none"})
    assert row_errors(unknown) == {1: {"products": ["There is no product none."]}}
    assert not Discount.objects.filter(code="half-price").exists()


def test_the_form_asks_for_the_missing_parts_of_a_set(office: Office) -> None:
    answer = add(
        office.client,
        "percentage",
        {**EVERYTHING, "source": "products"},
        {**EVERYTHING, "source": "personalized_promotion"},
        {**EVERYTHING, "required_by": "spend"},
    )
    assert row_errors(answer) == {
        0: {"products": ["Choose at least one product."]},
        1: {"personalized_promotion": ["Choose a personalized promotion."]},
        2: {"required_spend": ["Enter how much the customer must spend."]},
    }


@pytest.mark.parametrize(
    ("values", "field", "tab"),
    [
        ({"name": ""}, "name", "general"),
        ({"value": "101"}, "value", "discount"),
        ({"maximum_discount": "0"}, "maximum_discount", "discount"),
        (rows(), "product_sets", "discount"),
        (rows({**EVERYTHING, "gets_discount": ""}), "product_sets", "discount"),
        ({"site_rules": '{"match": "some", "rules": []}'}, "site_rules", "conditions"),
        ({"transaction_redemption_limit": "0"}, "transaction_redemption_limit", "limits"),
    ],
)
def test_an_error_opens_the_tab_that_it_is_on(office: Office, values: dict[str, Any], field: str, tab: str) -> None:
    answer = add(office.client, **values)
    assert list(errors_of(answer)) == [field]
    assert answer.context["open_tab"] == tab


def test_a_code_that_is_taken_by_a_discount_is_refused_and_one_of_a_promotion_is_not(office: Office) -> None:
    save_discount(office.account)
    save_promotion(office.account)
    assert list(errors_of(add(office.client, code="tenth"))) == ["code"]
    assert add(office.client, code="fifty").status_code == 302


def test_fixed_fields_of_a_started_discount_are_shown_and_ignored(office: Office) -> None:
    discount = save_discount(office.account)
    form = office.page("promotions_discount_change", discount.pk).context["adminform"].form
    assert {name for name, field in form.fields.items() if field.disabled} == {"currency", "code", "starts_at"}


# --- only the account's ---------------------------------------------------------------------------------------------


def test_only_the_accounts_personalized_promotions_can_be_chosen(office: Office) -> None:
    other = make_office("other")
    PersonalizedPromotion.objects.create(account=other.account, backend_id="THEIRS", name="Theirs")
    PersonalizedPromotion.objects.create(account=office.account, backend_id="GONE", name="Gone", archived=True)
    PersonalizedPromotion.objects.create(account=office.account, backend_id="OURS", name="Ours")
    page = office.page("promotions_discount_add", query="?type=percentage").content.decode()
    assert "OURS" in page
    assert "THEIRS" not in page
    assert "GONE" not in page
    answer = add(
        office.client,
        "percentage",
        {**EVERYTHING, "source": "personalized_promotion", "personalized_promotion": "THEIRS"},
    )
    assert list(row_errors(answer)[0]) == ["personalized_promotion"]


def test_a_loyalty_promotion_is_no_discount(office: Office) -> None:
    promotion = save_promotion(office.account)
    assert office.page("promotions_discount_change", promotion.pk).status_code == 302
    assert office.post("promotions_discount_stop", promotion.pk, _form_submitted="True").status_code == 404
    discount = save_discount(office.account)
    assert office.post("loyalty_loyaltypromotion_stop", discount.pk, _form_submitted="True").status_code == 404


# --- its life -------------------------------------------------------------------------------------------------------


def test_the_question_before_a_step_speaks_of_a_discount(office: Office) -> None:
    discount, promotion = save_discount(office.account), save_promotion(office.account)
    for step, question in (
        ("stop", "Stop this {}?"),
        ("duplicate", "Duplicate this {}"),
        ("archive", "Archive this {}?"),
    ):
        asked = office.page(f"promotions_discount_{step}", discount.pk).content.decode()
        assert question.format("discount") in asked
        asked = office.page(f"loyalty_loyaltypromotion_{step}", promotion.pk).content.decode()
        assert question.format("promotion") in asked


def test_the_steps_of_a_life_are_taken_from_the_page(office: Office) -> None:
    add(office.client)
    discount = saved(office)
    assert discount.status == "scheduled"
    assert office.post("promotions_discount_stop", discount.pk, _form_submitted="True").status_code == 302
    discount.refresh_from_db()
    assert discount.status == "stopped"
    copy = {"code": "copy", "name": "The copy", "starts_at": "2031-06-01T09:00", "ends_at": ""}
    made = office.post("promotions_discount_duplicate", discount.pk, _form_submitted="True", **copy)
    assert made.status_code == 302
    assert saved(office, "copy").draft
    office.post("promotions_discount_archive", discount.pk, _form_submitted="True")
    discount.refresh_from_db()
    assert discount.archived


def test_versions_are_described_in_words(office: Office) -> None:
    discount = save_discount(office.account)
    page = office.page("promotions_promotionversion_change", discount.versions.get().pk).content.decode()
    assert "products of the brand Acme Coffee" in page
    assert "Cheapest" in page


def test_the_history_describes_each_change(office: Office) -> None:
    discount = save_discount(office.account)
    change(office, discount, value="25")
    page = office.page("promotions_discount_history", discount.pk).content.decode()
    assert "Value" in page
    assert "25" in page


def test_a_sale_leads_to_the_discount_that_applied(office: Office) -> None:
    discount = save_discount(office.account, product_sets=[{"rules": None}])
    sell(office.account, reference="T-1", consumer="acme-c1")
    sold = Transaction.objects.get(account=office.account, reference="T-1")
    page = office.page("loyalty_transaction_change", sold.pk).content.decode()
    assert reverse("admin:promotions_discount_change", args=[discount.pk]) in page
    assert "Percentage off" in page


def test_the_overview_is_filtered(office: Office) -> None:
    save_discount(office.account, code="amount", discount_type="amount", value="5", currency="EUR", always_apply=True)
    york = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}
    save_discount(office.account, code="york", conditions={"site_rules": york})
    save_discount(office.account, code="gone", archived=True)
    for query, codes in (
        ("", {"acme-discount-1", "amount", "york"}),
        ("type=amount", {"amount"}),
        ("currency=EUR", {"amount"}),
        ("always_apply=yes", {"amount"}),
        ("site=acme-001", {"acme-discount-1", "amount"}),
        ("status=active&type=percentage", {"acme-discount-1", "york"}),
        ("archived=yes", {"gone"}),
        ("q=york", {"york"}),
    ):
        page = office.page("promotions_discount_changelist", query=f"?{query}")
        assert {discount.code for discount in page.context["cl"].result_list} == codes, query


def test_the_form_takes_a_fixed_number_of_statements(office: Office, django_assert_max_num_queries: Any) -> None:
    every_field(office)
    with django_assert_max_num_queries(18):
        office.page("promotions_discount_change", saved(office, "all-of-it").pk)


def test_all_errors_show_at_once(office: Office) -> None:
    answer = add(office.client, name="", **rows())
    assert set(errors_of(answer)) == {"name", "product_sets"}


# --- content --------------------------------------------------------------------------------------------------------


TEXTS = {
    "short_description": "Half price today",
    "long_description": '<p>All <b>teas</b><script>alert("x")</script></p>',
    "confirmation_message": "You saved on tea",
    "link_url_1": "https://shop.example/tea",
    "anchor_text_1": "Our teas",
    "image_url_1": "https://shop.example/tea.png",
    "alt_text_1": "A cup",
}


def test_what_consumers_read_of_a_discount_is_saved_and_shown_again(office: Office) -> None:
    assert add(office.client, **TEXTS).status_code == 302
    discount = saved(office)
    assert discount.content == {
        "short_description": "Half price today",
        "long_description": "<p>All <b>teas</b></p>",
        "confirmation_message": "You saved on tea",
        "terms_and_conditions": "",
        "links": [{"url": "https://shop.example/tea", "anchor_text": "Our teas"}],
        "images": [{"url": "https://shop.example/tea.png", "alt_text": "A cup"}],
    }
    change(office, discount, confirmation_message="Thank you")
    assert saved(office).content == {**discount.content, "confirmation_message": "Thank you"}
    history = office.page("promotions_discount_history", discount.pk).content.decode()
    assert "You saved on tea" in history


def test_an_error_in_the_content_opens_its_tab(office: Office) -> None:
    answer = add(office.client, link_url_2="http://plain.example")
    assert set(errors_of(answer)) == {"link_url_2"}
    assert answer.context["open_tab"] == "content"


def test_the_receipt_and_the_images_of_a_discount_are_previewed(office: Office) -> None:
    answer = office.client.post(
        f"{reverse('admin:promotions_discount_preview')}?type=percentage", {**BLANK, **rows(EVERYTHING), **TEXTS}
    )
    text = answer.content.decode()
    assert "You saved on tea" in text
    assert '<img src="https://shop.example/tea.png" alt="A cup">' in text
    assert "Redemption message" not in text
    assert "data-preview=" in office.page("promotions_discount_add", query="?type=percentage").content.decode()
