"""``promotions/{code}/uplift`` says what a promotion changed against its control group, or why that is not known."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from consumers.models import Consumer, ConsumerGroup
from loyalty.models import UpliftMember, UpliftPopulation
from loyalty.models.uplift import SCALE
from promotions.models import Promotion
from tests.loyalty.till.shop import Json, Shop, make_shop

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    with time_machine.travel(START + timedelta(days=20), tick=False):
        shop = make_shop()
        ConsumerGroup.objects.create(account=shop.account, code="gold", name="Gold")
        yield shop


def population(shop: Shop, *, treated: int, control: int, effect: float = 0, **promotion: Any) -> Promotion:
    """Store a population whose members spent about 50.00 each, the treated ``effect`` more."""
    half = {"group": "gold", "percentage": "50"}
    row = shop.promotion("tea", starts_at=START, control_group=half, **promotion)
    frozen = UpliftPopulation.objects.create(
        account=shop.account,
        promotion=row,
        group="gold",
        percentage="50",
        measured_from=START,
        measured_to=row.ends_at,
        frozen_at=START,
        members=treated + control,
        is_complete=True,
    )
    chance = random.Random(1)
    consumers = Consumer.objects.bulk_create(
        [Consumer(account=shop.account, consumer_id=f"m{number}") for number in range(treated + control)]
    )
    rows = []
    for number, consumer in enumerate(consumers):
        is_control, before = number < control, chance.gauss(50, 10)
        contribution = before + chance.gauss(0, 2) + (0 if is_control else effect)
        rows.append(
            UpliftMember(
                population=frozen,
                consumer=consumer,
                is_control=is_control,
                is_triggered=number % 2 == 0,
                is_stale=False,
                contribution=int(contribution * SCALE),
                contribution_before=int(before * SCALE),
            )
        )
    UpliftMember.objects.bulk_create(rows)
    return row


def uplift(shop: Shop, query: str = "") -> Json:
    answer = shop.call("get", f"promotions/tea/uplift{query}", role="manager")
    assert answer.status_code == 200, answer.content
    return answer.json()


def refusal(shop: Shop, code: str, query: str = "") -> tuple[int, str]:
    answer = shop.call("get", f"promotions/{code}/uplift{query}", role="manager")
    return answer.status_code, answer.json()["errors"][0]["code"]


@pytest.mark.parametrize(("effect", "verdict"), [(3, "better"), (-3, "worse"), (0.5, "not_known_yet")])
def test_the_verdict_is_what_the_interval_says(shop: Shop, effect: float, verdict: str) -> None:
    population(shop, treated=100, control=100, effect=effect)
    answer = uplift(shop)
    assert answer["verdict"] == verdict
    assert (answer["days_more"] is not None) is (verdict == "not_known_yet")
    adjusted, means = answer["assigned"]["adjusted"], answer["assigned"]["means"]
    assert float(adjusted["standard_error"]) < float(means["standard_error"]) / 3
    assert adjusted["interval"]["kind"] == "always_valid"
    assert adjusted["p"] is None
    assert answer["assigned"]["treated"]["consumers"] == 100
    assert answer["triggered"]["treated"]["consumers"] == 50


def test_after_the_planned_end_the_interval_is_the_fixed_one(shop: Shop) -> None:
    promotion = population(shop, treated=100, control=100, effect=0.1, ends_at=START + timedelta(days=10))
    running = uplift(shop)
    assert running["assigned"]["means"]["interval"]["kind"] == "fixed"
    assert 0 < running["assigned"]["means"]["p"] < 1
    assert running["days_more"] is None
    stopped_at = START + timedelta(days=5)
    Promotion.objects.filter(pk=promotion.pk).update(stopped_at=stopped_at)
    UpliftPopulation.objects.update(measured_to=stopped_at)
    assert uplift(shop)["assigned"]["means"]["interval"]["kind"] == "always_valid"


def test_arms_of_other_sizes_than_the_percentage_makes_have_no_verdict(shop: Shop) -> None:
    population(shop, treated=160, control=90, effect=3)
    answer = uplift(shop)
    assert answer["verdict"] == "sample_ratio"
    assert answer["sample_ratio"]["plausible"] is False
    assert answer["days_more"] is None


def test_few_consumers_are_not_compared(shop: Shop) -> None:
    population(shop, treated=60, control=49, effect=30)
    answer = uplift(shop)
    assert answer["verdict"] == "not_known_yet"
    assert answer["assigned"]["means"] is answer["assigned"]["adjusted"] is None


def test_a_metric_that_does_not_vary_is_not_compared(shop: Shop) -> None:
    population(shop, treated=100, control=100)
    answer = uplift(shop, "?metric=visits")
    assert answer["metric"] == "visits"
    assert answer["assigned"]["means"] is None
    assert answer["assigned"]["treated"]["mean"] == "0.0000"


def test_what_cannot_be_answered_is_refused_by_name(shop: Shop) -> None:
    shop.promotion("plain")
    shop.promotion("soon", starts_at=START + timedelta(days=90), control_group={"group": "gold", "percentage": "50"})
    assert refusal(shop, "plain") == (409, "no_control_group")
    assert refusal(shop, "soon") == (409, "not_measured_yet")
    assert refusal(shop, "plain", "?metric=joy") == (400, "invalid_choice")
    assert refusal(shop, "unknown") == (404, "not_found")


def test_a_till_does_not_see_it(shop: Shop) -> None:
    population(shop, treated=1, control=1)
    assert shop.call("get", "promotions/tea/uplift").status_code == 403


def test_a_population_is_read_in_few_statements(shop: Shop, django_assert_max_num_queries: Any) -> None:
    population(shop, treated=100, control=100)
    with django_assert_max_num_queries(6):
        uplift(shop)
