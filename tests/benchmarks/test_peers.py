"""Others are measured on the same work, and give the same matches."""

import json

import pytest

from benchmarks.peer_engines import plain_loop
from benchmarks.peers import entries, workload_of
from benchmarks.till import Till, without_database
from benchmarks.workload import body


@pytest.mark.parametrize(("count", "matching"), [(1, 1), (10, 0), (50, 10), (100, 1)])
def test_a_plain_loop_over_predicates_matches_what_this_project_does(count: int, matching: int) -> None:
    said = entries(count, matching=matching)
    drawn = workload_of(said, matching=matching)
    basket = body(10)
    matched = json.loads(plain_loop({"promotions": said})(basket.decode()))
    assert set(matched) == drawn.matching
    with without_database():
        assert Till(drawn.rulebook()).matches(basket) == drawn.matching


def test_each_promotion_that_matches_takes_a_line_of_its_own() -> None:
    said = entries(100, matching=10)
    till = Till(workload_of(said, matching=10).rulebook())
    with without_database():
        applied = till.quote(body(10)).decision.applied
    assert sorted(share.line_id for one in applied for share in one.lines) == sorted(str(n) for n in range(1, 11))
