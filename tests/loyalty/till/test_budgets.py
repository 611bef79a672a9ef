"""Budgets at the till: what is counted, given back and refused, sentence by sentence."""

from decimal import Decimal
from importlib import import_module
from random import Random

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from consumers.author import Author
from consumers.models import Consumer, ConsumerGroup
from loyalty.models import Offer
from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from promotions.services.promotion.life import promotion_duplicate
from tests.loyalty.till.shop import BEGAN, Json, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

EVERY = {"apply_to": "every", "units": 1}


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member()
    return shop


def tea(price: str, quantity: str = "1") -> list[Json]:
    return [make_line("TEA", quantity, price)]


def used(code: str) -> int:
    return Promotion.objects.get(code=code).budget_used


def row_of(answer: Json, code: str) -> Json:
    return next((row for row in answer["applied"] if row["promotion"] == code), {})


def refused(shop: Shop, price: str, code: str = "d", **basket: Json) -> Json:
    answer = shop.call(
        "post",
        "baskets/evaluate?explain=true",
        {
            "site": "001",
            "currency": "GBP",
            "consumer": "c",
            "lines": tea(price),
            "occurred_at": "2026-03-04T12:00:00Z",
            **basket,
        },
    ).json()
    return next(row for row in answer["not_applied"] if row["promotion"] == code)


def discount(shop: Shop, amount: str, when_short: str = "refuse", **values: Json) -> Promotion:
    return shop.discount("d", value="10", budget={"amount": amount, "when_short": when_short}, **values)


@pytest.mark.parametrize(
    ("when_short", "given_off", "used_after", "after_return"),
    [("refuse", "0.00", 9490, 9490), ("cut", "5.10", 10000, 9490), ("honour", "12.40", 10730, 9490)],
)
def test_the_basket_that_crosses_a_budget(
    shop: Shop, when_short: str, given_off: str, used_after: int, after_return: int
) -> None:
    discount(shop, "100.00", when_short)
    shop.sell("T0", sold=tea("949.00"))
    answer = shop.sell("T1", sold=tea("124.00"))
    assert (answer["discount_total"], used("d")) == (given_off, used_after)
    assert row_of(answer, "d").get("cut") == (True if when_short == "cut" else None)
    if when_short != "refuse":
        assert shop.evaluate(sold=tea("50.00"))["discount_total"] == "0.00"
    shop.give_back("T1", "R1", TEA="1")
    assert used("d") == after_return
    assert shop.evaluate(sold=tea("50.00"))["discount_total"] == "5.00"
    assert not list(ledger_differences())


def test_a_promotions_answer_has_its_budget_and_what_was_used_of_it(shop: Shop) -> None:
    discount(shop, "100", customer_budget={"amount": "5", "period": "day"})
    shop.promotion("p", budget={"amount": 200})
    shop.sell("T0", sold=tea("49.00"))
    answer = shop.call("get", "discounts/d", role="manager").json()
    assert answer["budget"] == {"amount": "100.00", "when_short": "refuse"}
    assert answer["customer_budget"] == {"amount": "5.00", "period": "day", "when_short": "refuse"}
    assert answer["budget_used"] == "4.90"
    answer = shop.call("get", "promotions/p", role="manager").json()
    assert (answer["budget"], answer["budget_used"]) == ({"amount": "200", "when_short": "refuse"}, 50)
    assert answer["customer_budget"] is None


@pytest.mark.parametrize(
    ("path", "budget", "problem"),
    [
        ("discounts/d", {"budget": {"amount": "1.001"}}, "budget.amount"),
        ("discounts/d", {"budget": {"amount": "-1"}}, "budget.amount"),
        ("discounts/d", {"budget": {"amount": None}}, "budget.amount"),
        ("discounts/d", {"budget": {"amount": "1", "when_short": "never"}}, "budget.when_short"),
        ("discounts/d", {"budget": {"amount": "1", "more": 1}}, "budget.more"),
        ("discounts/d", {"budget": "100"}, "budget"),
        ("discounts/d", {"customer_budget": {"amount": "1", "period": None}}, "customer_budget.period"),
        ("promotions/p", {"budget": {"amount": "1.5"}}, "budget.amount"),
        ("promotions/p", {"budget": {"amount": "9999999999999"}}, "budget.amount"),
    ],
)
def test_a_budget_that_is_none_is_refused_by_its_path(shop: Shop, path: str, budget: Json, problem: str) -> None:
    shop.discount("d", value="10")
    shop.promotion("p")
    answer = shop.call("patch", path, budget, role="manager")
    assert answer.status_code == 400
    assert {error["attr"] for error in answer.json()["errors"]} == {problem}


def test_a_budget_makes_a_version_and_what_is_used_counts_over_all_of_them(shop: Shop) -> None:
    shop.discount("d", value="10")
    shop.sell("T0", sold=tea("90.00"))
    answer = shop.call("patch", "discounts/d", {"budget": {"amount": "10.00"}}, role="manager").json()
    assert (answer["version"], answer["budget_used"]) == (2, "9.00")
    assert refused(shop, "20.00")["near_miss"] == {"lacking": "budget", "amount": "1.00"}
    shop.call("patch", "discounts/d", {"budget": {"amount": "5.00"}}, role="manager")
    assert refused(shop, "1.00")["near_miss"] == {"lacking": "budget", "amount": "0.00"}
    assert shop.call("patch", "discounts/d", {"budget": None}, role="manager").json()["budget"] is None
    assert shop.sell("T1", sold=tea("50.00"))["discount_total"] == "5.00"
    versions = shop.call("get", "discounts/d/versions", role="manager").json()["results"]
    assert [version["definition"]["budget"] for version in versions] == [
        None,
        {"amount": "5.00", "when_short": "refuse"},
        {"amount": "10.00", "when_short": "refuse"},
        None,
    ]


def test_a_duplicate_begins_with_nothing_used(shop: Shop) -> None:
    original = discount(shop, "100.00")
    shop.sell("T0", sold=tea("90.00"))
    copy = promotion_duplicate(promotion=original, code="copy", author=Author(label="test"), at=BEGAN)
    copy.refresh_from_db()
    assert (copy.budget_used, copy.budget_amount, copy.budget) == (0, 10000, original.budget)


def test_a_return_of_a_part_leaves_a_cut_discount_at_most_what_it_gave(shop: Shop) -> None:
    discount(shop, "5.00", "cut")
    lines = [make_line("TEA", "1", "60.00"), make_line("BAP", "1", "40.00"), make_line("CAKE", "1", "20.00")]
    assert shop.sell("T0", sold=lines)["discount_total"] == "5.00"
    left = shop.give_back("T0", "R1", BAP="1")
    assert (left["discount_total"], row_of(left, "d")["cut"], used("d")) == ("5.00", True, 500)
    left = shop.give_back("T0", "R2", TEA="1")
    assert (left["discount_total"], used("d")) == ("2.00", 200)
    shop.void("T0")
    assert used("d") == 0
    assert not list(ledger_differences())


def test_vouchers_are_given_back_at_what_they_were_worth_at_the_sale(shop: Shop) -> None:
    shop.offer("gift", perceived_value="5.00")
    shop.promotion(
        "g",
        kind="redeem_offer",
        outcome={"offer": "gift", "quantity_rule": EVERY},
        budget={"amount": "20", "when_short": "cut"},
    )
    answer = shop.sell("T0", sold=tea("3.00", "3"))
    assert (len(answer["vouchers_issued"]), used("g")) == (3, 1500)
    answer = shop.sell("T1", sold=tea("3.00", "3"))
    assert (len(answer["vouchers_issued"]), row_of(answer, "g")["cut"], used("g")) == (1, True, 2000)
    shop.call("patch", "offers/gift", {"perceived_value": "7.00"}, role="manager")
    shop.give_back("T0", "R0", TEA="1")
    assert used("g") == 1500
    assert refused(shop, "3.00", "g")["near_miss"] == {"lacking": "budget", "amount": "5.00"}
    shop.void("T0")
    shop.void("T1", "V2")
    assert used("g") == 0
    assert not list(ledger_differences())


def test_points_come_back_to_the_budget(shop: Shop) -> None:
    shop.promotion("p", outcome={"points": 30, "quantity_rule": EVERY}, budget={"amount": "100", "when_short": "cut"})
    assert shop.sell("T1", sold=tea("1.00", "3"))["points"]["promotion"] == 90
    cut = shop.sell("T2", sold=tea("1.00", "2"))
    assert (cut["points"]["promotion"], row_of(cut, "p")["cut"], row_of(cut, "p")["redemptions"]) == (10, True, 2)
    shop.give_back("T1", "R1", TEA="1")
    assert used("p") == 70
    shop.give_back("T2", "R2", TEA="1")
    assert used("p") == 70  # one left is worth 30, and it had 10


# --- budgets of a customer --------------------------------------------------------------------------------------------


def test_a_customers_budget_is_of_the_week_of_the_sale_in_the_accounts_zone() -> None:
    shop = make_shop(time_zone="America/New_York")
    for consumer in "cd":
        shop.member(consumer)
    shop.discount("d", value="10", customer_budget={"amount": "10.00", "period": "week"})
    sunday, monday = "2026-03-02T04:59:59Z", "2026-03-02T05:00:00Z"  # in New York
    assert shop.sell("T1", sold=tea("60.00"), occurred_at=monday)["discount_total"] == "6.00"
    assert shop.sell("T2", sold=tea("60.00"), occurred_at=sunday)["discount_total"] == "6.00"
    row = refused(shop, "60.00", occurred_at="2026-03-08T12:00:00Z")
    assert (row["reason"], row["near_miss"]) == ("customer_budget", {"lacking": "budget", "amount": "4.00"})
    assert shop.sell("T3", sold=tea("60.00"), occurred_at=monday, consumer="d")["discount_total"] == "6.00"
    shop.give_back("T1", "R1", TEA="1")
    assert shop.sell("T4", sold=tea("100.00"), occurred_at=monday)["discount_total"] == "10.00"
    assert refused(shop, "50.00", occurred_at=sunday)["near_miss"]["amount"] == "4.00"


def test_a_customers_budget_over_the_whole_promotion_counts_all_versions(shop: Shop) -> None:
    budget = {"amount": "70", "period": "year", "when_short": "cut"}
    shop.promotion("p", customer_budget=budget, starts_at=BEGAN.replace(year=2025))
    assert shop.sell("T1", occurred_at="2025-06-01T12:00:00Z")["points"]["promotion"] == 50
    shop.call("patch", "promotions/p", {"customer_budget": {"period": "promotion"}}, role="manager")
    assert shop.sell("T2", occurred_at="2026-06-01T12:00:00Z")["points"]["promotion"] == 20
    assert refused(shop, "3.00", "p", occurred_at="2026-07-01T12:00:00Z")["reason"] == "customer_budget"


def test_without_a_consumer_a_customers_budget_is_no_ones(shop: Shop) -> None:
    shop.discount("d", value="10", customer_budget={"amount": "10.00", "period": "day"})
    assert refused(shop, "3.00", consumer=None)["reason"] == "consumer_required"


def test_a_customers_loyalty_has_what_is_left_of_their_budgets(shop: Shop) -> None:
    now = timezone.now()
    shop.discount("d", value="10", customer_budget={"amount": "10.00", "period": "year"}, starts_at=BEGAN)
    shop.promotion("p", customer_budget={"amount": "70", "period": "promotion"}, starts_at=BEGAN)
    shop.sell("T1", sold=tea("60.00"), occurred_at=now.isoformat())
    answer = shop.call("get", "consumers/c/loyalty", role="manager").json()
    assert answer["allowances"] == [
        {"promotion": "d", "period": "year", "used": "6.00", "left": "4.00"},
        {"promotion": "p", "period": "promotion", "used": 50, "left": 20},
    ]


def test_a_budget_of_a_promotion_for_others_is_not_the_customers_until_they_had_something_of_it(shop: Shop) -> None:
    staff = {"match": "all", "rules": [{"attribute": "groups", "operator": "is", "value": "team"}]}
    team = ConsumerGroup.objects.create(account=shop.account, code="team", name="Team")
    budget = {"amount": "10.00", "period": "promotion"}
    shop.discount("d", value="10", customer_budget=budget, conditions={"customer_rules": staff})
    shop.promotion("p", customer_budget={"amount": "70", "period": "promotion"})
    guest = Consumer.objects.create(account=shop.account, consumer_id="guest")

    def allowances(consumer_id: str) -> dict[str, Json]:
        rows = shop.call("get", f"consumers/{consumer_id}/loyalty", role="manager").json()["allowances"]
        return {row["promotion"]: row["left"] for row in rows}

    assert allowances("c") == {"p": 70}
    assert allowances("guest") == {}
    guest.groups.add(team)
    assert allowances("guest") == {"d": "10.00"}
    shop.sell("T1", consumer="guest", sold=tea("60.00"))
    guest.groups.clear()
    assert allowances("guest") == {"d": "4.00"}


# --- statements and guards --------------------------------------------------------------------------------------------


def test_budgets_add_no_statement_to_a_sale(shop: Shop) -> None:
    def statements(reference: str) -> tuple[int, int]:
        with CaptureQueriesContext(
            connection,
        ) as evaluated:
            shop.evaluate(sold=tea("50.00"))
        with CaptureQueriesContext(connection) as committed:
            shop.sell(reference, sold=tea("50.00"))
        return len(evaluated), len(committed)

    shop.discount("d", value="10", total_redemption_limit=1000)
    shop.sell("T0")
    before = statements("T1")
    discount(shop, "100.00", "cut", total_redemption_limit=1000, customer_budget={"amount": "90", "period": "week"})
    shop.evaluate()
    assert statements("T2") == before


def test_sales_of_before_are_counted_by_the_migration_and_a_wrong_counter_is_found(shop: Shop) -> None:
    yen = make_shop("yen", currency="JPY")
    yen.member()
    for each, currency in ((shop, "GBP"), (yen, "JPY")):
        each.offer("gift", perceived_value="4")
        each.discount("d", value="10", currency=currency)
        each.discount("unused", value="10", currency=currency, draft=True)
        each.promotion("p", currency=currency)
        each.promotion("v", kind="redeem_offer", outcome={"offer": "gift", "quantity_rule": EVERY}, currency=currency)
        each.sell("A", sold=[make_line("TEA", "3", "100")], currency=currency)
        each.sell("B", sold=[make_line("TEA", "2", "100")], currency=currency)
        each.give_back("A", "R", TEA="1")
    counters = ("account__code", "code", "budget_used", "saving_given")
    counted = list(Promotion.objects.order_by("pk").values_list(*counters))
    assert counted == [
        *[("shop", "d", 40_00, 40_00), ("shop", "unused", 0, 0), ("shop", "p", 100, 100), ("shop", "v", 16_00, 16_00)],
        *[("yen", "d", 40, 40), ("yen", "unused", 0, 0), ("yen", "p", 100, 2), ("yen", "v", 16, 16)],
    ]
    assert not list(ledger_differences())
    Promotion.objects.update(budget_used=0, saving_given=0)
    assert len(list(ledger_differences())) == 6
    migration = import_module("loyalty.migrations.0023_fill_budgets_used")
    migration.fill_budgets_used(apps, connection.schema_editor())
    assert list(Promotion.objects.order_by("pk").values_list(*counters)) == counted


@pytest.mark.parametrize(("when_short", "start", "allowed"), [("refuse", 9990, 10), ("honour", 9999, 500)])
def test_the_database_refuses_a_sale_beyond_a_budget(shop: Shop, when_short: str, start: int, allowed: int) -> None:
    discount(shop, "100.00", when_short)
    Promotion.objects.update(budget_used=start)
    row = Promotion.objects.filter(code="d")

    def count(amount: int) -> None:
        with transaction.atomic():
            row.update(redemptions=F("redemptions") + 1, budget_used=F("budget_used") + amount)

    count(allowed)
    with pytest.raises(IntegrityError, match="promotion_spent_within_budget"):
        count(1)
    row.update(redemptions=F("redemptions") - 1, budget_used=F("budget_used") - 5)


def test_an_offers_stock_and_a_budget_cut_one_after_the_other(shop: Shop) -> None:
    shop.offer("gift", perceived_value="2.00", stock=4)
    shop.promotion(
        "g",
        kind="redeem_offer",
        outcome={"offer": "gift", "quantity_rule": EVERY},
        budget={"amount": "6", "when_short": "cut"},
    )
    assert len(shop.sell("T0", sold=tea("3.00", "9"))["vouchers_issued"]) == 3
    assert Offer.objects.get().issued == 3


# --- everything comes back --------------------------------------------------------------------------------------------

LINES = st.lists(
    st.tuples(st.sampled_from(["TEA", "BAP", "CAKE"]), st.integers(1, 3), st.integers(1, 3000)), min_size=1, max_size=3
)


class Everything(TestCase):
    """One shop for all examples: each leaves it as it was."""

    shop: Shop

    @classmethod
    def setUpTestData(cls) -> None:
        cls.shop = make_shop(point_value="0.0075")
        cls.shop.member()
        cls.shop.product("BAP")
        cls.shop.offer("gift", perceived_value="1.50")
        cls.shop.discount("d", value="15", budget={"amount": "9.00", "when_short": "cut"})
        cls.shop.discount(
            "h", make_set(products=["BAP"]), value="30", budget={"amount": "0.01", "when_short": "honour"}
        )
        cls.shop.promotion(
            "p", outcome={"points": 7, "quantity_rule": EVERY}, budget={"amount": "20", "when_short": "cut"}
        )
        cls.shop.promotion(
            "g",
            kind="redeem_offer",
            outcome={"offer": "gift", "quantity_rule": EVERY},
            budget={"amount": "4", "when_short": "cut"},
        )

    @settings(max_examples=15)
    @given(lines=LINES, order=st.randoms(use_true_random=False))
    def test_a_sale_and_its_full_return_leave_every_budget_as_it_was(
        self, lines: list[tuple[str, int, int]], order: Random
    ) -> None:
        sold = [
            make_line(sku, str(quantity), str(Decimal(price) / 100), line_id=str(i))
            for i, (sku, quantity, price) in enumerate(lines)
        ]
        self.shop.sell("T", sold=sold)
        state = dict(Promotion.objects.values_list("code", "budget_used"))
        assert state["d"] <= 900
        assert state["p"] <= 20
        assert state["g"] <= 400
        units = [line["line_id"] for line in sold for _ in range(int(line["quantity"]))]
        order.shuffle(units)
        for number, line_id in enumerate(units):
            self.shop.give_back("T", f"R{number}", **{line_id: "1"})
        assert set(Promotion.objects.values_list("budget_used", "saving_given", "redemptions")) == {(0, 0, 0)}
