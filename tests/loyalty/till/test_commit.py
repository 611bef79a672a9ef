"""Committing: once, exactly, and in a fixed number of statements."""

import json

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consumers.models import Account, Consumer, ConsumerGroup
from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.exceptions import LedgerIsAppendOnly
from loyalty.models import AppliedPromotion, LedgerEntry, Offer, PromotionUsage, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from loyalty.services.till.commit import transaction_commit
from promotions.models import Promotion
from tests.loyalty.till.shop import Shop, make_basket, make_line, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member()
    return shop


def statements(queries: CaptureQueriesContext) -> int:
    """Count the SQL statements, less those that begin and end transactions."""
    ends = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
    return sum(1 for query in queries.captured_queries if not query["sql"].startswith(ends))


def balance() -> int:
    return Consumer.objects.get(consumer_id="c").points_balance


def test_a_commit_writes_the_ledger_and_the_balance(shop: Shop) -> None:
    shop.promotion("fifty")
    answer = shop.sell("T1", sold=[make_line(quantity="2", price="5.00")])
    assert answer["points"] == {"base": 10, "promotion": 50, "total": 60, "balance": 60}
    assert balance() == 60
    assert sorted(LedgerEntry.objects.values_list("points", "kind")) == [(10, "base"), (50, "promotion")]
    assert not list(ledger_differences())


def test_a_quote_a_sale_and_a_return_answer_what_consumers_read_of_a_discount(shop: Shop) -> None:
    content = {
        "short_description": "Tea week",
        "long_description": "",
        "confirmation_message": "You saved on tea",
        "terms_and_conditions": "",
        "links": [{"url": "https://shop.example/tea", "anchor_text": "Our teas"}],
        "images": [],
    }
    shop.discount("tenth", value="10", content=content)
    two = {"sold": [make_line(quantity="2", price="5.00")]}
    answers = [shop.evaluate(**two), shop.sell("T1", **two), shop.give_back("T1", "R1", TEA="1")]
    for answer in answers:
        [applied] = answer["applied"]
        assert (applied["confirmation_message"], applied["content"]) == ("You saved on tea", content)


def test_a_quote_writes_nothing(shop: Shop) -> None:
    shop.promotion("fifty")
    assert shop.evaluate()["points"]["balance"] == 53
    assert balance() == 0
    assert not Transaction.objects.exists()
    assert not PromotionUsage.objects.exists()


def test_a_repeated_commit_returns_the_stored_answer_and_awards_nothing(shop: Shop) -> None:
    shop.promotion("fifty")
    first = shop.sell("T1")
    for _ in range(3):
        again = shop.call("post", "transactions", make_basket(reference="T1"))
        assert (again.status_code, again.json()) == (200, first)
    assert balance() == 53


def test_the_same_content_written_differently_is_the_same(shop: Shop) -> None:
    shop.sell("T1", sold=[make_line(quantity="1", price="3.00")])
    other = make_basket(
        reference="T1", occurred_at="2026-03-04T13:00:00+01:00", sold=[make_line(quantity="1.0", price="3")]
    )
    assert shop.call("post", "transactions", other).status_code == 200


def test_other_content_under_the_same_reference_is_a_conflict(shop: Shop) -> None:
    shop.sell("T1")
    answer = shop.call("post", "transactions", make_basket(reference="T1", sold=[make_line(quantity="2")]))
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "reference_reused"


def test_a_till_that_expected_otherwise_gets_the_differences(shop: Shop) -> None:
    shop.promotion("fifty")
    expected = {"net_total_inc_tax": "3.00", "points": 3, "applied": []}
    answer = shop.sell("T1", expected=expected)
    assert answer["differences"] == [
        {"field": "points", "expected": 3, "got": 53},
        {"field": "applied", "expected": [], "got": ["fifty"]},
    ]


def test_what_a_till_expected_is_bounded_as_what_differs_is_stored(shop: Shop) -> None:
    taken, refused = ([f"p{number}" for number in range(count)] for count in (1_000, 1_001))
    assert shop.sell("T1", expected={"applied": taken})["differences"][0]["got"] == []
    answer = shop.call("post", "transactions", make_basket(reference="T2", expected={"applied": refused}))
    assert [(problem["code"], problem["attr"]) for problem in answer.json()["errors"]] == [
        ("max_length", "expected.applied")
    ]


def test_a_till_may_refuse_another_decision_and_nothing_is_written(shop: Shop) -> None:
    shop.promotion("fifty")
    body = make_basket(reference="T1", expected={"points": 3}, on_difference="refuse")
    answer = shop.call("post", "transactions", body)
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "decision_changed"
    assert not Transaction.objects.exists()
    assert balance() == 0


def test_limits_count_redemptions_of_earlier_sales(shop: Shop) -> None:
    every = {"points": 10, "quantity_rule": {"apply_to": "every", "units": 1}}
    shop.promotion("five", outcome=every, total_redemption_limit=5, customer_redemption_limit=4)
    assert shop.sell("T1", sold=[make_line(quantity="3")])["applied"][0]["redemptions"] == 3
    assert shop.sell("T2", sold=[make_line(quantity="3")])["applied"][0]["redemptions"] == 1
    refused = shop.evaluate()["not_applied"]
    assert [(refusal["promotion"], refusal["reason"]) for refusal in refused] == [("five", "customer_limit")]
    assert Promotion.objects.get(code="five").redemptions == 4
    assert not list(ledger_differences())


def test_vouchers_are_issued_once_per_redemption_until_the_stock_is_gone(shop: Shop) -> None:
    shop.offer("coffee", perceived_value="1", stock=3, valid_days=30)
    outcome = {"offer": "coffee", "quantity_rule": {"apply_to": "every", "units": 1}}
    shop.promotion("thanks", kind="redeem_offer", outcome=outcome)
    first = shop.sell("T1", sold=[make_line(quantity="2")])
    assert len(first["vouchers_issued"]) == 2
    assert first["applied"][0]["vouchers"] == [voucher["code"] for voucher in first["vouchers_issued"]]
    assert len(shop.sell("T2", sold=[make_line(quantity="2")])["vouchers_issued"]) == 1
    assert shop.evaluate()["not_applied"][0]["reason"] == "offer_unavailable"
    assert Voucher.objects.count() == Offer.objects.get().issued == 3
    assert not list(ledger_differences())


def test_two_promotions_that_issue_one_offer_share_its_stock_within_a_sale(shop: Shop) -> None:
    shop.offer("coffee", perceived_value="1", stock=3)
    outcome = {"offer": "coffee", "quantity_rule": {"apply_to": "every", "units": 1}}
    shop.promotion("first", kind="redeem_offer", outcome=outcome)
    shop.promotion("second", kind="redeem_offer", outcome=outcome, always_apply=True)
    sold = shop.sell("T1", sold=[make_line(quantity="2")])
    assert [(row["promotion"], row["redemptions"]) for row in sold["applied"]] == [("first", 2), ("second", 1)]
    assert len(sold["vouchers_issued"]) == Offer.objects.get().issued == 3
    assert {refusal["reason"] for refusal in shop.evaluate()["not_applied"]} == {"offer_unavailable"}
    assert not list(ledger_differences())


def test_a_consumers_groups_decide(shop: Shop) -> None:
    vip = ConsumerGroup.objects.create(account=shop.account, code="vip")
    ConsumerGroup.objects.create(account=shop.account, code="other")
    Consumer.objects.get().groups.add(vip)
    shop.member("d")
    rules = {"match": "all", "rules": [{"attribute": "groups", "operator": "is_all_of", "value": ["vip"]}]}
    shop.promotion("vips", customer_rules=rules)
    assert [row["promotion"] for row in shop.evaluate()["applied"]] == ["vips"]
    assert shop.evaluate(consumer="d")["applied"] == []


def test_a_card_identifies_its_consumer(shop: Shop) -> None:
    shop.member("d", card="4711")
    rules = {"match": "all", "rules": [{"attribute": "loyalty_card_type", "operator": "is", "value": "Gold"}]}
    shop.promotion("gold", transaction_rules=rules)
    answer = shop.sell("T1", consumer=None, loyalty_card="4711")
    assert answer["applied"][0]["promotion"] == "gold"
    assert Consumer.objects.get(consumer_id="d").points_balance == 53


def test_an_unknown_card_does_not_stop_a_sale(shop: Shop) -> None:
    answer = shop.sell("T1", consumer=None, loyalty_card="0815")
    assert answer["points"]["total"] == 0
    assert [warning["code"] for warning in answer["warnings"]] == ["unknown_card"]
    assert Transaction.objects.get().loyalty_card == "0815"


@pytest.mark.parametrize(
    ("search", "expected"),
    [("leeds-1", ["leeds-17", "leeds-1"]), ("LEEDS-17", ["leeds-17"]), ("card", ["york"]), ("zoe", [])],
)
def test_sales_are_searched_by_their_texts(shop: Shop, search: str, expected: list[str]) -> None:
    shop.sell("leeds-1")
    shop.sell("leeds-17")
    shop.sell("york", consumer=None, loyalty_card="card-9")
    rows = shop.call("get", f"transactions?search={search}").json()["results"]
    assert [row["reference"] for row in rows] == expected


def test_sales_are_filtered_by_applied_promotion_and_by_consumer(shop: Shop) -> None:
    shop.promotion("small", outcome={"points": 10})
    shop.member("zoe-1")
    shop.sell("1")
    shop.sell("2", consumer="zoe-1")
    shop.sell("3", consumer=None)
    other = make_shop("other")
    for query, references in (
        ("promotion=small", ["2", "1"]),
        ("promotion=small&consumer=zoe-1", ["2"]),
        ("consumer=zoe-1", ["2"]),
        ("promotion=none", []),
        ("consumer=zoe", []),
    ):
        rows = shop.call("get", f"transactions?{query}").json()["results"]
        assert [row["reference"] for row in rows] == references, query
        assert other.call("get", f"transactions?{query}").json()["results"] == []


def test_sales_are_searched_by_their_consumer(shop: Shop) -> None:
    shop.member("zoe-1")
    shop.sell("1")
    shop.sell("2", consumer="zoe-1")
    rows = shop.call("get", "transactions?search=zoe").json()["results"]
    assert [row["reference"] for row in rows] == ["2"]


def test_a_stored_decision_explains_itself_after_the_promotion_was_changed(shop: Shop) -> None:
    shop.promotion("small", outcome={"points": 10})
    shop.promotion("large", outcome={"points": 20})
    shop.sell("T1")
    shop.promotion("small", outcome={"points": 99})
    answer = shop.call("get", "transactions/T1?explain=true").json()
    assert [row["promotion"] for row in answer["applied"]] == ["large"]
    assert [(refusal["promotion"], refusal["reason"], refusal["won_by"]) for refusal in answer["not_applied"]] == [
        ("small", "lost_conflict", ["large"])
    ]


def test_redemptions_name_the_version_that_they_used(shop: Shop) -> None:
    shop.promotion("fifty")
    shop.sell("T1")
    shop.promotion("fifty", outcome={"points": 60})
    shop.sell("T2")
    used = AppliedPromotion.objects.order_by("transaction__reference").values_list("version__number", "points")
    assert list(used) == [(1, 50), (2, 60)]


def test_the_ledger_cannot_be_changed(shop: Shop) -> None:
    shop.sell("T1")
    entry = LedgerEntry.objects.get()
    with pytest.raises(LedgerIsAppendOnly):
        entry.save()
    with pytest.raises(LedgerIsAppendOnly):
        entry.delete()


def test_the_database_refuses_to_change_the_ledger_too(shop: Shop) -> None:
    shop.sell("T1")
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(points=1_000_000)
    assert LedgerEntry.objects.get().points == 3


def test_ledger_verify_finds_differences(shop: Shop) -> None:
    shop.promotion("fifty", customer_redemption_limit=2)
    shop.sell("T1")
    Consumer.objects.update(points_balance=1)
    Promotion.objects.update(redemptions=7)
    PromotionUsage.objects.update(redemptions=2)
    differences = {(difference.figure, difference.stored, difference.history) for difference in ledger_differences()}
    assert differences == {("points balance", 1, 53), ("redemptions", 7, 1), ("redemptions by consumer", 2, 1)}


def test_a_stock_cannot_be_overrun_in_the_database(shop: Shop) -> None:
    offer = shop.offer("o", stock=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Offer.objects.filter(pk=offer.pk).update(issued=2)


def test_a_limit_newer_than_the_snapshot_is_enforced(shop: Shop) -> None:
    promotion = shop.promotion("fifty")
    shop.sell("T1")
    # The process still holds the unlimited promotion, and its next sale has read the account before the change.
    before = Account.objects.get()
    shop.promotion("fifty", total_redemption_limit=1)
    sale = sale_decoded(json.dumps(make_basket(reference="T2")).encode(), now=timezone.now(), commit=True)
    answer = json.loads(transaction_commit(account=before, sale=sale, at=timezone.now()).answer)
    assert answer["applied"] == []
    promotion.refresh_from_db()
    assert promotion.redemptions == 1


def fill_shop(shop: Shop) -> None:
    """Create promotions of every kind that costs statements, and many others."""
    shop.offer("coffee", perceived_value="1", stock=500)
    rule = {"measure": "transactions", "threshold": "1", "period": {"unit": "days", "length": 30}}
    shop.promotion("often", application_rules=[rule], customer_redemption_limit=50, total_redemption_limit=900)
    shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee"}, total_redemption_limit=400)
    shop.promotion("double", kind="points_multiplier", outcome={"multiplier": "2"})
    for i in range(20):
        shop.promotion(f"more{i:02}", always_apply=True, customer_redemption_limit=100)


@pytest.mark.parametrize("lines", [1, 50])
def test_statements_do_not_grow_with_lines_or_promotions(shop: Shop, lines: int) -> None:
    fill_shop(shop)
    sold = [make_line(f"P{i}") for i in range(lines)]
    shop.evaluate(sold=sold)
    with CaptureQueriesContext(connection) as quoted:
        shop.call("post", "baskets/evaluate", make_basket(sold=sold))
    with CaptureQueriesContext(connection) as first:
        shop.sell("T1", sold=sold)
    with CaptureQueriesContext(connection) as second:
        shop.sell("T2", sold=sold)
    with CaptureQueriesContext(connection) as late:
        shop.sell("T0", sold=sold, occurred_at="2026-03-03T12:00:00Z")
    assert statements(quoted) <= 3, [query["sql"][:90] for query in quoted.captured_queries]
    assert statements(first) <= 12, [query["sql"][:90] for query in first.captured_queries]
    assert statements(second) <= 12, [query["sql"][:90] for query in second.captured_queries]
    # Progress is added up from history once more.
    assert statements(late) <= 13, [query["sql"][:90] for query in late.captured_queries]


def test_stored_lines_keep_products_as_they_were(shop: Shop) -> None:
    shop.product("TEA", category="Drinks", labels=["hot"], cost_price="1.00")
    shop.sell("T1")
    line = Transaction.objects.get().lines[0]
    assert line["product"]["category"] == "Drinks"
    assert line["net"] == "3.00"
    assert json.dumps(line)
