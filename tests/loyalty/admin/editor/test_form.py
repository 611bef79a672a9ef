"""The form of a loyalty promotion: marketers' fields, to and from the definition."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from consumers.admin.framework.history import Change
from consumers.choices import StaffRole
from consumers.models import Account
from loyalty.models import LoyaltyPromotion, Offer
from promotions.models import Promotion, PromotionVersion
from tests.consumers.admin.office import Office, fill, make_office, save_promotion
from tests.loyalty.admin.promotion_page import (
    ASK_TO_PUBLISH,
    PUBLISH,
    add,
    change,
    errors_of,
    form_values,
    values_of_form,
)

pytestmark = pytest.mark.django_db

TEA = {"match": "all", "rules": [{"attribute": "category", "operator": "is", "value": "Tea"}]}
LEEDS = {"match": "any", "rules": [{"attribute": "town", "operator": "is", "value": "Leeds"}]}
COMMON = [
    "Loyalty activity description",
    "Loyalty activity type",
    "Redemption message subject",
    "Redemption message",
    "Product rules",
    "Product sets",
    "Quantity rules",
    "X",
    "Pricing rules",
    "By",
]
ELIGIBILITY = [
    "Site",
    "Customer",
    "Transaction",
    "Basket must contain",
    "Qualifying transactions",
    "Group",
    "Percentage held out",
    "Limit total number of redemptions",
    "Limit redemptions per customer",
    "Period of the limit per customer",
    "Always apply",
    "Ignore the universal holdout",
    "Budget",
    "When too little is left",
    "Budget per customer",
    "Period of the budget per customer",
    "When too little is left for the customer",
]
CONTENT = [
    "Short description",
    "Long description",
    "Confirmation message",
    "Terms and conditions",
    *(label for n in (1, 2, 3) for label in (f"Link URL {n}", f"Anchor text {n}")),
    *(label for n in (1, 2, 3) for label in (f"Image URL {n}", f"Alt text {n}")),
]


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def saved(account: Account, code: str) -> LoyaltyPromotion:
    return LoyaltyPromotion.objects.get(account=account, code=code)


def labels_of(answer: Any) -> dict[str, list[str]]:
    return {
        tab.name: [
            cell.field.label
            for section in tab.sections
            for line in section
            for cell in line
            if not cell.field.is_hidden
        ]
        for tab in answer.context["form_tabs"]
    }


# --- the screen -----------------------------------------------------------------------------------------------------


def test_adding_begins_with_the_type(office: Office) -> None:
    page = office.page("loyalty_loyaltypromotion_add")
    for label in ("Fixed points", "Points multiplier", "Bonus points", "Redeem offer"):
        assert label in page.content.decode()
    assert "adminform" not in page.context


def test_an_unknown_type_is_asked_again(office: Office) -> None:
    assert "adminform" not in office.page("loyalty_loyaltypromotion_add", query="?type=discount").context


@pytest.mark.parametrize(
    ("promotion_type", "own"),
    [
        ("fixed_points", ["Points"]),
        ("points_multiplier", ["Points multiplier", "Multiplies"]),
        (
            "bonus_points",
            ["Issue points type", "Conversion rate: points", "Conversion rate: for every", "Whole ratio units only"],
        ),
        ("redeem_offer", ["Personalised offer to be redeemed"]),
    ],
)
def test_each_type_has_its_fields_in_their_tabs(office: Office, promotion_type: str, own: list[str]) -> None:
    page = office.page("loyalty_loyaltypromotion_add", query=f"?type={promotion_type}")
    assert labels_of(page) == {
        "General": [
            "Promotion name",
            "Promotion currency",
            "Promotion description",
            "Start date",
            "End date",
            "Campaign",
            "Promotion code",
            "Parties",
            "Ledger class",
        ],
        "Outcome": [*own, *COMMON],
        "Eligibility": ELIGIBILITY,
        "Content": CONTENT,
    }


def test_empty_rules_say_who_qualifies(office: Office) -> None:
    page = office.page("loyalty_loyaltypromotion_add", query="?type=fixed_points").content.decode()
    for words in ("all sites qualify", "all customers qualify", "all transactions qualify", "all line items qualify"):
        assert words in page


def test_a_viewer_reads_every_field_and_changes_none(office: Office) -> None:
    promotion = save_promotion(office.account, eligibility={"site_rules": LEEDS})
    viewer = office.login(StaffRole.VIEWER)
    page = viewer.page("loyalty_loyaltypromotion_change", promotion.pk)
    form = page.context["adminform"].form
    assert all(field.disabled for field in form.fields.values())
    assert "at sites in the town of Leeds" in page.content.decode()
    assert viewer.post("loyalty_loyaltypromotion_change", promotion.pk, name="Mine").status_code == 403
    assert viewer.page("loyalty_loyaltypromotion_add").status_code == 403


# --- saving ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promotion_type", "outcome"),
    [
        ("fixed_points", {"points": 50}),
        ("points_multiplier", {"multiplier": "2", "multiplier_scope": "basket"}),
        (
            "bonus_points",
            {
                "issue_points_on": "currency",
                "conversion_units": "10",
                "conversion_points": 5,
                "whole_ratio_units_only": False,
            },
        ),
        ("redeem_offer", {"offer": "acme-o1"}),
    ],
)
def test_a_promotion_of_each_type_is_saved(office: Office, promotion_type: str, outcome: dict[str, Any]) -> None:
    answer = add(office.client, promotion_type)
    assert answer.status_code == 302
    promotion = saved(office.account, "tea-time")
    assert promotion.type == promotion_type
    assert {name: promotion.outcome[name] for name in outcome} == outcome
    assert promotion.versions.get().created_by == office.user


def test_every_field_reaches_the_definition(office: Office) -> None:
    answer = add(
        office.client,
        code="all-of-it",
        description="For colleagues",
        ends_at="2030-07-01T09:00",
        activity_description="{{ promotion_name }}",
        activity_type="Tea",
        redemption_message_subject="Thanks",
        redemption_message="<div>Hello {{ promotion_name }}</div>",
        product_match="all",
        **{
            "product_sets-TOTAL_FORMS": "2",
            "product_sets-0-name": "Teas",
            "product_sets-0-units": "2",
            "product_sets-0-rules": json.dumps(TEA),
            "product_sets-1-name": "Anything",
            "product_sets-1-units": "",
        },
        quantity_apply_to="first",
        quantity_units="3",
        pricing_order="most_expensive",
        pricing_by="tax",
        site_rules=json.dumps(LEEDS),
        **{
            "application_rules-TOTAL_FORMS": "1",
            "application_rules-0-measure": "spend",
            "application_rules-0-threshold": "12.50",
            "application_rules-0-period_unit": "weeks",
            "application_rules-0-period_length": "2",
            "application_rules-0-counting": "every",
            "application_rules-0-line_item_rules": json.dumps(TEA),
        },
        control_group="acme-g1",
        control_percentage="20",
        total_redemption_limit="100",
        customer_redemption_limit="2",
        customer_limit_period="week",
        always_apply="on",
        ignores_universal_holdout="on",
        short_description="Short",
        confirmation_message="Enjoy",
        link_url_1="https://example.com/tea",
        anchor_text_1="Tea",
        image_url_2="https://example.com/tea.png",
        alt_text_2="A cup",
    )
    assert answer.status_code == 302, errors_of(answer)
    promotion = saved(office.account, "all-of-it")
    assert promotion.outcome == {
        "points": 50,
        "activity_description": "{{ promotion_name }}",
        "activity_type": "Tea",
        "redemption_message_subject": "Thanks",
        "redemption_message": "<div>Hello {{ promotion_name }}</div>",
        "product_selection": {
            "match": "all",
            "sets": [{"name": "Teas", "rules": TEA, "units": 2}, {"name": "Anything", "rules": None, "units": 1}],
        },
        "quantity_rule": {"apply_to": "first", "units": 3},
        "pricing_rule": {"order": "most_expensive", "by": "tax"},
    }
    assert promotion.eligibility == {
        "site_rules": LEEDS,
        "customer_rules": None,
        "transaction_rules": None,
        "line_item_rules": None,
        "application_rules": [
            {
                "measure": "spend",
                "threshold": "12.50",
                "period": {"unit": "weeks", "length": 2},
                "line_item_rules": TEA,
                "counting": "every",
            }
        ],
        "control_group": {"group": "acme-g1", "percentage": "20"},
        "total_redemption_limit": 100,
        "customer_redemption_limit": 2,
        "customer_limit_period": "week",
        "always_apply": True,
        "ignores_universal_holdout": True,
    }
    assert promotion.content["links"] == [{"url": "https://example.com/tea", "anchor_text": "Tea"}]
    assert promotion.content["images"] == [{"url": "https://example.com/tea.png", "alt_text": "A cup"}]


def test_saving_an_unchanged_form_changes_nothing(office: Office) -> None:
    test_every_field_reaches_the_definition(office)
    promotion = saved(office.account, "all-of-it")
    before = LoyaltyPromotion.objects.filter(pk=promotion.pk).values().get()
    answer = change(office.client, promotion)
    assert answer.status_code == 302, errors_of(answer)
    assert LoyaltyPromotion.objects.filter(pk=promotion.pk).values().get() == before
    assert PromotionVersion.objects.filter(promotion=promotion).count() == 1


def test_fields_that_an_integrator_omitted_stay_omitted(office: Office) -> None:
    promotion = save_promotion(office.account)
    before = promotion.outcome
    change(office.client, promotion, name="Renamed")
    promotion = saved(office.account, "fifty")
    assert (promotion.name, promotion.outcome, promotion.version) == ("Renamed", before, 2)


def test_dates_are_entered_in_the_accounts_zone(office: Office) -> None:
    add(office.client, starts_at="2030-06-01T09:00")
    promotion = saved(office.account, "tea-time")
    assert promotion.starts_at == datetime(2030, 6, 1, 8, tzinfo=UTC)
    page = office.page("loyalty_loyaltypromotion_change", promotion.pk).content.decode()
    assert 'value="2030-06-01T09:00"' in page
    assert "Europe/London" in page


def test_an_integrators_seconds_survive_an_edit(office: Office) -> None:
    promotion = save_promotion(office.account, starts_at=datetime(2030, 6, 1, 8, 0, 7, tzinfo=UTC))
    change(office.client, promotion, name="Renamed")
    assert saved(office.account, "fifty").starts_at == datetime(2030, 6, 1, 8, 0, 7, tzinfo=UTC)


def test_a_code_is_derived_from_the_name_and_is_unique(office: Office) -> None:
    for _ in range(3):
        add(office.client, name="Tea time!")
    codes = LoyaltyPromotion.objects.filter(account=office.account, name="Tea time!").values_list("code", flat=True)
    assert sorted(codes) == ["tea-time", "tea-time-2", "tea-time-3"]


def test_a_duplicate_code_is_refused_and_the_other_promotion_is_unchanged(office: Office) -> None:
    save_promotion(office.account)
    assert list(errors_of(add(office.client, code="fifty"))) == ["code"]
    assert saved(office.account, "fifty").name == "Fifty points"


def test_an_image_of_the_content_tab_is_stored_as_html_and_edited_as_a_place(office: Office) -> None:
    figure = (
        '<figure data-trix-attachment="{}" data-trix-content-type="application/x-image-2" class="attachment">'
        "<span>Image 2</span><figcaption></figcaption></figure>"
    )
    add(office.client, redemption_message=f"<div>{figure}</div>")
    promotion = saved(office.account, "tea-time")
    assert promotion.outcome["redemption_message"] == (
        '<div><img src="{{ image_url_2 }}" alt="{{ alt_text_2 }}"></div>'
    )
    assert "data-trix-attachment" in form_values(office.client, promotion)["redemption_message"]


def test_harmful_markup_is_not_stored(office: Office) -> None:
    add(office.client, long_description='<div onclick="x()">Hi<script>alert(1)</script></div>')
    assert saved(office.account, "tea-time").content["long_description"] == "<div>Hi</div>"


# --- errors are shown at their fields ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field", "tab"),
    [
        ({"name": ""}, "name", "general"),
        ({"starts_at": "nonsense"}, "starts_at", "general"),
        ({"ends_at": "2030-05-01T09:00"}, "ends_at", "general"),
        ({"code": "a/b"}, "code", "general"),
        ({"points": "0"}, "points", "outcome"),
        ({"activity_description": "{{ nonsense }}"}, "activity_description", "outcome"),
        ({"redemption_message": "{{ nonsense }}"}, "redemption_message", "outcome"),
        ({"quantity_apply_to": "every"}, "quantity_units", "outcome"),
        ({"site_rules": "{"}, "site_rules", "eligibility"),
        ({"customer_rules": '{"match": "all", "rules": [{"attribute": "x"}]}'}, "customer_rules", "eligibility"),
        ({"transaction_rules": "[]"}, "transaction_rules", "eligibility"),
        ({"control_group": "acme-g1"}, "control_percentage", "eligibility"),
        ({"control_percentage": "20"}, "control_group", "eligibility"),
        ({"total_redemption_limit": "0"}, "total_redemption_limit", "eligibility"),
        ({"link_url_1": "http://example.com"}, "link_url_1", "content"),
        ({"link_url_2": "javascript:alert(1)"}, "link_url_2", "content"),
        ({"anchor_text_3": "Tea"}, "link_url_3", "content"),
        ({"image_url_1": "ftp://example.com"}, "image_url_1", "content"),
    ],
)
def test_an_error_is_shown_at_its_field_and_opens_its_tab(
    office: Office, values: dict[str, str], field: str, tab: str
) -> None:
    answer = add(office.client, **values)
    assert list(errors_of(answer)) == [field]
    assert answer.context["open_tab"] == tab
    assert [form_tab.slug for form_tab in answer.context["form_tabs"] if form_tab.errors] == [tab]
    assert not LoyaltyPromotion.objects.filter(account=office.account, name="Tea time").exists()


def test_the_first_tab_with_an_error_opens_and_all_are_counted(office: Office) -> None:
    answer = add(office.client, points="0", site_rules="{", customer_rules="{", link_url_1="http://a.example")
    assert answer.context["open_tab"] == "outcome"
    assert [tab.errors for tab in answer.context["form_tabs"]] == [0, 1, 2, 1]


def test_a_problem_inside_a_tree_names_the_rule(office: Office) -> None:
    rules = {"match": "all", "rules": [LEEDS["rules"][0], {"match": "any", "rules": [{"attribute": "town"}]}]}
    answer = add(office.client, site_rules=json.dumps(rules))
    assert errors_of(answer)["site_rules"][0].startswith("Rule 2.1, operator:")


def test_a_problem_in_a_row_marks_that_row(office: Office) -> None:
    bad = {"match": "all", "rules": [{"attribute": "colour", "operator": "is", "value": "red"}]}
    answer = add(
        office.client,
        **{
            "product_sets-TOTAL_FORMS": "3",
            "product_sets-0-name": "Removed",
            "product_sets-0-DELETE": "on",
            "product_sets-1-name": "Good",
            "product_sets-1-rules": json.dumps(TEA),
            "product_sets-2-name": "Bad",
            "product_sets-2-rules": json.dumps(bad),
        },
    )
    assert list(errors_of(answer)) == ["product_sets"]
    rows = answer.context["adminform"].form["product_sets"].data.forms
    assert [bool(row.errors) for row in rows] == [False, False, True]
    assert "Rule 1, attribute: Unknown attribute" in rows[2].errors["rules"][0]
    assert "Rule 1, attribute: Unknown attribute" in answer.content.decode()


def test_a_problem_of_a_period_marks_its_length(office: Office) -> None:
    answer = add(
        office.client,
        **{
            "application_rules-TOTAL_FORMS": "1",
            "application_rules-0-measure": "transactions",
            "application_rules-0-threshold": "5",
            "application_rules-0-period_unit": "days",
            "application_rules-0-period_length": "",
            "application_rules-0-counting": "reached",
        },
    )
    row = answer.context["adminform"].form["application_rules"].data.forms[0]
    assert list(row.errors) == ["period_length"]


def test_exact_decimals_may_be_written_as_numbers(office: Office) -> None:
    rules = '{"match": "all", "rules": [{"attribute": "total_inc_tax", "operator": "is_at_least", "value": 12.50}]}'
    add(office.client, transaction_rules=rules)
    stored = saved(office.account, "tea-time").eligibility["transaction_rules"]
    assert stored["rules"][0]["value"] == "12.50"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"match": NaN}', "null", "1", '"x"', "\x00"])
def test_no_text_in_a_rules_field_causes_a_server_error(office: Office, text: str) -> None:
    assert add(office.client, site_rules=text).status_code in (200, 302)


@pytest.mark.parametrize("total", ["", "x", "99999999"])
def test_a_malformed_formset_is_refused(office: Office, total: str) -> None:
    answer = add(office.client, **{"product_sets-TOTAL_FORMS": total})
    assert list(errors_of(answer)) == ["product_sets"]


def test_all_errors_are_reported_at_once(office: Office) -> None:
    broken = json.dumps({"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": ""}]})
    answer = add(
        office.client,
        name="",
        points="0",
        ends_at="2029-01-01T00:00",
        site_rules=broken,
        control_percentage="20",
        link_url_1="http://plain.example",
    )
    assert set(errors_of(answer)) == {"name", "points", "ends_at", "site_rules", "control_group", "link_url_1"}


def test_an_error_in_one_formset_hides_none_in_another(office: Office) -> None:
    broken = json.dumps({"match": "all", "rules": [{"attribute": "sku", "operator": "is", "value": ""}]})
    answer = add(
        office.client,
        **{
            "product_sets-TOTAL_FORMS": "1",
            "product_sets-0-rules": broken,
            "application_rules-TOTAL_FORMS": "1",
            "application_rules-0-measure": "transactions",
            "application_rules-0-threshold": "",
            "application_rules-0-period_unit": "days",
            "application_rules-0-period_length": "1",
            "application_rules-0-counting": "reached",
        },
    )
    assert errors_of(answer) == {
        "product_sets": ["Correct the highlighted rows."],
        "application_rules": ["Correct the highlighted rows."],
    }


def test_a_form_with_errors_reports_none_on_unchanged_rules(office: Office) -> None:
    labels = {"match": "all", "rules": [{"attribute": "labels", "operator": "is_any_of", "value": ["New"]}]}
    promotion = save_promotion(office.account, eligibility={"line_item_rules": labels})
    Account.objects.filter(pk=office.account.pk).update(catalogue_enabled=False)
    assert set(errors_of(change(office.client, promotion, name=""))) == {"name"}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2030-03-31T01:30", "In Europe/London 01:30 on 31 Mar 2030 does not exist, because the clocks go forward."),
        ("2030-10-27T01:30", "In Europe/London 01:30 on 27 Oct 2030 happens twice, because the clocks go back."),
    ],
)
def test_a_time_that_the_clocks_skip_or_repeat_is_refused(office: Office, written: str, message: str) -> None:
    [error] = errors_of(add(office.client, starts_at=written))["starts_at"]
    assert error == f"{message} Choose an earlier or later time."


def test_an_end_in_an_hour_that_comes_twice_survives_an_edit(office: Office) -> None:
    second = datetime(2030, 10, 27, 1, 30, 0, 5, tzinfo=UTC)
    promotion = save_promotion(office.account, ends_at=second)
    change(office.client, promotion, name="Other")
    edited = saved(office.account, "fifty")
    assert (edited.name, edited.ends_at) == ("Other", second)


def test_the_offer_choice_marks_offers_that_would_issue_no_voucher(office: Office) -> None:
    now = timezone.now()
    offers = Offer.objects.filter(account=office.account)
    make = partial(offers.create, account=office.account, kind="personalised", benefit="external")
    make(code="past", name="Past", ends_at=datetime(2026, 1, 1, tzinfo=UTC))
    make(code="gone", name="Gone", stock=1, issued=1)
    make(code="soon", name="Soon", starts_at=now + timedelta(days=1))
    page = office.page("loyalty_loyaltypromotion_add", query="?type=redeem_offer")
    shown = dict(page.context["adminform"].form.fields["offer"].choices)
    assert shown["past"] == "Past (past) – ended 1 Jan 2026, 00:00 GMT"
    assert shown["gone"] == "Gone (gone) – out of stock"
    assert shown["soon"].startswith("Soon (soon) – starts ")
    assert shown["acme-o1"].endswith(" (acme-o1)")


# --- fixed fields ---------------------------------------------------------------------------------------------------


def test_the_type_stays_whatever_is_sent(office: Office) -> None:
    promotion = save_promotion(office.account)
    values = form_values(office.client, promotion)
    answer = office.post(
        "loyalty_loyaltypromotion_change", promotion.pk, query="?type=points_multiplier", **values, multiplier="3"
    )
    assert answer.status_code == 302
    assert saved(office.account, "fifty").type == "fixed_points"


def test_code_currency_and_start_of_a_running_promotion_stay(office: Office) -> None:
    promotion = save_promotion(office.account)
    before = (promotion.code, promotion.currency, promotion.starts_at)
    change(office.client, promotion, code="new", currency="EUR", starts_at="2031-01-01T00:00", name="New")
    promotion = LoyaltyPromotion.objects.get(pk=promotion.pk)
    assert (promotion.code, promotion.currency, promotion.starts_at) == before
    assert promotion.name == "New"


def test_a_draft_may_get_another_code(office: Office) -> None:
    promotion = save_promotion(office.account, draft=True)
    change(office.client, promotion, code="sixty", currency="EUR")
    promotion = LoyaltyPromotion.objects.get(pk=promotion.pk)
    assert (promotion.code, promotion.currency, promotion.draft) == ("sixty", "EUR", True)


def test_a_concurrent_save_is_not_overwritten(office: Office) -> None:
    promotion = save_promotion(office.account)
    values = form_values(office.client, promotion)
    change(office.client, promotion, name="Theirs")
    answer = office.post("loyalty_loyaltypromotion_change", promotion.pk, **{**values, "name": "Mine"})
    [error] = errors_of(answer)["__all__"]
    assert error.startswith(f"{office.user} saved version 2 on ")
    assert saved(office.account, "fifty").name == "Theirs"


def test_saving_again_after_the_warning_overwrites_a_concurrent_save(office: Office) -> None:
    promotion = save_promotion(office.account)
    values = form_values(office.client, promotion)
    change(office.client, promotion, name="Theirs")
    answer = office.post("loyalty_loyaltypromotion_change", promotion.pk, **{**values, "name": "Mine"})
    shown = values_of_form(answer.context["adminform"].form, office.account.zone)
    assert (shown["name"], str(shown["seen_version"])) == ("Mine", "2")
    assert answer.context["changes"] == [Change(label="Name", before="Theirs", after="Mine")]
    office.post("loyalty_loyaltypromotion_change", promotion.pk, **{**values, "name": "Mine", "seen_version": "2"})
    promotion = saved(office.account, "fifty")
    assert (promotion.name, promotion.version) == ("Mine", 3)


# --- drafts and buttons ---------------------------------------------------------------------------------------------


def test_a_saved_draft_stays_a_draft(office: Office) -> None:
    answer = add(office.client, button="_draft")
    assert answer["Location"] == "/admin/loyalty/loyaltypromotion/"
    promotion = saved(office.account, "tea-time")
    assert promotion.status_at(timezone.now()) == "draft"
    for button in ("_draft", "_continue", "_save"):
        change(office.client, promotion, name=f"Later {button}", button=button)
        assert saved(office.account, "tea-time").name == f"Later {button}"
        assert saved(office.account, "tea-time").draft


def test_no_button_of_a_new_promotion_but_publish_publishes_it(office: Office) -> None:
    for code, button in (("a", "_draft"), ("b", "_continue"), ("c", "_save")):
        add(office.client, button=button, code=code)
        assert saved(office.account, code).draft


def test_publishing_asks_with_the_promotions_sentence_and_saves_nothing_before(office: Office) -> None:
    answer = add(office.client, **ASK_TO_PUBLISH)
    assert errors_of(answer) == {}
    question = answer.context["publish_question"]
    assert question.title == "Publish this promotion?"
    assert question.sentence == "From 1 Jun 2030, 09:00 BST, loyalty members get 50 points per transaction."
    assert "It starts on 1 Jun 2030, 09:00 BST." in question.explanation
    seen = answer.content.decode()
    assert "Please correct" not in seen
    assert question.sentence in seen
    assert not Promotion.objects.filter(code="tea-time").exists()


def test_confirming_publishes_and_leads_to_the_overview(office: Office) -> None:
    answer = add(office.client, **PUBLISH, publish_reason="The summer begins")
    assert answer["Location"] == "/admin/loyalty/loyaltypromotion/"
    assert saved(office.account, "tea-time").status == "scheduled"
    assert Promotion.history.filter(code="tea-time", history_change_reason="The summer begins").exists()


def test_publishing_a_draft_publishes_what_is_entered(office: Office) -> None:
    draft = save_promotion(office.account, draft=True)
    asked = change(office.client, draft, points="60", **ASK_TO_PUBLISH)
    assert "get 60 points" in asked.context["publish_question"].sentence
    assert saved(office.account, "fifty").outcome["points"] == 50
    change(office.client, draft, points="60", **PUBLISH)
    published = saved(office.account, "fifty")
    assert (published.draft, published.outcome["points"], published.version) == (False, 60, 2)


def test_a_reason_that_is_too_long_publishes_nothing(office: Office) -> None:
    answer = add(office.client, **PUBLISH, publish_reason="x" * 101)
    assert "at most 100 characters" in errors_of(answer)["__all__"][0]
    assert not Promotion.objects.filter(code="tea-time").exists()


def test_a_promotion_that_ended_already_is_not_published(office: Office) -> None:
    past = {"starts_at": "2020-06-01T09:00", "ends_at": "2020-06-02T09:00"}
    for sent in (ASK_TO_PUBLISH, PUBLISH):
        refused = {"ends_at": ["This end is in the past. Choose a later one, or leave it blank."]}
        assert errors_of(add(office.client, **past, **sent)) == refused
    assert not Promotion.objects.filter(code="tea-time").exists()
    assert add(office.client, button="_draft", **past).status_code == 302


def test_a_form_shown_for_a_draft_does_not_change_what_was_published_meanwhile(office: Office) -> None:
    draft = save_promotion(office.account, draft=True)
    values = form_values(office.client, draft)
    change(office.client, draft, **PUBLISH)
    for button in ({"_draft": "1"}, {"_continue": "draft"}):
        answer = office.post("loyalty_loyaltypromotion_change", draft.pk, **{**values, "points": "60", **button})
        assert "has just published this" in errors_of(answer)["__all__"][0]
    assert saved(office.account, "fifty").outcome["points"] == 50


def test_an_archived_draft_is_not_published(office: Office) -> None:
    draft = save_promotion(office.account, draft=True, archived=True)
    assert 'name="_publish"' not in office.page("loyalty_loyaltypromotion_change", draft.pk).content.decode()
    assert "has just archived this" in errors_of(change(office.client, draft, **PUBLISH))["__all__"][0]
    assert saved(office.account, "fifty").draft


def test_a_published_promotion_offers_to_save_and_not_to_publish(office: Office) -> None:
    draft, live = save_promotion(office.account, draft=True), save_promotion(office.account, code="live")
    pages = [office.page("loyalty_loyaltypromotion_change", row.pk).content.decode() for row in (draft, live)]
    assert [[f'name="{name}"' in page for name in ("_publish", "_draft", "_save")] for page in pages] == [
        [True, True, False],
        [False, False, True],
    ]


def test_save_and_continue_leads_back_to_the_form(office: Office) -> None:
    answer = add(office.client, button="_continue")
    promotion = saved(office.account, "tea-time")
    assert answer["Location"] == f"/admin/loyalty/loyaltypromotion/{promotion.pk}/change/"


def test_what_can_beat_a_published_promotion_is_told_with_a_link(office: Office) -> None:
    for code in ("more", "most"):
        save_promotion(office.account, code=code, outcome={"points": 500})
    answer = add(office.client, **PUBLISH, starts_at="2026-01-01T09:00")
    promotion = saved(office.account, "tea-time")
    page = office.client.get(answer["Location"]).content.decode()
    assert "“Tea time” is published." in page
    link = f'<a class="text-link" href="/admin/conflicts-of/?promotion={promotion.pk}">'
    assert f"{link}Three promotions can beat this one</a>." in page
    change(office.client, promotion, points="600")
    page = office.page("loyalty_loyaltypromotion_changelist").content.decode()
    assert "“Tea time” is saved." in page
    assert "can beat this one" not in page


def test_a_budget_saved_below_what_was_given_is_said_to_be_used_up(office: Office) -> None:
    promotion = save_promotion(office.account, budget={"amount": "8000", "when_short": "refuse"})
    Promotion.objects.filter(pk=promotion.pk).update(budget_used=7_990)
    for amount, used_up in (("7990", True), ("7991", False)):
        answer = change(office.client, promotion, total_budget=amount)
        page = office.client.get(answer["Location"]).content.decode()
        said = "Its budget is used up (7,990 of 7,990 points): it gives nothing until you raise it." in page
        assert said == used_up


def test_nothing_can_beat_a_draft_yet(office: Office) -> None:
    save_promotion(office.account, code="more", outcome={"points": 500})
    add(office.client, button="_draft", starts_at="2026-01-01T09:00")
    assert "can beat this one" not in office.page("loyalty_loyaltypromotion_changelist").content.decode()
