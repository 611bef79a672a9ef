"""Every operator of every kind of attribute."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.basket import ProductFacts
from promotions.engine.rules.attributes import ATTRIBUTES, OPERATORS, Kind, Operator, Scope
from promotions.engine.rules.compile import anniversary_in
from tests.promotions.engine.builders import (
    condition,
    either,
    every,
    holds,
    line,
    make_basket,
    make_shopper,
    make_site,
)

ONE_VALUE_OPERATORS = [
    # operator, value, on "Leeds", on a missing value
    ("is", "leeds", True, False),
    ("is", "LEEDS", True, False),
    ("is", "Lee", False, False),
    ("is_not", "leeds", False, True),
    ("is_not", "York", True, True),
    ("is_any_of", ["York", "lEEDS"], True, False),
    ("is_any_of", ["York"], False, False),
    ("is_not_any_of", ["York", "lEEDS"], False, True),
    ("is_not_any_of", ["York"], True, True),
    ("is_all_of", ["leeds"], True, False),
    ("is_all_of", ["leeds", "Leeds"], True, False),
    ("is_all_of", ["leeds", "York"], False, False),
    ("is_not_all_of", ["leeds"], False, True),
    ("is_not_all_of", ["leeds", "York"], True, True),
    ("contains", "EED", True, False),
    ("contains", "eek", False, False),
    ("starts_with", "lEE", True, False),
    ("starts_with", "eed", False, False),
]


@pytest.mark.parametrize(("operator", "value", "present", "missing"), ONE_VALUE_OPERATORS)
def test_text_compares_without_regard_to_case_and_a_missing_text_satisfies_only_negations(
    operator: str, value: Any, present: bool, missing: bool
) -> None:
    tree = every(condition("town", operator, value))
    assert holds(tree, Scope.SITE, make_site(town="Leeds")) is present
    assert holds(tree, Scope.SITE, make_site()) is missing
    assert holds(tree, Scope.SITE, make_site(town="")) is missing


def test_case_folding_goes_beyond_lower_case() -> None:
    assert holds(every(condition("town", "is", "STRASSE")), Scope.SITE, make_site(town="Straße"))


GROUPS = [
    # operator, chosen, for members of a and b, of a only, of nothing
    ("is", "a", True, True, False),
    ("is_not", "a", False, False, True),
    ("is_all_of", ["a", "b"], True, False, False),
    ("is_any_of", ["a", "b"], True, True, False),
    ("is_any_of", ["c"], False, False, False),
    ("is_not_all_of", ["a", "b"], False, True, True),
    ("is_not_any_of", ["b", "c"], False, True, True),
]


@pytest.mark.parametrize(("operator", "chosen", "of_both", "of_one", "of_none"), GROUPS)
def test_groups_compare_as_sets(operator: str, chosen: Any, of_both: bool, of_one: bool, of_none: bool) -> None:
    tree = every(condition("groups", operator, chosen))
    for groups, expected in ((("a", "b"), of_both), (("a",), of_one), ((), of_none)):
        assert holds(tree, Scope.CUSTOMER, make_shopper(groups=groups)) is expected


@given(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd"), min_size=1))
def test_set_operators_are_their_definitions(have: set[str], chosen: set[str]) -> None:
    shopper = make_shopper(groups=have)

    def satisfied(operator: str) -> bool:
        return holds(every(condition("groups", operator, sorted(chosen))), Scope.CUSTOMER, shopper)

    assert satisfied("is_all_of") is (chosen <= have)
    assert satisfied("is_any_of") is bool(chosen & have)
    assert satisfied("is_not_all_of") is (not chosen <= have)
    assert satisfied("is_not_any_of") is (not chosen & have)


LABELS = [
    # operator, value, on labels New and Organic tea, on none
    ("is", "NEW", True, False),
    ("is", "tea", False, False),
    ("is_not", "new", False, True),
    ("is_all_of", ["new", "organic TEA"], True, False),
    ("is_all_of", ["new", "old"], False, False),
    ("is_any_of", ["old", "new"], True, False),
    ("is_not_all_of", ["new", "old"], True, True),
    ("is_not_any_of", ["old"], True, True),
    ("is_not_any_of", ["old", "New"], False, True),
    ("contains", "tea", True, False),
    ("starts_with", "tea", False, False),
    ("starts_with", "ORG", True, False),
]


@pytest.mark.parametrize(("operator", "value", "labelled", "bare"), LABELS)
def test_labels_compare_as_sets_of_texts(operator: str, value: Any, labelled: bool, bare: bool) -> None:
    tree = every(condition("labels", operator, value))
    products = {"A": ProductFacts(labels=("New", "Organic Tea")), "B": ProductFacts()}
    basket = make_basket(line("A"), line("B"), line("C"), products=products)
    satisfied = {unit_group.sku: holds(tree, Scope.LINE_ITEM, unit_group.item) for unit_group in basket.unit_groups}
    assert satisfied == {"A": labelled, "B": bare, "C": bare}


HOME_SITES = [
    ("is", "7", True, False),
    ("is_not", "7", False, True),
    ("is_any_of", ["7", "8"], True, False),
    ("is_all_of", ["7", "8"], False, False),
    ("is_not_all_of", ["7", "8"], True, True),
    ("is_not_any_of", ["7", "8"], False, True),
]


@pytest.mark.parametrize(("operator", "value", "present", "missing"), HOME_SITES)
def test_a_single_reference_is_a_set_of_one(operator: str, value: Any, present: bool, missing: bool) -> None:
    tree = every(condition("home_site", operator, value))
    assert holds(tree, Scope.CUSTOMER, make_shopper(home_site="7")) is present
    assert holds(tree, Scope.CUSTOMER, make_shopper()) is missing


@pytest.mark.parametrize("member", [True, False])
def test_a_flag_is_true_or_false(member: bool) -> None:
    shopper = make_shopper(is_loyalty_member=member)
    for value in (True, False):
        assert holds(every(condition("is_loyalty_member", "is", value)), Scope.CUSTOMER, shopper) is (value == member)


NUMBERS: list[tuple[str, Any, tuple[bool, ...]]] = [
    # operator, value, on 99, 100, 101 and a missing value
    ("is", "100", (False, True, False, False)),
    ("is_not", "100", (True, False, True, True)),
    ("is_greater_than", "100", (False, False, True, False)),
    ("is_at_least", "100", (False, True, True, False)),
    ("is_less_than", "100", (True, False, False, False)),
    ("is_at_most", "100", (True, True, False, False)),
    ("is_between", ["100", "101"], (False, True, True, False)),
    ("is_between", ["100", "100"], (False, True, False, False)),
    ("is", 100, (False, True, False, False)),
    ("is_at_least", "99.5", (False, True, True, False)),
]


@pytest.mark.parametrize(("operator", "value", "expected"), NUMBERS)
def test_numbers_compare_and_between_includes_both_ends(operator: str, value: Any, expected: tuple[bool, ...]) -> None:
    tree = every(condition("points_balance", operator, value))
    shoppers = [make_shopper(points_balance=balance) for balance in (99, 100, 101, None)]
    assert tuple(holds(tree, Scope.CUSTOMER, shopper) for shopper in shoppers) == expected


@pytest.mark.parametrize(("operator", "value", "expected"), NUMBERS)
def test_money_compares_as_numbers_do(operator: str, value: Any, expected: tuple[bool, ...]) -> None:
    tree = every(condition("retail_price", operator, value))
    prices = {"A": Decimal("99.00"), "B": Decimal("100.00"), "C": Decimal(101), "D": None}
    products = {sku: ProductFacts(retail_price=price) for sku, price in prices.items()}
    basket = make_basket(*map(line, prices), products=products)
    assert tuple(holds(tree, Scope.LINE_ITEM, unit_group.item) for unit_group in basket.unit_groups) == expected


def test_totals_of_the_basket_are_those_the_till_sent() -> None:
    basket = make_basket(line("A", 3, "10.00", ex_tax="8.00"), line("B", "0.5", "3.01", ex_tax="2.51"))
    for attribute, amount in (("total_inc_tax", "31.51"), ("total_ex_tax", "25.26")):
        assert holds(every(condition(attribute, "is", amount)), Scope.TRANSACTION, basket), attribute


DATES = [
    # operator, value, and the days of March 2026 that satisfy it, of 25 Feb to 4 Mar as -3 to 4
    ("is", "2026-03-01", {1}),
    ("is_not", "2026-03-01", {-3, -2, -1, 0, 2, 3, 4}),
    ("is_before", "2026-03-01", {-3, -2, -1, 0}),
    ("is_after", "2026-03-01", {2, 3, 4}),
    ("is_between", ["2026-02-28", "2026-03-02"], {0, 1, 2}),
    ("is_between", ["2026-03-01", "2026-03-01"], {1}),
    ("is_in_last_days", 1, {2}),
    ("is_in_last_days", 3, {0, 1, 2}),
    ("is_not_in_last_days", 3, {-3, -2, -1, 3, 4}),
]


@pytest.mark.parametrize(("operator", "value", "days"), DATES)
def test_dates_compare_by_day_and_last_days_include_today(operator: str, value: Any, days: set[int]) -> None:
    tree = every(condition("last_transaction_on", operator, value))
    satisfied = {
        number
        for number in range(-3, 5)
        if holds(
            tree,
            Scope.CUSTOMER,
            make_shopper(
                today=date(2026, 3, 2), last_transaction_on=date.fromordinal(date(2026, 3, 1).toordinal() + number - 1)
            ),
        )
    }
    assert satisfied == days
    missing = operator in ("is_not", "is_not_in_last_days")
    assert holds(tree, Scope.CUSTOMER, make_shopper()) is missing


def test_the_date_of_a_transaction_is_that_of_its_site() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    tree = every(condition("transaction_date", "is", "2026-03-02"), condition("transaction_weekday", "is", "monday"))
    assert holds(tree, Scope.TRANSACTION, make_basket(at=late, zone="Europe/Berlin"))
    assert not holds(tree, Scope.TRANSACTION, make_basket(at=late, zone="UTC"))


def test_last_days_of_a_transaction_end_with_itself() -> None:
    assert holds(every(condition("transaction_date", "is_in_last_days", 1)), Scope.TRANSACTION, make_basket())


def test_last_days_reach_back_before_the_calendar_begins() -> None:
    shopper = make_shopper(today=date(1, 1, 2), last_transaction_on=date(1, 1, 1))
    assert holds(every(condition("last_transaction_on", "is_in_last_days", 36_500)), Scope.CUSTOMER, shopper)


BIRTHDAYS = [
    # operator, value, born, today, satisfied
    ("is_today", True, date(1990, 3, 2), date(2026, 3, 2), True),
    ("is_today", True, date(1990, 3, 3), date(2026, 3, 2), False),
    ("is_today", True, date(1992, 2, 29), date(2026, 2, 28), True),
    ("is_today", True, date(1992, 2, 29), date(2026, 3, 1), False),
    ("is_today", True, date(1992, 2, 29), date(2028, 2, 29), True),
    ("is_today", True, date(1992, 2, 29), date(2028, 2, 28), False),
    ("is_this_month", True, date(1990, 3, 31), date(2026, 3, 1), True),
    ("is_this_month", True, date(1990, 4, 1), date(2026, 3, 31), False),
    ("is_this_month", True, date(1992, 2, 29), date(2026, 2, 1), True),
    ("is_this_month", True, date(1992, 2, 29), date(2026, 3, 1), False),
    ("is_within_days", 0, date(1990, 3, 2), date(2026, 3, 2), True),
    ("is_within_days", 0, date(1990, 3, 3), date(2026, 3, 2), False),
    ("is_within_days", 3, date(1990, 3, 5), date(2026, 3, 2), True),
    ("is_within_days", 3, date(1990, 3, 6), date(2026, 3, 2), False),
    ("is_within_days", 3, date(1990, 2, 27), date(2026, 3, 2), True),
    ("is_within_days", 3, date(1990, 2, 26), date(2026, 3, 2), False),
    ("is_within_days", 3, date(1990, 1, 1), date(2026, 12, 29), True),
    ("is_within_days", 3, date(1990, 1, 2), date(2026, 12, 29), False),
    ("is_within_days", 3, date(1990, 12, 30), date(2026, 1, 2), True),
    ("is_within_days", 3, date(1990, 12, 29), date(2026, 1, 2), False),
    ("is_within_days", 1, date(1992, 2, 29), date(2026, 3, 1), True),
    ("is_within_days", 1, date(1992, 2, 29), date(2026, 2, 27), True),
    ("is_within_days", 1, date(1992, 2, 29), date(2026, 3, 2), False),
    ("is_within_days", 1, date(1992, 2, 29), date(2028, 3, 1), True),
    ("is_within_days", 1, date(1992, 2, 29), date(2028, 2, 27), False),
    ("is_within_days", 400, date(1990, 7, 1), date(2026, 1, 2), True),
]


@pytest.mark.parametrize(("operator", "value", "born", "today", "expected"), BIRTHDAYS)
def test_days_recur_every_year(operator: str, value: Any, born: date, today: date, expected: bool) -> None:
    birthday = every(condition("birthday", operator, value))
    anniversary = every(condition("membership_anniversary", operator, value))
    assert holds(birthday, Scope.CUSTOMER, make_shopper(today=today, date_of_birth=born)) is expected
    yearless = make_shopper(today=today, yearless_birthday=born.replace(year=2000))
    assert holds(birthday, Scope.CUSTOMER, yearless) is expected
    assert not holds(every(condition("date_of_birth", "is_after", "1900-01-01")), Scope.CUSTOMER, yearless)
    assert holds(anniversary, Scope.CUSTOMER, make_shopper(today=today, enrolled_on=born)) is expected
    assert not holds(birthday, Scope.CUSTOMER, make_shopper(today=today))


@given(
    born=st.dates(date(1920, 1, 1), date(2026, 1, 1)),
    today=st.dates(date(2026, 1, 1), date(2040, 12, 31)),
    days=st.integers(0, 200),
)
def test_within_days_means_that_one_of_the_days_around_is_the_birthday(born: date, today: date, days: int) -> None:
    near = {anniversary_in(born, today.year + step) for step in (-1, 0, 1)}
    expected = any(abs((day - today).days) <= days for day in near)
    tree = every(condition("birthday", "is_within_days", days))
    assert holds(tree, Scope.CUSTOMER, make_shopper(today=today, date_of_birth=born)) is expected


TIMES = [
    # operator, value, hour and minute, satisfied
    ("is_before", "12:00", "11:59:59", True),
    ("is_before", "12:00", "12:00:00", False),
    ("is_after", "12:00", "12:00:00", False),
    ("is_after", "12:00", "12:00:01", True),
    ("is_between", ["12:00", "14:00"], "11:59:59", False),
    ("is_between", ["12:00", "14:00"], "12:00:00", True),
    ("is_between", ["12:00", "14:00"], "13:59:59", True),
    ("is_between", ["12:00", "14:00"], "14:00:00", False),
    ("is_between", ["22:00", "02:00"], "21:59:59", False),
    ("is_between", ["22:00", "02:00"], "22:00:00", True),
    ("is_between", ["22:00", "02:00"], "00:00:00", True),
    ("is_between", ["22:00", "02:00"], "01:59:59", True),
    ("is_between", ["22:00", "02:00"], "02:00:00", False),
    ("is_between", ["22:00", "00:00"], "23:59:59", True),
    ("is_between", ["22:00", "00:00"], "00:00:00", False),
    ("is_between", ["12:00:30", "12:00:31"], "12:00:30", True),
]


@pytest.mark.parametrize(("operator", "value", "clock", "expected"), TIMES)
def test_times_of_day_include_their_start_not_their_end_and_wrap_over_midnight(
    operator: str, value: Any, clock: str, expected: bool
) -> None:
    at = datetime.fromisoformat(f"2026-03-02T{clock}+00:00")
    tree = every(condition("transaction_time", operator, value))
    assert holds(tree, Scope.TRANSACTION, make_basket(at=at)) is expected


def test_the_time_of_a_transaction_is_that_of_its_site_in_summer_too() -> None:
    summer = datetime(2026, 7, 1, 11, 30, tzinfo=UTC)
    tree = every(condition("transaction_time", "is_between", ["12:00", "13:00"]))
    assert holds(tree, Scope.TRANSACTION, make_basket(at=summer, zone="Europe/London"))
    assert not holds(tree, Scope.TRANSACTION, make_basket(at=summer, zone="UTC"))


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("is", "monday", True),
        ("is", "Monday", True),
        ("is", "sunday", False),
        ("is_not", "monday", False),
        ("is_not", "sunday", True),
        ("is_any_of", ["sunday", "monday"], True),
        ("is_any_of", ["sunday"], False),
        ("is_not_any_of", ["sunday"], True),
        ("is_not_any_of", ["sunday", "monday"], False),
    ],
)
def test_weekdays_compare_by_the_day_at_the_site(operator: str, value: Any, expected: bool) -> None:
    assert holds(every(condition("transaction_weekday", operator, value)), Scope.TRANSACTION, make_basket()) is expected


def test_quantity_is_that_of_the_sku_over_the_whole_basket() -> None:
    basket = make_basket(line("A", 2, "1.00"), line("A", 1, "2.00", category="x"), line("B", 2), line("C", "0.25"))
    items = {unit_group.sku: unit_group.item for unit_group in basket.unit_groups}
    assert holds(every(condition("quantity", "is", 3)), Scope.LINE_ITEM, items["A"])
    assert holds(every(condition("quantity", "is", 2)), Scope.LINE_ITEM, items["B"])
    assert holds(every(condition("quantity", "is", "0.25")), Scope.LINE_ITEM, items["C"])


MARGINS = [
    # cost, retail, operator, value, satisfied
    ("6", "10", "is", "40", True),
    ("2", "3", "is", "33.333333", False),
    ("2", "3", "is_between", ["33.333333", "33.333334"], True),
    ("12", "10", "is_less_than", "0", True),
    ("12", "10", "is", "-20", True),
    (None, "10", "is_at_most", "100", False),
    ("6", None, "is_at_most", "100", False),
    ("6", "0", "is_at_most", "100", False),
    (None, "10", "is_not", "40", True),
]


@pytest.mark.parametrize(("cost", "retail", "operator", "value", "expected"), MARGINS)
def test_the_margin_is_a_percentage_of_the_retail_price(
    cost: str | None, retail: str | None, operator: str, value: Any, expected: bool
) -> None:
    product = ProductFacts(
        cost_price=Decimal(cost) if cost else None,
        retail_price=Decimal(retail) if retail else None,
    )
    (unit_group,) = make_basket(line("A"), products={"A": product}).unit_groups
    assert holds(every(condition("profit_margin", operator, value)), Scope.LINE_ITEM, unit_group.item) is expected


def test_product_attributes_come_from_the_catalogue_and_not_from_the_line() -> None:
    products = {"A": ProductFacts(product_brand="Acme", program_brand="Club", category="Tea")}
    (unit_group,) = make_basket(line("A", category="Coffee", brand="Other"), products=products).unit_groups
    for attribute, value in (
        ("product", "A"),
        ("product_brand", "acme"),
        ("program_brand", "club"),
        ("category", "TEA"),
        ("sku", "a"),
    ):
        assert holds(every(condition(attribute, "is", value)), Scope.LINE_ITEM, unit_group.item), attribute
    assert not holds(every(condition("category", "is", "coffee")), Scope.LINE_ITEM, unit_group.item)


def test_an_unknown_sku_matches_by_sku_quantity_and_what_its_line_carries() -> None:
    (unit_group,) = make_basket(line("Z", 2, category="Tea", brand="Acme")).unit_groups
    for attribute, value in (("sku", "z"), ("quantity", 2), ("category", "tea"), ("product_brand", "ACME")):
        assert holds(every(condition(attribute, "is", value)), Scope.LINE_ITEM, unit_group.item), attribute
    for attribute, value in (("product", "Z"), ("program_brand", "Acme"), ("labels", "x"), ("cost_price", "1")):
        assert not holds(every(condition(attribute, "is", value)), Scope.LINE_ITEM, unit_group.item), attribute
        assert holds(every(condition(attribute, "is_not", value)), Scope.LINE_ITEM, unit_group.item), attribute


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (None, True),
        ({}, True),
        ({"match": "all", "rules": []}, True),
        ({"match": "any", "rules": []}, True),
        (either(every()), True),
        (every(either(), condition("town", "is", "York")), False),
        (every(condition("town", "is", "Leeds"), condition("county", "is", "Kent")), False),
        (either(condition("town", "is", "Leeds"), condition("county", "is", "Kent")), True),
        (either(condition("town", "is", "York"), every(condition("town", "is", "Leeds"))), True),
        (every(either(condition("town", "is", "York"), condition("town", "is", "Leeds"))), True),
        (every(either(condition("town", "is", "York"), condition("town", "is", "Hull"))), False),
    ],
)
def test_all_and_any_nest_and_an_empty_group_is_satisfied(tree: dict[str, Any] | None, expected: bool) -> None:
    assert holds(tree, Scope.SITE, make_site(town="Leeds")) is expected


SPECIFIED_OPERATORS = {
    "one_or_many": {"is", "is_not", "is_all_of", "is_any_of", "is_not_all_of", "is_not_any_of"},
    "text": {"contains", "starts_with"},
    "number": {
        "is",
        "is_not",
        "is_greater_than",
        "is_at_least",
        "is_less_than",
        "is_at_most",
        "is_between",
    },
    "date": {
        "is",
        "is_not",
        "is_before",
        "is_after",
        "is_between",
        "is_in_last_days",
        "is_not_in_last_days",
    },
}


def test_each_kind_takes_the_operators_specified_and_no_other() -> None:
    operators = {kind: {str(operator) for operator in OPERATORS[kind]} for kind in Kind}
    sets, text = SPECIFIED_OPERATORS["one_or_many"], SPECIFIED_OPERATORS["text"]
    assert operators == {
        Kind.TEXT: sets | text,
        Kind.TEXTS: sets | text,
        Kind.REFERENCE: sets,
        Kind.REFERENCES: sets,
        Kind.NUMBER: SPECIFIED_OPERATORS["number"],
        Kind.MONEY: SPECIFIED_OPERATORS["number"],
        Kind.DATE: SPECIFIED_OPERATORS["date"],
        Kind.RECURRING_DAY: {"is_today", "is_this_month", "is_within_days"},
        Kind.TIME: {"is_before", "is_after", "is_between"},
        Kind.BOOLEAN: {"is"},
        Kind.WEEKDAY: {"is", "is_not", "is_any_of", "is_not_any_of"},
    }
    assert {str(operator) for operator in Operator} == set().union(*operators.values())


def test_the_attributes_of_each_tree_and_their_kinds() -> None:
    assert {
        scope: {name: str(attribute.kind) for name, attribute in table.items()} for scope, table in ATTRIBUTES.items()
    } == {
        Scope.SITE: dict.fromkeys(("site_name", "site_number", "address_line_1", "town", "county", "postcode"), "text"),
        Scope.CUSTOMER: {
            "groups": "references",
            "home_site": "reference",
            "is_loyalty_member": "boolean",
            "enrolled_on": "date",
            "date_of_birth": "date",
            "membership_anniversary": "recurring_day",
            "birthday": "recurring_day",
            "points_balance": "number",
            "last_transaction_on": "date",
            "last_offer_redeemed_on": "date",
            "last_promotion_redeemed_on": "date",
        },
        Scope.TRANSACTION: {
            "payment_card_type": "text",
            "source": "text",
            "loyalty_card_type": "text",
            "total_inc_tax": "money",
            "total_ex_tax": "money",
            "transaction_date": "date",
            "transaction_time": "time",
            "transaction_weekday": "weekday",
        },
        Scope.LINE_ITEM: {
            "quantity": "number",
            "product": "reference",
            "sku": "text",
            "program_brand": "text",
            "product_brand": "text",
            "category": "text",
            "labels": "texts",
            "cost_price": "money",
            "retail_price": "money",
            "profit_margin": "number",
        },
    }
