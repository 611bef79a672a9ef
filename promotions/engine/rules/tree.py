"""And/Or trees: checked once when they are written, compiled once to predicates, then called.

A tree is ``{"match": "all"|"any", "rules": [tree or condition, …]}``; a condition is
``{"attribute", "operator", "value"}``. An absent or empty tree is satisfied.
"""

import calendar
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from operator import attrgetter
from typing import Any

from promotions.engine.rules.attributes import ATTRIBUTES, WEEKDAYS, Attribute, Kind, Operand, Operator, Scope

MAXIMUM_DEPTH = 5
MAXIMUM_CONDITIONS = 200
MAXIMUM_VALUES = 1000
MAXIMUM_TEXT = 300
_MAXIMUM_NUMBER = Decimal(10) ** 12
_MAXIMUM_DAYS = 36_500

Tree = Mapping[str, Any]
Predicate = Callable[[Any], bool]
"""Whether a subject (site, shopper, basket or item) satisfies a tree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is wrong with a definition: where (a dotted path), a stable code, and a sentence for a person."""

    path: str
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """That a definition names a row of another table, by its key, at a path."""

    kind: str
    key: str
    path: str


def join_path(*parts: str | int) -> str:
    """A dotted path of the parts that are not empty."""
    return ".".join(str(part) for part in parts if part != "")


# --- checking -------------------------------------------------------------------------------------------------------


class _Checker:
    """Walks one tree as it was sent; collects its problems and references."""

    def __init__(self, scope: Scope, *, catalogue_enabled: bool) -> None:
        self.scope = scope
        self.catalogue_enabled = catalogue_enabled
        self.problems: list[Problem] = []
        self.references: list[Reference] = []
        self.conditions = 0

    def problem(self, path: str, code: str, detail: str) -> None:
        self.problems.append(Problem(path=path, code=code, detail=detail))

    def node(self, node: object, path: str, depth: int) -> dict[str, Any] | None:
        if not isinstance(node, Mapping):
            self.problem(path, "invalid", "Expected a group of rules or a condition.")
            return None
        if "rules" in node or "match" in node:
            return self.group(node, path, depth)
        return self.condition(node, path)

    def group(self, group: Mapping[str, Any], path: str, depth: int) -> dict[str, Any] | None:
        if depth > MAXIMUM_DEPTH:
            self.problem(path, "too_deep", f"Rules nest to {MAXIMUM_DEPTH} levels at most.")
            return None
        self.unknown_keys(group, ("match", "rules"), path)
        match, rules = group.get("match"), group.get("rules")
        if match not in ("all", "any"):
            self.problem(join_path(path, "match"), "invalid_choice", 'Must be "all" or "any".')
        if not isinstance(rules, list):
            self.problem(join_path(path, "rules"), "invalid", "Expected a list of rules.")
            return None
        nodes = []
        for i, rule in enumerate(rules):
            if self.conditions > MAXIMUM_CONDITIONS:
                break
            nodes.append(self.node(rule, join_path(path, "rules", i), depth + 1))
        return {"match": match, "rules": nodes}

    def condition(self, condition: Mapping[str, Any], path: str) -> dict[str, Any] | None:
        self.conditions += 1
        if self.conditions == MAXIMUM_CONDITIONS + 1:
            self.problem(path, "too_many_conditions", f"A tree holds {MAXIMUM_CONDITIONS} conditions at most.")
            return None
        self.unknown_keys(condition, ("attribute", "operator", "value"), path)
        name = condition.get("attribute")
        attribute = ATTRIBUTES[self.scope].get(name) if isinstance(name, str) else None
        if attribute is None:
            self.problem(join_path(path, "attribute"), "unknown_attribute", f"Unknown attribute {_shown(name)}.")
            return None
        if not (self.catalogue_enabled or attribute.without_catalogue):
            self.problem(
                join_path(path, "attribute"), "catalogue_disabled", f"{attribute.label} needs the product catalogue."
            )
            return None
        operator = condition.get("operator")
        if not isinstance(operator, str) or operator not in attribute.operators:
            allowed = ", ".join(attribute.operators)
            self.problem(
                join_path(path, "operator"),
                "unknown_operator",
                f"{attribute.label} cannot be compared with {_shown(operator)}; it takes {allowed}.",
            )
            return None
        try:
            value = _checked_value(attribute, attribute.operators[Operator(operator)], condition.get("value"))
        except ValueError as error:
            self.problem(join_path(path, "value"), "invalid_value", str(error))
            return None
        if attribute.reference:
            keys = value if isinstance(value, list) else [value]
            at = join_path(path, "value")
            self.references += [Reference(kind=attribute.reference, key=key, path=at) for key in keys]
        return {"attribute": attribute.name, "operator": operator, "value": value}

    def unknown_keys(self, node: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
        for key in node:
            if key not in known:
                self.problem(join_path(path, str(key)), "unknown_field", "Unknown field.")


def check_tree(
    tree: object, scope: Scope, *, path: str = "", catalogue_enabled: bool = True
) -> tuple[dict[str, Any] | None, list[Problem], list[Reference]]:
    """Check a tree as it was sent.

    Returns its normal form (None where every subject satisfies it), what is wrong with it, and what it names.
    """
    if tree is None or tree == {}:
        return None, [], []
    if not isinstance(tree, Mapping):
        return None, [Problem(path=path, code="invalid", detail="Expected a group of rules.")], []
    checker = _Checker(scope, catalogue_enabled=catalogue_enabled)
    checked = checker.group(tree, path, 1)
    if checked is not None and not checked["rules"]:
        checked = None
    return checked, checker.problems, checker.references


def _shown(value: object) -> str:
    return repr(value if isinstance(value, str) else str(value))[:80]


def _checked_value(attribute: Attribute, operand: Operand, value: object) -> Any:
    """The value in normal form; ValueError says what was expected."""
    if value is None or value in ("", []):
        raise ValueError("The value is missing.")
    if operand is Operand.TRUE:
        if value is not True:
            raise ValueError("The value must be true.")
        return True
    if operand is Operand.DAYS:
        lowest = 0 if attribute.kind is Kind.RECURRING_DAY else 1
        return _checked_days(value, lowest)
    if operand is Operand.ONE:
        return _ONE[attribute.kind](value)
    if not isinstance(value, list):
        raise ValueError("Expected a list of values.")
    if operand is Operand.RANGE:
        return _checked_range(attribute.kind, value)
    if not 1 <= len(value) <= MAXIMUM_VALUES:
        raise ValueError(f"Expected a list of 1 to {MAXIMUM_VALUES} values.")
    return [_ONE[attribute.kind](one) for one in value]


def _checked_days(value: object, lowest: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= _MAXIMUM_DAYS:
        raise ValueError(f"Expected a whole number of days from {lowest} to {_MAXIMUM_DAYS}.")
    return value


def _checked_range(kind: Kind, value: list[object]) -> list[Any]:
    if len(value) != 2:
        raise ValueError("Expected a list of two values, from and to.")
    low, high = (_ONE[kind](one) for one in value)
    if kind is Kind.TIME:
        if low == high:
            raise ValueError("The two times must differ.")
    elif _COMPARABLE[kind](low) > _COMPARABLE[kind](high):
        raise ValueError("The first value must not be above the second.")
    return [low, high]


def _checked_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("Expected a text that is not blank.")
    if len(value) > MAXIMUM_TEXT or "\x00" in value:
        raise ValueError(f"Expected a text of {MAXIMUM_TEXT} characters at most.")
    return value


def _checked_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Expected true or false.")
    return value


def checked_number(value: object) -> str:
    """A number in normal form (a plain decimal text); floats are refused because they are not exact."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError('Expected a number as text, such as "12.50".')
    if isinstance(value, str) and len(value) > 40:
        raise ValueError("Expected a shorter number.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("Expected a number such as 12.50.") from None
    if not number.is_finite() or number.copy_abs() > _MAXIMUM_NUMBER:
        raise ValueError("Expected a number between -10^12 and 10^12.")
    decimals = -int(number.as_tuple().exponent)
    if decimals > 6:
        raise ValueError("Expected a number with 6 decimals at most.")
    return f"{number:f}"


def _checked_date(value: object) -> str:
    if isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-":
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise ValueError("Expected a date such as 2026-03-01.")


def _checked_time(value: object) -> str:
    if isinstance(value, str) and len(value) in (5, 8) and value[2::3] in (":", "::"):
        try:
            return time.fromisoformat(value).isoformat("minutes" if len(value) == 5 else "seconds")
        except ValueError:
            pass
    raise ValueError("Expected a time of day such as 17:30.")


def _checked_weekday(value: object) -> str:
    if not isinstance(value, str) or value.casefold() not in WEEKDAYS:
        raise ValueError("Expected a weekday from monday to sunday.")
    return value.casefold()


_ONE: Mapping[Kind, Callable[[object], Any]] = {
    Kind.TEXT: _checked_text,
    Kind.TEXTS: _checked_text,
    Kind.REFERENCE: _checked_text,
    Kind.REFERENCES: _checked_text,
    Kind.BOOLEAN: _checked_boolean,
    Kind.NUMBER: checked_number,
    Kind.MONEY: checked_number,
    Kind.DATE: _checked_date,
    Kind.TIME: _checked_time,
    Kind.WEEKDAY: _checked_weekday,
}


# --- compiling ------------------------------------------------------------------------------------------------------


def _number(text: Any) -> int | Fraction:
    """A number to compare with; whole ones are compared many times as fast as fractions."""
    number = Fraction(text)
    return number.numerator if number.denominator == 1 else number


_COMPARABLE: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: str.casefold,
    Kind.TEXTS: str.casefold,
    Kind.REFERENCE: str,
    Kind.REFERENCES: str,
    Kind.BOOLEAN: bool,
    Kind.NUMBER: _number,
    Kind.MONEY: Decimal,
    Kind.DATE: date.fromisoformat,
    Kind.TIME: time.fromisoformat,
    Kind.WEEKDAY: str,
}
"""From a value in normal form to what subjects carry: folded text, Fraction, Decimal, date, time."""

MANY_VALUED = frozenset({Kind.TEXTS, Kind.REFERENCES})


def compile_tree(tree: Tree | None, scope: Scope) -> Predicate | None:
    """The predicate of a tree in normal form; None where every subject satisfies it."""
    if not tree or not tree["rules"]:
        return None
    return _compile_node(tree, scope)


def _compile_node(node: Tree, scope: Scope) -> Predicate:
    if "rules" not in node:
        return _compile_condition(ATTRIBUTES[scope][node["attribute"]], Operator(node["operator"]), node["value"])
    if not node["rules"]:
        return lambda _subject: True
    children = [_compile_node(child, scope) for child in node["rules"]]
    if len(children) == 1:
        return children[0]
    if node["match"] == "all":
        return lambda subject: all(child(subject) for child in children)
    return lambda subject: any(child(subject) for child in children)


def _compile_condition(attribute: Attribute, operator: Operator, value: Any) -> Predicate:
    read = attrgetter(attribute.name)
    kind = attribute.kind
    if kind is Kind.RECURRING_DAY:
        return _recurring(read, operator, value)
    if operator in (Operator.IS_IN_LAST_DAYS, Operator.IS_NOT_IN_LAST_DAYS):
        return _last_days(read, operator, value)
    comparable = _COMPARABLE[kind]
    if isinstance(value, list):
        values = [comparable(one) for one in value]
        if operator is Operator.IS_BETWEEN:
            return _between(read, kind, values[0], values[1])
        chosen = frozenset(values)
    else:
        values = [comparable(value)]
        chosen = frozenset(values)
    if kind in MANY_VALUED:
        return _many_valued(read, operator, chosen, values[0])
    return _single_valued(read, operator, chosen, values[0])


def _many_valued(read: Callable[[Any], Any], operator: Operator, chosen: frozenset[Any], value: Any) -> Predicate:
    """Set comparisons of an attribute that is a (possibly empty) frozenset."""
    match operator:
        case Operator.IS | Operator.IS_ALL_OF:
            return lambda subject: chosen <= read(subject)
        case Operator.IS_NOT | Operator.IS_NOT_ALL_OF:
            return lambda subject: not chosen <= read(subject)
        case Operator.IS_ANY_OF:
            return lambda subject: not chosen.isdisjoint(read(subject))
        case Operator.IS_NOT_ANY_OF:
            return lambda subject: chosen.isdisjoint(read(subject))
        case Operator.CONTAINS:
            return lambda subject: any(value in one for one in read(subject))
        case Operator.STARTS_WITH:
            return lambda subject: any(one.startswith(value) for one in read(subject))
        case _:
            raise AssertionError(operator)


def _single_valued(  # noqa: C901 - one branch for each operator reads better than any table
    read: Callable[[Any], Any], operator: Operator, chosen: frozenset[Any], value: Any
) -> Predicate:
    """Comparisons of an attribute that is one value or None; None is the empty set and fails every order."""

    def ordered(compare: Callable[[Any], bool]) -> Predicate:
        def predicate(subject: Any) -> bool:
            have = read(subject)
            return have is not None and compare(have)

        return predicate

    only = len(chosen) == 1
    match operator:
        case Operator.IS:
            return lambda subject: read(subject) == value
        case Operator.IS_NOT:
            return lambda subject: read(subject) != value
        case Operator.IS_ALL_OF:
            return (lambda subject: read(subject) == value) if only else (lambda _subject: False)
        case Operator.IS_NOT_ALL_OF:
            return (lambda subject: read(subject) != value) if only else (lambda _subject: True)
        case Operator.IS_ANY_OF:
            return lambda subject: read(subject) in chosen
        case Operator.IS_NOT_ANY_OF:
            return lambda subject: read(subject) not in chosen
        case Operator.CONTAINS:
            return ordered(lambda have: value in have)
        case Operator.STARTS_WITH:
            return ordered(lambda have: have.startswith(value))
        case Operator.IS_GREATER_THAN | Operator.IS_AFTER:
            return ordered(lambda have: have > value)
        case Operator.IS_AT_LEAST:
            return ordered(lambda have: have >= value)
        case Operator.IS_LESS_THAN | Operator.IS_BEFORE:
            return ordered(lambda have: have < value)
        case Operator.IS_AT_MOST:
            return ordered(lambda have: have <= value)
        case _:
            raise AssertionError(operator)


def _between(read: Callable[[Any], Any], kind: Kind, low: Any, high: Any) -> Predicate:
    """From low to high: inclusive, but the end of a time of day is exclusive and may lie on the next day."""

    def within(subject: Any) -> bool:
        have = read(subject)
        return have is not None and low <= have <= high

    def within_times(subject: Any) -> bool:
        have = read(subject)
        if have is None:
            return False
        return bool(low <= have < high) if low < high else bool(have >= low or have < high)

    return within_times if kind is Kind.TIME else within


def _last_days(read: Callable[[Any], Any], operator: Operator, days: int) -> Predicate:
    """Whether a date is today or one of the n - 1 days before; ``today`` is the subject's."""

    def recent(subject: Any) -> bool:
        have = read(subject)
        return have is not None and 0 <= (subject.today - have).days < days

    return recent if operator is Operator.IS_IN_LAST_DAYS else lambda subject: not recent(subject)


def kept_on(day: date, year: int) -> date:
    """The day on which a recurring day is kept in a year: 29 February on the 28th where there is none."""
    if day.month == 2 and day.day == 29 and not calendar.isleap(year):
        return date(year, 2, 28)
    return day.replace(year=year)


def _recurring(read: Callable[[Any], Any], operator: Operator, value: Any) -> Predicate:
    def today(subject: Any) -> bool:
        have = read(subject)
        return have is not None and kept_on(have, subject.today.year) == subject.today

    def this_month(subject: Any) -> bool:
        have = read(subject)
        return have is not None and have.month == subject.today.month

    def within(subject: Any) -> bool:
        have = read(subject)
        if have is None:
            return False
        now = subject.today
        years = (year for year in (now.year - 1, now.year, now.year + 1) if 1 <= year <= 9999)
        return any(abs((kept_on(have, year) - now).days) <= value for year in years)

    return {Operator.IS_TODAY: today, Operator.IS_THIS_MONTH: this_month, Operator.IS_WITHIN_DAYS: within}[operator]


# --- indexing -------------------------------------------------------------------------------------------------------

Key = tuple[str, Any]
"""An attribute's name and a comparable value it must have."""


def necessary_keys(tree: Tree | None, attributes: frozenset[str], scope: Scope) -> frozenset[Key] | None:
    """Keys of which a subject that satisfies the tree has at least one; None where no such set is known.

    It never loses a subject: a rule that cannot be put as equality of one of the attributes gives None. Of the
    members of an "all" group the one with the fewest keys is enough.
    """
    if not tree:
        return None
    if "rules" in tree:
        if not tree["rules"]:
            return None
        sets = [necessary_keys(rule, attributes, scope) for rule in tree["rules"]]
        if tree["match"] == "all":
            known = [keys for keys in sets if keys is not None]
            return min(known, key=len) if known else None
        if any(keys is None for keys in sets):
            return None
        return frozenset().union(*(keys for keys in sets if keys is not None))
    if tree["attribute"] not in attributes:
        return None
    attribute = ATTRIBUTES[scope][tree["attribute"]]
    operator, value = tree["operator"], tree["value"]
    comparable = _COMPARABLE.get(attribute.kind)
    if comparable is None:
        return None
    if operator == Operator.IS:
        return frozenset({(attribute.name, comparable(value))})
    if operator in (Operator.IS_ANY_OF, Operator.IS_ALL_OF):
        keys = [(attribute.name, comparable(one)) for one in value]
        return frozenset(keys[:1] if operator == Operator.IS_ALL_OF else keys)
    return None


def deciding_keys(tree: Tree | None, attributes: frozenset[str], scope: Scope) -> frozenset[Key] | None:
    """Keys of which a subject has one exactly where it satisfies the tree; None where no such keys are known."""
    if not tree:
        return None
    if "rules" not in tree:
        is_one_of = tree["operator"] in (Operator.IS, Operator.IS_ANY_OF)
        return necessary_keys(tree, attributes, scope) if is_one_of else None
    if tree["match"] == "all" and len(tree["rules"]) > 1:
        return None
    sets = [deciding_keys(rule, attributes, scope) for rule in tree["rules"]]
    known = [keys for keys in sets if keys is not None]
    return frozenset().union(*known) if known and len(known) == len(sets) else None


def necessary_minimum(tree: Tree | None, name: str) -> Decimal | None:
    """The least that an attribute of money or a number must be for the tree to hold, where that is known."""
    if not tree:
        return None
    if "rules" in tree:
        minima = [necessary_minimum(rule, name) for rule in tree["rules"]]
        known = [minimum for minimum in minima if minimum is not None]
        if tree["match"] == "all":
            return max(known, default=None)
        return min(known) if known and len(known) == len(minima) else None
    if tree["attribute"] != name:
        return None
    match tree["operator"]:
        case Operator.IS_AT_LEAST | Operator.IS_GREATER_THAN | Operator.IS:
            return Decimal(tree["value"])
        case Operator.IS_BETWEEN:
            return Decimal(tree["value"][0])
        case _:
            return None


def necessary_part(tree: Tree | None, name: str) -> Tree | None:
    """What a tree asks of one attribute alone: a tree that holds wherever the whole does; None if it asks nothing."""
    if not tree:
        return None
    if "rules" not in tree:
        return tree if tree["attribute"] == name else None
    parts = [necessary_part(rule, name) for rule in tree["rules"]]
    known = [part for part in parts if part is not None]
    if not known or (tree["match"] == "any" and len(known) < len(parts)):
        return None
    return {"match": tree["match"], "rules": known}


def conditions(tree: Tree | None) -> Iterator[Tree]:
    """Every condition of a tree, in the order written."""
    if tree:
        if "rules" in tree:
            for rule in tree["rules"]:
                yield from conditions(rule)
        else:
            yield tree
