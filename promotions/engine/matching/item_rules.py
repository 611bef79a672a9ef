"""Rules on items, compiled: which runs of a basket they accept.

Most name products by what they are: SKUs, a category, a brand, a label. Whether a basket has any of them is one look
at its keys, whatever the number of lines; only rules that find something are asked of every run.
"""

from collections.abc import Sequence
from typing import NamedTuple

from promotions.engine.facts.basket import LINE_ITEM_KEYS, UnitGroup, UnitGroups
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.compile import Predicate, compile_tree
from promotions.engine.rules.index import Key, deciding_keys
from promotions.engine.rules.tree import Tree


class ItemRules(NamedTuple):
    """A compiled tree on items; ``keys`` are those of which an item it accepts has one, where they decide it."""

    holds: Predicate
    keys: frozenset[Key] | None

    def accept_any(self, runs: UnitGroups) -> bool:
        """Whether any run is accepted."""
        if self.keys is not None:
            return not self.keys.isdisjoint(runs.keys)
        holds = self.holds
        return any(holds(run.item) for run in runs)

    def among(self, runs: UnitGroups) -> Sequence[UnitGroup]:
        """The runs that are accepted, in their order."""
        if self.keys is not None and self.keys.isdisjoint(runs.keys):
            return ()
        holds = self.holds
        return [run for run in runs if holds(run.item)]


def compile_item_rules(tree: Tree | None) -> ItemRules | None:
    """The rules of a tree in normal form; None where every item satisfies it."""
    holds = compile_tree(tree, Scope.LINE_ITEM)
    if holds is None:
        return None
    return ItemRules(holds=holds, keys=deciding_keys(tree, LINE_ITEM_KEYS, Scope.LINE_ITEM))
