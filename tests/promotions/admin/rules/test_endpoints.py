"""The endpoints of the rule builder, and who may use them."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consumers.choices import StaffRole
from consumers.models import Account, User
from consumers.services.group import GroupValues, groups_save
from promotions.services.product import ProductValues, products_save
from tests.consumers.admin.office import Office, fill, make_office
from tests.consumers.builders import take_away

pytestmark = pytest.mark.django_db

# Session, user, membership with account and role.
FRAME = 3

LABELS = [("new", "sale"), ("sale",), ("é",)]
ODD_VALUES: tuple[Any, ...] = ("\x00", {}, [[]], 1e99)


@pytest.fixture
def office() -> Office:
    office = make_office()
    fill(office.account)
    return office


def condition(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    return {"attribute": attribute, "operator": operator, "value": value}


def group(match: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": match, "rules": list(rules)}


def attributes(office: Office, scope: str) -> list[str]:
    return [attribute["name"] for attribute in office.client.get(reverse("rules_vocabulary")).json()["scopes"][scope]]


def reading(office: Office, scope: str, tree: Any, **values: str) -> dict[str, Any]:
    text = tree if isinstance(tree, str) else json.dumps(tree)
    answer = office.client.post(reverse("rules_reading"), {"scope": scope, "tree": text, **values})
    assert answer.status_code == 200
    read: dict[str, Any] = answer.json()
    return read


def found(office: Office, kind: str, search: str = "") -> list[str]:
    answer = office.client.get(reverse("choices_found", args=[kind]), {"q": search})
    assert answer.status_code == 200
    return [choice["key"] for choice in answer.json()["choices"]]


# --- attributes and operators ---------------------------------------------------------------------------------------


def test_the_builder_offers_every_attribute_with_its_operators(office: Office) -> None:
    scopes = office.client.get(reverse("rules_vocabulary")).json()["scopes"]
    assert {scope: len(attributes) for scope, attributes in scopes.items()} == {
        "site": 6,
        "customer": 11,
        "transaction": 8,
        "line_item": 10,
    }
    balance = next(attribute for attribute in scopes["customer"] if attribute["name"] == "points_balance")
    assert (balance["label"], balance["unit"], balance["kind"]) == ("Points balance", "points", "number")
    assert {"name": "is_between", "label": "is between", "operand": "range"} in balance["operators"]


def test_without_the_catalogue_only_its_attributes_are_offered(office: Office) -> None:
    Account.objects.update(catalogue_enabled=False)
    assert attributes(office, "line_item") == ["quantity", "sku", "product_brand", "category"]
    assert len(attributes(office, "customer")) == 11


def test_prices_of_the_catalogue_are_in_the_accounts_currency_and_totals_in_the_promotions(office: Office) -> None:
    scopes = office.client.get(reverse("rules_vocabulary")).json()["scopes"]
    units = {
        attribute["name"]: attribute["unit"]
        for scope in scopes.values()
        for attribute in scope
        if attribute["kind"] == "money"
    }
    assert units == {"total_inc_tax": "", "total_ex_tax": "", "cost_price": "GBP", "retail_price": "GBP"}


# --- a tree in words ------------------------------------------------------------------------------------------------

LINES = group("any", condition("category", "is", "Tea"), condition("product", "is_any_of", ["acme-p1"]))


@pytest.mark.parametrize(
    ("scope", "tree", "words"),
    [
        ("line_item", LINES, "products in the category Tea, or that are “Product of acme” (acme-p1)"),
        (
            "transaction",
            group(
                "all",
                condition("total_inc_tax", "is_at_least", "20"),
                group("any", condition("transaction_weekday", "is_any_of", ["monday", "sunday"])),
            ),
            "customers whose total before discounts is at least 20.00 GBP, and shopping on Monday or Sunday",
        ),
        (
            "customer",
            group("all", condition("is_loyalty_member", "is", value=False), condition("birthday", "is_within_days", 3)),
            "customers who are not loyalty members, and whose birthday is within 3 days of today",
        ),
        (
            "customer",
            group("all", condition("enrolled_on", "is_between", ["2026-01-01", "2026-03-31"])),
            "customers who joined between 1 Jan 2026 and 31 Mar 2026",
        ),
        (
            "line_item",
            group("all", condition("quantity", "is_at_least", 1)),
            "products of which they buy at least 1 unit",
        ),
        ("site", "", "all sites qualify"),
        ("site", group("all"), "all sites qualify"),
    ],
)
def test_a_tree_is_read_out(office: Office, scope: str, tree: Any, words: str) -> None:
    assert reading(office, scope, tree) | {"names": []} == {"words": words, "problems": [], "names": []}


def test_a_total_is_in_the_promotions_currency(office: Office) -> None:
    tree = group("all", condition("total_inc_tax", "is_between", ["500", "900"]))
    assert reading(office, "transaction", tree, currency="JPY")["words"].endswith("is between 500 and 900 JPY")


def test_a_missing_value_is_dots_and_a_problem_at_its_path(office: Office) -> None:
    tree = group("all", condition("town", "is", "Leeds"), group("any", condition("county", "is_any_of", [])))
    read = reading(office, "site", tree)
    assert read["words"] == "at sites in the town of Leeds, and in the county of …"
    assert read["problems"] == [{"path": "rules.1.rules.0.value", "detail": "Enter a value."}]


def test_an_unknown_reference_is_a_problem_at_its_path(office: Office) -> None:
    tree = group("all", condition("groups", "is_any_of", ["acme-g1", "nobody"]), condition("home_site", "is", "X\x001"))
    read = reading(office, "customer", tree)
    assert [problem["path"] for problem in read["problems"]] == ["rules.1.value", "rules.0.value"]
    assert read["problems"][1]["detail"] == "There is no group nobody."
    assert read["names"] == [{"kind": "group", "key": "acme-g1", "name": "Group of acme"}]


def test_an_attribute_of_the_catalogue_is_a_problem_without_it(office: Office) -> None:
    Account.objects.update(catalogue_enabled=False)
    problems = reading(office, "line_item", group("all", condition("labels", "is", "new")))["problems"]
    assert problems == [{"path": "rules.0.attribute", "detail": "“Labels” needs the product catalogue."}]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "7",
        "[]",
        '"x"',
        "NaN",
        '{"match": 1}',
        '{"rules": [1]}',
        "[" * 100_000,
        '{"rules": [{"attribute": "town"}]}',
    ]
    + [json.dumps(group("all", condition("town", "is", value))) for value in ODD_VALUES]
    + [json.dumps(group("all", condition("transaction_date", "is", "2026-13-45")))],
)
def test_no_text_is_a_fault_of_ours(office: Office, text: str) -> None:
    for scope in ("site", "transaction"):
        assert reading(office, scope, text)["problems"] != []


@pytest.mark.parametrize("value", ["\ud800", "\x00", "x" * 400, {}, ["\ud800"], [{}]])
def test_no_key_is_a_fault_of_ours(office: Office, value: Any) -> None:
    for operator in ("is", "is_any_of"):
        assert reading(office, "line_item", group("all", condition("product", operator, value)))["problems"] != []


def test_half_a_character_is_read_out(office: Office) -> None:
    assert (
        reading(office, "site", group("all", condition("town", "is", "\ud800")))["words"]
        == "at sites in the town of “\ud800”"
    )


def test_an_unknown_tree_is_refused(office: Office) -> None:
    answer = office.client.post(reverse("rules_reading"), {"scope": "weather", "tree": ""})
    assert answer.status_code == 400


# --- what may be chosen ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attribute", "column"), [("category", "category"), ("labels", "labels")])
def test_texts_that_begin_with_the_search_come_first(office: Office, attribute: str, column: str) -> None:
    texts = ("New York", "Yorkshire", "York", "Leeds")
    rows: list[dict[str, Any]] = [{column: (text,) if column == "labels" else text} for text in texts]
    products_save(
        account_id=office.account.pk,
        rows=[ProductValues(sku=f"s{n}", name="", **one) for n, one in enumerate(rows)],
    )
    assert found(office, attribute, "yor") == ["York", "Yorkshire", "New York"]


def test_rows_are_found_by_key_and_name_nearest_first(office: Office) -> None:
    names = {"tea": "Loose leaf", "green": "Green tea", "teapot": "Pot", "mug": "Mug"}
    products_save(account_id=office.account.pk, rows=[ProductValues(sku=sku, name=name) for sku, name in names.items()])
    assert found(office, "product", "TEA") == ["tea", "teapot", "green"]


def test_archived_rows_are_not_offered_but_still_named(office: Office) -> None:
    groups_save(account_id=office.account.pk, rows=[GroupValues(code="old", name="Old friends", archived=True)])
    assert found(office, "group") == ["acme-g1"]
    read = reading(office, "customer", group("all", condition("groups", "is_any_of", ["old"])))
    assert (read["words"], read["problems"]) == ("customers in the group Old friends", [])


@pytest.mark.parametrize(
    ("kind", "search", "keys"),
    [
        ("group", "", ["acme-g1"]),
        ("site", "Site 1", ["acme-001"]),
        ("offer", "offer", ["acme-o1"]),
        ("category", "te", ["Tea"]),
        ("town", "", ["Leeds"]),
        ("sku", "p1", ["acme-p1"]),
        ("source", "", []),
        ("product", "nothing", []),
        ("product", "\x00acme", ["acme-p1"]),
    ],
)
def test_values_that_occur_are_found(office: Office, kind: str, search: str, keys: list[str]) -> None:
    assert found(office, kind, search) == keys


def test_labels_are_found_one_by_one(office: Office) -> None:
    products_save(
        account_id=office.account.pk,
        rows=[ProductValues(sku=f"L{n}", labels=labels) for n, labels in enumerate(LABELS)],
    )
    assert found(office, "labels") == ["new", "sale", "é"]
    assert found(office, "labels", "SAL") == ["sale"]


def test_a_long_list_is_cut(office: Office) -> None:
    products_save(account_id=office.account.pk, rows=[ProductValues(sku=f"N{n:03}") for n in range(50)])
    assert len(found(office, "product")) == 20
    assert len(found(office, "sku", "n")) == 20


def test_there_is_nothing_of_an_unknown_kind(office: Office) -> None:
    assert office.client.get(reverse("choices_found", args=["weather"])).status_code == 404


# --- who may ask ----------------------------------------------------------------------------------------------------


def test_nothing_of_another_account_is_offered_or_named(office: Office) -> None:
    theirs = make_office("theirs")
    fill(theirs.account)
    for kind in ("product", "group", "site", "offer", "sku", "site_name", "site_number"):
        assert not [key for key in found(office, kind) if "theirs" in key], kind
        assert found(office, kind, "theirs") == []
    read = reading(office, "line_item", group("all", condition("product", "is", "theirs-p1")))
    assert (read["names"], len(read["problems"])) == ([], 1)


@pytest.mark.parametrize("role", list(StaffRole))
def test_every_role_may_read_rules(office: Office, role: StaffRole) -> None:
    seen_by = office.login(role)
    assert attributes(seen_by, "site")
    assert reading(seen_by, "site", "")["words"] == "all sites qualify"
    assert found(seen_by, "product") == ["acme-p1"]


def test_a_user_is_offered_nothing_of_a_table_they_may_not_see(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    take_away(viewer.user.staff_memberships.get(), "Products")
    for kind in ("product", "sku", "labels"):
        assert viewer.client.get(reverse("choices_found", args=[kind])).status_code == 403
    take_away(viewer.user.staff_memberships.get(), "LoyaltyPromotions", "Discounts")
    assert viewer.client.get(reverse("rules_vocabulary")).status_code == 403
    assert viewer.client.post(reverse("rules_reading"), {"scope": "site"}).status_code == 403


def test_staff_without_an_account_and_strangers_are_refused(office: Office) -> None:
    pages = [reverse("rules_vocabulary"), reverse("choices_found", args=["product"])]
    user = User.objects.create_user("nobody", password="correct-horse-7", is_staff=True)
    office.client.force_login(user, backend="consumers.access.MembershipBackend")
    assert [office.client.get(page).status_code for page in pages] == [403, 403]
    assert office.client.post(reverse("rules_reading"), {"scope": "site"}).status_code == 403
    office.client.logout()
    assert [office.client.get(page).status_code for page in pages] == [302, 302]


def test_reading_is_posted_and_the_rest_is_not(office: Office) -> None:
    assert office.client.get(reverse("rules_reading")).status_code == 405
    assert office.client.post(reverse("rules_vocabulary")).status_code == 405


# --- what it costs --------------------------------------------------------------------------------------------------


def queries(office: Office, page: str, **post: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer = office.client.post(page, post) if post else office.client.get(page)
    assert answer.status_code == 200
    return len(captured) - FRAME


def test_endpoints_run_one_statement_for_each_table(office: Office) -> None:
    assert queries(office, reverse("rules_vocabulary")) == 0
    for kind in ("product", "category", "labels", "source"):
        assert queries(office, reverse("choices_found", args=[kind])) == 1, kind
    rules = [condition("groups", "is_any_of", [f"g{n}" for n in range(500)]), condition("home_site", "is", "acme-001")]
    tree = json.dumps(group("all", *rules * 20))
    assert queries(office, reverse("rules_reading"), scope="customer", tree=tree) == 2
    assert queries(office, reverse("rules_reading"), scope="site", tree=json.dumps(group("all"))) == 0
