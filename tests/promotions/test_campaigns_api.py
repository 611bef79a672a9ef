"""``campaigns`` over REST, and what names them: campaign, funding and ledger class of promotions, discounts, offers."""

from typing import Any

import pytest
import time_machine

from promotions.models import Campaign, Promotion, PromotionVersion
from tests.consumers.builders import Shop, attrs_of, make_shop
from tests.promotions.builders import NOW

pytestmark = pytest.mark.django_db

CAMPAIGN = {
    "name": "Summer",
    "description": "All of August",
    "starts_at": "2026-08-01T00:00:00Z",
    "ends_at": "2026-09-01T00:00:00Z",
    "owner": "Ada Lovelace",
    "archived": False,
}
PROMOTION: dict[str, Any] = {
    "type": "fixed_points",
    "name": "Fifty",
    "starts_at": "2026-01-01T00:00:00Z",
    "outcome": {"points": 50},
}
DISCOUNT: dict[str, Any] = {
    "discount_type": "percentage",
    "name": "Ten off",
    "starts_at": "2026-01-01T00:00:00Z",
    "value": "10",
    "product_sets": [{"rules": None}],
}
OFFER: dict[str, Any] = {"name": "Coffee", "value": "2.50"}
BODIES = {"promotions/p": PROMOTION, "discounts/d": DISCOUNT, "offers/o": OFFER}
ACME = {"party": "Acme", "share": "60"}


@pytest.fixture
def shop() -> Any:
    with time_machine.travel(NOW, tick=False):
        made = make_shop()
        assert made.manager.put("campaigns/summer", CAMPAIGN).status_code == 201
        yield made


def codes_at(answer: Any) -> list[tuple[str | None, str]]:
    return [(error["attr"], error["code"]) for error in answer.json()["errors"]]


def versions(code: str) -> int:
    return PromotionVersion.objects.filter(promotion__code=code).count()


def test_a_campaign_is_created_changed_listed_and_deleted(shop: Shop) -> None:
    answer = shop.manager.get("campaigns/summer").json()
    assert {name: answer[name] for name in CAMPAIGN} == CAMPAIGN
    assert shop.manager.patch("campaigns/summer", {"owner": "Agency"}).json()["owner"] == "Agency"
    assert shop.manager.post("campaigns/bulk", [{"code": "easter", "name": "Easter"}]).json()["created"] == 1
    assert [row["code"] for row in shop.manager.get("campaigns?search=agency").json()["results"]] == ["summer"]
    assert [row["code"] for row in shop.manager.get("campaigns?owner=AGENCY").json()["results"]] == ["summer"]
    assert shop.manager.delete("campaigns/easter").status_code == 204
    assert shop.manager.get("campaigns/easter").status_code == 404
    assert Campaign.history.filter(code="summer").count() == 2


@pytest.mark.parametrize(
    ("body", "attr", "code"),
    [
        ({"name": ""}, "name", "blank"),
        ({"name": "x", "owner": "x" * 201}, "owner", "max_length"),
        ({"name": "x", "owner": 3}, "owner", "invalid"),
        ({"name": "x", "starts_at": "2026-02-01T00:00:00"}, "starts_at", "offset"),
        (
            {"name": "x", "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"},
            "ends_at",
            "not_after_start",
        ),
        ({"name": "x\x07"}, "name", "control_character"),
        ({"name": "x", "members": "1"}, "members", "unknown_field"),
        ({"name": "x", "budget": "10"}, "budget", "invalid"),
        ({"name": "x", "budget": {}}, "budget.amount", "required"),
        ({"name": "x", "budget": {"amount": "1.001"}}, "budget.amount", "invalid_number"),
        ({"name": "x", "budget": {"amount": "-1"}}, "budget.amount", "invalid_number"),
        ({"name": "x", "budget": {"amount": "1", "when_short": "ask"}}, "budget.when_short", "invalid_choice"),
        ({"name": "x", "budget": {"amount": "1", "period": "day"}}, "budget.period", "unknown_field"),
    ],
)
def test_an_invalid_campaign_is_refused_by_name(shop: Shop, body: dict[str, Any], attr: str, code: str) -> None:
    answer = shop.manager.put("campaigns/new", body)
    assert answer.status_code == 400
    assert codes_at(answer) == [(attr, code)]
    assert not Campaign.objects.filter(code="new").exists()


def test_a_campaign_answers_its_budget_and_what_is_used(shop: Shop) -> None:
    assert [shop.manager.get("campaigns/summer").json()[name] for name in ("budget", "budget_used")] == [None, None]
    answer = shop.manager.patch("campaigns/summer", {"budget": {"amount": "1000"}}).json()
    assert (answer["budget"], answer["budget_used"]) == ({"amount": "1000.00", "when_short": "refuse"}, "0.00")
    changed = shop.manager.patch("campaigns/summer", {"owner": "Agency"}).json()
    assert changed["budget"] == answer["budget"]
    assert Campaign.history.filter(code="summer", budget__amount="1000.00").count() == 2


def test_all_that_is_wrong_with_a_list_of_campaigns_is_said_and_nothing_is_saved(shop: Shop) -> None:
    rows: list[dict[str, Any]] = [
        {"code": "a", "name": "A"},
        {"code": "b", "name": "x\x07", "budget": {"amount": "ten"}},
    ]
    answer = shop.manager.post("campaigns/bulk", rows)
    assert {attr for attr, _ in codes_at(answer)} >= {"1.name"}
    rows[1]["name"] = "B"
    answer = shop.manager.post("campaigns/bulk", rows)
    assert codes_at(answer) == [("1.budget.amount", "invalid_number")]
    assert set(Campaign.objects.values_list("code", flat=True)) == {"summer"}


@pytest.mark.parametrize("path", ["promotions/p", "discounts/d"])
def test_members_of_a_campaign_with_a_budget_have_the_accounts_currency(shop: Shop, path: str) -> None:
    body = {**BODIES[path], "currency": "EUR", "campaign": "summer"}
    assert shop.manager.put(path, body).status_code == 201
    answer = shop.manager.patch("campaigns/summer", {"budget": {"amount": "10"}})
    assert codes_at(answer) == [("budget", "other_currency")]
    code = path.partition("/")[2]
    assert f"another currency: {code}." in answer.json()["errors"][0]["detail"]
    assert shop.manager.get("campaigns/summer").json()["budget"] is None
    shop.manager.patch(path, {"campaign": None})
    shop.manager.patch("campaigns/summer", {"budget": {"amount": "10"}})
    assert codes_at(shop.manager.patch(path, {"campaign": "summer"})) == [("campaign", "other_currency")]
    assert Promotion.objects.get().campaign is None


def test_the_accounts_currency_stays_while_a_campaign_has_a_budget_in_it(shop: Shop) -> None:
    shop.manager.patch("campaigns/summer", {"budget": {"amount": "10"}})
    answer = shop.manager.patch("account", {"currency": "EUR"})
    assert (answer.status_code, codes_at(answer)[0][1]) == (409, "in_use")
    shop.manager.patch("campaigns/summer", {"budget": None})
    assert shop.manager.patch("account", {"currency": "EUR"}).status_code == 200


@pytest.mark.parametrize("path", ["promotions/p", "discounts/d"])
def test_a_promotion_and_a_discount_name_a_campaign(shop: Shop, path: str) -> None:
    body = BODIES[path]
    assert shop.manager.put(path, body).json()["campaign"] is None
    assert shop.manager.put(path, {**body, "campaign": "summer"}).json()["campaign"] == "summer"
    assert shop.manager.get(path).json()["campaign"] == "summer"
    assert shop.manager.patch(path, {"description": "Kept"}).json()["campaign"] == "summer"
    collection = path.partition("/")[0]
    assert len(shop.manager.get(f"{collection}?campaign=summer").json()["results"]) == 1
    assert shop.manager.get(f"{collection}?campaign=other").json()["results"] == []
    assert shop.manager.patch(path, {"campaign": None}).json()["campaign"] is None


def test_a_promotion_that_moves_to_another_campaign_is_the_same_version(shop: Shop) -> None:
    shop.manager.put("promotions/p", PROMOTION)
    revision = Promotion.objects.get(code="p").revision
    shop.manager.patch("promotions/p", {"campaign": "summer"})
    moved = Promotion.objects.get(code="p")
    assert (versions("p"), moved.version, moved.history.count()) == (1, 1, 2)
    assert moved.revision > revision
    shop.manager.patch("promotions/p", {"campaign": "summer"})
    assert moved.history.count() == 2


@pytest.mark.parametrize(("code", "problem"), [("none", "unknown_reference"), ("theirs", "unknown_reference")])
def test_a_campaign_of_another_account_does_not_exist(shop: Shop, code: str, problem: str) -> None:
    other = make_shop("other")
    other.manager.put("campaigns/theirs", {"name": "Theirs"})
    for path in ("promotions/p", "discounts/d"):
        answer = shop.manager.put(path, {**BODIES[path], "campaign": code})
        assert answer.status_code == 400
        assert codes_at(answer) == [("campaign", problem)]
    assert not Promotion.objects.exists()
    assert shop.manager.get("campaigns/theirs").status_code == 404


def test_an_archived_campaign_keeps_its_members_and_takes_no_others(shop: Shop) -> None:
    shop.manager.put("promotions/p", {**PROMOTION, "campaign": "summer"})
    shop.manager.patch("campaigns/summer", {"archived": True})
    assert shop.manager.patch("promotions/p", {"description": "Still in it"}).json()["campaign"] == "summer"
    answer = shop.manager.put("discounts/d", {**DISCOUNT, "campaign": "summer"})
    assert codes_at(answer) == [("campaign", "archived")]


def test_a_campaign_with_members_is_not_deleted(shop: Shop) -> None:
    shop.manager.put("discounts/d", {**DISCOUNT, "campaign": "summer"})
    answer = shop.manager.delete("campaigns/summer")
    assert (answer.status_code, codes_at(answer)[0][1]) == (409, "in_use")
    assert Campaign.objects.filter(code="summer").exists()
    shop.manager.delete("discounts/d")
    assert shop.manager.delete("campaigns/summer").status_code == 204


@pytest.mark.parametrize("path", BODIES)
def test_who_pays_is_kept_in_normal_form(shop: Shop, path: str) -> None:
    funding = [{"party": "  Acme   Foods ", "share": "60.50"}, {"party": "Globex", "share": 39}]
    answer = shop.manager.put(path, {**BODIES[path], "funding": funding, "ledger_class": " 4711 "}).json()
    assert answer["funding"] == [{"party": "Acme Foods", "share": "60.5"}, {"party": "Globex", "share": "39"}]
    assert answer["ledger_class"] == "4711"
    assert shop.manager.get(path).json()["funding"] == answer["funding"]
    assert shop.manager.patch(path, {"description": "Kept"}).json()["funding"] == answer["funding"]
    cleared = shop.manager.patch(path, {"funding": None, "ledger_class": ""}).json()
    assert (cleared["funding"], cleared["ledger_class"]) == ([], "")


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("funding", "attr", "code"),
    [
        ([{"party": "Acme"}], "funding.0.share", "required"),
        ([{"share": "5"}], "funding.0.party", "required"),
        ([{"party": "  ", "share": "5"}], "funding.0.party", "required"),
        ([{"party": "Acme", "share": "0"}], "funding.0.share", "invalid_number"),
        ([{"party": "Acme", "share": "-1"}], "funding.0.share", "invalid_number"),
        ([{"party": "Acme", "share": "100.01"}], "funding.0.share", "invalid_number"),
        ([{"party": "Acme", "share": "0.00001"}], "funding.0.share", "invalid_number"),
        ([{"party": "Acme", "share": 12.5}], "funding.0.share", "invalid_number"),
        ([{"party": "Acme", "share": "ten"}], "funding.0.share", "invalid_number"),
        ([ACME, {"party": "ACME ", "share": "1"}], "funding.1.party", "duplicate"),
        ([ACME, {"party": "Globex", "share": "40.01"}], "funding", "above_100"),
        ([{**ACME, "kind": "supplier"}], "funding.0.kind", "unknown_field"),
        ([None], "funding.0", "invalid"),
        ({"party": "Acme"}, "funding", "invalid"),
        ([{"party": f"P{n}", "share": "1"} for n in range(11)], "funding", "max_length"),
        ([{"party": "x" * 101, "share": "1"}], "funding.0.party", "max_length"),
        ([{"party": "A\u200bcme", "share": "1"}], "funding.0.party", "invisible_character"),
    ],
)
def test_invalid_funding_is_refused_at_its_path(shop: Shop, path: str, funding: Any, attr: str, code: str) -> None:
    answer = shop.manager.put(path, {**BODIES[path], "funding": funding})
    assert answer.status_code == 400
    assert codes_at(answer) == [(attr, code)]
    assert shop.manager.get(path).status_code == 404


@pytest.mark.parametrize("path", BODIES)
def test_a_ledger_class_is_short(shop: Shop, path: str) -> None:
    answer = shop.manager.put(path, {**BODIES[path], "ledger_class": "x" * 65})
    assert attrs_of(answer) == ["ledger_class"]


def test_a_row_of_a_list_is_refused_with_its_number(shop: Shop) -> None:
    rows = [{"code": "a", **DISCOUNT}, {"code": "b", **DISCOUNT, "funding": [{"party": "Acme", "share": "0"}]}]
    assert attrs_of(shop.manager.post("discounts/bulk", rows)) == ["1.funding.0.share"]
    rows = [{"code": "a", **DISCOUNT}, {"code": "b", **DISCOUNT, "campaign": "none"}]
    assert attrs_of(shop.manager.post("discounts/bulk", rows)) == ["1.campaign"]
    assert not Promotion.objects.exists()


def test_who_pays_is_part_of_the_version(shop: Shop) -> None:
    shop.manager.put("promotions/p", {**PROMOTION, "campaign": "summer", "funding": [ACME], "ledger_class": "1"})
    shop.manager.patch("promotions/p", {"funding": [{"party": "Acme", "share": "50"}]})
    shop.manager.patch("promotions/p", {"ledger_class": "2"})
    rows = shop.manager.get("promotions/p/versions").json()["results"]
    assert [(row["definition"]["funding"][0]["share"], row["definition"]["ledger_class"]) for row in rows] == [
        ("50", "2"),
        ("50", "1"),
        ("60", "1"),
    ]
    assert "campaign" not in rows[0]["definition"]


def test_a_version_of_before_says_nothing_of_who_pays(shop: Shop) -> None:
    shop.manager.put("discounts/d", DISCOUNT)
    version = PromotionVersion.objects.get()
    del version.definition["funding"], version.definition["ledger_class"]
    version.save()
    [row] = shop.manager.get("discounts/d/versions").json()["results"]
    assert "funding" not in row["definition"]


@pytest.mark.parametrize("path", ["promotions/p", "discounts/d"])
def test_a_copy_keeps_campaign_funding_and_class(shop: Shop, path: str) -> None:
    said = {"campaign": "summer", "funding": [ACME], "ledger_class": "4711"}
    shop.manager.put(path, {**BODIES[path], **said})
    copy = shop.manager.post(f"{path}/duplicate", {"code": "copy"}).json()
    assert {name: copy[name] for name in said} == said
    # An archived campaign takes no new members, copies of its own neither.
    shop.manager.patch("campaigns/summer", {"archived": True})
    later = shop.manager.post(f"{path}/duplicate", {"code": "later"}).json()
    assert {name: later[name] for name in said} == {**said, "campaign": None}


def test_a_list_reads_the_campaigns_with_the_promotions(shop: Shop, django_assert_num_queries: Any) -> None:
    for number in range(5):
        shop.manager.put(f"discounts/d{number}", {**DISCOUNT, "campaign": "summer"})
    shop.manager.get("discounts")
    with django_assert_num_queries(2):
        assert len(shop.manager.get("discounts").json()["results"]) == 5


def test_a_till_may_not_read_campaigns(shop: Shop) -> None:
    assert shop.till.get("campaigns").status_code == 403
