"""``promotions`` over REST: the contract, the filters, and that no input gives a 500."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.author import Author
from consumers.models import Account, ApiKey, ConsumerGroup, Site
from consumers.services.account import account_create
from loyalty.models import AppliedPromotion, Offer
from promotions.models import Product, Promotion, PromotionVersion
from promotions.services.promotion.life import promotion_stop
from tests.promotions.builders import NOW, day, make_account, make_promotion

pytestmark = pytest.mark.django_db

BODY: dict[str, Any] = {
    "type": "fixed_points",
    "name": "Fifty points",
    "description": "For everybody",
    "currency": "GBP",
    "starts_at": "2026-03-01T00:00:00Z",
    "ends_at": None,
    "draft": False,
    "outcome": {"points": 50},
    "eligibility": {},
    "content": {},
}
BY: dict[str, Any] = {"author": Author(label="test")}


class Api:
    """Calls with the keys of one new account."""

    def __init__(self, code: str = "shop") -> None:
        created = account_create(code=code, currency="GBP", time_zone="Europe/London")
        self.account: Account = created.account
        self.keys = {"manager": created.manager_key, "till": created.till_key}
        self.client = Client()

    def __call__(self, method: str, path: str, body: Any = None, *, role: str = "manager") -> Any:
        headers = {"Authorization": f"Api-Key {self.keys[role]}"} if role in self.keys else {}
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic(method, f"/api/v1/{path}", sent, "application/json", headers=headers)

    def errors(self, method: str, path: str, body: Any = None, *, status: int = 400) -> list[tuple[str | None, str]]:
        """Return the problems of a refused call, each as path and code."""
        answer = self(method, path, body)
        assert answer.status_code == status, answer.content
        return [(error["attr"], error["code"]) for error in answer.json()["errors"]]

    def codes(self, query: str = "") -> list[str]:
        """Return the codes that a list shows, in order."""
        answer = self("GET", f"promotions?{query}")
        assert answer.status_code == 200, answer.content
        return [row["code"] for row in answer.json()["results"]]


@pytest.fixture
def api() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield Api()


def rule(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    return {"match": "all", "rules": [{"attribute": attribute, "operator": operator, "value": value}]}


# --- one row --------------------------------------------------------------------------------------------------------


def test_a_promotion_is_created_read_and_replaced(api: Api) -> None:
    created = api("PUT", "promotions/fifty", BODY)
    assert created.status_code == 201
    row = created.json()
    assert {name: row[name] for name in BODY if name not in ("outcome", "eligibility", "content")} == {
        name: value for name, value in BODY.items() if name not in ("outcome", "eligibility", "content")
    }
    assert row["outcome"]["points"] == 50
    assert (row["code"], row["subtype"], row["archived"]) == ("fifty", "", False)
    assert (row["status"], row["version"], row["redemptions"]) == ("active", 1, 0)
    assert (row["created_at"], row["updated_at"]) == ("2026-03-10T12:00:00Z", "2026-03-10T12:00:00Z")
    assert api("GET", "promotions/fifty").json() == row
    replaced = api("PUT", "promotions/fifty", {**BODY, "outcome": {"points": 60}})
    assert replaced.status_code == 200
    assert (replaced.json()["outcome"]["points"], replaced.json()["version"]) == (60, 2)


def test_the_answer_of_get_can_be_put_back(api: Api) -> None:
    ConsumerGroup.objects.create(account=api.account, code="staff")
    body = {
        **BODY,
        "outcome": {"points": 5, "product_selection": {"match": "all", "sets": [{"units": 2}, {"units": 1}]}},
        "eligibility": {
            "control_group": {"group": "staff", "percentage": "12.5"},
            "site_rules": rule("town", "is", "Leeds"),
            "application_rules": [{"measure": "transactions", "threshold": 3, "period": {"unit": "promotion"}}],
        },
    }
    api("PUT", "promotions/fifty", body)
    row = api("GET", "promotions/fifty").json()
    again = api("PUT", "promotions/fifty", row)
    assert again.status_code == 200
    assert again.json() == row


@pytest.mark.parametrize("code", ["x2_ä", "10% off!", "spring sale", "コーヒー", "bulk"])
def test_a_code_of_any_printable_characters_works_in_an_address(api: Api, code: str) -> None:
    path = f"promotions/{quote(code, safe='')}"
    assert api("PUT", path, BODY).json()["code"] == code
    assert api("GET", path).json()["code"] == code
    assert api("POST", f"{path}/stop", {}).json()["status"] == "stopped"
    assert api("DELETE", path).status_code == 204


@pytest.mark.parametrize("code", ["a%2Fb", "a%3Fb", "a%23b", "a%0Ab", "%20a", "x" * 65, "a%00b"])
def test_a_code_that_would_not_survive_in_an_address_is_refused(api: Api, code: str) -> None:
    assert {attr for attr, _ in api.errors("PUT", f"promotions/{code}", BODY)} == {"code"}
    assert api("GET", f"promotions/{code}").status_code == 404


def test_a_status_is_computed_at_the_time_of_the_request(api: Api) -> None:
    make_promotion(api.account, starts_at=day(12), ends_at=day(20))
    for moment, status in ((NOW, "scheduled"), (day(12), "active"), (day(20), "ended")):
        with time_machine.travel(moment, tick=False):
            assert api("GET", "promotions/fifty").json()["status"] == status


def test_patch_merges_objects_and_replaces_lists_and_rule_trees(api: Api) -> None:
    api(
        "PUT",
        "promotions/fifty",
        {
            **BODY,
            "outcome": {"points": 5, "activity_type": "Fun", "quantity_rule": {"apply_to": "every", "units": 2}},
            "eligibility": {"site_rules": rule("town", "is", "Leeds"), "total_redemption_limit": 5},
            "content": {"links": [{"url": "https://a.example"}, {"url": "https://b.example"}]},
        },
    )
    tree = {"match": "any", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}
    answer = api(
        "PATCH",
        "promotions/fifty",
        {
            "outcome": {"points": 6, "quantity_rule": {"units": 3}},
            "eligibility": {"site_rules": tree},
            "content": {"links": [{"url": "https://c.example"}]},
        },
    )
    assert answer.status_code == 200, answer.content
    row = answer.json()
    assert (row["outcome"]["points"], row["outcome"]["activity_type"]) == (6, "Fun")
    assert row["outcome"]["quantity_rule"] == {"apply_to": "every", "units": 3}
    assert (row["eligibility"]["site_rules"], row["eligibility"]["total_redemption_limit"]) == (tree, 5)
    assert row["content"]["links"] == [{"url": "https://c.example", "anchor_text": ""}]
    assert row["name"] == "Fifty points"


def test_an_archived_promotion_is_hidden_unless_asked_for(api: Api) -> None:
    make_promotion(api.account)
    make_promotion(api.account, code="gone")
    assert api("PATCH", "promotions/gone", {"archived": True}).json()["archived"] is True
    assert api.codes() == ["fifty"]
    assert api.codes("archived=true") == ["gone"]
    assert set(api.codes("archived=all")) == {"fifty", "gone"}
    assert api("GET", "promotions/gone").status_code == 200
    assert api("PATCH", "promotions/gone", {"archived": False}).json()["archived"] is False


def test_a_drafts_code_can_be_patched_and_a_published_ones_cannot(api: Api) -> None:
    api("PUT", "promotions/fifty", {**BODY, "draft": True})
    answer = api("PATCH", "promotions/fifty", {"code": "sixty", "name": "Sixty"})
    assert (answer.json()["code"], answer.json()["name"]) == ("sixty", "Sixty")
    assert api("GET", "promotions/fifty").status_code == 404
    assert api.errors("PATCH", "promotions/sixty", {"code": "seventy", "name": ""}) == [("name", "blank")]
    assert api("GET", "promotions/seventy").status_code == 404
    api("PATCH", "promotions/sixty", {"draft": False})
    assert api.errors("PATCH", "promotions/sixty", {"code": "seventy"}) == [("code", "immutable")]
    assert api.errors("PATCH", "promotions/sixty", {"code": 7}) == [("code", "invalid")]
    assert api.errors("PUT", "promotions/sixty", {**BODY, "code": "seventy"}) == [("code", "invalid")]


def test_a_change_of_a_fixed_field_is_refused_at_the_field(api: Api) -> None:
    api("PUT", "promotions/fifty", BODY)
    assert api.errors("PATCH", "promotions/fifty", {"type": "redeem_offer"}) == [("type", "immutable")]
    assert api.errors("PATCH", "promotions/fifty", {"currency": "EUR"}) == [("currency", "immutable")]
    assert api.errors("PATCH", "promotions/fifty", {"starts_at": "2026-03-02T00:00:00Z"}) == [
        ("starts_at", "immutable")
    ]
    assert api.errors("PATCH", "promotions/fifty", {"draft": True}, status=409) == [(None, "already_published")]
    assert Promotion.objects.get().version == 1


def test_stopping_answers_409_the_second_time(api: Api) -> None:
    make_promotion(api.account)
    make_promotion(api.account, code="ended", ends_at=day(9))
    make_promotion(api.account, code="draft", draft=True)
    assert api("POST", "promotions/fifty/stop").json()["status"] == "stopped"
    assert api.errors("POST", "promotions/fifty/stop", {}, status=409) == [(None, "stopped")]
    assert api.errors("POST", "promotions/ended/stop", {}, status=409) == [(None, "stopped")]
    assert api.errors("POST", "promotions/draft/stop", {}, status=409) == [(None, "not_published")]
    assert api.errors("POST", "promotions/ended/stop", {"at": "now"}) == [("at", "unknown_field")]


def test_a_copy_is_a_draft_under_another_code(api: Api) -> None:
    make_promotion(api.account)
    copied = api("POST", "promotions/fifty/duplicate", {"code": "copy", "name": "The copy"})
    assert copied.status_code == 201
    assert (copied.json()["code"], copied.json()["name"], copied.json()["status"]) == ("copy", "The copy", "draft")
    original = api("GET", "promotions/fifty").json()
    assert all(copied.json()[name] == original[name] for name in ("starts_at", "ends_at"))
    assert api.errors("POST", "promotions/fifty/duplicate", {"code": "copy"}) == [("code", "unique")]
    assert api.errors("POST", "promotions/fifty/duplicate", {"name": "x"}) == [("code", "required")]
    assert api.errors("POST", "promotions/fifty/duplicate", {"code": "a b/c"}) == [("code", "invalid")]


def test_a_copy_may_have_dates_of_its_own(api: Api) -> None:
    make_promotion(api.account, ends_at=day(20))
    path, body = "promotions/fifty/duplicate", {"code": "copy", "starts_at": "2040-01-01T00:00:00Z"}
    assert api.errors("POST", path, body) == [("ends_at", "not_after_start")]
    assert api.errors("POST", path, {**body, "ends_at": "2020-01-01T00:00:00Z"}) == [
        ("ends_at", "not_after_start"),
        ("ends_at", "in_the_past"),
    ]
    assert api.errors("POST", path, {**body, "starts_at": None}) == [("starts_at", "null")]
    copied = api("POST", path, {**body, "ends_at": None}).json()
    assert (copied["starts_at"], copied["ends_at"]) == (body["starts_at"], None)


def test_versions_say_who_and_when(api: Api) -> None:
    api("PUT", "promotions/fifty", BODY)
    with time_machine.travel(day(11), tick=False):
        api("PATCH", "promotions/fifty", {"name": "Other"})
    newest, first = api("GET", "promotions/fifty/versions").json()["results"]
    assert (newest["version"], newest["created_at"], newest["created_by"]) == (
        2,
        "2026-03-11T12:00:00Z",
        "API key manager",
    )
    assert (first["version"], first["definition"]["name"], newest["definition"]["name"]) == (1, "Fifty points", "Other")
    assert len(api("GET", "promotions/fifty/versions?search=manager").json()["results"]) == 2
    assert api("GET", "promotions/fifty/versions?search=import").json()["results"] == []


def test_only_a_promotion_without_history_can_be_deleted(api: Api) -> None:
    promotion = make_promotion(api.account)
    make_promotion(api.account, code="free")
    site = Site.objects.create(account=api.account, number="001")
    amounts = dict.fromkeys(("total_inc_tax", "total_ex_tax", "discount_total", "net_total_inc_tax", "paid"), 1)
    AppliedPromotion.objects.create(
        transaction=site_sale(api.account, site, amounts),
        promotion=promotion,
        version=promotion.versions.get(),
        position=1,
        redemptions=1,
    )
    assert api("DELETE", "promotions/free").status_code == 204
    assert api("GET", "promotions/free").status_code == 404
    assert api.errors("DELETE", "promotions/fifty", status=409) == [(None, "in_use")]
    assert api("PATCH", "promotions/fifty", {"archived": True}).status_code == 200


def site_sale(account: Account, site: Site, amounts: dict[str, int]) -> Any:
    from_sales = AppliedPromotion._meta.get_field("transaction").related_model
    return from_sales._default_manager.create(
        account=account, site=site, reference="T-1", fingerprint="", currency="GBP", occurred_at=NOW,
        local_day=NOW.date(), recorded_at=NOW, **amounts,
    )  # fmt: skip


# --- permissions ----------------------------------------------------------------------------------------------------


def test_promotions_of_another_account_are_not_found(api: Api) -> None:
    other = Api("other")
    make_promotion(other.account)
    for method, path, body in (
        ("GET", "promotions/fifty", None),
        ("PATCH", "promotions/fifty", {"name": "x"}),
        ("PATCH", "promotions/fifty", {"code": "mine"}),
        ("DELETE", "promotions/fifty", None),
        ("POST", "promotions/fifty/stop", {}),
        ("POST", "promotions/fifty/duplicate", {"code": "copy"}),
        ("GET", "promotions/fifty/versions", None),
    ):
        assert api.errors(method, path, body, status=404) == [(None, "not_found")]
    assert api.codes() == []
    assert api("PUT", "promotions/fifty", BODY).status_code == 201
    assert Promotion.objects.filter(code="fifty").count() == 2


def test_rows_of_another_account_cannot_be_referenced(api: Api) -> None:
    other = make_account("other")
    ConsumerGroup.objects.create(account=other, code="staff")
    Product.objects.create(account=other, sku="A")
    Site.objects.create(account=other, number="001")
    Offer.objects.create(account=other, code="coffee", name="Coffee", currency="GBP")
    body = {
        **BODY,
        "type": "redeem_offer",
        "outcome": {"offer": "coffee", "product_selection": {"sets": [{"rules": rule("product", "is", "A")}]}},
        "eligibility": {
            "customer_rules": rule("home_site", "is", "001"),
            "control_group": {"group": "staff", "percentage": "10"},
        },
    }
    assert set(api.errors("PUT", "promotions/fifty", body)) == {
        ("outcome.offer", "unknown_reference"),
        ("outcome.product_selection.sets.0.rules.rules.0.value", "unknown_reference"),
        ("eligibility.customer_rules.rules.0.value", "unknown_reference"),
        ("eligibility.control_group.group", "unknown_reference"),
    }
    assert not Promotion.objects.exists()


def test_a_till_may_look_and_not_write(api: Api) -> None:
    make_promotion(api.account)
    assert api("GET", "promotions", role="till").status_code == 200
    assert api("GET", "promotions/fifty", role="till").status_code == 200
    for method, path, body in (
        ("PUT", "promotions/fifty", BODY),
        ("PATCH", "promotions/fifty", {}),
        ("DELETE", "promotions/fifty", None),
        ("POST", "promotions/bulk", []),
        ("POST", "promotions/fifty/stop", {}),
        ("POST", "promotions/fifty/duplicate", {"code": "copy"}),
        ("GET", "promotions/fifty/versions", None),
    ):
        assert api(method, path, body, role="till").status_code == 403
        assert api(method, path, body, role="nobody").status_code == 401


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_list_filters_by_the_clock_and_not_by_the_stored_status(api: Api) -> None:
    make_promotion(api.account, code="soon", starts_at=day(12))
    make_promotion(api.account, code="on", starts_at=day(1), ends_at=day(11))
    make_promotion(api.account, code="over", starts_at=day(1), ends_at=day(9))
    make_promotion(api.account, code="draft", draft=True)
    promotion_stop(promotion=make_promotion(api.account, code="stopped"), at=NOW, **BY)
    Promotion.objects.update(status="draft")
    for status, code in (
        ("scheduled", "soon"),
        ("active", "on"),
        ("ended", "over"),
        ("draft", "draft"),
        ("stopped", "stopped"),
    ):
        assert api.codes(f"status={status}") == [code]
    assert set(api.codes("status=draft&status=active")) == {"draft", "on"}
    assert set(api.codes("live_at=2026-03-10T11:59:59Z")) == {"on", "stopped"}
    assert set(api.codes("live_at=2026-03-12T13:00:00%2B01:00")) == {"soon"}


def test_the_list_filters_by_type_currency_and_always_apply(api: Api) -> None:
    make_promotion(api.account)
    make_promotion(
        api.account, code="x2", type="points_multiplier", outcome={"multiplier": "2"},
        eligibility={"always_apply": True}, currency="EUR",
    )  # fmt: skip
    assert api.codes("type=points_multiplier") == ["x2"]
    assert set(api.codes("type=points_multiplier&type=fixed_points")) == {"fifty", "x2"}
    assert api.codes("currency=EUR") == ["x2"]
    assert api.codes("always_apply=true") == ["x2"]
    assert api.codes("always_apply=false") == ["fifty"]


def test_the_list_filters_by_the_sites_that_the_rules_admit(api: Api) -> None:
    Site.objects.create(account=api.account, number="001", town="Leeds")
    Site.objects.create(account=api.account, number="002", town="York")
    make_promotion(api.account, code="everywhere")
    make_promotion(api.account, code="leeds", eligibility={"site_rules": rule("town", "is", "LEEDS")})
    make_promotion(api.account, code="not-leeds", eligibility={"site_rules": rule("town", "is_not", "Leeds")})
    assert set(api.codes("site=001")) == {"everywhere", "leeds"}
    assert set(api.codes("site=002")) == {"everywhere", "not-leeds"}
    assert api.errors("GET", "promotions?site=003") == [("site", "unknown_reference")]


def test_the_list_searches_code_name_and_description_and_is_ordered(api: Api) -> None:
    make_promotion(api.account, code="tea", name="A", starts_at=day(1))
    make_promotion(api.account, code="b", name="Green Tea", starts_at=day(3))
    make_promotion(api.account, code="c", name="C", description="no tea", starts_at=day(2))
    make_promotion(api.account, code="d", name="Coffee", starts_at=day(4))
    assert api.codes("search=TEA") == ["b", "c", "tea"]
    assert api.codes("ordering=name") == ["tea", "c", "d", "b"]
    assert api.codes("ordering=-code&limit=2") == ["tea", "d"]


@pytest.mark.parametrize(
    "query",
    [
        "status=live", "type=discount", "live_at=2026-03-10T12:00:00", "live_at=now", "live_at=0001-01-01T00:00:00Z",
        "always_apply=perhaps", "archived=perhaps", "ordering=eligibility", "limit=0", "cursor=x", "site=%00",
    ],
)  # fmt: skip
def test_an_invalid_filter_is_refused_by_name(api: Api, query: str) -> None:
    make_promotion(api.account)
    [(attr, _)] = api.errors("GET", f"promotions?{query}")
    assert attr == query.partition("=")[0]


@pytest.mark.parametrize(
    "query", ["", "status=active&type=fixed_points&search=p", "site=001", "live_at=2026-03-10T12:00:00Z"]
)
def test_the_list_takes_a_fixed_number_of_statements(api: Api, query: str, django_assert_num_queries: Any) -> None:
    Site.objects.create(account=api.account, number="001")
    extra = 2 if query.startswith("site") else 0
    for rows in (1, 12):
        for n in range(rows):
            make_promotion(api.account, code=f"p{n}", eligibility={"site_rules": rule("site_number", "is", "001")})
        with django_assert_num_queries(2 + extra):
            assert len(api.codes(query)) == rows


def test_a_put_takes_few_statements(api: Api, django_assert_max_num_queries: Any) -> None:
    ConsumerGroup.objects.create(account=api.account, code="staff")
    body = {**BODY, "eligibility": {"customer_rules": rule("groups", "is", "staff")}}
    # Twelve, and BEGIN, SAVEPOINT and the like.
    with django_assert_max_num_queries(12 + 2):
        api("PUT", "promotions/fifty", BODY)
    with django_assert_max_num_queries(12 + 2):
        api("PUT", "promotions/fifty", body)


# --- many rows ------------------------------------------------------------------------------------------------------


def test_bulk_writes_all_or_none_and_names_the_row(api: Api) -> None:
    make_promotion(api.account)
    rows = [{**BODY, "code": "a"}, {**BODY, "code": "fifty", "starts_at": "2026-03-01T12:00:00Z"}]
    bad = {**BODY, "code": "b", "outcome": {"points": "many"}}
    assert api.errors("POST", "promotions/bulk", [*rows, bad]) == [("2.outcome.points", "invalid_number")]
    assert api.errors("POST", "promotions/bulk", [*rows, {**BODY, "code": "a"}]) == [("2.code", "duplicate")]
    assert api.errors("POST", "promotions/bulk", [{**BODY, "code": "a/b"}]) == [("0.code", "invalid")]
    assert Promotion.objects.count() == 1
    answer = api("POST", "promotions/bulk", rows)
    assert answer.json() == {"created": 1, "updated": 1}


def test_thirty_rows_take_as_many_statements_as_one(api: Api, django_assert_max_num_queries: Any) -> None:
    for rows in (1, 30):
        with django_assert_max_num_queries(12):
            answer = api("POST", "promotions/bulk", [{**BODY, "code": f"{rows}-{n}"} for n in range(rows)])
        assert answer.json() == {"created": rows, "updated": 0}
    assert PromotionVersion.objects.count() == 31


# --- bad input ------------------------------------------------------------------------------------------------------

FULL: dict[str, Any] = {
    **BODY,
    "outcome": {
        "points": 50,
        "activity_description": "{{ spend }}",
        "activity_type": "Fun",
        "redemption_message_subject": "Hi",
        "redemption_message": "<b>Hi</b>",
        "product_selection": {"match": "any", "sets": [{"name": "A", "rules": rule("sku", "is", "A"), "units": 1}]},
        "quantity_rule": {"apply_to": "every", "units": 2},
        "pricing_rule": {"order": "cheapest", "by": "inc_tax"},
    },
    "eligibility": {
        "site_rules": rule("town", "is_any_of", ["Leeds"]),
        "customer_rules": rule("enrolled_on", "is_between", ["2026-01-01", "2026-02-01"]),
        "transaction_rules": rule("total_inc_tax", "is_at_least", "10"),
        "line_item_rules": rule("quantity", "is", "2"),
        "application_rules": [
            {
                "measure": "spend",
                "threshold": "10",
                "period": {"unit": "days", "length": 5},
                "line_item_rules": rule("sku", "is", "A"),
                "counting": "every",
            }
        ],
        "control_group": {"group": "staff", "percentage": "20"},
        "total_redemption_limit": 5,
        "customer_redemption_limit": 1,
        "always_apply": False,
        "ignores_universal_holdout": False,
    },
    "content": {
        "short_description": "s",
        "long_description": "l",
        "confirmation_message": "c",
        "terms_and_conditions": "t",
        "links": [{"url": "https://a.example", "anchor_text": "A"}],
        "images": [{"url": "https://a.example/a.png", "alt_text": "A"}],
    },
}


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every value in a document."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [
        *([path] if path else []),
        *(inner_path for name, each in inner for inner_path in paths(each, (*path, name))),
    ]


def with_value(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return the document with another value at a path."""
    if not path:
        return value
    changed: Any = dict(document) if isinstance(document, dict) else list(document)
    changed[path[0]] = with_value(document[path[0]], path[1:], value)
    return changed


WRONG: list[Any] = [None, True, 10**30, 1.5, "", "x" * 30_000, "\ud800", [], [None], {"": {}}]


@pytest.mark.parametrize("path", paths(FULL), ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_the_wrong_type_is_a_named_error_and_never_a_500(api: Api, path: tuple[str | int, ...]) -> None:
    ConsumerGroup.objects.create(account=api.account, code="staff")
    for wrong in WRONG:
        answer = api("PUT", "promotions/fifty", with_value(FULL, path, wrong))
        assert answer.status_code in (200, 201, 400), answer.content
        if answer.status_code == 400:
            assert all(error["attr"].startswith(str(path[0])) for error in answer.json()["errors"]), answer.content
        else:
            again = api("PUT", "promotions/fifty", api("GET", "promotions/fifty").json())
            assert again.status_code == 200, again.content
            api("DELETE", "promotions/fifty")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(paths(FULL)), value=JSON)
def test_no_json_in_a_body_causes_a_500(api: Api, path: tuple[str | int, ...], value: Any) -> None:
    ConsumerGroup.objects.get_or_create(account=api.account, code="staff")
    assert api("PUT", "promotions/fifty", with_value(FULL, path, value)).status_code in (200, 201, 400)
    patch = {path[0]: value}
    assert api("PATCH", "promotions/fifty", patch).status_code in (200, 400, 404, 409)


@pytest.mark.parametrize("name", ["nonsense", "id", "stopped_at", "family"])
def test_an_unknown_field_is_refused_by_name(api: Api, name: str) -> None:
    assert api.errors("PUT", "promotions/fifty", {**BODY, name: 1}) == [(name, "unknown_field")]


@pytest.mark.parametrize("name", ["type", "name", "starts_at"])
def test_a_field_that_is_needed_is_asked_for_by_name(api: Api, name: str) -> None:
    body = {key: value for key, value in BODY.items() if key != name}
    assert api.errors("PUT", "promotions/fifty", body) == [(name, "required")]


@pytest.mark.parametrize("tree", ["site_rules", "customer_rules", "transaction_rules", "line_item_rules"])
@pytest.mark.parametrize(
    ("rules", "path", "code"),
    [
        ([], "", "invalid"),
        ({"match": "none", "rules": []}, ".match", "invalid_choice"),
        ({"match": "all", "rules": {}}, ".rules", "invalid"),
        (rule("shoe_size", "is", "9"), ".rules.0.attribute", "unknown_attribute"),
        ({"match": "all", "rules": [rule("shoe_size", "is", "9")]}, ".rules.0.rules.0.attribute", "unknown_attribute"),
        ({"match": "all", "rules": [{"attribute": []}]}, ".rules.0.attribute", "unknown_attribute"),
        ({"match": "all", "rules": [7]}, ".rules.0", "invalid"),
        ({"match": "all", "rules": [], "x": 1}, ".x", "unknown_field"),
    ],
)
def test_an_error_in_a_rule_tree_names_its_path(api: Api, tree: str, rules: Any, path: str, code: str) -> None:
    body = {**BODY, "eligibility": {tree: rules}}
    assert api.errors("PUT", "promotions/fifty", body) == [(f"eligibility.{tree}{path}", code)]


@pytest.mark.parametrize(
    ("attribute", "operator", "value", "field"),
    [
        ("enrolled_on", "contains", "2026", "operator"),
        ("enrolled_on", "is", "1 March", "value"),
        ("points_balance", "is_between", ["2", "1"], "value"),
        ("birthday", "is_today", "yes", "value"),
        ("groups", "is_any_of", [], "value"),
        ("groups", "is", ["staff"], "value"),
        ("is_loyalty_member", "is", "true", "value"),
    ],
)
def test_an_error_in_a_condition_names_its_part(
    api: Api, attribute: str, operator: str, value: Any, field: str
) -> None:
    body = {**BODY, "eligibility": {"customer_rules": rule(attribute, operator, value)}}
    [(attr, _)] = api.errors("PUT", "promotions/fifty", body)
    assert attr == f"eligibility.customer_rules.rules.0.{field}"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"null", b"\xff", b"[" * 5000, b'{"name": NaN}'])
def test_a_body_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    for method, path in (("PUT", "promotions/fifty"), ("POST", "promotions/fifty/duplicate")):
        make_promotion(api.account)
        assert api(method, path, body).status_code == 400


def test_a_key_that_was_revoked_changes_nothing(api: Api) -> None:
    ApiKey.objects.update(revoked=True)
    assert api("PUT", "promotions/fifty", BODY).status_code == 401
    assert not Promotion.objects.exists()


def test_a_stop_takes_effect_at_its_own_moment(api: Api) -> None:
    make_promotion(api.account)
    api("POST", "promotions/fifty/stop", {})
    assert api.codes("live_at=2026-03-10T11:59:59Z") == ["fifty"]
    assert api.codes("live_at=2026-03-10T12:00:00Z") == []
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        assert api.codes("status=stopped") == ["fifty"]
