"""Budgets of campaigns at the till: members share them, give back and move with what they used."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from consumers.author import Author
from loyalty.models import Transaction
from loyalty.selectors.verification import ledger_differences
from promotions.models import Campaign, Promotion
from promotions.services.promotion.life import promotion_duplicate
from tests.loyalty.till.shop import BEGAN, Json, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

EVERY = {"apply_to": "every", "units": 1}
TEA, BAP = make_set(products=["TEA"]), make_set(products=["BAP"])


@pytest.fixture
def shop() -> Shop:
    """A shop with a campaign "spring" of 10.00, whose discount "d" takes a tenth off tea."""
    shop = make_shop(point_value="0.25")
    shop.member()
    for sku in ("TEA", "BAP"):
        shop.product(sku)
    shop.campaign("spring", "10.00")
    shop.discount("d", TEA, value="10", campaign="spring")
    return shop


def line(sku: str, price: str, quantity: str = "1") -> list[Json]:
    return [make_line(sku, quantity, price)]


def used(code: str = "spring") -> int:
    return Campaign.objects.get(code=code).budget_used


def change(shop: Shop, path: str, **values: Json) -> Json:
    answer = shop.call("patch", path, values, role="manager")
    assert answer.status_code == 200, answer.content
    return answer.json()


def refusal(shop: Shop, code: str, *sold: Json) -> Json:
    answer = shop.evaluate(sold=list(sold))
    return next(row for row in answer["not_applied"] if row["promotion"] == code)


def test_members_share_what_is_left_and_a_refusal_names_the_campaign(shop: Shop) -> None:
    shop.discount("e", BAP, value="10", campaign="spring", budget={"amount": "5.00"})
    shop.sell("T1", sold=line("TEA", "60.00"))
    row = refusal(shop, "e", make_line("BAP", price="45.00"))
    assert (row["reason"], row["near_miss"]) == ("budget", {"lacking": "budget", "amount": "4.00"})
    assert row["detail"] == (
        "The budget of 10.00 GBP of the campaign Campaign spring (spring) has 4.00 GBP left,"
        " and this basket needs 4.50 GBP."
    )
    own = refusal(shop, "e", make_line("BAP", price="60.00"))
    assert own["detail"].startswith("The budget of 5.00 GBP has")
    shop.sell("T2", sold=line("BAP", "40.00"))
    assert (used(), refusal(shop, "d", make_line("TEA", price="1.00"))["near_miss"]["amount"]) == (1000, "0.00")
    shop.give_back("T2", "R2", BAP="1")
    shop.void("T1")
    assert used() == 0
    assert not list(ledger_differences())


@pytest.mark.parametrize(
    ("when_short", "given_off", "total"), [("refuse", "6.00", 600), ("cut", "10.00", 1000), ("honour", "12.00", 1200)]
)
def test_members_of_a_single_basket_take_in_the_order_in_which_they_apply(
    shop: Shop, when_short: str, given_off: str, total: int
) -> None:
    shop.campaign("spring", "10.00", when_short)
    shop.discount("e", BAP, value="10", campaign="spring", always_apply=True)
    sold = [make_line("TEA", price="60.00"), make_line("BAP", price="60.00")]
    assert shop.sell("T1", sold=sold)["discount_total"] == given_off
    assert used() == total
    shop.void("T1")
    assert used() == 0


def test_points_and_vouchers_count_by_what_they_are_worth_half_up_for_each_promotion(shop: Shop) -> None:
    shop.offer("gift", perceived_value="1.50")
    shop.promotion("g", kind="redeem_offer", outcome={"offer": "gift", "quantity_rule": EVERY}, campaign="spring")
    shop.promotion("p", outcome={"points": 3, "quantity_rule": EVERY}, campaign="spring")
    change(shop, "account", point_value="0.005")
    answer = shop.sell("T1", sold=line("TEA", "1.00", "3"))
    assert (len(answer["vouchers_issued"]), answer["points"]["promotion"]) == (3, 9)
    assert used() == 30 + 3 * 150 + 5  # 4.5 pence of points
    change(shop, "offers/gift", perceived_value="9.00")
    change(shop, "account", point_value="9")
    shop.give_back("T1", "R1", TEA="1")
    assert used() == 20 + 2 * 150 + 3
    shop.void("T1", "V1")
    assert used() == 0
    assert not list(ledger_differences())


def test_what_was_used_moves_with_the_promotion(shop: Shop) -> None:
    shop.campaign("autumn", "9.00")
    shop.sell("T1", sold=line("TEA", "60.00"))
    change(shop, "discounts/d", campaign="autumn")
    assert (used("spring"), used("autumn")) == (0, 600)
    assert refusal(shop, "d", make_line("TEA", price="40.00"))["near_miss"]["amount"] == "3.00"
    shop.give_back("T1", "R1", TEA="1")
    assert used("autumn") == 0
    shop.sell("T2", sold=line("TEA", "60.00"))
    change(shop, "discounts/d", campaign=None)
    assert used("autumn") == 0
    assert shop.sell("T3", sold=line("TEA", "600.00"))["discount_total"] == "60.00"
    change(shop, "discounts/d", campaign="spring")
    assert (used("spring"), refusal(shop, "d", make_line("TEA", price="1.00"))["reason"]) == (6600, "budget")
    assert not list(ledger_differences())


def test_a_duplicate_brings_nothing_used_into_its_campaign(shop: Shop) -> None:
    shop.sell("T1", sold=line("TEA", "60.00"))
    original = Promotion.objects.get(code="d")
    promotion_duplicate(promotion=original, code="copy", author=Author(label="test"), at=BEGAN)
    copy = Promotion.objects.get(code="copy")
    assert (copy.saving_given, copy.in_campaign_budget, used()) == (0, True, 600)
    assert not list(ledger_differences())


def test_a_budget_set_today_knows_what_its_members_gave_before(shop: Shop) -> None:
    change(shop, "campaigns/spring", budget=None)
    shop.sell("T1", sold=line("TEA", "90.00"))
    answer = change(shop, "campaigns/spring", budget={"amount": "12.00", "when_short": "cut"})
    assert (answer["budget"], answer["budget_used"]) == ({"amount": "12.00", "when_short": "cut"}, "9.00")
    assert shop.sell("T2", sold=line("TEA", "90.00"))["discount_total"] == "3.00"
    answer = change(shop, "campaigns/spring", budget={"amount": "5.00", "when_short": "refuse"})
    assert (answer["budget"], answer["budget_used"]) == ({"amount": "5.00", "when_short": "refuse"}, "12.00")
    assert refusal(shop, "d", make_line("TEA", price="1.00"))["near_miss"]["amount"] == "0.00"
    answer = change(shop, "campaigns/spring", budget=None)
    assert (answer["budget"], answer["budget_used"]) == (None, None)
    assert shop.sell("T3", sold=line("TEA", "90.00"))["discount_total"] == "9.00"
    assert not list(ledger_differences())


def test_a_sale_remembers_what_the_campaign_had_used(shop: Shop) -> None:
    shop.sell("T1", sold=line("TEA", "60.00"))
    shop.sell("T2", sold=line("TEA", "10.00"))
    discount = Promotion.objects.get(code="d")
    assert Transaction.objects.get(reference="T2").facts["inputs"]["budgets"] == [[discount.pk, 0, 0, 600]]


def test_a_campaigns_budget_adds_a_single_statement_to_a_commit_and_none_to_a_quote(shop: Shop) -> None:
    def statements(reference: str) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as evaluated:
            shop.evaluate(sold=line("TEA", "10.00"))
        with CaptureQueriesContext(connection) as committed:
            shop.sell(reference, sold=line("TEA", "10.00"))
        return len(evaluated), len(committed)

    change(shop, "campaigns/spring", budget=None)
    change(shop, "discounts/d", total_redemption_limit=1000)
    shop.sell("T0")
    without = statements("T1")
    change(shop, "campaigns/spring", budget={"amount": "100.00"})
    shop.evaluate()
    with_budget = statements("T2")
    assert with_budget == (without[0], without[1] + 1)
    assert with_budget[0] <= 5
    assert with_budget[1] <= 14


@pytest.mark.parametrize(("when_short", "start", "allowed"), [("refuse", 990, 10), ("honour", 999, 500)])
def test_the_database_refuses_a_sale_beyond_a_campaigns_budget(
    shop: Shop, when_short: str, start: int, allowed: int
) -> None:
    shop.campaign("spring", "10.00", when_short)
    row = Campaign.objects.filter(code="spring")
    row.update(budget_used=start)

    def sell(amount: int) -> None:
        with transaction.atomic():
            row.update(sales_counted=F("sales_counted") + 1, budget_used=F("budget_used") + amount)

    sell(allowed)
    with pytest.raises(IntegrityError, match="campaign_spent_within_budget"):
        sell(1)
    row.update(budget_used=F("budget_used") - 5)
    row.update(budget_used=F("budget_used") + 500)  # a promotion with sales moves in
