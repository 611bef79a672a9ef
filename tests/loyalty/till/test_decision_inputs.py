"""A sale keeps what it was decided with: the consumer as they were, what was used by then, and the settings."""

import json
from datetime import date
from typing import Any

import pytest

from conflicts.models import ConflictSettings
from consumers.models import Consumer, ConsumerGroup, Site
from loyalty.models import Transaction
from tests.loyalty.till.shop import Shop, make_line, make_shop

pytestmark = pytest.mark.django_db

HOLD_OUT = {"group": "gold", "percentage": "100"}


def inputs_of(reference: str) -> dict[str, Any]:
    stored: dict[str, Any] = Transaction.objects.get(reference=reference).facts["inputs"]
    return stored


@pytest.fixture
def shop(db: None) -> Shop:
    return make_shop()


@pytest.fixture
def gold_member(shop: Shop) -> Consumer:
    """A member of the group Gold who has bought before."""
    consumer = shop.member(date_of_birth=date(1990, 3, 3), home_site=Site.objects.get(account=shop.account))
    consumer.groups.add(ConsumerGroup.objects.create(account=shop.account, code="gold", name="Gold"))
    return consumer


def test_the_consumer_is_kept_as_they_were_when_the_sale_was_decided(shop: Shop, gold_member: Consumer) -> None:
    shop.promotion("fifty")
    shop.sell("T1", occurred_at="2026-03-02T12:00:00Z")
    shop.sell("T2", occurred_at="2026-03-04T12:00:00Z")
    gold_member.groups.clear()
    Consumer.objects.update(date_of_birth=None, home_site=None)
    arrival = {
        "groups": ["gold"],
        "balance": 0,
        "home_site": "001",
        "enrolled": "2025-01-01",
        "born": "1990-03-03",
    }
    assert inputs_of("T1")["shopper"] == arrival
    assert inputs_of("T2")["shopper"] == arrival | {
        "balance": Transaction.objects.get(reference="T1").base_points + 50,
        "last_sale": "2026-03-02",
        "last_promotion": "2026-03-02",
    }


def test_an_anonymous_sale_keeps_only_the_rulebook(shop: Shop) -> None:
    shop.sell("T1", consumer=None)
    shop.account.refresh_from_db()
    assert inputs_of("T1") == {"rulebook": shop.account.rulebook_version}


def test_settings_that_are_not_the_defaults_are_kept(shop: Shop) -> None:
    shop.member()
    shop.call("patch", "conflict-settings", {"promotions_per_type": 3, "promotion_age": "oldest"}, role="manager")
    shop.sell("T1")
    assert inputs_of("T1")["policy"] == {"per_type": 3, "age": "oldest"}
    ConflictSettings.objects.update(promotions_per_type=1)
    assert inputs_of("T1")["policy"]["per_type"] == 3


def test_what_was_used_before_is_kept_of_promotions_that_the_decision_names(shop: Shop) -> None:
    shop.member()
    repeat = {
        "measure": "transactions",
        "threshold": "3",
        "period": {"unit": "days", "length": 30},
        "line_item_rules": None,
        "counting": "reached",
    }
    third = shop.promotion("third", application_rules=[repeat])
    limited = shop.promotion("limited", outcome={"points": 1}, total_redemption_limit=9, customer_redemption_limit=2)
    for number in range(1, 5):
        shop.sell(f"T{number}", occurred_at=f"2026-03-0{number}T12:00:00Z")
    assert "usage" not in inputs_of("T1")
    # Promotion, redemptions of the consumer and of all, then transactions, quantity in thousandths and value by rule.
    assert inputs_of("T2")["usage"] == [[limited.pk, 1, 1, []], [third.pk, 0, 0, [[1, 1000, 300]]]]
    assert sorted(inputs_of("T4")["usage"]) == [[third.pk, 1, 0, [[3, 3000, 900]]], [limited.pk, 2, 2, []]]


def test_ghost_redemptions_are_told_with_the_explanation_of_a_stored_sale_alone(
    shop: Shop, gold_member: Consumer
) -> None:
    shop.promotion(
        "ghost", outcome={"points": 50, "quantity_rule": {"apply_to": "every", "units": 1}}, control_group=HOLD_OUT
    )
    shop.promotion("nothing", outcome={"points": 1}, control_group=HOLD_OUT, total_redemption_limit=1)
    body = {"lines": [make_line(quantity="2")]}
    assert "held_out" not in shop.evaluate(**body)
    assert "held_out" not in shop.sell("T1", **body)
    group = {"reason": "control_group"}
    kept = [{"promotion": "ghost", "version": 1, "redemptions": 2, "points": 100, "saving": "1.00"} | group]
    kept.append({"promotion": "nothing", "version": 1, "redemptions": 1, "points": 1, "saving": "0.01"} | group)
    assert shop.call("get", "transactions/T1?explain=true").json()["held_out"] == kept
    assert "held_out" not in shop.call("get", "transactions/T1").json()
    shop.give_back("T1", "R1", TEA="1")
    assert shop.call("get", "transactions/T1?explain=true").json()["held_out"] == kept
    gold_member.groups.clear()
    shop.sell("T2", **body)
    assert shop.call("get", "transactions/T2?explain=true").json()["held_out"] == []


def test_ghosts_use_up_neither_limits_nor_repeat_rules(shop: Shop, gold_member: Consumer) -> None:
    ghost = shop.promotion("ghost", control_group=HOLD_OUT, total_redemption_limit=1)
    for number in range(3):
        shop.sell(f"T{number}")
        told = shop.call("get", f"transactions/T{number}?explain=true").json()["held_out"]
        assert [row["redemptions"] for row in told] == [1]
    ghost.refresh_from_db()
    assert ghost.redemptions == 0


def test_a_sale_of_before_these_were_kept_answers_without_them(shop: Shop) -> None:
    shop.member()
    shop.sell("T1")
    sale = Transaction.objects.get()
    del sale.facts["inputs"]
    sale.save()
    assert shop.call("get", "transactions/T1?explain=true").json()["held_out"] == []
    shop.give_back("T1", "R1", TEA="1")


def test_an_ordinary_sale_keeps_at_most_300_bytes_more(shop: Shop, gold_member: Consumer) -> None:
    shop.promotion("fifty")
    shop.promotion("limited", outcome={"points": 1}, customer_redemption_limit=9)
    shop.call("patch", "conflict-settings", {"promotions_per_type": 3, "promotion_age": "oldest"}, role="manager")
    for number in range(3):
        shop.sell(f"T{number}", occurred_at=f"2026-03-0{number + 1}T12:00:00Z")
    assert len(json.dumps({"inputs": inputs_of("T2")})) <= 300
