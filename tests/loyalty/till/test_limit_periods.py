"""Limits per customer over a calendar period: once a day, three times a month, whatever is sold late or taken back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from consumers.models import Site
from loyalty.models import Transaction
from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from tests.loyalty.till.shop import Json, Shop, make_line, make_set, make_shop

EVERY = {"apply_to": "every", "units": 1}
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
ZONES = {"001": "Europe/London", "900": "America/New_York", "800": "Pacific/Auckland"}


@pytest.fixture
def shop(db: None) -> Shop:
    shop = make_shop(time_zone="Europe/London")
    for number, zone in list(ZONES.items())[1:]:
        Site.objects.create(account=shop.account, number=number, name=number, time_zone=zone)
    shop.member("c")
    return shop


def once(shop: Shop, period: str, limit: int = 1, code: str = "w") -> Promotion:
    """Create a discount of 1.00 off each unit, limited per customer."""
    limits = {"customer_redemption_limit": limit, "customer_limit_period": period}
    return shop.discount(code, make_set(), kind="amount", value="1.00", starts_at=LONG_AGO, **limits)


def takes_off(answer: Json) -> str:
    total: str = answer["discount_total"]
    return total


# --- which period ---------------------------------------------------------------------------------------------------

# Two moments, and whether both are in one period in London.
PERIODS = [
    ("day", ("2026-03-04T00:00:00Z", "2026-03-04T23:59:59Z"), True),
    ("day", ("2026-03-04T12:00:00Z", "2026-03-05T00:00:00Z"), False),
    ("day", ("2026-07-03T23:00:00Z", "2026-07-04T22:59:59Z"), True),
    ("week", ("2026-03-02T00:00:00Z", "2026-03-08T23:59:59Z"), True),
    ("week", ("2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z"), False),
    ("week", ("2026-03-29T22:59:59Z", "2026-03-29T23:00:00Z"), False),
    ("week", ("2025-12-29T00:00:00Z", "2026-01-04T12:00:00Z"), True),
    ("month", ("2026-02-01T00:00:00Z", "2026-02-28T23:59:59Z"), True),
    ("month", ("2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"), False),
    ("month", ("2026-03-31T22:59:59Z", "2026-03-31T23:00:00Z"), False),
    ("year", ("2025-01-01T00:00:00Z", "2025-12-31T23:59:59Z"), True),
    ("year", ("2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"), False),
    ("promotion", ("2025-01-01T00:00:00Z", "2026-11-01T00:00:00Z"), True),
]


@pytest.mark.parametrize(("period", "moments", "is_same"), PERIODS)
@pytest.mark.parametrize("is_late", [False, True])
def test_a_limit_counts_what_is_in_the_calendar_period_of_the_basket(
    shop: Shop, period: str, moments: tuple[str, str], is_same: bool, is_late: bool
) -> None:
    once(shop, period)
    sold, asked = reversed(moments) if is_late else moments  # redemptions after the basket count, too
    shop.sell("T1", occurred_at=sold)
    answer = shop.evaluate(occurred_at=asked)
    assert takes_off(answer) == ("0.00" if is_same else "1.00")
    reasons = [(refusal["reason"], refusal["detail"]) for refusal in answer["not_applied"]]
    per = "" if period == "promotion" else f" a {period}"
    assert reasons == ([("customer_limit", f"The customer limit of 1{per} was reached.")] if is_same else [])


def test_once_a_week_holds_in_each_week(shop: Shop) -> None:
    once(shop, "week")
    for day in ("01", "09", "17"):
        assert takes_off(shop.sell(f"T{day}", occurred_at=f"2026-03-{day}T12:00:00Z")) == "1.00"
        assert takes_off(shop.sell(f"T{day}b", occurred_at=f"2026-03-{day}T18:00:00Z")) == "0.00"


def test_the_period_is_that_of_the_site_of_the_basket_and_redemptions_of_every_site_count(shop: Shop) -> None:
    once(shop, "day")
    # Half past ten in the evening of the 3rd in New York is the 4th in London and in Auckland.
    shop.sell("T1", site="900", occurred_at="2026-03-04T03:30:00Z")
    assert takes_off(shop.evaluate(site="001", occurred_at="2026-03-04T12:00:00Z")) == "0.00"
    assert takes_off(shop.evaluate(site="800", occurred_at="2026-03-04T10:00:00Z")) == "0.00"
    assert takes_off(shop.evaluate(site="900", occurred_at="2026-03-04T12:00:00Z")) == "1.00"
    assert takes_off(shop.evaluate(site="900", occurred_at="2026-03-03T12:00:00Z")) == "0.00"


def test_what_is_left_of_the_limit_in_the_period_cuts_the_sets(shop: Shop) -> None:
    once(shop, "month", limit=3)
    assert takes_off(shop.sell("T1", sold=[make_line(quantity="2")], occurred_at="2026-03-04T12:00:00Z")) == "2.00"
    assert takes_off(shop.sell("T2", sold=[make_line(quantity="5")], occurred_at="2026-03-20T12:00:00Z")) == "1.00"
    assert takes_off(shop.sell("T3", sold=[make_line(quantity="5")], occurred_at="2026-04-01T12:00:00Z")) == "3.00"


def test_a_loyalty_promotion_with_application_rules_counts_in_its_period(shop: Shop) -> None:
    rule = {"measure": "transactions", "threshold": "1", "period": {"unit": "days", "length": 30}}
    shop.promotion("often", application_rules=[rule], customer_redemption_limit=1, customer_limit_period="day")
    points = [
        shop.sell(f"T{n}", occurred_at=at)["points"]["promotion"]
        for n, at in enumerate(("2026-03-04T08:00:00Z", "2026-03-04T18:00:00Z", "2026-03-05T08:00:00Z"))
    ]
    assert points == [50, 0, 50]


def test_another_consumer_has_limits_of_their_own(shop: Shop) -> None:
    once(shop, "week")
    shop.member("d")
    shop.sell("T1")
    assert takes_off(shop.evaluate(consumer="d")) == "1.00"


# --- taken back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("take_back", [Shop.void, lambda shop, sale: shop.give_back(sale, "R1", TEA="1")])
def test_what_comes_back_is_free_again_in_the_period_of_its_sale(
    shop: Shop, take_back: Callable[[Shop, str], Json]
) -> None:
    once(shop, "week")
    shop.sell("T1", occurred_at="2026-03-04T12:00:00Z")
    shop.sell("T2", occurred_at="2026-03-11T12:00:00Z")
    take_back(shop, "T1")
    assert takes_off(shop.evaluate(occurred_at="2026-03-06T12:00:00Z")) == "1.00"
    assert takes_off(shop.evaluate(occurred_at="2026-03-12T12:00:00Z")) == "0.00"
    assert not list(ledger_differences())


def test_a_changed_period_holds_for_what_was_sold_before(shop: Shop) -> None:
    once(shop, "promotion")
    shop.sell("T1", occurred_at="2026-03-04T12:00:00Z")
    path, manager = "discounts/w", {"role": "manager"}
    assert shop.call("patch", path, {"customer_limit_period": "day"}, **manager).status_code == 200
    assert takes_off(shop.sell("T2", occurred_at="2026-03-05T12:00:00Z")) == "1.00"
    assert shop.call("patch", path, {"customer_limit_period": "month"}, **manager).status_code == 200
    assert takes_off(shop.evaluate(occurred_at="2026-03-20T12:00:00Z")) == "0.00"
    assert takes_off(shop.evaluate(occurred_at="2026-04-01T12:00:00Z")) == "1.00"
    # Two were redeemed by now, and one is the limit again.
    assert shop.call("patch", path, {"customer_limit_period": "promotion"}, **manager).status_code == 200
    assert takes_off(shop.evaluate(occurred_at="2027-04-01T12:00:00Z")) == "0.00"


# --- what it costs --------------------------------------------------------------------------------------------------


def test_a_period_takes_no_statement_more(shop: Shop, django_assert_num_queries: Any) -> None:
    def statements(period: str) -> tuple[int, int]:
        once(shop, period, code=period, limit=9)
        shop.evaluate()
        shop.sell(f"first {period}")
        with django_assert_num_queries(99, exact=False) as quoted:
            shop.evaluate()
        with django_assert_num_queries(99, exact=False) as sold:
            shop.sell(f"second {period}")
        Promotion.objects.filter(code=period).update(archived=True)
        return len(quoted), len(sold)

    assert statements("promotion") == statements("week") == statements("year")


# --- against the page -----------------------------------------------------------------------------------------------


@dataclass
class Sold:
    """A sale of the slow reading: when, and what is left of its units and redemptions."""

    reference: str
    at: datetime
    units: int
    redemptions: int
    is_voided: bool = False


def period_key(period: str, local: datetime) -> tuple[int, ...]:
    """Name the calendar period of a local moment."""
    match period:
        case "day":
            return local.year, local.month, local.day
        case "week":
            return local.isocalendar()[:2]
        case "month":
            return local.year, local.month
    return (local.year,)


def redemptions_left(period: str, limit: int, at: datetime, site: str, sales: list[Sold]) -> int:
    """Read the page: all redemptions in the calendar period that holds the moment in the zone of the site count."""
    zone = ZoneInfo(ZONES[site])
    here = period_key(period, at.astimezone(zone))
    used = sum(sale.redemptions for sale in sales if period_key(period, sale.at.astimezone(zone)) == here)
    return max(0, limit - used)


@pytest.mark.parametrize("period", ["day", "week", "month", "year"])
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_sales_late_sales_returns_and_voids_keeps_to_the_page(shop: Shop, period: str, seed: int) -> None:
    random, limit = Random(f"{period}{seed}"), 1 + seed
    shop.promotion(
        "each",
        starts_at=LONG_AGO,
        outcome={"points": 10, "quantity_rule": EVERY},
        customer_redemption_limit=limit,
        customer_limit_period=period,
    )
    span = {"day": 2, "week": 15, "month": 65, "year": 800}[period]
    begins = datetime(2024, 3, 28, tzinfo=UTC)
    sales: list[Sold] = []
    for step in range(25):
        whole = [sale for sale in sales if sale.units and not sale.is_voided]
        act = random.choice(["sell", "sell", "quote", "return", "void"])
        if act in ("sell", "quote") or not whole:
            at = begins + timedelta(minutes=15 * random.randrange(span * 96))
            site, units = random.choice(list(ZONES)), random.randint(1, 3)
            basket = {"site": site, "occurred_at": at.isoformat(), "sold": [make_line(quantity=str(units))]}
            expected = min(units, redemptions_left(period, limit, at, site, sales))
            answer = shop.evaluate(**basket) if act == "quote" else shop.sell(f"T{step}", **basket)
            assert answer["points"]["promotion"] == 10 * expected
            if act != "quote":
                sales.append(Sold(f"T{step}", at, units, expected))
        elif act == "void":
            sale = random.choice(whole)
            shop.void(sale.reference, f"V{step}")
            sale.units, sale.redemptions, sale.is_voided = 0, 0, True
        else:
            sale = random.choice(whole)
            back = random.randint(1, sale.units)
            shop.give_back(sale.reference, f"R{step}", TEA=str(back))
            sale.units -= back
            sale.redemptions = min(sale.redemptions, sale.units)
    assert Transaction.objects.count() == len(sales)
    assert not list(ledger_differences())
