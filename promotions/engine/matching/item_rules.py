"""Rules on items, compiled: which unit groups of a basket they accept.

Most rules name products by what they are: SKUs, a category, a brand, a label. Whether a basket has any of them is one
look at its keys, whatever the number of lines; only where it has one are the rules asked about every unit group.
"""

from collections.abc import Sequence
from typing import NamedTuple

from promotions.engine.facts.basket import LINE_ITEM_KEYS, UnitGroup, UnitGroups
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.compile import Predicate, compile_tree
from promotions.engine.rules.index import Key, deciding_keys, necessary_keys
from promotions.engine.rules.tree import Tree


class ItemRules(NamedTuple):
    """A compiled tree on items, and what it asks of an item's keys (the attributes of LINE_ITEM_KEYS).

    An item satisfies the tree exactly when it has one of ``deciding_keys``, where there are any; an item that satisfies
    it has at least one of ``necessary_keys``. None: no such keys are known.
    """

    holds: Predicate
    deciding_keys: frozenset[Key] | None
    necessary_keys: frozenset[Key] | None

    def accept_any(self, unit_groups: UnitGroups) -> bool:
        """Return whether any group of units is accepted."""
        if self.deciding_keys is not None:
            return not self.deciding_keys.isdisjoint(unit_groups.keys)
        holds = self.holds
        return any(holds(group.item) for group in unit_groups)

    def select(self, unit_groups: UnitGroups) -> Sequence[UnitGroup]:
        """Return the groups of units that are accepted, in their order."""
        if self.deciding_keys is not None and self.deciding_keys.isdisjoint(unit_groups.keys):
            return ()
        holds = self.holds
        return [group for group in unit_groups if holds(group.item)]


def compile_item_rules(tree: Tree | None) -> ItemRules | None:
    """Compile a tree in normal form; None where every item satisfies it."""
    holds = compile_tree(tree, Scope.LINE_ITEM)
    if holds is None:
        return None
    return ItemRules(
        holds=holds,
        deciding_keys=deciding_keys(tree, LINE_ITEM_KEYS, Scope.LINE_ITEM),
        necessary_keys=necessary_keys(tree, LINE_ITEM_KEYS, Scope.LINE_ITEM),
    )
