"""Rules on items find by the keys of a basket what asking every item would."""

from random import Random

import pytest

from promotions.engine.matching.item_rules import compile_item_rules
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.check import check_tree
from tests.promotions.engine.builders import condition, either, every
from tests.promotions.engine.rulebook.test_rulebook_reference import draw_basket, draw_items

TREES = 200


@pytest.mark.parametrize("seed", range(10))
def test_they_accept_the_unit_groups_whose_item_satisfies_the_tree(seed: int) -> None:
    random = Random(seed)
    by_keys = with_accepted = 0
    for _ in range(TREES):
        tree, _, _ = check_tree(draw_items(random), Scope.LINE_ITEM)
        rules, unit_groups = compile_item_rules(tree), draw_basket(random).unit_groups
        assert rules is not None
        accepted = [unit_group for unit_group in unit_groups if rules.holds(unit_group.item)]
        assert list(rules.select(unit_groups)) == accepted
        assert rules.accept_any(unit_groups) == bool(accepted)
        by_keys += rules.deciding_keys is not None
        with_accepted += bool(accepted)
    assert 0 < by_keys < TREES
    assert 0 < with_accepted < TREES


def test_keys_decide_one_condition_and_a_choice_of_several() -> None:
    tea, milk = condition("sku", "is", "TEA"), condition("category", "is_any_of", ["Milk", "Cream"])
    single = compile_item_rules(every(tea))
    either_of_two = compile_item_rules(either(tea, every(milk)))
    assert single is not None
    assert either_of_two is not None
    assert single.deciding_keys == frozenset({("sku", "tea")})
    assert either_of_two.deciding_keys == frozenset({("sku", "tea"), ("category", "milk"), ("category", "cream")})


def test_keys_do_not_decide_a_tree_that_asks_for_more_than_one_thing() -> None:
    tea, several = condition("sku", "is", "TEA"), condition("quantity", "is_at_least", "2")
    for tree in (every(tea, several), either(tea, several), every(condition("sku", "is_not", "TEA"))):
        rules = compile_item_rules(tree)
        assert rules is not None
        assert rules.deciding_keys is None
