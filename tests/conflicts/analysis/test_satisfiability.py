"""Conjunctions that satisfy rules, and values that satisfy conditions."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from conflicts.analysis.satisfiability import NumberDomain, conjunctions_of, satisfying_values
from promotions.engine.rules.attributes import Scope
from tests.promotions.engine.builders import condition, either, every

TODAY = date(2026, 3, 2)
A, B, C = (condition("source", "is", name) for name in "abc")


def test_groups_become_conjunctions() -> None:
    assert conjunctions_of(None) == [()]
    assert conjunctions_of(every(A, either(B, C))) == [(A, B), (A, C)]
    assert conjunctions_of(either(A, B), every(C)) == [(A, C), (B, C)]


def test_trees_with_too_many_conjunctions_have_none() -> None:
    assert conjunctions_of(every(*[either(A, B)] * 7)) is not None
    assert conjunctions_of(every(*[either(A, B)] * 8)) is None


def test_no_conditions_are_satisfied_by_no_value() -> None:
    assert satisfying_values(Scope.TRANSACTION, [], today=TODAY).values == (None,)


@pytest.mark.parametrize(
    ("scope", "conditions", "value"),
    [
        (Scope.TRANSACTION, [("source", "is", "Web"), ("source", "is_not", "shop")], "web"),
        (Scope.TRANSACTION, [("source", "starts_with", "We"), ("source", "contains", "b")], "we b example 1"),
        (Scope.TRANSACTION, [("source", "is_not", "web")], None),
        (Scope.CUSTOMER, [("groups", "is_any_of", ["a", "b"]), ("groups", "is_not", "a")], frozenset("b")),
        (Scope.CUSTOMER, [("groups", "is_not_all_of", ["a", "b"]), ("groups", "is", "a")], frozenset("a")),
        (Scope.CUSTOMER, [("enrolled_on", "is_in_last_days", 3)], TODAY),
        (Scope.CUSTOMER, [("enrolled_on", "is_before", "2020-01-01")], date(2019, 12, 31)),
        (Scope.CUSTOMER, [("is_loyalty_member", "is", False)], False),
    ],
)
def test_a_satisfying_value_is_found(scope: Scope, conditions: list[tuple[str, str, Any]], value: Any) -> None:
    assert value in satisfying_values(scope, [condition(*each) for each in conditions], today=TODAY).values


def test_a_birthday_and_a_date_of_birth_are_one_day() -> None:
    rules = [condition("birthday", "is_within_days", 0), condition("date_of_birth", "is_before", "1990-01-01")]
    days = satisfying_values(Scope.CUSTOMER, rules, today=TODAY).values
    assert days
    for day in days:
        assert isinstance(day, date)
        assert day < date(1990, 1, 1)
        assert (day.month, day.day) == (3, 2)


@pytest.mark.parametrize(
    ("scope", "conditions"),
    [
        (Scope.TRANSACTION, [("source", "is", "web"), ("source", "is", "shop")]),
        (Scope.TRANSACTION, [("source", "starts_with", "we"), ("source", "starts_with", "sh")]),
        (Scope.TRANSACTION, [("source", "is_any_of", ["web", "app"]), ("source", "is_not_any_of", ["WEB", "App"])]),
        (Scope.TRANSACTION, [("transaction_weekday", "is", "monday"), ("transaction_weekday", "is", "friday")]),
        (Scope.TRANSACTION, [("transaction_time", "is_before", "10:00"), ("transaction_time", "is_after", "10:00")]),
        (Scope.CUSTOMER, [("groups", "is_all_of", ["a", "b"]), ("groups", "is_not", "b")]),
        (Scope.CUSTOMER, [("enrolled_on", "is_before", "2020-01-01"), ("enrolled_on", "is_after", "2019-12-31")]),
        (Scope.CUSTOMER, [("home_site", "is", "1"), ("home_site", "is", "2")]),
    ],
)
def test_conditions_that_exclude_each_other_are_proved_impossible(
    scope: Scope, conditions: list[tuple[str, str, Any]]
) -> None:
    result = satisfying_values(scope, [condition(*each) for each in conditions], today=TODAY)
    assert (result.values, result.impossible) == ((), True)


def test_conditions_that_count_from_today_prove_nothing_for_other_days() -> None:
    rules = [condition("enrolled_on", "is_in_last_days", 3), condition("enrolled_on", "is_before", "2020-01-01")]
    result = satisfying_values(Scope.CUSTOMER, rules, today=TODAY)
    assert (result.values, result.impossible) == ((), False)


def test_numbers_stay_within_their_domain() -> None:
    whole = NumberDomain(step=Decimal(1), minimum=Decimal(1))
    between = [condition("quantity", "is_greater_than", "2"), condition("quantity", "is_less_than", "3")]
    assert satisfying_values(Scope.LINE_ITEM, between, today=TODAY, domain=whole).impossible
    assert satisfying_values(Scope.LINE_ITEM, between, today=TODAY).values
    assert 3 in satisfying_values(Scope.LINE_ITEM, between[:1], today=TODAY, domain=whole).values
    assert satisfying_values(
        Scope.LINE_ITEM, [condition("quantity", "is_at_most", "0")], today=TODAY, domain=whole
    ).impossible
