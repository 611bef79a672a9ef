"""The sentence above the form of a loyalty promotion."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consumers.choices import StaffRole
from consumers.functionalities import functionalities
from loyalty.admin.editor.summary import describe_loyalty_promotion, loyalty_promotion_advice
from loyalty.choices import PromotionType
from promotions.admin.editor.summary import PartialDefinition
from promotions.choices import DiscountType
from promotions.models import PromotionVersion
from tests.consumers.admin.office import Office, fill, make_office, save_promotion
from tests.consumers.builders import take_away
from tests.loyalty.admin.promotion_page import BLANK, OWN, add, form_values, values_of_form

pytestmark = pytest.mark.django_db

TEA = {"match": "all", "rules": [{"attribute": "category", "operator": "is", "value": "Tea"}]}
KENT = {"match": "all", "rules": [{"attribute": "county", "operator": "is", "value": "Kent"}]}
VIP = {"match": "all", "rules": [{"attribute": "groups", "operator": "is", "value": "acme-g1"}]}
TEAS = {"name": "", "rules": TEA, "units": 1}
MUGS = {"name": "Mugs", "rules": None, "units": 2}
FIFTH = {
    "measure": "transactions",
    "threshold": "5",
    "period": {"unit": "months", "length": 1},
    "counting": "every",
    "line_item_rules": None,
}


@pytest.fixture
def office() -> Office:
    office = make_office()
    fill(office.account)
    return office


def sentence_of(
    office: Office, kind: str, outcome: dict[str, Any], *, ends_at: datetime | None = None, **eligibility: Any
) -> str:
    definition = PartialDefinition(
        type=kind,
        currency="GBP",
        starts_at=datetime(2026, 3, 1, tzinfo=UTC),
        ends_at=ends_at,
        outcome=outcome,
        eligibility=eligibility,
    )
    return describe_loyalty_promotion(office.account, definition).removeprefix("From 1 Mar 2026, 00:00 UTC, ")


def with_product_sets(*sets: dict[str, Any], match: str = "any", **outcome: Any) -> dict[str, Any]:
    return {"points": 50, "product_selection": {"match": match, "sets": list(sets)}, **outcome}


@pytest.mark.parametrize(
    ("kind", "outcome", "eligibility", "words"),
    [
        ("fixed_points", {"points": 50}, {}, "loyalty members get 50 points per transaction."),
        ("fixed_points", {}, {}, "loyalty members get … points per transaction."),
        (
            "fixed_points",
            with_product_sets(TEAS, quantity_rule={"apply_to": "every", "units": 2}),
            {"customer_redemption_limit": 1},
            "loyalty members get 50 points for every 2 units of Tea they buy, at most once per customer.",
        ),
        (
            "fixed_points",
            {"points": 50},
            {"customer_redemption_limit": 1, "customer_limit_period": "week", "total_redemption_limit": 9},
            (
                "loyalty members get 50 points per transaction, at most once a week per customer, at most 9 times in "
                "total."
            ),
        ),
        (
            "fixed_points",
            {"points": 50},
            {"customer_redemption_limit": 3, "customer_limit_period": "month"},
            "loyalty members get 50 points per transaction, at most 3 times a month per customer.",
        ),
        (
            "fixed_points",
            with_product_sets(TEAS, MUGS, match="all"),
            {"site_rules": KENT},
            (
                "loyalty members at sites in the county of Kent get 50 points for every bundle of 1 unit of Tea and "
                "2 units of “Mugs” (any product) they buy."
            ),
        ),
        (
            "points_multiplier",
            {"multiplier": "2.5", "multiplier_scope": "basket"},
            {"total_redemption_limit": 1000, "always_apply": True, "ignores_universal_holdout": True},
            (
                "loyalty members get 2.5 times the base points on the whole basket, at most 1,000 times in total. "
                "It applies even when another promotion wins. Customers in the universal holdout get it too."
            ),
        ),
        (
            "bonus_points",
            {"conversion_points": 1, "conversion_units": "10", "issue_points_on": "currency"},
            {"customer_rules": VIP, "control_group": {"group": "acme-g1", "percentage": "10"}},
            (
                "loyalty members in the group “Group of acme” get 1 point for every full 10.00 GBP they spend. "
                "10% of the group “Group of acme” are a control group and do not get it."
            ),
        ),
        (
            "redeem_offer",
            {"offer": "acme-o1"},
            {"application_rules": [FIFTH]},
            (
                "identified customers, each time they have made 5 transactions within a month (counting restarts), get "
                "a voucher for “Offer of acme”."
            ),
        ),
    ],
)
def test_a_promotion_is_described_in_a_sentence(
    office: Office, kind: str, outcome: dict[str, Any], eligibility: dict[str, Any], words: str
) -> None:
    assert sentence_of(office, kind, outcome, **eligibility) == words


def test_the_summary_names_the_end() -> None:
    definition = sentence_of(make_office(), "fixed_points", {"points": 1}, ends_at=datetime(2026, 4, 1, tzinfo=UTC))
    assert (
        definition
        == "From 1 Mar 2026, 00:00 UTC until 1 Apr 2026, 00:00 UTC, loyalty members get 1 point per transaction."
    )


LINE_ITEMS = {"multiplier": "2", "multiplier_scope": "line_items"}
SPEND = {"issue_points_on": "currency", "conversion_units": "10", "conversion_points": 1}
ADVICE = "“Basket must contain” does not choose what counts: without product sets, all line items count."


@pytest.mark.parametrize(
    ("kind", "outcome", "advised"),
    [
        ("points_multiplier", LINE_ITEMS, True),
        ("points_multiplier", {**LINE_ITEMS, "product_selection": {"sets": [TEAS]}}, False),
        ("points_multiplier", {**LINE_ITEMS, "multiplier_scope": "basket"}, False),
        ("bonus_points", SPEND, True),
        ("fixed_points", {"points": 5}, False),
        ("fixed_points", {"points": 5, "quantity_rule": {"apply_to": "every", "units": 2}}, True),
        ("redeem_offer", {"quantity_rule": {"apply_to": "every", "units": 2}}, True),
    ],
)
def test_conditions_that_choose_no_line_items_are_pointed_out(
    kind: str, outcome: dict[str, Any], advised: bool
) -> None:
    def advice(**eligibility: Any) -> str:
        return loyalty_promotion_advice(
            PartialDefinition(
                type=kind, currency="GBP", starts_at=None, ends_at=None, outcome=outcome, eligibility=eligibility
            )
        )

    assert advice(line_item_rules=TEA) == (ADVICE if advised else "")
    assert advice() == ""


def test_a_multiplier_on_line_items_says_that_it_is_on_all_of_them(office: Office) -> None:
    sentence = sentence_of(office, "points_multiplier", LINE_ITEMS, line_item_rules=TEA)
    assert sentence == "loyalty members whose basket contains Tea get 2 times the base points on all line items."


def test_points_for_whole_amounts_and_for_parts_read_differently(office: Office) -> None:
    for whole, words in (
        (True, "loyalty members get 1 point for every full 10.00 GBP they spend."),
        (False, "loyalty members get 1 point per 10.00 GBP they spend, pro rata."),
    ):
        assert sentence_of(office, "bonus_points", {**SPEND, "whole_ratio_units_only": whole}) == words


def test_a_target_that_stays_reached_reads_differently_from_one_that_restarts(office: Office) -> None:
    spend = {**FIFTH, "measure": "spend", "threshold": "20", "line_item_rules": TEA}
    for counting, words in (
        ("every", "each time they have spent 20.00 GBP on Tea within a month (counting restarts)"),
        ("reached", "on every transaction with Tea once they have spent 20.00 GBP on Tea in the last month"),
    ):
        rules = [{**spend, "counting": counting}]
        sentence = sentence_of(office, "fixed_points", {"points": 5}, application_rules=rules)
        assert sentence == f"loyalty members, {words}, get 5 points."


@pytest.mark.parametrize("tree", [7, "x", [], {"match": "all", "rules": [{"attribute": "x"}]}, {"rules": 7}])
def test_unreadable_rules_do_not_break_the_summary(office: Office, tree: Any) -> None:
    assert sentence_of(office, "fixed_points", {"points": 1}, site_rules=tree).endswith("get 1 point per transaction.")


def post_summary(office: Office, query: str, **values: Any) -> Any:
    return office.client.post(f"{reverse('admin:loyalty_loyaltypromotion_summary')}{query}", values)


def test_a_form_with_errors_is_summarized_as_far_as_possible(office: Office) -> None:
    values = {**BLANK, **OWN["fixed_points"], "name": "", "ends_at": "never", "site_rules": json.dumps(KENT)}
    answer = post_summary(office, "?type=fixed_points", **values)
    words = "loyalty members at sites in the county of Kent get 50 points per transaction."
    assert answer.json() == {"changes": [], "advice": "", "words": f"From 1 Jun 2030, 09:00 BST, {words}"}
    assert PromotionVersion.objects.filter(promotion__code="tea-time").count() == 0


def test_an_empty_form_has_a_summary(office: Office) -> None:
    assert (
        post_summary(office, "?type=redeem_offer").json()["words"]
        == "From …, identified customers get a voucher for “…” per transaction."
    )


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        *(("loyalty_loyaltypromotion", kind) for kind in PromotionType.values),
        *(("promotions_discount", kind) for kind in DiscountType.values),
    ],
)
def test_a_new_form_opens_with_its_summary(office: Office, page: str, kind: str) -> None:
    opened = office.page(f"{page}_add", query=f"?type={kind}")
    values = values_of_form(opened.context["adminform"].form, office.account.zone)
    answer = office.client.post(f"{reverse(f'admin:{page}_summary')}?type={kind}", values)
    assert opened.context["summary"] == answer.json()["words"] != ""


def test_a_form_shown_again_with_errors_summarizes_the_entered_values(office: Office) -> None:
    answer = add(office.client, "fixed_points", name="", points="70")
    assert answer.context["summary"].endswith("loyalty members get 70 points per transaction.")
    assert "This field is required." in answer.context["adminform"].form.errors["name"]


def test_the_summary_of_a_running_promotion_includes_its_fixed_fields(office: Office) -> None:
    promotion = save_promotion(office.account)
    page = office.page("loyalty_loyaltypromotion_change", promotion.pk)
    assert page.context["summary"].endswith("loyalty members get 50 points per transaction.")
    values = {**form_values(office.client, promotion), "points": "60"}
    words = post_summary(office, f"?id={promotion.pk}", **values).json()["words"]
    assert words == page.context["summary"].replace("50", "60")


def test_a_new_promotion_starts_now_by_default(office: Office) -> None:
    form = office.page("loyalty_loyaltypromotion_add", query="?type=fixed_points").context["adminform"].form
    started = form.initial["starts_at"]
    assert (datetime.now(UTC) - started).total_seconds() < 120
    assert started.second == started.microsecond == 0


def test_promotions_of_another_account_are_not_summarized(office: Office) -> None:
    theirs = make_office("theirs")
    promotion = save_promotion(theirs.account)
    assert post_summary(office, f"?id={promotion.pk}").status_code == 404
    assert post_summary(office, "?type=weather").status_code == 404
    assert post_summary(office, "?id=x").status_code == 404
    assert office.client.get(reverse("admin:loyalty_loyaltypromotion_summary")).status_code == 405


def test_a_viewer_may_read_the_summary(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    promotion = save_promotion(office.account)
    assert post_summary(viewer, f"?id={promotion.pk}").status_code == 200
    take_away(viewer.user.staff_memberships.get(), *functionalities())
    assert post_summary(viewer, f"?id={promotion.pk}").status_code == 403


def test_a_summary_takes_one_statement_for_each_kind_of_referenced_row(office: Office) -> None:
    describe_count = []
    for rules in ({}, {"customer_rules": VIP}, {"customer_rules": VIP, "line_item_rules": TEA}):
        values = {**BLANK, **OWN["fixed_points"], **{name: json.dumps(tree) for name, tree in rules.items()}}
        with CaptureQueriesContext(connection) as queries:
            assert post_summary(office, "?type=fixed_points", **values).status_code == 200
        describe_count.append(len(queries))
    assert describe_count[1:] == [describe_count[0] + 1, describe_count[0] + 1]
