"""Check trees of rules as they were sent, and put them into normal form."""

from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any

from promotions.engine.rules.attributes import ATTRIBUTES, WEEKDAYS, Attribute, Kind, Operand, Operator, Scope
from promotions.engine.rules.problems import DefinitionProblem, Reference, join_path
from promotions.engine.rules.tree import COMPARABLE, Tree

MAX_TREE_DEPTH = 5
MAX_TREE_CONDITIONS = 200
MAX_CONDITION_VALUES = 1000
MAX_CONDITION_TEXT = 300
"""The most characters of a text that a condition compares with."""

_MAX_NUMBER = Decimal(10) ** 12
_MAX_NUMBER_LENGTH = 40
_MAX_DECIMALS = 6
_MAX_DAYS = 36_500

Node = dict[str, Any]
"""A tree or a condition in normal form."""

Value = str | int | list[str | bool]
"""What a condition compares with, in normal form."""


class _Checker:
    """Walks one tree as it was sent; collects its problems and references."""

    def __init__(self, scope: Scope, *, catalogue_enabled: bool) -> None:
        self.scope = scope
        self.catalogue_enabled = catalogue_enabled
        self.problems: list[DefinitionProblem] = []
        self.references: list[Reference] = []
        self.conditions = 0

    def add_problem(self, path: str, code: str, detail: str) -> None:
        self.problems.append(DefinitionProblem(path=path, code=code, detail=detail))

    def check_node(self, node: object, path: str, depth: int) -> Node | None:
        if not isinstance(node, Mapping):
            self.add_problem(path, "invalid", "Must be a group of rules or a condition.")
            return None
        if "rules" in node or "match" in node:
            return self.check_group(node, path, depth)
        return self.check_condition(node, path)

    def check_group(self, group: Tree, path: str, depth: int) -> Node | None:
        if depth > MAX_TREE_DEPTH:
            self.add_problem(path, "too_deep", f"Groups of rules can be at most {MAX_TREE_DEPTH} levels deep.")
            return None
        self.check_keys(group, ("match", "rules"), path)
        match, rules = group.get("match"), group.get("rules")
        if match not in ("all", "any"):
            self.add_problem(join_path(path, "match"), "invalid_choice", 'Must be "all" or "any".')
        if not isinstance(rules, list):
            self.add_problem(join_path(path, "rules"), "invalid", "Must be a list of rules.")
            return None
        nodes = []
        for i, rule in enumerate(rules):
            if self.conditions > MAX_TREE_CONDITIONS:
                break
            nodes.append(self.check_node(rule, join_path(path, "rules", i), depth + 1))
        return {"match": match, "rules": nodes}

    def check_condition(self, condition: Tree, path: str) -> Node | None:
        self.conditions += 1
        if self.conditions == MAX_TREE_CONDITIONS + 1:
            self.add_problem(path, "too_many_conditions", f"There can be at most {MAX_TREE_CONDITIONS} conditions.")
            return None
        self.check_keys(condition, ("attribute", "operator", "value"), path)
        attribute = self.attribute_of(condition, path)
        if attribute is None:
            return None
        operator = condition.get("operator")
        if not isinstance(operator, str) or operator not in attribute.operators:
            allowed = ", ".join(attribute.operators)
            self.add_problem(
                join_path(path, "operator"),
                "unknown_operator",
                f"“{attribute.label}” does not have the operator {_quoted(operator)}. Use one of {allowed}.",
            )
            return None
        try:
            value = _normal_value(attribute, attribute.operators[Operator(operator)], condition.get("value"))
        except ValueError as error:
            self.add_problem(join_path(path, "value"), "invalid_value", str(error))
            return None
        if attribute.reference:
            keys = value if isinstance(value, list) else [value]
            path_of_value = join_path(path, "value")
            self.references += [Reference(kind=attribute.reference, key=str(key), path=path_of_value) for key in keys]
        return {"attribute": attribute.name, "operator": operator, "value": value}

    def attribute_of(self, condition: Tree, path: str) -> Attribute | None:
        """Return the attribute that a condition names, if the scope and the account have it."""
        name = condition.get("attribute")
        attribute = ATTRIBUTES[self.scope].get(name) if isinstance(name, str) else None
        path = join_path(path, "attribute")
        if attribute is None:
            self.add_problem(path, "unknown_attribute", f"Unknown attribute {_quoted(name)}.")
        elif not (self.catalogue_enabled or attribute.without_catalogue):
            self.add_problem(path, "catalogue_disabled", f"“{attribute.label}” needs the product catalogue.")
            return None
        return attribute

    def check_keys(self, node: Tree, known: tuple[str, ...], path: str) -> None:
        for key in node:
            if key not in known:
                self.add_problem(join_path(path, str(key)), "unknown_field", "Unknown field.")


def check_tree(
    tree: object, scope: Scope, *, path: str = "", catalogue_enabled: bool = True
) -> tuple[Node | None, list[DefinitionProblem], list[Reference]]:
    """Check a tree as it was sent.

    Returns its normal form (None where every subject satisfies it), what is wrong with it, and what it names.
    """
    if tree is None or tree == {}:
        return None, [], []
    if not isinstance(tree, Mapping):
        return None, [DefinitionProblem(path=path, code="invalid", detail="Must be a group of rules.")], []
    checker = _Checker(scope, catalogue_enabled=catalogue_enabled)
    node = checker.check_group(tree, path, 1)
    if node is not None and not node["rules"]:
        node = None
    return node, checker.problems, checker.references


def _quoted(value: object) -> str:
    return repr(value if isinstance(value, str) else str(value))[:80]


def _normal_value(attribute: Attribute, operand: Operand, value: object) -> Value:
    """Return a condition's value in normal form; ValueError says what was expected."""
    if value is None or value in ("", []):
        raise ValueError("Enter a value.")
    if operand is Operand.TRUE:
        if value is not True:
            raise ValueError("The value must be true.")
        return True
    if operand is Operand.DAYS:
        lowest = 0 if attribute.kind is Kind.RECURRING_DAY else 1
        return _normal_days(value, lowest=lowest)
    if operand is Operand.ONE:
        return _NORMAL_VALUE[attribute.kind](value)
    if not isinstance(value, list):
        raise ValueError("Must be a list of values.")
    if operand is Operand.RANGE:
        return _normal_range(attribute.kind, value)
    if not 1 <= len(value) <= MAX_CONDITION_VALUES:
        raise ValueError(f"Must be a list of 1 to {MAX_CONDITION_VALUES} values.")
    return [_NORMAL_VALUE[attribute.kind](entry) for entry in value]


def _normal_days(value: object, *, lowest: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= _MAX_DAYS:
        raise ValueError(f"Must be a whole number of days from {lowest} to {_MAX_DAYS}.")
    return value


def _normal_range(kind: Kind, value: list[object]) -> list[str | bool]:
    if len(value) != 2:
        raise ValueError("Must be a list of two values: from and to.")
    low, high = (_NORMAL_VALUE[kind](entry) for entry in value)
    if kind is Kind.TIME:
        if low == high:
            raise ValueError("The two times must be different.")
    elif COMPARABLE[kind](low) > COMPARABLE[kind](high):
        raise ValueError("The first value must not be higher than the second.")
    return [low, high]


def _normal_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("Must be text that is not blank.")
    if len(value) > MAX_CONDITION_TEXT or "\x00" in value:
        raise ValueError(f"Must be text of at most {MAX_CONDITION_TEXT} characters.")
    return value


def _normal_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Must be true or false.")
    return value


def normalized_number(value: object) -> str:
    """Return a number in normal form (a plain decimal text); floats are refused because they are not exact."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError('Must be a number as text, such as "12.50".')
    if isinstance(value, str) and len(value) > _MAX_NUMBER_LENGTH:
        raise ValueError("The number has too many digits.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("Must be a number such as 12.50.") from None
    if not number.is_finite() or number.copy_abs() > _MAX_NUMBER:
        raise ValueError("Must be a number from -1,000,000,000,000 to 1,000,000,000,000.")
    decimals = -int(number.as_tuple().exponent)
    if decimals > _MAX_DECIMALS:
        raise ValueError(f"Must have at most {_MAX_DECIMALS} decimals.")
    return f"{number:f}"


def _normal_date(value: object) -> str:
    if isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-":
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise ValueError("Must be a date such as 2026-03-01.")


def _normal_time(value: object) -> str:
    if isinstance(value, str) and len(value) in (5, 8) and value[2::3] in (":", "::"):
        try:
            return time.fromisoformat(value).isoformat("minutes" if len(value) == 5 else "seconds")
        except ValueError:
            pass
    raise ValueError("Must be a time of day such as 17:30.")


def _normal_weekday(value: object) -> str:
    if not isinstance(value, str) or value.casefold() not in WEEKDAYS:
        raise ValueError("Must be a weekday, from monday to sunday.")
    return value.casefold()


_NORMAL_VALUE: Mapping[Kind, Callable[[object], str | bool]] = {
    Kind.TEXT: _normal_text,
    Kind.TEXTS: _normal_text,
    Kind.REFERENCE: _normal_text,
    Kind.REFERENCES: _normal_text,
    Kind.BOOLEAN: _normal_boolean,
    Kind.NUMBER: normalized_number,
    Kind.MONEY: normalized_number,
    Kind.DATE: _normal_date,
    Kind.TIME: _normal_time,
    Kind.WEEKDAY: _normal_weekday,
}
