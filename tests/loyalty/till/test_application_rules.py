"""Application rules over real transactions: progress stored at commits agrees with the history."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.models import PromotionUsage
from loyalty.selectors.verification import ledger_differences
from tests.loyalty.till.shop import Json, Shop, make_line, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member()
    return shop


def rule(measure: str, threshold: str, unit: str = "days", length: int | None = 30, **more: Json) -> Json:
    return {"measure": measure, "threshold": threshold, "period": {"unit": unit, "length": length}, **more}


def on_day(day: int, hour: int = 12) -> str:
    return (datetime(2026, 3, 1, hour, tzinfo=UTC) + timedelta(days=day)).isoformat()


def applies(shop: Shop, reference: str, day: int, hour: int = 12, **basket: Json) -> bool:
    return bool(shop.sell(reference, occurred_at=on_day(day, hour), **basket)["applied"])


def test_every_third_transaction(shop: Shop) -> None:
    shop.promotion("third", application_rules=[rule("transactions", "3", counting="every")])
    assert [applies(shop, f"T{day}", day) for day in range(7)] == [False, False, True, False, False, True, False]


def test_spend_counted_every_ten(shop: Shop) -> None:
    shop.promotion("tens", application_rules=[rule("spend", "10", counting="every")])
    spent = ["9.00", "3.00", "6.00", "27.00"]
    applied = [applies(shop, f"T{day}", day, sold=[make_line(price=price)]) for day, price in enumerate(spent)]
    assert applied == [False, True, False, True]


def test_units_of_matching_lines_within_a_week(shop: Shop) -> None:
    drinks = {"match": "all", "rules": [{"attribute": "sku", "operator": "is", "value": "tea"}]}
    shop.promotion("thirsty", application_rules=[rule("quantity", "4", "weeks", 1, line_item_rules=drinks)])
    assert not applies(shop, "T0", 0, sold=[make_line(quantity="3"), make_line("BAP", "9")])
    assert not applies(shop, "T1", 1, sold=[make_line("BAP", "9")])
    assert applies(shop, "T2", 6, sold=[make_line(quantity="1")])
    assert not applies(shop, "T3", 8, sold=[make_line(quantity="2")])


def test_a_promotion_counts_purchases_from_before_it_existed(shop: Shop) -> None:
    shop.sell("T0", occurred_at=on_day(0))
    shop.sell("T1", occurred_at=on_day(1))
    shop.promotion("third", application_rules=[rule("transactions", "3")])
    assert applies(shop, "T2", 2)


def test_the_period_of_a_promotion_begins_with_it(shop: Shop) -> None:
    shop.sell("T0", occurred_at=on_day(0))
    shop.promotion(
        "second",
        starts_at=datetime(2026, 3, 2, tzinfo=UTC),
        application_rules=[rule("transactions", "2", "promotion", None)],
    )
    assert not applies(shop, "T1", 1)
    assert applies(shop, "T2", 2)


def test_a_late_sale_counts_at_its_own_moment(shop: Shop) -> None:
    shop.promotion("third", application_rules=[rule("transactions", "3", counting="every")])
    assert not applies(shop, "T0", 0)
    assert not applies(shop, "T5", 5)
    assert not applies(shop, "T2", 2)  # the second by its own day
    assert applies(shop, "T6", 6)  # days 0, 2, 5 and 6
    assert not applies(shop, "T7", 7)


def test_a_late_sale_voids_progress_and_keeps_every_redemption(shop: Shop) -> None:
    shop.promotion("third", application_rules=[rule("transactions", "3", counting="every")])
    shop.promotion("fifty", always_apply=True)
    shop.sell("T0", occurred_at=on_day(0))
    shop.sell("T5", occurred_at=on_day(5))
    assert PromotionUsage.objects.exclude(progress_signature="").exists()
    shop.sell("T2", occurred_at=on_day(2))
    assert not PromotionUsage.objects.exclude(progress_signature="").exists()
    assert PromotionUsage.objects.get(promotion__code="fifty").redemptions == 3
    assert not list(ledger_differences())


def test_a_changed_rule_counts_history_and_not_the_old_progress(shop: Shop) -> None:
    shop.promotion("often", application_rules=[rule("transactions", "9")])
    for day in range(3):
        assert not applies(shop, f"T{day}", day)
    shop.promotion("often", application_rules=[rule("quantity", "8")])
    assert applies(shop, "T3", 3, sold=[make_line(quantity="5")])


def test_only_transactions_that_qualify_count(shop: Shop) -> None:
    visa = {"match": "all", "rules": [{"attribute": "payment_card_type", "operator": "is", "value": "visa"}]}
    shop.promotion("cards", transaction_rules=visa, application_rules=[rule("transactions", "2")])
    assert not applies(shop, "T0", 0, payment_card_type="visa")
    assert not applies(shop, "T1", 1, payment_card_type="cash")
    assert not applies(shop, "T2", 2, payment_card_type="amex")
    assert applies(shop, "T3", 3, payment_card_type="VISA")


def test_progress_stored_by_commits_equals_the_sum_of_history(shop: Shop) -> None:
    rules = [rule("spend", "20", counting="every"), rule("transactions", "2", "months", 1)]
    shop.promotion("mixed", application_rules=rules)
    for day in range(0, 40, 3):
        applies(shop, f"T{day}", day, sold=[make_line(price=f"{day + 1}.00")])
    answer = shop.evaluate(occurred_at=on_day(41))
    PromotionUsage.objects.update(progress_signature="")
    assert shop.evaluate(occurred_at=on_day(41)) == answer


def test_a_quote_for_the_past_ignores_later_sales(shop: Shop) -> None:
    shop.promotion("second", application_rules=[rule("transactions", "2")])
    shop.sell("T3", occurred_at=on_day(3))
    assert shop.evaluate(occurred_at=on_day(1))["applied"] == []
    assert [row["promotion"] for row in shop.evaluate(occurred_at=on_day(4))["applied"]] == ["second"]


def test_progress_that_a_sale_does_not_count_towards_is_not_written_again(shop: Shop) -> None:
    drinks = {"match": "all", "rules": [{"attribute": "sku", "operator": "is", "value": "tea"}]}
    shop.promotion("thirsty", application_rules=[rule("quantity", "9", line_item_rules=drinks)])

    def writes(reference: str, day: int, sku: str) -> bool:
        with CaptureQueriesContext(connection) as queries:
            applies(shop, reference, day, sold=[make_line(sku)])
        return any(query["sql"].startswith("INSERT INTO loyalty_promotionusage") for query in queries)

    assert writes("T0", 0, "BAP")
    assert not writes("T1", 1, "BAP")
    assert writes("T2", 2, "tea")
    assert not writes("T3", 3, "BAP")
    assert applies(shop, "T4", 4, sold=[make_line("tea", "8")])
