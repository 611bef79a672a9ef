"""``discounts`` over REST: the contract, the life of a discount, and what is refused at which path."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from consumers.models import ConsumerGroup, Site
from promotions.models import PersonalizedPromotion, Product, Promotion, PromotionReference
from tests.consumers.builders import Shop, attrs_of, errors_of, make_shop
from tests.promotions.builders import NOW, make_promotion

pytestmark = pytest.mark.django_db

TEES = {"match": "all", "rules": [{"attribute": "category", "operator": "is", "value": "T-shirts"}]}
BODY: dict[str, Any] = {
    "name": "Half-price trousers",
    "description": "With two tees",
    "currency": "GBP",
    "starts_at": "2026-03-01T00:00:00Z",
    "ends_at": None,
    "draft": False,
    "discount_type": "percentage",
    "value": "50",
    "maximum_discount": "20.00",
    "price_order": "cheapest",
    "product_sets": [
        {"name": "Tees", "rules": TEES, "required_quantity": 2, "discounted_quantity": 0, "gets_discount": False},
        {"name": "Trousers", "products": ["JEANS", "CHINO"], "required_quantity": 1, "gets_discount": True},
    ],
    "conditions": {"customer_rules": {"match": "all", "rules": []}},
    "total_redemption_limit": 100,
    "customer_redemption_limit": None,
    "customer_limit_period": "promotion",
    "transaction_redemption_limit": 2,
    "always_apply": False,
    "ignores_universal_holdout": False,
    "content": {
        "short_description": "Half price",
        "long_description": "<p>With two tees</p>",
        "confirmation_message": "You saved on trousers",
        "terms_and_conditions": "",
        "links": [{"url": "https://shop.example/jeans", "anchor_text": "Our jeans"}],
        "images": [],
    },
}


@pytest.fixture
def shop() -> Any:
    with time_machine.travel(NOW, tick=False):
        made = make_shop()
        for sku in ("JEANS", "CHINO"):
            Product.objects.create(account=made.account, sku=sku)
        yield made


def codes(shop: Shop, query: str = "") -> list[str]:
    answer = shop.manager.get(f"discounts?{query}")
    assert answer.status_code == 200, answer.content
    return [row["code"] for row in answer.json()["results"]]


def put(shop: Shop, code: str = "half", **fields: Any) -> Any:
    return shop.manager.put(f"discounts/{code}", {**BODY, **fields})


# --- one row --------------------------------------------------------------------------------------------------------


def test_a_discount_is_created_read_and_replaced(shop: Shop) -> None:
    created = put(shop)
    assert created.status_code == 201, created.content
    row = created.json()
    assert row == {
        **BODY,
        "code": "half",
        "subtype": "product_sets",
        "archived": False,
        "product_sets": [
            {**BODY["product_sets"][0], "required_spend": None, "default_product": None},
            {**BODY["product_sets"][1], "required_spend": None, "default_product": None, "discounted_quantity": 1},
        ],
        "conditions": dict.fromkeys(("site_rules", "customer_rules", "transaction_rules", "line_item_rules")),
        "status": "active",
        "version": 1,
        "redemptions": 0,
        "budget": None,
        "customer_budget": None,
        "budget_used": "0.00",
        "campaign": None,
        "funding": [],
        "ledger_class": "",
        "created_at": "2026-03-10T12:00:00Z",
        "updated_at": "2026-03-10T12:00:00Z",
    }
    assert shop.manager.get("discounts/half").json() == row
    replaced = put(shop, value="25")
    assert replaced.status_code == 200
    assert (replaced.json()["value"], replaced.json()["version"]) == ("25", 2)


def test_putting_back_the_answer_of_get_changes_nothing(shop: Shop) -> None:
    row = put(shop).json()
    again = shop.manager.put("discounts/half", row)
    assert (again.status_code, again.json()) == (200, row)


def test_amounts_are_answered_with_the_decimals_of_the_currency(shop: Shop) -> None:
    row = put(shop, discount_type="amount", value="5", maximum_discount=None).json()
    assert row["value"] == "5.00"
    yen = put(shop, "yen", discount_type="amount", value="5", maximum_discount=None, currency="JPY").json()
    assert yen["value"] == "5"


def test_patch_merges_conditions_and_replaces_sets_and_trees(shop: Shop) -> None:
    put(shop, conditions={"site_rules": {"match": "any", "rules": [
        {"attribute": "town", "operator": "is", "value": "Leeds"},
        {"attribute": "town", "operator": "is", "value": "York"},
    ]}})  # fmt: skip
    tree = {"match": "all", "rules": [{"attribute": "is_loyalty_member", "operator": "is", "value": True}]}
    one_set = [{"rules": {}, "required_spend": "80"}]
    answer = shop.manager.patch("discounts/half", {"conditions": {"customer_rules": tree}, "product_sets": one_set})
    assert answer.status_code == 200, answer.content
    row = answer.json()
    assert row["conditions"]["customer_rules"] == tree
    assert len(row["conditions"]["site_rules"]["rules"]) == 2
    [only] = row["product_sets"]
    assert (only["required_spend"], only["required_quantity"], only["discounted_quantity"]) == ("80.00", None, None)
    assert (row["name"], row["total_redemption_limit"]) == (BODY["name"], 100)


EVERY_50: dict[str, Any] = {"rules": {}, "required_spend": "50", "repeats": True}


def test_an_amount_for_every_spend_is_answered_as_it_was_sent(shop: Shop) -> None:
    fields: dict[str, Any] = {
        "discount_type": "amount",
        "value": "5",
        "maximum_discount": None,
        "product_sets": [EVERY_50],
    }
    assert put(shop, **fields).status_code == 201
    row = shop.manager.get("discounts/half").json()
    [only] = row["product_sets"]
    assert (only["required_spend"], only["repeats"], only["discounted_quantity"]) == ("50.00", True, None)
    again = shop.manager.patch("discounts/half", {"product_sets": row["product_sets"]}).json()
    assert (again["product_sets"], again["version"]) == (row["product_sets"], row["version"])


@pytest.mark.parametrize("product_set", [{"repeats": "often"}, {"discounted_quantity": 2}, {"required_spend": None}])
def test_a_spend_that_cannot_repeat_is_refused_by_its_path(shop: Shop, product_set: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"discount_type": "amount", "value": "5", "maximum_discount": None}
    answer = put(shop, **fields, product_sets=[EVERY_50 | product_set])
    assert answer.status_code == 400
    assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [
        ("invalid", "product_sets.0.repeats")
    ]


def test_a_discount_and_a_promotion_may_have_the_same_code(shop: Shop) -> None:
    make_promotion(shop.account, code="half")
    assert put(shop).status_code == 201
    assert shop.manager.get("promotions/half").json()["type"] == "fixed_points"
    assert shop.manager.get("discounts/half").json()["discount_type"] == "percentage"
    assert shop.manager.delete("discounts/half").status_code == 204
    assert shop.manager.get("promotions/half").status_code == 200


def test_a_set_fed_by_a_personalized_promotion_is_named_and_kept(shop: Shop) -> None:
    PersonalizedPromotion.objects.create(account=shop.account, backend_id="PP-1", name="Yours")
    sets = [{"personalized_promotion": "PP-1", "default_product": "CHINO"}]
    assert put(shop, product_sets=sets).json()["subtype"] == "personalized"
    references = PromotionReference.objects.values_list("kind", "key")
    assert set(references) == {("personalized_promotion", "PP-1"), ("product", "CHINO")}
    assert codes(shop, "subtype=personalized") == ["half"]
    assert shop.manager.delete("products/CHINO").status_code == 409
    assert shop.manager.delete("personalized-promotions/PP-1").status_code == 409


def test_without_a_catalogue_any_sku_is_taken(shop: Shop) -> None:
    shop.account.catalogue_enabled = False
    shop.account.save()
    assert put(shop, product_sets=[{"products": ["NEW"]}]).status_code == 201
    assert attrs_of(put(shop, "tees", product_sets=[{"rules": TEES}])) == ["product_sets.0.rules.rules.0.attribute"]


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"discount_type": "points"}, ("invalid_choice", "discount_type")),
        ({"value": None}, ("required", "value")),
        ({"value": "101"}, ("invalid_number", "value")),
        ({"value": 12.5}, ("invalid_number", "value")),
        ({"discount_type": "free_product", "maximum_discount": None}, ("not_of_type", "value")),
        ({"maximum_discount": "0"}, ("invalid_number", "maximum_discount")),
        ({"price_order": "dearest"}, ("invalid_choice", "price_order")),
        ({"product_sets": []}, ("required", "product_sets")),
        ({"product_sets": None}, ("required", "product_sets")),
        ({"product_sets": "all"}, ("invalid", "product_sets")),
        ({"product_sets": [{"rules": None, "required_quantity": 0}]},
         ("invalid_number", "product_sets.0.required_quantity")),
        ({"product_sets": [{}]}, ("required", "product_sets.0")),
        ({"product_sets": [{"products": ["JEANS", "NONE"]}]}, ("unknown_reference", "product_sets.0.products.1")),
        ({"product_sets": [{"rules": None, "default_product": "NONE"}]},
         ("unknown_reference", "product_sets.0.default_product")),
        ({"product_sets": [{"personalized_promotion": "PP-9"}]},
         ("unknown_reference", "product_sets.0.personalized_promotion")),
        ({"conditions": {"colour_rules": None}}, ("unknown_field", "conditions.colour_rules")),
        ({"conditions": {"always_apply": True}}, ("unknown_field", "conditions.always_apply")),
        ({"conditions": []}, ("invalid", "conditions")),
        ({"conditions": {"site_rules": {"match": "all", "rules": [
            {"attribute": "town", "operator": "is", "value": 1}]}}},
         ("invalid_value", "conditions.site_rules.rules.0.value")),
        ({"conditions": {"customer_rules": {"match": "all", "rules": [
            {"attribute": "groups", "operator": "is", "value": "none"}]}}},
         ("unknown_reference", "conditions.customer_rules.rules.0.value")),
        ({"total_redemption_limit": 0}, ("invalid_number", "total_redemption_limit")),
        ({"customer_redemption_limit": "x"}, ("invalid_number", "customer_redemption_limit")),
        ({"customer_limit_period": "week"}, ("invalid", "customer_limit_period")),
        ({"transaction_redemption_limit": -1}, ("invalid_number", "transaction_redemption_limit")),
        ({"always_apply": "yes"}, ("invalid", "always_apply")),
        ({"ends_at": "2026-02-01T00:00:00Z"}, ("not_after_start", "ends_at")),
        ({"outcome": {}}, ("unknown_field", "outcome")),
    ],
)  # fmt: skip
def test_a_refusal_names_its_path_and_changes_nothing(
    shop: Shop, fields: dict[str, Any], problem: tuple[str, str]
) -> None:
    answer = put(shop, **fields)
    assert answer.status_code == 400
    assert errors_of(answer) == {problem}
    assert not Promotion.objects.exists()


def test_a_change_of_a_fixed_field_is_refused_at_the_field(shop: Shop) -> None:
    put(shop)
    for patch, problem in (
        ({"currency": "EUR"}, ("immutable", "currency")),
        ({"starts_at": "2026-03-02T00:00:00Z"}, ("immutable", "starts_at")),
        ({"code": "other"}, ("immutable", "code")),
    ):
        answer = shop.manager.patch("discounts/half", patch)
        assert (answer.status_code, errors_of(answer)) == (400, {problem})
    answer = shop.manager.patch("discounts/half", {"draft": True})
    assert (answer.status_code, errors_of(answer)) == (409, {("already_published", None)})


def test_a_draft_in_another_currency_is_checked_again(shop: Shop) -> None:
    put(shop, draft=True, discount_type="amount", value="5.50", maximum_discount=None)
    answer = shop.manager.patch("discounts/half", {"currency": "JPY"})
    assert (answer.status_code, errors_of(answer)) == (400, {("invalid_number", "value")})


def test_rows_of_another_account_cannot_be_named(shop: Shop) -> None:
    other = make_shop("other")
    Product.objects.create(account=other.account, sku="THEIRS")
    PersonalizedPromotion.objects.create(account=other.account, backend_id="PP-1", name="Theirs")
    ConsumerGroup.objects.create(account=other.account, code="vip")
    answer = put(shop, product_sets=[{"products": ["THEIRS"]}, {"personalized_promotion": "PP-1"}])
    assert errors_of(answer) == {
        ("unknown_reference", "product_sets.0.products.0"),
        ("unknown_reference", "product_sets.1.personalized_promotion"),
    }


def test_another_accounts_discounts_are_not_there(shop: Shop) -> None:
    put(shop)
    other = make_shop("other")
    for method, path, body in (
        ("GET", "discounts/half", None),
        ("PATCH", "discounts/half", {"name": "x"}),
        ("DELETE", "discounts/half", None),
        ("POST", "discounts/half/stop", {}),
        ("POST", "discounts/half/duplicate", {"code": "copy"}),
        ("GET", "discounts/half/versions", None),
    ):
        assert other.manager.call(method, path, body).status_code == 404
    assert other.manager.get("discounts").json()["results"] == []


# --- its life -------------------------------------------------------------------------------------------------------


def test_a_draft_is_published_once_and_stopped_for_good(shop: Shop) -> None:
    assert put(shop, draft=True).json()["status"] == "draft"
    assert shop.manager.patch("discounts/half", {"draft": False}).json()["status"] == "active"
    assert shop.manager.post("discounts/half/stop", {}).json()["status"] == "stopped"
    again = shop.manager.post("discounts/half/stop", {})
    assert (again.status_code, errors_of(again)) == (409, {("stopped", None)})


def test_publishing_reports_what_became_invalid(shop: Shop) -> None:
    put(shop, draft=True)
    Product.objects.filter(sku="CHINO").delete()
    answer = shop.manager.patch("discounts/half", {"draft": False})
    assert errors_of(answer) == {("unknown_reference", "product_sets.1.products.1")}


def test_a_copy_is_a_draft_under_another_code(shop: Shop) -> None:
    put(shop)
    made = shop.manager.post("discounts/half/duplicate", {"code": "copy", "name": "The copy"})
    assert made.status_code == 201
    row = made.json()
    assert (row["code"], row["name"], row["status"]) == ("copy", "The copy", "draft")
    assert row["product_sets"] == shop.manager.get("discounts/half").json()["product_sets"]


def test_versions_have_a_discounts_own_fields(shop: Shop) -> None:
    put(shop)
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        shop.manager.patch("discounts/half", {"value": "25"})
    newest, first = shop.manager.get("discounts/half/versions").json()["results"]
    assert (newest["version"], newest["created_at"], newest["created_by"]) == (
        2,
        "2026-03-11T12:00:00Z",
        "API key manager",
    )
    assert (first["definition"]["value"], newest["definition"]["value"]) == ("50", "25")
    assert newest["definition"]["conditions"]["site_rules"] is None
    assert newest["definition"]["transaction_redemption_limit"] == 2
    assert newest["definition"]["discount_type"] == "percentage"


def test_an_archived_discount_is_hidden_unless_asked_for(shop: Shop) -> None:
    put(shop)
    assert shop.manager.patch("discounts/half", {"archived": True}).json()["archived"] is True
    assert codes(shop) == []
    assert codes(shop, "archived=true") == ["half"]


# --- lists and many rows --------------------------------------------------------------------------------------------


def test_the_list_filters_and_searches(shop: Shop) -> None:
    Site.objects.create(account=shop.account, number="001", town="Leeds")
    Site.objects.create(account=shop.account, number="002", town="York")
    leeds = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "Leeds"}]}
    put(shop, "leeds", conditions={"site_rules": leeds}, name="Only Leeds")
    put(shop, "amount", discount_type="amount", value="5", maximum_discount=None, currency="EUR", always_apply=True)
    put(shop, "soon", starts_at="2026-04-01T00:00:00Z")
    make_promotion(shop.account)
    assert set(codes(shop)) == {"leeds", "amount", "soon"}
    assert set(codes(shop, "site=002")) == {"amount", "soon"}
    assert codes(shop, "type=amount") == ["amount"]
    assert codes(shop, "currency=eur") == ["amount"]
    assert codes(shop, "always_apply=true") == ["amount"]
    assert codes(shop, "status=scheduled") == ["soon"]
    assert set(codes(shop, "live_at=2026-03-10T12:00:00Z")) == {"leeds", "amount"}
    assert codes(shop, "search=only") == ["leeds"]
    assert attrs_of(shop.manager.get("discounts?type=fixed_points")) == ["type"]


def test_bulk_writes_all_or_none_and_names_the_row(shop: Shop) -> None:
    rows = [{**BODY, "code": "a"}, {**BODY, "code": "b", "product_sets": [{"products": ["NONE"]}]}]
    answer = shop.manager.post("discounts/bulk", rows)
    assert errors_of(answer) == {("unknown_reference", "1.product_sets.0.products.0")}
    rows[1]["total_redemption_limit"] = 0
    answer = shop.manager.post("discounts/bulk", rows)
    assert errors_of(answer) == {("invalid_number", "1.total_redemption_limit")}
    rows[1] = {**BODY, "code": "b"}
    assert shop.manager.post("discounts/bulk", rows).json() == {"created": 2, "updated": 0}


@pytest.mark.parametrize("rows", [1, 12])
def test_the_list_takes_a_fixed_number_of_statements(shop: Shop, rows: int, django_assert_num_queries: Any) -> None:
    shop.manager.post("discounts/bulk", [{**BODY, "code": f"d{n}"} for n in range(rows)])
    with django_assert_num_queries(2):
        assert len(codes(shop)) == rows


def test_a_put_takes_few_statements_however_many_products_it_names(
    shop: Shop, django_assert_max_num_queries: Any
) -> None:
    Product.objects.bulk_create(Product(account=shop.account, sku=f"P{n}") for n in range(1_000))
    with django_assert_max_num_queries(14):
        put(shop)
    # One more to see what it named before, and one to drop that.
    with django_assert_max_num_queries(17):
        put(shop, product_sets=[{"products": [f"P{n}" for n in range(1_000)]}])


# --- content --------------------------------------------------------------------------------------------------------


def test_the_content_of_a_discount_is_cleaned_merged_versioned_and_checked(shop: Shop) -> None:
    put(shop, content={"long_description": "<p onclick='x()'>Hello</p>", "links": [{"url": "https://a.example"}]})
    content = shop.manager.patch("discounts/half", {"content": {"confirmation_message": "Thanks"}}).json()["content"]
    assert (content["long_description"], content["confirmation_message"]) == ("<p>Hello</p>", "Thanks")
    assert content["links"] == [{"url": "https://a.example", "anchor_text": ""}]
    [newest, oldest] = shop.manager.get("discounts/half/versions").json()["results"]
    assert newest["definition"]["content"] == content
    assert oldest["definition"]["content"]["confirmation_message"] == ""
    wrong = {"links": [{"url": "http://plain.example"}], "images": [], "colour": "red", "short_description": "x" * 501}
    assert set(attrs_of(put(shop, content=wrong))) == {
        "content.links.0.url",
        "content.colour",
        "content.short_description",
    }
