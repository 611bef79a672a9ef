"""Derive from a tree what every subject that satisfies it must have: keys, minima, a part of the tree."""

from decimal import Decimal

from promotions.engine.rules.attributes import ATTRIBUTES, Operator, Scope
from promotions.engine.rules.tree import COMPARABLE, Comparable, Tree

Key = tuple[str, Comparable | None]
"""An attribute's name, and a value that a subject has of it."""


def necessary_keys(tree: Tree | None, attributes: frozenset[str], scope: Scope) -> frozenset[Key] | None:
    """Return keys of which every subject that satisfies the tree has at least one; None where none are known.

    No subject is lost: a condition that is not an equality of one of the attributes gives None. Of the rules of an
    "all" group, the one with the fewest keys is enough.
    """
    if not tree:
        return None
    if "rules" in tree:
        if not tree["rules"]:
            return None
        keys_of_rules = [necessary_keys(rule, attributes, scope) for rule in tree["rules"]]
        known = [keys for keys in keys_of_rules if keys is not None]
        if tree["match"] == "all":
            return min(known, key=len) if known else None
        return frozenset().union(*known) if len(known) == len(keys_of_rules) else None
    if tree["attribute"] not in attributes:
        return None
    attribute = ATTRIBUTES[scope][tree["attribute"]]
    operator, value = tree["operator"], tree["value"]
    comparable = COMPARABLE.get(attribute.kind)
    if comparable is None:
        return None
    if operator == Operator.IS:
        return frozenset({(attribute.name, comparable(value))})
    if operator in (Operator.IS_ANY_OF, Operator.IS_ALL_OF):
        keys = [(attribute.name, comparable(entry)) for entry in value]
        return frozenset(keys[:1] if operator == Operator.IS_ALL_OF else keys)
    return None


def deciding_keys(tree: Tree | None, attributes: frozenset[str], scope: Scope) -> frozenset[Key] | None:
    """Return keys of which a subject has one exactly when it satisfies the tree; None where none are known."""
    if not tree:
        return None
    if "rules" not in tree:
        is_equality = tree["operator"] in (Operator.IS, Operator.IS_ANY_OF)
        return necessary_keys(tree, attributes, scope) if is_equality else None
    if tree["match"] == "all" and len(tree["rules"]) > 1:
        return None
    keys_of_rules = [deciding_keys(rule, attributes, scope) for rule in tree["rules"]]
    known = [keys for keys in keys_of_rules if keys is not None]
    return frozenset().union(*known) if known and len(known) == len(keys_of_rules) else None


def necessary_minimum(tree: Tree | None, name: str) -> Decimal | None:
    """Return the least value of a number or amount that can satisfy the tree; None where it is not known."""
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
    """Return the part of a tree on one attribute alone, which holds wherever the whole does, or None."""
    if not tree:
        return None
    if "rules" not in tree:
        return tree if tree["attribute"] == name else None
    parts = [necessary_part(rule, name) for rule in tree["rules"]]
    known = [part for part in parts if part is not None]
    if not known or (tree["match"] == "any" and len(known) < len(parts)):
        return None
    return {"match": tree["match"], "rules": known}
