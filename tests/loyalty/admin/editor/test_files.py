"""Promotions as files: every field is exported and imported, and a file is edited like a form."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from consumers.author import Author
from consumers.choices import KeyRole, StaffRole
from consumers.models import Account
from consumers.services.account import api_key_create
from consumers.services.group import GroupValues, groups_save
from loyalty.choices import Benefit, PromotionType
from loyalty.models import LoyaltyPromotion
from loyalty.services.rewards.offer import OfferValues, offers_save
from promotions.choices import DiscountType, Status
from promotions.models import Discount, Promotion
from promotions.services.promotion.life import promotion_stop
from promotions.services.promotion.values import promotion_definition
from tests.consumers.admin.files.builders import (
    KINDS,
    confirm,
    differences,
    export,
    file_of,
    number_of,
    preview,
    problem_texts,
    rows_of,
)
from tests.consumers.admin.office import Office, fill, make_office, save_discount, save_promotion

pytestmark = pytest.mark.django_db

LOYALTY, DISCOUNT = "loyalty_loyaltypromotion", "promotions_discount"
NOW = datetime(2026, 5, 4, 10, 30, 15, 123456, tzinfo=UTC)


def tree(attribute: str, operator: str, value: object) -> dict[str, Any]:
    return {"match": "all", "rules": [{"attribute": attribute, "operator": operator, "value": value}]}


NESTED = {
    "match": "any",
    "rules": [
        {"attribute": "category", "operator": "is", "value": '=Tea, "green"\n'},
        {"match": "all", "rules": [{"attribute": "labels", "operator": "is_any_of", "value": ["a,b", "-5"]}]},
    ],
}


def create_full_promotions(account: Account) -> None:
    """Create promotions of each type with every field that the type has."""
    account.refresh_from_db()
    groups_save(account_id=account.pk, rows=[GroupValues(code="held, out", name="Held out")])
    selection = {"match": "all", "sets": [{"name": "Tea", "rules": NESTED, "units": 2}, {"rules": None}]}
    common = {
        "product_selection": selection,
        "quantity_rule": {"apply_to": "every", "units": 2},
        "pricing_rule": {"order": "most_expensive", "by": "ex_tax"},
        "activity_description": "+ {{promotion_name}} ",
        "activity_type": "@bonus",
        "redemption_message_subject": "'=Thanks",
        "redemption_message": "<p>Thanks, <b>you</b></p>",
    }
    eligibility = {
        "site_rules": tree("site_number", "is_any_of", ["acme-001"]),
        "customer_rules": tree("groups", "is_any_of", ["acme-g1", "held, out"]),
        "transaction_rules": tree("total_inc_tax", "is_at_least", "12.50"),
        "line_item_rules": NESTED,
        "application_rules": [
            {
                "measure": "spend",
                "threshold": "20.00",
                "period": {"unit": "days", "length": 30},
                "line_item_rules": NESTED,
                "counting": "every",
            }
        ],
        "control_group": {"group": "held, out", "percentage": "12.5"},
        "total_redemption_limit": 500,
        "customer_redemption_limit": 3,
        "customer_limit_period": "month",
        "ignores_universal_holdout": True,
    }
    content = {
        "short_description": "-5% on tea",
        "long_description": "<p>Long</p>",
        "confirmation_message": "Confirmed\r\nat once",
        "terms_and_conditions": "<ul><li>None</li></ul>",
        "links": [{"url": "https://acme.example/a", "anchor_text": "=A1"}],
        "images": [{"url": "https://acme.example/i.png", "alt_text": ""}],
    }
    outcomes: dict[str, dict[str, Any]] = {
        PromotionType.FIXED_POINTS: {"points": 50},
        PromotionType.POINTS_MULTIPLIER: {"multiplier": "1.50", "multiplier_scope": "line_items"},
        PromotionType.BONUS_POINTS: {
            "issue_points_on": "currency",
            "conversion_units": "10.0",
            "conversion_points": 5,
            "whole_ratio_units_only": False,
        },
        PromotionType.REDEEM_OFFER: {"offer": "acme-o1"},
    }
    for kind, outcome in outcomes.items():
        save_promotion(
            account,
            code=f"all {kind}",
            type=kind,
            name=f"=All of {kind}",
            description="Two lines\r\nand a tab\t",
            starts_at=NOW,
            ends_at=NOW + timedelta(days=400),
            outcome=outcome | common,
            eligibility=eligibility,
            content=content,
        )
    save_promotion(account, code="bare", draft=True, eligibility={"always_apply": True})
    save_promotion(account, code="away", archived=True)
    conditions = {name: eligibility[name] for name in ("site_rules", "customer_rules", "transaction_rules")}
    limits: dict[str, Any] = {
        "total_redemption_limit": 9,
        "customer_redemption_limit": 8,
        "customer_limit_period": "day",
        "transaction_redemption_limit": 7,
        "ignores_universal_holdout": True,
    }
    sources: list[dict[str, Any]] = [
        {"rules": NESTED, "required_spend": "20.00"},
        {"products": ["acme-p1", "acme-p2"], "required_quantity": 2, "default_product": "acme-p2"},
        {"personalized_promotion": "acme-pp1", "gets_discount": False},
    ]
    for kind, value in (("amount", "5.00"), ("percentage", "12.5"), ("fixed_price", "9.99"), ("free_product", None)):
        save_discount(
            account,
            code=f"all {kind}",
            discount_type=DiscountType(kind),
            name=f"+All of {kind}",
            starts_at=NOW,
            value=value,
            maximum_discount="100.00" if kind == "percentage" else None,
            price_order="most_expensive",
            product_sets=sources,
            conditions={**conditions, "line_item_rules": NESTED},
            content=content,
            **limits,
        )
    every_50 = {"rules": NESTED, "required_spend": "50.00", "repeats": True}
    save_discount(
        account,
        code="every 50",
        discount_type=DiscountType.AMOUNT,
        starts_at=NOW,
        value="5.00",
        product_sets=[every_50],
    )


@pytest.fixture
def office() -> Office:
    office = make_office()
    fill(office.account, rows=2)
    create_full_promotions(office.account)
    return office


def twin(office: Office) -> Office:
    """Return a second account with the rows that the first account's promotions name, and no promotions."""
    other = make_office("twin")
    for page, resource in (
        ("consumers_site", "0"),
        ("consumers_consumergroup", "0"),
        ("promotions_product", "0"),
        ("promotions_personalizedpromotion", "0"),
    ):
        confirm(other, page, export(office, page, "json", resource=resource), "json", resource=resource)
    offers_save(
        account_id=other.account.pk,
        author=Author(),
        rows=[OfferValues(code="acme-o1", name="Offer", benefit=Benefit.AMOUNT, value=Decimal(5))],
        at=NOW,
    )
    return other


def definitions_of(account: Account) -> dict[str, dict[str, Any]]:
    return {
        f"{promotion.family} {promotion.code}": {**promotion_definition(promotion), "archived": promotion.archived}
        for promotion in Promotion.objects.filter(account=account)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_imported_into_an_empty_account_gives_equal_promotions(office: Office, kind: str) -> None:
    other = twin(office)
    for page in (LOYALTY, DISCOUNT):
        confirm(other, page, export(office, page, kind, query="?archived=all"), kind)
    assert definitions_of(other.account) == definitions_of(office.account)
    assert len(definitions_of(other.account)) == 17
    copies = Promotion.objects.filter(account=other.account)
    assert {promotion.status_at(timezone.now()) for promotion in copies} == {Status.DRAFT}, (
        "nothing new applies until it is published"
    )
    assert {promotion.versions.get().created_by for promotion in copies} == {other.user}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", [LOYALTY, DISCOUNT])
def test_importing_an_unchanged_export_changes_nothing(office: Office, kind: str, page: str) -> None:
    before = list(Promotion.objects.values("code", "version", "draft", "revision", "updated_at").order_by("pk"))
    file = export(office, page, kind, query="?archived=all")
    answer = preview(office, page, file, kind)
    assert differences(answer) == {}
    assert "There is nothing to import" in answer.content.decode()
    confirm(office, page, file, kind)
    after = list(Promotion.objects.values("code", "version", "draft", "revision", "updated_at").order_by("pk"))
    assert after == before


def test_every_field_of_every_type_has_a_column(office: Office) -> None:
    exported = {row["code"]: row for row in rows_of(export(office, LOYALTY, "json", query="?archived=all"), "json")}
    for promotion in LoyaltyPromotion.objects.all():
        for name in ("outcome", "eligibility", "content"):
            assert exported[promotion.code][name] == getattr(promotion, name)
    discounts = {row["code"]: row for row in rows_of(export(office, DISCOUNT, "json"), "json")}
    for discount in Discount.objects.all():
        row = discounts[discount.code]
        assert {name: row[name] for name in discount.outcome} == discount.outcome
        assert row["conditions"]["line_item_rules"] == discount.eligibility["line_item_rules"]
        assert row["content"] == discount.content


def edited_file(office: Office, page: str, code: str, kind: str = "csv", **cells: Any) -> bytes:
    """Return the file of one promotion with some cells changed."""
    rows = [row for row in rows_of(export(office, page, kind), kind) if row["code"] == code]
    return file_of([{**rows[0], **cells}], kind)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_cell_that_is_changed_is_shown_in_words_and_makes_a_version(office: Office, kind: str) -> None:
    rules = json.dumps(tree("category", "is", "Coffee"))
    file = edited_file(
        office, LOYALTY, "acme-fixed-1", kind, **{"outcome.points": "75", "eligibility.line_item_rules": rules}
    )
    answer = preview(office, LOYALTY, file, kind)
    assert differences(answer) == {
        "acme-fixed-1": {
            "Outcome · Points": ("50", "75"),
            "Eligibility · Line item rules": ("all line items qualify", "Coffee"),
        }
    }
    promotion = LoyaltyPromotion.objects.get(code="acme-fixed-1")
    assert (promotion.outcome["points"], promotion.version) == (50, 1), "a preview writes nothing"
    confirm(office, LOYALTY, file, kind)
    promotion.refresh_from_db()
    assert (promotion.outcome["points"], promotion.version, promotion.draft) == (75, 2, False)
    version = promotion.versions.get(number=2)
    assert (version.created_by, version.created_with) == (office.user, "Import")


def test_omitted_columns_and_fields_keep_their_stored_values(office: Office) -> None:
    before = definitions_of(office.account)["loyalty acme-fixed-1"]
    confirm(office, LOYALTY, "code,name\nacme-fixed-1,Renamed\n")
    confirm(office, LOYALTY, json.dumps([{"code": "acme-fixed-1", "outcome": {"points": 60}}]), "json")
    after = definitions_of(office.account)["loyalty acme-fixed-1"]
    assert after == {**before, "name": "Renamed", "outcome": {**before["outcome"], "points": 60}}


def test_an_empty_cell_clears_the_field(office: Office) -> None:
    confirm(office, LOYALTY, "code,eligibility.total_redemption_limit,ends_at\nall fixed_points,,\n")
    promotion = LoyaltyPromotion.objects.get(code="all fixed_points")
    assert (promotion.total_redemption_limit, promotion.ends_at) == (None, None)
    assert promotion.eligibility["customer_redemption_limit"] == 3


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"type": "bonus_points"}, "Row 2, type: The type is fixed_points and cannot be changed."),
        ({"currency": "EUR"}, "Row 2, currency: You cannot change the currency of a published promotion."),
        (
            {"starts_at": "2020-01-01 09:00"},
            "Row 2, starts_at: You cannot change the start of a promotion that has started.",
        ),
        ({"outcome.points": "0"}, "Row 2, outcome.points: Must be a whole number from 1 to 1000000000."),
        (
            {"outcome.multiplier": "2"},
            "Row 2, outcome.multiplier: A promotion of type fixed_points does not have this field.",
        ),
        ({"eligibility.site_rules": "{"}, "Row 2, eligibility.site_rules: This is not valid JSON: "),
        ({"eligibility.always_apply": "perhaps"}, "Row 2, eligibility.always_apply: Must be yes or no."),
        ({"starts_at": "soon"}, "Row 2, starts_at: Must be a date such as 2026-03-31, a time such as 2026-03-31 09:00"),
        ({"name": ""}, "Row 2, name: This must not be blank."),
        (
            {"eligibility.customer_rules": json.dumps(tree("home_site", "is_any_of", ["acme-001", "nowhere"]))},
            "Row 2, eligibility.customer_rules.rules.0.value: There is no site nowhere.",
        ),
        (
            {"outcome.product_selection": json.dumps({"sets": [{"rules": tree("sku", "is", 5)}]})},
            "Row 2, outcome.product_selection.sets.0.rules.rules.0.value: ",
        ),
        (
            {"eligibility.control_group": json.dumps({"group": "nobody", "percentage": "5"})},
            "Row 2, eligibility.control_group.group: There is no group nobody.",
        ),
    ],
)
def test_errors_name_row_column_and_path(office: Office, cells: dict[str, str], words: str) -> None:
    answer = preview(office, LOYALTY, edited_file(office, LOYALTY, "acme-fixed-1", **cells))
    [problem] = problem_texts(answer)
    assert problem.startswith(words)
    assert answer.context.get("confirm_form") is None


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"discount_type": "points"}, "Row 2, discount_type:"),
        ({"value": "101"}, "Row 2, value: Must be a percentage above 0 and at most 100."),
        ({"product_sets": "[]"}, "Row 2, product_sets: Add at least one product set."),
        (
            {"product_sets": json.dumps([{"products": ["acme-p1", "none"]}])},
            "Row 2, product_sets.0.products.1: There is no product none.",
        ),
        (
            {"product_sets": json.dumps([{"personalized_promotion": "none"}])},
            "Row 2, product_sets.0.personalized_promotion: There is no personalized promotion none.",
        ),
        (
            {"conditions.customer_rules": json.dumps(tree("groups", "is_any_of", ["none"]))},
            "Row 2, conditions.customer_rules.rules.0.value: There is no group none.",
        ),
        ({"transaction_redemption_limit": "-1"}, "Row 2, transaction_redemption_limit: Must be a whole number"),
    ],
)
def test_errors_of_discounts_name_row_column_and_path(office: Office, cells: dict[str, str], words: str) -> None:
    [problem] = problem_texts(preview(office, DISCOUNT, edited_file(office, DISCOUNT, "acme-discount-1", **cells)))
    assert problem.startswith(words)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([{"code": "n", "type": "fixed_points", "name": "N"}], "Row 1, starts_at: Enter a start date."),
        ([{"code": "n", "starts_at": "2030-01-01"}], "Row 1, type: Enter the type."),
        ([{"code": "n", "outcome": {"pointz": 5}}], "Row 1, outcome.pointz: Unknown field."),
        ([{"code": "n", "outcome": [5]}], "Row 1, outcome: Must be an object."),
        ([{"code": "n", "pointz": 5}], "The file has unknown columns: pointz."),
        ([{"code": 5}], "Row 1, code: Must be text."),
        ([{"code": "a\x00"}], "Row 1, code: This contains a character that cannot be stored. Remove it."),
        ([{"code": "bare", "outcome": {"points": 1.5}}], "Row 1, outcome.points: Must be a whole number"),
    ],
)
def test_errors_of_json_files_name_row_column_and_path(office: Office, document: Any, words: str) -> None:
    assert problem_texts(preview(office, LOYALTY, json.dumps(document), "json"))[0].startswith(words)


def test_a_single_bad_row_prevents_the_whole_import(office: Office) -> None:
    before = definitions_of(office.account)
    rows = rows_of(export(office, LOYALTY))
    for row in rows:
        row["name"] = "Renamed"
    rows[-1]["starts_at"] = "never"
    answer = preview(office, LOYALTY, file_of(rows))
    [words] = problem_texts(answer)
    assert words.startswith(f"Row {len(rows) + 1}, starts_at: Must be a date such as")
    assert "Nothing was imported" in answer.content.decode()
    assert definitions_of(office.account) == before


def test_an_import_keeps_drafts_and_stopped_promotions_as_they_are(office: Office) -> None:
    fixed = LoyaltyPromotion.objects.get(code="acme-fixed-1")
    promotion_stop(promotion=fixed, author=Author(), at=timezone.now())
    confirm(office, LOYALTY, "code,name,status\nbare,Still a draft,Active\nacme-fixed-1,Still stopped,Active\n")
    statuses = {
        promotion.code: promotion.status_at(timezone.now())
        for promotion in LoyaltyPromotion.objects.filter(name__startswith="Still")
    }
    assert statuses == {"bare": Status.DRAFT, "acme-fixed-1": Status.STOPPED}


def test_times_without_an_offset_are_the_accounts(office: Office) -> None:
    confirm(office, LOYALTY, "code,starts_at,ends_at\nbare,2030-07-01 09:00,2030-07-02T09:00:00Z\n")
    bare = LoyaltyPromotion.objects.get(code="bare")
    assert bare.starts_at == datetime(2030, 7, 1, 8, tzinfo=UTC)
    assert bare.ends_at == datetime(2030, 7, 2, 9, tzinfo=UTC)
    answer = preview(office, LOYALTY, "code,starts_at\nbare,2030-03-31 01:30\n")
    [text] = problem_texts(answer)
    assert text == (
        "Row 2, starts_at: Daylight saving: clocks in Europe/London skip 01:30 on 31 March 2030. "
        "Write 2030-03-31T00:30:00+00:00 or 2030-03-31T02:30:00+01:00."
    )


def test_an_export_has_the_filtered_list_or_the_selected_rows(office: Office) -> None:
    drafts = rows_of(export(office, LOYALTY, query="?status=draft"))
    assert [row["code"] for row in drafts] == ["bare"]
    matching = rows_of(export(office, LOYALTY, query="?q=all+of+fixed"))
    assert [row["code"] for row in matching] == ["all fixed_points"]
    chosen = LoyaltyPromotion.objects.filter(code__in=["bare", "all redeem_offer"])
    keys = [str(promotion.pk) for promotion in chosen]
    page = office.client.post(
        "/admin/loyalty/loyaltypromotion/?status=draft",
        {"action": "export_chosen", "_selected_action": keys, "select_across": "0"},
    )
    assert page.status_code == 200
    assert page.context["number"] == 1, "those chosen are among those shown"
    rows = rows_of(export(office, LOYALTY, "json", chosen=",".join(keys)), "json")
    assert {row["code"] for row in rows} == {"bare", "all redeem_offer"}


def test_an_export_and_an_import_stay_within_the_account(office: Office) -> None:
    other = make_office("other")
    foreign = LoyaltyPromotion.objects.get(code="bare")
    assert rows_of(export(other, LOYALTY, "json", chosen=str(foreign.pk)), "json") == []
    confirm(other, LOYALTY, "code,type,name,starts_at,outcome.points\nbare,fixed_points,Mine,2030-01-01,5\n")
    assert LoyaltyPromotion.objects.get(account=office.account, code="bare").name == "Fifty points"
    words = problem_texts(
        preview(other, LOYALTY, "code,type,name,starts_at,outcome.offer\nv,redeem_offer,V,2030-01-01,acme-o1\n")
    )
    assert words == ["Row 2, outcome.offer: There is no personalised offer in use acme-o1."]


@pytest.mark.parametrize("page", [LOYALTY, DISCOUNT, "promotions_personalizedpromotion"])
@pytest.mark.parametrize(
    ("role", "imports"),
    [
        (StaffRole.ADMINISTRATOR, 200),
        (StaffRole.MARKETER, 200),
        (StaffRole.CUSTOMER_SERVICE, 403),
        (StaffRole.VIEWER, 403),
    ],
)
def test_editors_may_import_and_viewers_may_export(office: Office, page: str, role: StaffRole, imports: int) -> None:
    person = office.login(role)
    assert person.page(f"{page}_import").status_code == imports
    assert preview(person, page, "code,backend_id\n").status_code == imports
    assert person.page(f"{page}_export").status_code == 200


@pytest.mark.parametrize(("path", "page"), [("promotions", LOYALTY), ("discounts", DISCOUNT)])
def test_a_rest_api_response_can_be_imported_as_a_file(office: Office, path: str, page: str) -> None:
    _, key = api_key_create(account_id=office.account.pk, name="Integrator", role=KeyRole.MANAGER)
    answer = APIClient().get(f"/api/v1/{path}?archived=all", HTTP_AUTHORIZATION=f"Api-Key {key}").json()
    assert differences(preview(office, page, json.dumps(answer["results"]), "json")) == {}
    row = next(result for result in answer["results"] if result["code"].startswith("all "))
    file = json.dumps([{**row, "code": "copy"}])
    confirm(office, page, file, "json")
    copy = Promotion.objects.get(code="copy")
    source = Promotion.objects.get(code=row["code"])
    assert (copy.outcome, copy.eligibility, copy.content) == (source.outcome, source.eligibility, source.content)


def test_values_too_long_for_a_spreadsheet_cell_are_exported_as_csv_and_json() -> None:
    office = make_office(catalogue_enabled=False)
    skus = [f"{n:064}" for n in range(1000)]
    save_discount(office.account, code="long", product_sets=[{"products": skus}])
    refused = office.post(f"{DISCOUNT}_export", format=number_of("xlsx"), resource="0")
    assert "Row 2, product_sets: a cell of a spreadsheet holds 32,767 characters" in refused.content.decode()
    for kind in ("csv", "json"):
        file = export(office, DISCOUNT, kind)
        Discount.objects.all().delete()
        confirm(office, DISCOUNT, file, kind)
        assert Discount.objects.get().outcome["product_sets"][0]["products"] == skus


def test_an_export_takes_a_fixed_number_of_statements(office: Office, django_assert_max_num_queries: Any) -> None:
    office.page(f"{LOYALTY}_export")
    with django_assert_max_num_queries(12):
        export(office, LOYALTY, "xlsx")
