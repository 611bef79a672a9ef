"""What a rule tree may say, and how it is told what is wrong with it."""

from decimal import Decimal
from typing import Any

import pytest

from promotions.engine.rules.attributes import ATTRIBUTES, Kind, Operand, Scope
from promotions.engine.rules.check import check_tree
from promotions.engine.rules.problems import Reference
from tests.promotions.engine.builders import condition, either, every, line, make_basket, make_shopper

TOWN = condition("town", "is", "Leeds")


def problems(tree: Any, scope: Scope = Scope.SITE, **options: Any) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in check_tree(tree, scope, **options)[1]]


def nested(levels: int) -> dict[str, Any]:
    tree = every(TOWN)
    for _ in range(levels - 1):
        tree = every(tree)
    return tree


def test_trees_nest_to_five_levels() -> None:
    assert problems(nested(5)) == []
    assert problems(nested(6)) == [("rules.0.rules.0.rules.0.rules.0.rules.0", "too_deep")]


def test_a_tree_of_a_thousand_levels_is_refused_without_being_walked() -> None:
    assert [code for _, code in problems(nested(800))] == ["too_deep"]


def test_a_tree_has_at_most_200_conditions_at_all_levels_together() -> None:
    assert problems(every(*[TOWN] * 200)) == []
    assert problems(every(*[TOWN] * 201)) == [("rules.200", "too_many_conditions")]
    assert problems(either(every(*[TOWN] * 150), every(*[TOWN] * 50))) == []
    assert problems(either(every(*[TOWN] * 150), every(*[TOWN] * 60))) == [("rules.1.rules.50", "too_many_conditions")]


@pytest.mark.parametrize(
    ("tree", "path", "code"),
    [
        (every(condition("colour", "is", "red")), "rules.0.attribute", "unknown_attribute"),
        (every(condition("groups", "is", "a")), "rules.0.attribute", "unknown_attribute"),
        (every({"operator": "is", "value": "x"}), "rules.0.attribute", "unknown_attribute"),
        (every({"attribute": ["town"], "operator": "is", "value": "x"}), "rules.0.attribute", "unknown_attribute"),
        (every(TOWN, condition("town", "is_between", ["a", "b"])), "rules.1.operator", "unknown_operator"),
        (every(condition("town", "IS", "x")), "rules.0.operator", "unknown_operator"),
        (every({"attribute": "town", "value": "x"}), "rules.0.operator", "unknown_operator"),
        (every(condition("town", ["is"], "x")), "rules.0.operator", "unknown_operator"),  # type: ignore[arg-type]
        (every(either(TOWN, condition("town", "is", 5))), "rules.0.rules.1.value", "invalid_value"),
        (every({"attribute": "town", "operator": "is"}), "rules.0.value", "invalid_value"),
        (every(condition("town", "is_any_of", [])), "rules.0.value", "invalid_value"),
        (every(condition("town", "is_any_of", "Leeds")), "rules.0.value", "invalid_value"),
        (every(condition("town", "is", ["Leeds"])), "rules.0.value", "invalid_value"),
        (every({**TOWN, "negate": True}), "rules.0.negate", "unknown_field"),
        ({**every(TOWN), "name": "x"}, "name", "unknown_field"),
        ({"match": "none", "rules": [TOWN]}, "match", "invalid_choice"),
        ({"rules": [TOWN]}, "match", "invalid_choice"),
        ({"match": ["all"], "rules": [TOWN]}, "match", "invalid_choice"),
        ({"match": "all"}, "rules", "invalid"),
        ({"match": "all", "rules": {"0": TOWN}}, "rules", "invalid"),
        (every("town is Leeds"), "rules.0", "invalid"),  # type: ignore[arg-type]
        (every(None), "rules.0", "invalid"),  # type: ignore[arg-type]
        ("all", "", "invalid"),
        ([TOWN], "", "invalid"),
        (every({"match": "all", "rules": None}), "rules.0.rules", "invalid"),
    ],
)
def test_an_error_names_its_path(tree: Any, path: str, code: str) -> None:
    assert problems(tree) == [(path, code)]


def test_paths_begin_with_the_path_of_the_tree() -> None:
    assert problems(every(condition("town", "is", 5)), path="eligibility.site_rules") == [
        ("eligibility.site_rules.rules.0.value", "invalid_value")
    ]


def test_all_problems_are_reported_at_once() -> None:
    tree = every(condition("town", "is", 5), condition("colour", "is", "red"), condition("town", "has", "x"))
    assert problems(tree) == [
        ("rules.0.value", "invalid_value"),
        ("rules.1.attribute", "unknown_attribute"),
        ("rules.2.operator", "unknown_operator"),
    ]


REFUSED: dict[Kind, dict[Operand, list[Any]]] = {
    Kind.TEXT: {
        Operand.ONE: [None, 5, True, "", "  ", ["x"], {}, "x" * 301, "a\x00b"],
        Operand.MANY: [None, "x", [], [""], [5], ["x", None], [["x"]], ["x"] * 1001],
    },
    Kind.BOOLEAN: {Operand.ONE: [None, 1, 0, "true", [True]]},
    Kind.NUMBER: {
        Operand.ONE: [None, True, 1.5, "", "many", "NaN", "Infinity", "1e13", "1e999999999", "0.1234567", [1], {}],
        Operand.RANGE: [None, 1, [], ["1"], ["1", "2", "3"], ["2", "1"], ["1", "x"], {"from": 1}],
    },
    Kind.DATE: {
        Operand.ONE: [None, True, 20260301, "2026-3-1", "2026-02-30", "20260301", "2026-03-01T00:00", "2026-W09-1"],
        Operand.RANGE: [None, "2026-03-01", ["2026-03-01"], ["2026-03-02", "2026-03-01"], ["2026-03-01", "x"]],
        Operand.DAYS: [None, True, 0, -1, 1.5, "x", "", [3], 10**9, "1" * 50],
    },
    Kind.RECURRING_DAY: {
        Operand.TRUE: [None, False, 1, "true"],
        Operand.DAYS: [None, True, -1, 1.5, "x", [3], 10**9],
    },
    Kind.TIME: {
        Operand.ONE: [None, True, 12, "12", "25:00", "12:60", "12:00Z", "12:00+01", "12:00-05", "12:00:00+01:00"],
        Operand.RANGE: [None, "12:00", ["12:00"], ["12:00", "12:00"], ["12:00", "x"], ["12:00+01", "13:00"]],
    },
    Kind.WEEKDAY: {
        Operand.ONE: [None, 1, "mon", "montag", ["monday"]],
        Operand.MANY: [None, [], "monday", ["monday", "someday"], [1]],
    },
}
REFUSED[Kind.TEXTS] = REFUSED[Kind.REFERENCE] = REFUSED[Kind.REFERENCES] = REFUSED[Kind.TEXT]
REFUSED[Kind.MONEY] = REFUSED[Kind.NUMBER]


@pytest.mark.parametrize(
    ("scope", "name"), [(scope, name) for scope, table in ATTRIBUTES.items() for name in table], ids=str
)
def test_every_operator_refuses_every_value_of_a_wrong_type(scope: Scope, name: str) -> None:
    attribute = ATTRIBUTES[scope][name]
    for operator, operand in attribute.operators.items():
        for value in REFUSED[attribute.kind][operand]:
            reported = problems(every(condition(name, str(operator), value)), scope)
            assert reported == [("rules.0.value", "invalid_value")], (operator, value)


NORMAL = [
    (Scope.CUSTOMER, "points_balance", "is", 100, "100"),
    (Scope.CUSTOMER, "points_balance", "is", "1E+3", "1000"),
    (Scope.TRANSACTION, "total_inc_tax", "is", "12.50", "12.50"),
    (Scope.TRANSACTION, "total_inc_tax", "is_between", [1, Decimal("2.5")], ["1", "2.5"]),
    (Scope.TRANSACTION, "transaction_weekday", "is", "Monday", "monday"),
    (Scope.TRANSACTION, "transaction_time", "is_after", "09:30:15", "09:30:15"),
    (Scope.TRANSACTION, "transaction_time", "is_between", ["22:00", "02:00"], ["22:00", "02:00"]),
    (Scope.TRANSACTION, "transaction_date", "is", "2024-02-29", "2024-02-29"),
    (Scope.CUSTOMER, "last_transaction_on", "is_in_last_days", "30", 30),
    (Scope.CUSTOMER, "birthday", "is_within_days", 0, 0),
    (Scope.CUSTOMER, "birthday", "is_today", True, True),
]


@pytest.mark.parametrize(("scope", "attribute", "operator", "value", "normal"), NORMAL)
def test_values_are_stored_in_normal_form(scope: Scope, attribute: str, operator: str, value: Any, normal: Any) -> None:
    tree, reported, _ = check_tree(every(condition(attribute, operator, value)), scope)
    assert not reported
    assert tree == every(condition(attribute, operator, normal))


def test_the_normal_form_of_a_normal_form_is_itself() -> None:
    for scope, attribute, operator, value, _ in NORMAL:
        once, _, _ = check_tree(every(either(condition(attribute, operator, value))), scope)
        assert check_tree(once, scope)[0] == once


@pytest.mark.parametrize("tree", [None, {}, {"match": "all", "rules": []}, {"match": "any", "rules": []}])
def test_the_normal_form_of_an_empty_tree_is_none(tree: Any) -> None:
    assert check_tree(tree, Scope.SITE) == (None, [], [])


def test_references_are_collected_with_their_paths() -> None:
    tree = every(condition("groups", "is_any_of", ["vip", "staff"]), either(condition("home_site", "is_not", "7")))
    assert check_tree(tree, Scope.CUSTOMER, path="rules_of")[2] == [
        Reference(kind="group", key="vip", path="rules_of.rules.0.value"),
        Reference(kind="group", key="staff", path="rules_of.rules.0.value"),
        Reference(kind="site", key="7", path="rules_of.rules.1.rules.0.value"),
    ]
    assert check_tree(every(condition("product", "is", "A")), Scope.LINE_ITEM)[2] == [
        Reference(kind="product", key="A", path="rules.0.value")
    ]


@pytest.mark.parametrize("name", ATTRIBUTES[Scope.LINE_ITEM])
def test_without_a_catalogue_rules_know_only_what_the_basket_carries(name: str) -> None:
    value: dict[Kind, Any] = {Kind.NUMBER: "1", Kind.MONEY: "1"}
    tree = every(condition(name, "is", value.get(ATTRIBUTES[Scope.LINE_ITEM][name].kind, "x")))
    reported = problems(tree, Scope.LINE_ITEM, catalogue_enabled=False)
    allowed = name in {"sku", "category", "product_brand", "quantity"}
    assert reported == ([] if allowed else [("rules.0.attribute", "catalogue_disabled")])


@pytest.mark.parametrize("scope", [Scope.SITE, Scope.CUSTOMER, Scope.TRANSACTION])
def test_only_line_item_attributes_need_the_catalogue(scope: Scope) -> None:
    assert all(attribute.without_catalogue for attribute in ATTRIBUTES[scope].values())


def test_every_attribute_can_be_read_from_its_subject() -> None:
    basket = make_basket(line())
    subjects = {
        Scope.SITE: basket.site,
        Scope.CUSTOMER: make_shopper(),
        Scope.TRANSACTION: basket,
        Scope.LINE_ITEM: basket.unit_groups[0].item,
    }
    for scope, subject in subjects.items():
        for name in ATTRIBUTES[scope]:
            assert hasattr(subject, name), name
