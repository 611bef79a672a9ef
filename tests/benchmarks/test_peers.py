"""Other engines are measured on the same work, and give the same matches."""

import json

import pytest

from benchmarks.peer_engines import plain_loop
from benchmarks.peers import entries, workload_of
from benchmarks.till import Till, without_database
from benchmarks.workload import body


@pytest.mark.parametrize(("count", "matching"), [(1, 1), (10, 0), (50, 10), (100, 1)])
def test_a_plain_loop_over_predicates_matches_the_same_promotions(count: int, matching: int) -> None:
    promotions = entries(count, matching=matching)
    generated = workload_of(promotions, matching=matching)
    basket = body(10)
    matched = json.loads(plain_loop({"promotions": promotions})(basket.decode()))
    assert set(matched) == generated.matching
    with without_database():
        assert Till(generated.rulebook()).matches(basket) == generated.matching


def test_each_matching_promotion_takes_a_line_of_its_own() -> None:
    promotions = entries(100, matching=10)
    till = Till(workload_of(promotions, matching=10).rulebook())
    with without_database():
        applied = till.quote(body(10)).decision.applied
    assert sorted(share.line_id for promotion in applied for share in promotion.lines) == sorted(
        str(n) for n in range(1, 11)
    )
