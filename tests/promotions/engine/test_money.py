"""Minor units, rounding and sharing."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.money import allocate, from_minor, money_text, round_half_up, to_minor, to_minor_fraction


@pytest.mark.parametrize(
    ("amount", "currency", "minor", "text"),
    [
        ("12.5", "GBP", 1250, "12.50"),
        ("0", "EUR", 0, "0.00"),
        ("-0.05", "EUR", -5, "-0.05"),
        ("1200", "JPY", 1200, "1200"),
        ("1.234", "KWD", 1234, "1.234"),
        ("0.0001", "CLF", 1, "0.0001"),
    ],
)
def test_amounts_in_minor_units_of_their_currency(amount: str, currency: str, minor: int, text: str) -> None:
    assert to_minor(Decimal(amount), currency) == minor
    assert from_minor(minor, currency) == Decimal(amount)
    assert money_text(minor, currency) == text


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "GBP"), ("0.5", "JPY"), ("0.0001", "KWD")])
def test_more_decimals_than_the_currency_has_are_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more decimals"):
        to_minor(Decimal(amount), currency)
    assert to_minor_fraction(Decimal(amount), currency) < 1


@given(st.integers(-(10**15), 10**15), st.sampled_from(["GBP", "JPY", "KWD", "CLF"]))
def test_minor_units_go_there_and_back(minor: int, currency: str) -> None:
    assert to_minor(from_minor(minor, currency), currency) == minor
    assert Decimal(money_text(minor, currency)) == from_minor(minor, currency)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("1/2", 1),
        ("3/2", 2),
        ("5/2", 3),
        ("49/100", 0),
        ("-1/2", 0),
        ("-3/2", -1),
        ("-49/100", 0),
        ("-51/100", -1),
        ("7/3", 2),
        ("8/3", 3),
        ("4", 4),
    ],
)
def test_a_half_is_rounded_up(value: str, rounded: int) -> None:
    assert round_half_up(Fraction(value)) == rounded


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (2, [1, 1, 1], [1, 1, 0]),
        (5, [0, 0], [3, 2]),
        (7, [3, 0, 4], [3, 0, 4]),
        (1, [1, 2], [0, 1]),
        (100, [Fraction(1, 3), Fraction(2, 3)], [33, 67]),
        (0, [5, 5], [0, 0]),
        (0, [], []),
        (9, [0], [9]),
    ],
)
def test_the_largest_remainder_takes_what_is_left_and_ties_go_to_the_earlier(
    total: int, weights: list[int | Fraction], parts: list[int]
) -> None:
    assert allocate(total, weights) == parts


def test_something_cannot_be_shared_over_nothing() -> None:
    with pytest.raises(ValueError, match="nothing to share"):
        allocate(1, [])


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6) | st.fractions(0, 100), min_size=1, max_size=12))
def test_parts_add_up_and_are_each_within_one_of_their_share(total: int, weights: list[int | Fraction]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    if whole:
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Fraction(total * weight) / whole) < 1
