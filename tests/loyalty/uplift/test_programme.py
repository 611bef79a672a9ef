"""The programme's uplift compares a year's consumers with those whom the universal holdout left out."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from consumers.models import Account, Consumer, ConsumerGroup
from loyalty.models import UpliftMember, UpliftPopulation
from loyalty.models.uplift import SCALE
from loyalty.services.results.count import results_count
from loyalty.services.uplift.population import populations_update
from promotions.engine.rulebook.universal_holdout import UniversalHoldout
from tests.loyalty.till.shop import Json, Shop, make_line, make_shop

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=4)
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
HALF = UniversalHoldout(percentage=Decimal(50), starts_on=START.date(), ends_on=None, zone=UTC)
NAMES = [f"c{number}" for number in range(12)]
HELD = [name for name in NAMES if HALF.draws(name, 2026)]
TREATED = [name for name in NAMES if name not in HELD]
POPULATION = UpliftPopulation.objects


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    """A shop that holds out half of its twelve members from March on."""
    with time_machine.travel(NOW, tick=False):
        shop = make_shop(holdout_percentage=50, holdout_starts_on=START.date())
        for name in NAMES:
            shop.member(name)
        yield shop


def measure(*, at: datetime = NOW) -> None:
    results_count(clock=lambda: at)
    populations_update(clock=lambda: at, for_at_most=timedelta(minutes=1))


def members(year: int = 2026) -> dict[str, UpliftMember]:
    rows = UpliftMember.objects.filter(population__year=year).select_related("consumer")
    return {row.consumer.consumer_id: row for row in rows}


def triggered() -> set[str]:
    return {name for name, row in members().items() if row.is_triggered}


def uplift(shop: Shop, query: str = "") -> Json:
    return shop.call("get", f"programme/uplift{query}", role="manager").json()


def test_each_year_has_the_consumers_of_its_start_in_the_arms_of_its_draw(shop: Shop) -> None:
    other = make_shop("other")
    other.member("c1")
    measure(at=START - timedelta(seconds=1))
    assert not POPULATION.exists()
    measure()
    shop.member("late")
    assert {name for name, row in members().items() if row.is_control} == set(HELD)
    assert set(members()) == set(NAMES)
    measure(at=NEXT_YEAR)
    held_next = {name for name in [*NAMES, "late"] if HALF.draws(name, 2027)}
    assert {name for name, row in members(2027).items() if row.is_control} == held_next != set(HELD)
    first, second = POPULATION.order_by("year")
    assert (first.measured_from, first.measured_to, second.measured_from) == (START, NEXT_YEAR, NEXT_YEAR)
    measure(at=NEXT_YEAR + timedelta(hours=2))
    assert POPULATION.count() == 2


def test_what_everybody_gets_triggers_nobody(shop: Shop) -> None:
    shop.promotion("plain", transaction_rules=_at_least("10.00"))
    shop.promotion("all", ignores_universal_holdout=True, always_apply=True)
    for name in (HELD[0], TREATED[0]):
        shop.sell(f"small-{name}", consumer=name)
    measure()
    assert triggered() == set()
    for name in (HELD[0], TREATED[0]):
        shop.sell(f"large-{name}", consumer=name, lines=[make_line(price="12.00")])
    measure()
    assert triggered() == {HELD[0], TREATED[0]}
    assert members()[HELD[0]].sales == 15 * SCALE
    shop.void(f"large-{HELD[0]}")
    measure()
    assert triggered() == {TREATED[0]}


def test_a_promotions_own_comparison_is_without_those_whom_the_holdout_has(shop: Shop) -> None:
    group = ConsumerGroup.objects.create(account=shop.account, code="gold", name="Gold")
    group.consumers.set(Consumer.objects.all())
    control = {"group": "gold", "percentage": "50"}
    for code, ignores in (("tea", False), ("cake", True)):
        shop.promotion(code, starts_at=START, control_group=control, ignores_universal_holdout=ignores)
    measure()
    for code, count in (("tea", len(TREATED)), ("cake", len(NAMES))):
        arms = shop.call("get", f"promotions/{code}/uplift", role="manager").json()["assigned"]
        assert arms["treated"]["consumers"] + arms["control"]["consumers"] == count


def test_the_period_follows_the_settings(shop: Shop) -> None:
    measure()
    shop.sell("T1", consumer="c1", occurred_at="2026-03-01T12:00:00Z")
    shop.sell("T2", consumer="c1", occurred_at="2026-03-02T12:00:00Z")
    measure()
    assert members()["c1"].visits == 2 * SCALE
    for days, visits in (({"holdout_ends_on": date(2026, 3, 1)}, 1), ({"holdout_starts_on": date(2026, 3, 2)}, 1)):
        Account.objects.update(**{"holdout_starts_on": START.date(), "holdout_ends_on": None, **days})
        measure()
        assert members()["c1"].visits == visits * SCALE
    assert members()["c1"].visits_before == SCALE
    Account.objects.update(holdout_percentage=None, holdout_starts_on=None)
    measure(at=NOW + timedelta(days=1))
    measure(at=NOW + timedelta(days=2))
    assert POPULATION.get().measured_to == NOW + timedelta(days=1)


def test_it_is_answered_by_year(shop: Shop) -> None:
    shop.promotion("plain")
    shop.sell("T1", consumer=TREATED[0])
    measure()
    answer = uplift(shop, "?metric=sales")
    assert (answer["year"], answer["percentage"], answer["metric"], answer["later_joiners"]) == (2026, "50", "sales", 0)
    assert answer["assigned"]["control"] == {"consumers": len(HELD), "mean": "0.0000"}
    assert answer["triggered"]["treated"] == {"consumers": 1, "mean": "3.0000"}
    assert answer == uplift(shop, "?metric=sales&year=2026")
    refused = {year: uplift(shop, f"?year={year}")["errors"][0]["code"] for year in ("2025", "2027", "soon", "0")}
    assert refused == {"2025": "no_universal_holdout", "2027": "not_measured_yet", "soon": "invalid", "0": "invalid"}
    assert shop.call("get", "programme/uplift").status_code == 403


def _at_least(amount: str) -> Json:
    return {
        "match": "all",
        "rules": [{"attribute": "total_inc_tax", "operator": "is_at_least", "value": amount}],
    }
