"""Ways to satisfy rules, and values that do."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from conflicts.analysis.satisfiability import Grid, TooManyConjunctions, solve, ways
from promotions.engine.rules.attributes import Scope
from tests.promotions.engine.builders import condition, either, every

TODAY = date(2026, 3, 2)
A, B, C = (condition("source", "is", name) for name in "abc")


def test_groups_are_taken_apart_into_ways() -> None:
    assert ways(None) == [()]
    assert ways(every(A, either(B, C))) == [(A, B), (A, C)]
    assert ways(either(A, B), every(C)) == [(A, C), (B, C)]


def test_trees_with_too_many_ways_are_not_decided() -> None:
    with pytest.raises(TooManyConjunctions):
        ways(every(*[either(A, B)] * 8))


def test_conditions_on_nothing_are_satisfied_by_nothing() -> None:
    assert solve(Scope.TRANSACTION, [], today=TODAY).values == (None,)


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
def test_a_value_is_found(scope: Scope, conditions: list[tuple[str, str, Any]], value: Any) -> None:
    assert value in solve(scope, [condition(*one) for one in conditions], today=TODAY).values


def test_a_birthday_and_a_date_of_birth_are_one_day() -> None:
    rules = [condition("birthday", "is_within_days", 0), condition("date_of_birth", "is_before", "1990-01-01")]
    found = solve(Scope.CUSTOMER, rules, today=TODAY).values
    assert found
    assert all(day < date(1990, 1, 1) and (day.month, day.day) == (3, 2) for day in found)


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
def test_that_there_is_none_is_proved_where_it_is_so(scope: Scope, conditions: list[tuple[str, str, Any]]) -> None:
    solved = solve(scope, [condition(*one) for one in conditions], today=TODAY)
    assert (solved.values, solved.impossible) == ((), True)


def test_what_counts_from_today_is_no_proof_for_other_days() -> None:
    rules = [condition("enrolled_on", "is_in_last_days", 3), condition("enrolled_on", "is_before", "2020-01-01")]
    solved = solve(Scope.CUSTOMER, rules, today=TODAY)
    assert (solved.values, solved.impossible) == ((), False)


def test_numbers_keep_to_what_can_be_had() -> None:
    whole = Grid(step=Decimal(1), least=Decimal(1))
    between = [condition("quantity", "is_greater_than", "2"), condition("quantity", "is_less_than", "3")]
    assert solve(Scope.LINE_ITEM, between, today=TODAY, grid=whole).impossible
    assert solve(Scope.LINE_ITEM, between, today=TODAY).values
    assert 3 in solve(Scope.LINE_ITEM, between[:1], today=TODAY, grid=whole).values
    assert solve(Scope.LINE_ITEM, [condition("quantity", "is_at_most", "0")], today=TODAY, grid=whole).impossible
