"""Results of a campaign's members together, and who pays the cost of promotions."""

from typing import Any

import pytest
from django.utils import timezone

from consumers.models import Account
from loyalty.services.results.count import results_count
from promotions.models import Campaign
from tests.loyalty.till.shop import Json, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

ACME = [{"party": "Acme", "share": "60"}]


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member("c")
    shop.member("d")
    for sku in ("TEA", "BAP", "PIE"):
        shop.product(sku)
    Campaign.objects.create(account=shop.account, code="summer", name="Summer")
    return shop


def results(shop: Shop, path: str) -> Json:
    results_count(clock=timezone.now)
    answer = shop.call("get", path, role="manager")
    assert answer.status_code == 200, answer.content
    return answer.json()


def discount(shop: Shop, code: str, sku: str, **values: Any) -> None:
    shop.discount(code, make_set(products=[sku]), value="10", **values)


def test_a_campaign_adds_up_its_members_and_counts_each_consumer_once(shop: Shop) -> None:
    discount(shop, "tea", "TEA", campaign="summer")
    discount(shop, "bap", "BAP", campaign="summer")
    discount(shop, "pie", "PIE")
    shop.sell("A", sold=[make_line("TEA", "1", "10.00"), make_line("BAP", "1", "5.00"), make_line("PIE", "1", "1.00")])
    shop.sell("B", sold=[make_line("TEA", "1", "10.00")], consumer="d", occurred_at="2026-03-05T12:00:00Z")
    answer = results(shop, "campaigns/summer/results?by=day")
    totals = answer["totals"]
    assert (totals["baskets"], totals["redemptions"], totals["discount"], totals["consumers"]) == (3, 3, "2.50", 2)
    assert [(row["key"], row["discount"], row["consumers"]) for row in answer["rows"]] == [
        ("2026-03-04", "1.50", 1),
        ("2026-03-05", "1.00", 1),
    ]
    by_version = results(shop, "campaigns/summer/results?by=version")["rows"]
    assert [(row["key"], row["discount"]) for row in by_version] == [("bap 1", "0.50"), ("tea 1", "2.00")]
    late = results(shop, "campaigns/summer/results?from=2026-03-05&by=site")
    assert (late["totals"]["consumers"], late["rows"][0]["key"], late["rows"][0]["baskets"]) == (1, "001", 1)


def test_the_version_keys_of_a_campaign_with_a_single_member_name_it_too(shop: Shop) -> None:
    discount(shop, "tea", "TEA", campaign="summer")
    shop.sell("A", sold=[make_line("TEA", "1", "10.00")])
    assert results(shop, "campaigns/summer/results?by=version")["rows"][0]["key"] == "tea 1"
    assert results(shop, "discounts/tea/results?by=version")["rows"][0]["key"] == "1"


def test_a_campaign_leaves_out_other_currencies_and_is_empty_without_members(shop: Shop) -> None:
    discount(shop, "tea", "TEA", campaign="summer", currency="EUR")
    shop.sell("A", sold=[make_line("TEA", "1", "10.00")], currency="EUR")
    answer = results(shop, "campaigns/summer/results?by=site")
    assert (answer["currency"], answer["totals"]["baskets"], answer["rows"]) == ("GBP", 0, [])
    assert (answer["totals"]["funding"], answer["totals"]["ledger_classes"]) == ([], [])
    assert results(shop, "discounts/tea/results")["totals"]["funding"] == [
        {"party": None, "cost": "1.00", "returned_cost": "0.00"}
    ]


def test_another_accounts_campaign_is_not_there(shop: Shop) -> None:
    other = Account.objects.create(name="Other", currency="GBP")
    Campaign.objects.create(account=other, code="theirs", name="Theirs")
    assert shop.call("get", "campaigns/theirs/results", role="manager").status_code == 404
    assert shop.call("get", "campaigns/summer/results", role="till").status_code == 403
    assert shop.call("get", "campaigns/summer/results?by=month", role="manager").status_code == 400


def test_the_cost_is_split_by_the_funding_of_the_version_that_was_redeemed(shop: Shop) -> None:
    discount(shop, "tea", "TEA", campaign="summer", funding=ACME)
    discount(shop, "bap", "BAP", campaign="summer", funding=[{"party": "Leaf", "share": "25"}])
    shop.sell("A", sold=[make_line("TEA", "2", "10.00"), make_line("BAP", "1", "4.00")])
    shop.give_back("A", "R1", TEA="1")
    discount(shop, "tea", "TEA", campaign="summer", funding=[{"party": "ACME", "share": "100"}])
    shop.sell("B", sold=[make_line("TEA", "1", "10.00")])
    assert results(shop, "discounts/tea/results")["totals"]["funding"] == [
        {"party": "ACME", "cost": "2.20", "returned_cost": "0.60"},
        {"party": None, "cost": "0.80", "returned_cost": "0.40"},
    ]
    assert results(shop, "campaigns/summer/results")["totals"]["funding"] == [
        {"party": "ACME", "cost": "2.20", "returned_cost": "0.60"},
        {"party": "Leaf", "cost": "0.10", "returned_cost": "0.00"},
        {"party": None, "cost": "1.10", "returned_cost": "0.40"},
    ]


def test_what_vouchers_took_off_is_paid_for_and_booked_as_their_offer_says(shop: Shop) -> None:
    own = {"funding": [{"party": "Leaf", "share": "50"}], "ledger_class": "4712"}
    shop.offer("1001", value="2", funding=ACME, ledger_class="4711")
    shop.offer("plain", value="3")
    for offer in ("1001", "plain"):
        shop.promotion("gift", kind="redeem_offer", outcome={"offer": offer}, **own)
        answer = shop.sell(f"issues {offer}", sold=[make_line("TEA", "1", "10.00")])
        code = answer["vouchers_issued"][0]["code"]
        shop.sell(f"pays with {offer}", sold=[make_line("PIE", "1", "5.00")], consumer="c", vouchers=[code])
    shop.void("pays with plain")
    totals = results(shop, "promotions/gift/results")["totals"]
    assert (totals["cost"], totals["returned"]["cost"]) == ("5.00", "3.00")
    assert totals["funding"] == [
        {"party": "Acme", "cost": "1.20", "returned_cost": "0.00"},
        {"party": "Leaf", "cost": "1.50", "returned_cost": "1.50"},
        {"party": None, "cost": "2.30", "returned_cost": "1.50"},
    ]
    assert totals["ledger_classes"] == [
        {"ledger_class": "4711", "cost": "2.00", "returned_cost": "0.00"},
        {"ledger_class": "4712", "cost": "3.00", "returned_cost": "3.00"},
    ]


def test_a_promotion_is_not_named_where_offers_pay_for_all_of_it(shop: Shop) -> None:
    shop.offer("all", value="2", funding=[{"party": "Acme", "share": "100"}], ledger_class="4711")
    shop.promotion("gift", kind="redeem_offer", outcome={"offer": "all"}, ledger_class="4712")
    code = shop.sell("A", sold=[make_line("TEA", "1", "10.00")])["vouchers_issued"][0]["code"]
    before = results(shop, "promotions/gift/results")["totals"]
    assert before["ledger_classes"] == [{"ledger_class": "4712", "cost": "0.00", "returned_cost": "0.00"}]
    shop.sell("B", sold=[make_line("PIE", "1", "5.00")], consumer="c", vouchers=[code])
    totals = results(shop, "promotions/gift/results")["totals"]
    assert totals["ledger_classes"] == [{"ledger_class": "4711", "cost": "2.00", "returned_cost": "0.00"}]


def test_what_has_no_ledger_class_comes_last(shop: Shop) -> None:
    discount(shop, "tea", "TEA", campaign="summer", ledger_class="z")
    discount(shop, "bap", "BAP", campaign="summer")
    shop.sell("A", sold=[make_line("TEA", "1", "10.00"), make_line("BAP", "1", "5.00")])
    assert results(shop, "campaigns/summer/results")["totals"]["ledger_classes"] == [
        {"ledger_class": "z", "cost": "1.00", "returned_cost": "0.00"},
        {"ledger_class": None, "cost": "0.50", "returned_cost": "0.00"},
    ]


def test_the_parts_add_up_to_the_cost_where_cents_do_not_come_out_even(shop: Shop) -> None:
    discount(shop, "tea", "TEA", funding=[{"party": name, "share": "33.3333"} for name in ("A", "B", "C")])
    shop.sell("A", sold=[make_line("TEA", "1", "0.50")])
    totals = results(shop, "discounts/tea/results")["totals"]
    assert totals["cost"] == "0.05"
    assert [part["cost"] for part in totals["funding"]] == ["0.02", "0.02", "0.01", "0.00"]
