"""Consumers in the account's universal holdout get no promotion that does not ignore it: quote and commit alike."""

import hashlib
import json
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.models import Transaction
from tests.loyalty.till.shop import Json, Shop, make_shop

pytestmark = pytest.mark.django_db

NAMES = [f"c{number}" for number in range(4)]
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_references = count()


@pytest.fixture
def shop(db: None) -> Shop:
    """A shop with points and a discount, each once for all and once for those who are held out too."""
    shop = make_shop()
    for name in NAMES:
        shop.member(name)
    for code, ignores in (("plain", False), ("ignoring", True)):
        terms: Json = {"ignores_universal_holdout": ignores, "always_apply": True, "starts_at": FIRST}
        shop.promotion(code, **terms)
        shop.discount(f"off-{code}", value="10", **terms)
    return shop


def hold_out(shop: Shop, percentage: str, **days: Json) -> None:
    body = {"universal_holdout": {"percentage": percentage, "starts_on": "2026-01-01", **days}}
    assert shop.call("patch", "account", body, role="manager").status_code == 200


def drawn(name: str, year: int, percentage: int) -> bool:
    """Say whom a year's draw has, by the hash that the documentation describes."""
    digest = hashlib.sha256(f"universal_holdout\0{year}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < percentage / 100


def codes(answer: Json) -> set[str]:
    return {row["promotion"] for row in answer["applied"]}


def reasons(answer: Json) -> dict[str, str]:
    return {row["promotion"]: row["reason"] for row in answer["not_applied"]}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(percentage=st.integers(0, 100), name=st.sampled_from(NAMES), day=st.dates(date(2020, 1, 1), date(2025, 12, 31)))
def test_nothing_that_does_not_ignore_it_is_given_to_whom_it_holds_out(
    shop: Shop, percentage: int, name: str, day: date
) -> None:
    hold_out(shop, str(percentage), starts_on="2020-01-01")
    basket = {"consumer": name, "occurred_at": f"{day}T12:00:00Z"}
    quoted, reference = shop.evaluate(**basket), f"T{next(_references)}"
    sold = shop.sell(reference, **basket)
    ignoring = {"ignoring", "off-ignoring"}
    if drawn(name, day.year, percentage):
        assert codes(sold) == ignoring
        assert reasons(quoted) == {"plain": "universal_holdout", "off-plain": "universal_holdout"}
    else:
        assert codes(sold) == ignoring | {"plain", "off-plain"}
    assert codes(quoted) == codes(sold)
    assert quoted["net_total_inc_tax"] == sold["net_total_inc_tax"]


def test_what_was_withheld_is_told_with_the_explanation_alone_and_a_return_leaves_it(shop: Shop) -> None:
    hold_out(shop, "100")
    sold = shop.sell("T1", consumer="c1")
    assert "held_out" not in sold
    shop.give_back("T1", "R1", TEA="1")
    # A discount is worked out on the price that the other one, which is given, has left.
    explained = shop.call("get", "transactions/T1?explain=true").json()
    assert explained["held_out"] == [
        {"promotion": code, "version": 1, "redemptions": 1, "points": points, "saving": saving, "reason": REASON}
        for code, points, saving in (("off-plain", 0, "0.27"), ("plain", 50, "0.50"))
    ]
    assert {row["reason"] for row in explained["not_applied"]} == {REASON}


REASON = "universal_holdout"


def test_a_late_sale_of_before_its_first_day_or_after_its_last_is_as_any_other(shop: Shop) -> None:
    hold_out(shop, "100", starts_on="2026-03-02", ends_on="2026-03-03")
    days = {day: codes(shop.sell(day, consumer="c1", occurred_at=f"{day}T12:00:00Z")) for day in
            ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")}  # fmt: skip
    assert [len(days[day]) for day in sorted(days)] == [4, 2, 2, 4]


def test_neither_a_quote_nor_a_commit_makes_a_statement_more(shop: Shop) -> None:
    def statements(call: Any, *args: Any, **basket: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            call(*args, **basket)
        return len(queries)

    shop.sell("warm", consumer="c1")
    before = statements(shop.evaluate, consumer="c1"), statements(shop.sell, "T1", consumer="c1")
    hold_out(shop, "100")
    shop.evaluate(consumer="c2")
    assert statements(shop.evaluate, consumer="c1") <= before[0]
    assert statements(shop.sell, "T2", consumer="c1") <= before[1]
    assert Transaction.objects.get(reference="T2").facts["inputs"]["held_out"]


@pytest.mark.parametrize(
    ("holdout", "attr"),
    [
        ({"percentage": "5"}, "universal_holdout.starts_on"),
        ({"starts_on": "2026-01-01"}, "universal_holdout.percentage"),
        ({"percentage": "101", "starts_on": "2026-01-01"}, "universal_holdout.percentage"),
        ({"percentage": "5", "starts_on": "soon"}, "universal_holdout.starts_on"),
        ({"percentage": "5", "starts_on": "2026-02-01", "ends_on": "2026-01-31"}, "universal_holdout.ends_on"),
        ({"percentage": "5", "starts_on": "2026-02-01", "until": "2026-01-31"}, "universal_holdout.until"),
        ("5", "universal_holdout"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name_and_changes_nothing(shop: Shop, holdout: Json, attr: str) -> None:
    before = shop.call("get", "account", role="manager").json()
    answer = shop.call("patch", "account", {"universal_holdout": holdout}, role="manager")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)
    assert shop.call("get", "account", role="manager").json() == before


def test_the_setting_is_read_changed_in_part_and_taken_away(shop: Shop) -> None:
    hold_out(shop, "2.5")
    answer = shop.call("patch", "account", {"universal_holdout": {"ends_on": "2026-06-30"}}, role="manager")
    expected = {"percentage": "2.5", "starts_on": "2026-01-01", "ends_on": "2026-06-30"}
    assert json.loads(answer.content)["universal_holdout"] == expected
    assert shop.call("patch", "account", {"name": "Leeds"}, role="manager").json()["universal_holdout"] == expected
    assert (
        shop.call("patch", "account", {"universal_holdout": None}, role="manager").json()["universal_holdout"] is None
    )
    assert codes(shop.sell("T1", consumer="c1")) == {"plain", "ignoring", "off-plain", "off-ignoring"}
