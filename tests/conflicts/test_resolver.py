"""Which of the loyalty promotions that compete apply."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflicts.resolver import Policy, resolve
from promotions.engine.benefits.rewards import RewardResult
from promotions.engine.pipeline.decision import Candidate, Resolution
from tests.promotions.engine.builders import make_promotion

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


def candidate(
    code: str, saving: str = "1", starts_at: datetime = MARCH, promotion_type: str = "fixed_points", **said: Any
) -> Candidate:
    return Candidate(
        promotion=make_promotion(code, promotion_type, starts_at=starts_at, **said),
        result=RewardResult(redemptions=1, taken=((0, 1),), points=1),
        saving=Fraction(saving),
    )


def won(resolution: Resolution) -> list[str]:
    return [winner.code for winner in resolution.winners]


def lost(resolution: Resolution) -> list[tuple[str, tuple[str, ...], str]]:
    return [(loss.candidate.code, loss.won_by, loss.decided_by) for loss in resolution.losers]


@pytest.mark.parametrize(
    ("policy", "first"),
    [
        ({}, "b"),
        ({"promotion_bias": "max_customer_saving"}, "b"),
        ({"promotion_bias": "min_customer_saving"}, "a"),
        ({"promotion_bias": "min_customer_saving", "promotion_age": "oldest"}, "a"),
    ],
)
def test_the_bias_decides_first(policy: dict[str, Any], first: str) -> None:
    resolution = resolve([candidate("a", "1", APRIL), candidate("b", "2", MARCH)], Policy(**policy))
    assert won(resolution) == [first]
    assert lost(resolution) == [({"a": "b", "b": "a"}[first], (first,), "bias")]


@pytest.mark.parametrize("bias", ["max_customer_saving", "min_customer_saving"])
@pytest.mark.parametrize(("age", "first"), [("newest", "b"), ("oldest", "a")])
def test_age_decides_between_equal_savings_whatever_the_bias(bias: str, age: str, first: str) -> None:
    policy = Policy(promotion_bias=bias, promotion_age=age)
    resolution = resolve([candidate("a", starts_at=MARCH), candidate("b", starts_at=APRIL)], policy)
    assert won(resolution) == [first]
    assert lost(resolution)[0][2] == "age"


def test_the_newest_is_preferred_by_default() -> None:
    assert Policy() == Policy(
        promotion_bias="max_customer_saving",
        promotions_per_type=1,
        promotion_age="newest",
        discounts_per_transaction=None,
    )


@pytest.mark.parametrize("bias", ["max_customer_saving", "min_customer_saving"])
@pytest.mark.parametrize("age", ["newest", "oldest"])
def test_the_code_decides_last_and_ascending(bias: str, age: str) -> None:
    policy = Policy(promotion_bias=bias, promotion_age=age)
    resolution = resolve([candidate("b"), candidate("a"), candidate("c")], policy)
    assert won(resolution) == ["a"]
    assert lost(resolution) == [("b", ("a",), "code"), ("c", ("a",), "code")]


def test_the_same_moment_in_another_zone_is_the_same_age() -> None:
    in_berlin = datetime.fromisoformat("2026-03-01T01:00:00+01:00")
    resolution = resolve([candidate("b"), candidate("a", starts_at=in_berlin)], Policy())
    assert (won(resolution), lost(resolution)[0][2]) == (["a"], "code")


def test_savings_are_compared_exactly() -> None:
    resolution = resolve([candidate("a", "1/3"), candidate("b", "3333333333/10000000000")], Policy())
    assert (won(resolution), lost(resolution)) == (["a"], [("b", ("a",), "bias")])


def test_at_most_promotions_per_type_win() -> None:
    candidates = [candidate(code, saving) for code, saving in (("a", "1"), ("b", "4"), ("c", "2"), ("d", "3"))]
    resolution = resolve(candidates, Policy(promotions_per_type=2))
    assert won(resolution) == ["b", "d"]
    assert lost(resolution) == [("c", ("b", "d"), "bias"), ("a", ("b", "d"), "bias")]
    assert won(resolve(candidates, Policy(promotions_per_type=4))) == ["b", "d", "c", "a"]
    assert resolve(candidates, Policy(promotions_per_type=9)).losers == ()


def test_decided_by_compares_with_the_lowest_winner() -> None:
    candidates = [
        candidate("top", "9"),
        candidate("low", "1", APRIL),
        candidate("older", "1", MARCH),
        candidate("z", "1", APRIL),
        candidate("less", "0.5"),
    ]
    resolution = resolve(candidates, Policy(promotions_per_type=2))
    assert won(resolution) == ["top", "low"]
    assert {code: decided_by for code, _, decided_by in lost(resolution)} == {
        "older": "age",
        "z": "code",
        "less": "bias",
    }


def test_types_and_subtypes_do_not_compete() -> None:
    candidates = [
        candidate("fixed"),
        candidate("basket", promotion_type="points_multiplier"),
        candidate("items", promotion_type="points_multiplier", multiplier_scope="line_items"),
        candidate("currency", promotion_type="bonus_points"),
        candidate("quantity", promotion_type="bonus_points", issue_points_on="quantity"),
        candidate("offer", promotion_type="redeem_offer"),
    ]
    resolution = resolve(candidates, Policy())
    assert sorted(won(resolution)) == sorted(candidate.code for candidate in candidates)
    assert resolution.losers == ()


def test_each_type_has_its_own_slots() -> None:
    candidates = [
        candidate(f"{kind}-{n}", str(n), promotion_type=kind)
        for kind in ("fixed_points", "points_multiplier")
        for n in (1, 2, 3)
    ]
    resolution = resolve(candidates, Policy(promotions_per_type=2))
    assert sorted(won(resolution)) == [f"{kind}-{n}" for kind in ("fixed_points", "points_multiplier") for n in (2, 3)]
    assert lost(resolution) == [
        ("fixed_points-1", ("fixed_points-3", "fixed_points-2"), "bias"),
        ("points_multiplier-1", ("points_multiplier-3", "points_multiplier-2"), "bias"),
    ]


def test_no_candidates_have_no_winners() -> None:
    assert resolve([], Policy()) == Resolution(winners=(), losers=())


CANDIDATES = st.lists(
    st.builds(
        candidate,
        st.sampled_from("abcdefgh"),
        st.sampled_from(["1", "2", "5/2"]),
        st.sampled_from([MARCH, APRIL, APRIL + timedelta(days=1)]),
        st.sampled_from(["fixed_points", "points_multiplier"]),
    ),
    max_size=5,
    unique_by=lambda one: one.code,
)
POLICIES = st.builds(
    Policy,
    promotion_bias=st.sampled_from(["max_customer_saving", "min_customer_saving"]),
    promotion_age=st.sampled_from(["newest", "oldest"]),
    promotions_per_type=st.integers(1, 3),
)


@given(CANDIDATES, POLICIES)
def test_the_order_of_candidates_does_not_matter(candidates: list[Candidate], policy: Policy) -> None:
    first = resolve(candidates, policy)
    assert all(resolve(order, policy) == first for order in permutations(candidates))


@given(CANDIDATES, POLICIES)
def test_every_candidate_wins_or_loses_and_the_best_win(candidates: list[Candidate], policy: Policy) -> None:
    resolution = policy.resolve(candidates)
    losers = [loss.candidate for loss in resolution.losers]
    assert sorted(one.code for one in (*resolution.winners, *losers)) == sorted(one.code for one in candidates)
    for kind in {candidate.kind for candidate in candidates}:
        winners = [winner for winner in resolution.winners if winner.kind == kind]
        assert len(winners) == min(policy.promotions_per_type, sum(candidate.kind == kind for candidate in candidates))
        for loss in resolution.losers:
            if loss.candidate.kind != kind:
                continue
            assert loss.won_by == tuple(winner.code for winner in winners)
            best, saving = winners[0].saving, loss.candidate.saving
            assert best >= saving if policy.promotion_bias == "max_customer_saving" else best <= saving
