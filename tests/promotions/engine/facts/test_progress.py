"""Repeat behaviour: what counts towards an application rule, over which period, and when counting restarts."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Usage
from promotions.engine.facts.progress import QUANTITY_SCALE, Progress, Totals, is_reached
from promotions.engine.rulebook.promotion import Promotion
from tests.promotions.engine.builders import (
    NOON,
    YEAR_START,
    condition,
    decide,
    every,
    line,
    make_basket,
    make_promotion,
    make_site,
    reason,
    sku,
)

DAY = timedelta(days=1)


def rule(
    measure: str = "transactions", threshold: Any = 2, unit: str = "days", length: int = 30, **fields: Any
) -> dict[str, Any]:
    period = {"unit": unit} if unit == "promotion" else {"unit": unit, "length": length}
    return {"measure": measure, "threshold": threshold, "period": period, **fields}


def net(basket: Basket) -> list[int]:
    return [unit_group.total_inc_tax for unit_group in basket.unit_groups]


def history(promotion: Promotion, *baskets: Basket) -> list[bool]:
    """Whether the promotion applies to each of a consumer's baskets, one after the other."""
    progress = Progress.none(promotion.application_rules)
    applies = []
    for basket in baskets:
        applied = reason(decide(basket, promotion, usage=Usage(progress={promotion.id: progress}))) == ""
        totals = [application_rule.totals_of(basket, net(basket)) for application_rule in promotion.application_rules]
        progress = Progress.from_json(
            progress.with_transaction(promotion.application_rules, totals, day=basket.today, applied=applied).as_json()
        )
        applies.append(applied)
    return applies


def spends(*prices: str) -> list[Basket]:
    return [make_basket(line(price=price), at=NOON + i * DAY) for i, price in enumerate(prices)]


def on(*days: str) -> list[Basket]:
    return [make_basket(at=datetime.fromisoformat(f"{day}T12:00:00+00:00")) for day in days]


def test_spend_of_9_3_6_27_with_a_threshold_of_10_applies_at_the_second_and_the_fourth() -> None:
    promotion = make_promotion(application_rules=[rule("spend", "10", counting="every")])
    assert history(promotion, *spends("9.00", "3.00", "6.00", "27.00")) == [False, True, False, True]


def test_reached_applies_from_the_threshold_on() -> None:
    promotion = make_promotion(application_rules=[rule("spend", "10")])
    assert history(promotion, *spends("9.00", "1.00", "0.01", "27.00")) == [False, True, True, True]


def test_a_rule_may_apply_at_every_fifth_transaction() -> None:
    promotion = make_promotion(application_rules=[rule(threshold=5, counting="every")])
    assert history(promotion, *spends(*["1.00"] * 11)) == [i in (5, 10) for i in range(1, 12)]


def test_counting_starts_again_only_where_the_promotion_was_applied() -> None:
    # The second time the site does not qualify: counting goes on, and the next one applies.
    promotion = make_promotion(application_rules=[rule(counting="every")])
    first, second, third, fourth = spends("1.00", "1.00", "1.00", "1.00")
    progress = Progress.none(promotion.application_rules)
    for basket, applied in ((first, False), (second, False), (third, True)):
        totals = [application_rule.totals_of(basket, net(basket)) for application_rule in promotion.application_rules]
        progress = progress.with_transaction(promotion.application_rules, totals, day=basket.today, applied=applied)
    assert not is_reached(promotion.application_rules, progress, fourth, net(fourth))


def test_quantities_are_those_sent_also_of_weighed_goods() -> None:
    promotion = make_promotion(application_rules=[rule("quantity", 6)])
    baskets = [make_basket(line("A", bought), at=NOON + i * DAY) for i, bought in enumerate(("2", "2.5", "1.499"))]
    assert history(promotion, *baskets) == [False, False, False]
    assert history(promotion, *baskets, make_basket(line("A", "0.001"), at=NOON + 3 * DAY))[-1]


def test_line_item_rules_count_matching_lines_and_only_transactions_that_have_one() -> None:
    tree = sku("A")

    def baskets() -> list[Basket]:
        lines = [
            [line("A", 1, "6.00")],
            [line("B", 9, "9.00")],
            [line("A", 1, "3.00"), line("B")],
            [line("A", 2, "1.00")],
        ]
        return [make_basket(*lines_of_day, at=NOON + i * DAY) for i, lines_of_day in enumerate(lines)]

    for measure, threshold, expected in (
        ("transactions", 2, [False, False, True, True]),
        ("quantity", 2, [False, False, True, True]),
        ("spend", "11", [False, False, False, True]),
        ("transactions", 1, [True, False, True, True]),
    ):
        promotion = make_promotion(application_rules=[rule(measure, threshold, line_item_rules=tree)])
        assert history(promotion, *baskets()) == expected, measure


def test_all_rules_must_hold() -> None:
    promotion = make_promotion(application_rules=[rule(threshold=2), rule("spend", "10")])
    assert history(promotion, *spends("4.00", "5.00", "1.00")) == [False, False, True]


def test_a_rule_that_counts_until_reached_goes_on_when_another_starts_again() -> None:
    promotion = make_promotion(application_rules=[rule(threshold=2, counting="every"), rule("spend", "3")])
    assert history(promotion, *spends(*["1.00"] * 7)) == [False, False, True, False, True, False, True]


PERIODS = [
    # unit, length, an earlier day, today, whether it counts
    ("days", 1, "2026-03-02", "2026-03-02", True),
    ("days", 1, "2026-03-01", "2026-03-02", False),
    ("days", 30, "2026-02-01", "2026-03-02", True),
    ("days", 30, "2026-01-31", "2026-03-02", False),
    ("weeks", 1, "2026-02-24", "2026-03-02", True),
    ("weeks", 1, "2026-02-23", "2026-03-02", False),
    ("weeks", 2, "2026-02-17", "2026-03-02", True),
    ("weeks", 2, "2026-02-16", "2026-03-02", False),
    ("months", 1, "2026-02-16", "2026-03-15", True),
    ("months", 1, "2026-02-15", "2026-03-15", False),
    ("months", 1, "2026-03-01", "2026-03-31", True),
    ("months", 1, "2026-02-28", "2026-03-31", False),
    ("months", 1, "2026-03-01", "2026-03-30", True),
    ("months", 1, "2026-02-28", "2026-03-29", False),
    ("months", 1, "2026-02-28", "2026-03-27", True),
    ("months", 1, "2026-12-01", "2026-12-31", True),
    ("months", 1, "2026-11-30", "2026-12-31", False),
    ("months", 12, "2027-03-16", "2028-03-15", True),
    ("months", 12, "2027-03-15", "2028-03-15", False),
    ("months", 12, "2027-03-01", "2028-02-29", True),
    ("months", 12, "2027-02-28", "2028-02-29", False),
    ("months", 1, "2026-12-16", "2027-01-15", True),
    ("months", 1, "2026-12-15", "2027-01-15", False),
    ("promotion", 0, "2026-01-01", "2028-12-31", True),
]


@pytest.mark.parametrize(("unit", "length", "earlier", "today", "counts"), PERIODS)
def test_a_period_ends_today(unit: str, length: int, earlier: str, today: str, counts: bool) -> None:
    promotion = make_promotion(application_rules=[rule(unit=unit, length=length)])
    assert history(promotion, *on(earlier, today)) == [False, counts]


def test_a_promotions_own_period_counts_from_its_start() -> None:
    promotion = make_promotion(application_rules=[rule(unit="promotion")], starts_at=NOON)
    before, at, after = (make_basket(at=NOON + n * timedelta(seconds=1)) for n in (-1, 0, 1))
    assert history(promotion, before, at, after) == [False, False, True]


def test_other_periods_reach_back_before_the_start() -> None:
    promotion = make_promotion(application_rules=[rule()], starts_at=NOON)
    assert history(promotion, *on("2026-03-01", "2026-03-02")) == [False, True]


def test_days_are_those_of_the_site() -> None:
    promotion = make_promotion(application_rules=[rule(length=1)])
    late, early = NOON.replace(hour=21), NOON.replace(hour=23, minute=30)
    utc = [make_basket(at=at) for at in (late, early)]
    berlin = [make_basket(at=at, zone="Europe/Berlin") for at in (late, early)]
    assert history(promotion, *utc) == [False, True]
    assert history(promotion, *berlin) == [False, False]


def test_sites_in_different_zones_do_not_lose_days_that_still_count() -> None:
    promotion = make_promotion(application_rules=[rule(threshold=3, length=7)])
    first = make_basket(at=NOON)
    already_tomorrow = make_basket(at=NOON + 6 * DAY, zone="Pacific/Auckland")
    still_today = make_basket(at=NOON + 6 * DAY + timedelta(hours=1))
    assert already_tomorrow.today > still_today.today == first.today + 6 * DAY
    assert history(promotion, first, already_tomorrow, still_today) == [False, False, True]


def test_only_baskets_that_satisfy_currency_site_and_transaction_rules_are_counted() -> None:
    promotion = make_promotion(
        application_rules=[rule()],
        site_rules=every(condition("town", "is", "Leeds")),
        transaction_rules=every(condition("source", "is", "web")),
        customer_rules=every(condition("groups", "is", "nobody")),
    )
    leeds = make_site(town="Leeds")
    assert promotion.counts(make_basket(site=leeds, source="WEB"))
    assert not promotion.counts(make_basket(site=leeds, source="till"))
    assert not promotion.counts(make_basket(source="web"))
    assert not promotion.counts(make_basket(site=leeds, source="web", currency="EUR"))


def test_spend_is_compared_in_the_currencys_own_units() -> None:
    promotion = make_promotion(application_rules=[rule("spend", "1000")], currency="JPY")
    (compiled,) = promotion.application_rules
    assert compiled.threshold == 1000
    basket = make_basket(line(price="1000", currency="JPY"), currency="JPY")
    assert reason(decide(basket, promotion)) == ""


def test_spend_is_net_value() -> None:
    (compiled,) = make_promotion(application_rules=[rule("spend", "10")]).application_rules
    basket = make_basket(line("A", 2, "10.00"))
    assert compiled.totals_of(basket, [1500]) == (1, 2 * QUANTITY_SCALE, 1500)
    assert compiled.threshold == Fraction(1000)


@pytest.mark.parametrize("unit", ["days", "weeks", "months"])
def test_a_period_may_begin_before_the_calendar(unit: str) -> None:
    promotion = make_promotion(
        application_rules=[rule(unit=unit, length=3650)], starts_at=datetime(1, 1, 1, tzinfo=UTC)
    )
    baskets = [make_basket(at=datetime(1, 1, day, tzinfo=UTC)) for day in (2, 3)]
    assert history(promotion, *baskets) == [False, True]


def test_progress_is_plain_data_and_back() -> None:
    progress = Progress(({date(2026, 3, 1): Totals(1, 2, 300), date(2026, 3, 2): Totals(4, 5, 600)}, {}))
    stored = progress.as_json()
    assert stored == [{"2026-03-01": [1, 2, 300], "2026-03-02": [4, 5, 600]}, {}]
    assert Progress.from_json(stored) == progress


def test_days_that_can_no_longer_count_are_dropped() -> None:
    promotion = make_promotion(application_rules=[rule(length=7)])
    progress = Progress.none(promotion.application_rules)
    for number in range(400):
        progress = progress.with_transaction(
            promotion.application_rules, [Totals(1, 1, 100)], day=YEAR_START.date() + number * DAY, applied=False
        )
    assert len(progress.days[0]) <= 10


def test_a_promotions_own_period_is_one_sum() -> None:
    promotion = make_promotion(application_rules=[rule(unit="promotion", threshold=100)])
    progress = Progress.none(promotion.application_rules)
    for number in range(50):
        progress = progress.with_transaction(
            promotion.application_rules, [Totals(1, 2, 3)], day=YEAR_START.date() + number * DAY, applied=False
        )
    assert list(progress.days[0].values()) == [(50, 100, 150)]


RULES = st.fixed_dictionaries(
    {
        "measure": st.sampled_from(["transactions", "quantity", "spend"]),
        "threshold": st.integers(1, 12),
        "counting": st.sampled_from(["reached", "every"]),
        "line_item_rules": st.sampled_from([None, sku("A")]),
        "period": st.one_of(
            st.just({"unit": "promotion"}),
            st.fixed_dictionaries({"unit": st.sampled_from(["days", "weeks", "months"]), "length": st.integers(1, 3)}),
        ),
    }
)
PURCHASES = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.lists(
            st.builds(line, st.sampled_from("AB"), st.integers(1, 3), st.sampled_from(["1.00", "4.50"])),
            min_size=1,
            max_size=2,
        ),
    ),
    max_size=8,
)


def first_day(period: dict[str, Any], today: date) -> date:
    """Read from the specification: n days are today and the n - 1 before, weeks are 7 days, months reach back to the
    day after the same day n months ago."""
    length = int(period.get("length", 0))
    match period["unit"]:
        case "days":
            return today - (length - 1) * DAY
        case "weeks":
            return today - (7 * length - 1) * DAY
        case "months":
            month = today.month - length
            year = today.year - (month <= 0)
            month = month + 12 if month <= 0 else month
            return date(year, month, min(today.day, monthrange(year, month)[1])) + DAY
        case _:
            return YEAR_START.date()


def figure(document: dict[str, Any], basket: Basket) -> Decimal | None:
    lines = [bought for bought in basket.lines if document["line_item_rules"] is None or bought.sku == "A"]
    if not lines:
        return None
    match document["measure"]:
        case "transactions":
            return Decimal(1)
        case "quantity":
            return sum((bought.quantity for bought in lines), Decimal(0))
        case _:
            return Decimal(sum(basket.line_totals[basket.lines.index(bought)] for bought in lines)) / 100


def by_the_whole_history(rules: list[dict[str, Any]], baskets: list[Basket]) -> list[bool]:
    applies: list[bool] = []
    for i, basket in enumerate(baskets):
        held = True
        for document in rules:
            since = (
                max((j + 1 for j, was in enumerate(applies) if was), default=0)
                if document["counting"] == "every"
                else 0
            )
            first = first_day(document["period"], basket.today)
            figures = [figure(document, past) for past in baskets[since : i + 1] if past.today >= first]
            held &= (
                figures[-1] is not None and sum(part for part in figures if part is not None) >= document["threshold"]
            )
        applies.append(held)
    return applies


@given(st.lists(RULES, min_size=1, max_size=2), PURCHASES)
def test_progress_decides_as_the_whole_history_would(
    rules: list[dict[str, Any]], purchases: list[tuple[int, Any]]
) -> None:
    at, baskets = YEAR_START, []
    for days, lines in purchases:
        at += days * DAY
        baskets.append(make_basket(*lines, at=at))
    promotion = make_promotion(application_rules=rules)
    assert history(promotion, *baskets) == by_the_whole_history(rules, baskets)
