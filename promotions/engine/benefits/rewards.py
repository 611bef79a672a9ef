"""Rewards of loyalty promotions: points or vouchers for the units that a promotion takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

from promotions.engine.definition.fields import Document
from promotions.engine.facts.basket import UnitGroups
from promotions.engine.matching.selection import Selection, TakenUnits, compile_selection
from promotions.engine.money import exponent, floor_product, floor_quotient


@dataclass(frozen=True, kw_only=True, slots=True)
class BasketValue:
    """The value of a basket at some prices, by unit group: units, net value in minor units, base points."""

    units: tuple[int, ...]
    net: tuple[int, ...]
    base_points: tuple[int, ...]
    unit_groups: UnitGroups

    def net_shares(self, taken: TakenUnits) -> list[int | Fraction]:
        """Return the net value of the units taken of each group, unrounded: part of a group has its share."""
        return _shares(self.net, self.units, taken)

    def net_of(self, taken: TakenUnits) -> int | Fraction:
        """Return the net value of some units, unrounded."""
        return sum(_shares(self.net, self.units, taken))

    def base_points_of(self, taken: TakenUnits) -> int | Fraction:
        """Return the base points of some units, unrounded."""
        return sum(_shares(self.base_points, self.units, taken))

    @property
    def earning(self) -> TakenUnits:
        """All units that loyalty promotions may select."""
        return tuple([(unit_group.ordinal, unit_group.units) for unit_group in self.unit_groups.earning])


def _shares(values: Sequence[int], units: Sequence[int], taken: TakenUnits) -> list[int | Fraction]:
    return [
        values[group] if count == units[group] else Fraction(values[group] * count, units[group])
        for group, count in taken
    ]


class RewardResult(NamedTuple):
    """What an outcome gives for some matching sets, and the units that count as taken."""

    redemptions: int
    taken: TakenUnits
    points: int = 0
    vouchers: int = 0


class Outcome(Protocol):
    """One kind of outcome."""

    @property
    def gives_points(self) -> bool:
        """Whether it gives points, which only active members can get."""
        ...

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """Return what ``sets`` matching sets give, which take these units together."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedPoints:
    """A fixed number of points for each redemption."""

    points: int
    gives_points: bool = True

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """Return the points, times the redemptions."""
        return RewardResult(sets, taken, self.points * sets)


@dataclass(frozen=True, kw_only=True, slots=True)
class BasketMultiplier:
    """Multiplies the base points of the whole basket, once."""

    extra: Fraction
    gives_points: bool = True

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """Return floor(base points x (multiplier - 1)), and one redemption however many sets matched."""
        return RewardResult(
            redemptions=1,
            taken=basket_value.earning,
            points=floor_product(sum(basket_value.base_points), self.extra),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class LineItemMultiplier:
    """Multiplies the base points of the units in the applied sets."""

    extra: Fraction
    gives_points: bool = True

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """Return floor(base points of the units x (multiplier - 1)), with one floor at the end."""
        return RewardResult(
            redemptions=sets, taken=taken, points=floor_product(basket_value.base_points_of(taken), self.extra)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class BonusPoints:
    """``conversion_points`` for every ``conversion_units``: units bought, or minor units of money spent."""

    on_quantity: bool
    conversion_units: Fraction
    conversion_points: int
    whole_ratio_units_only: bool
    gives_points: bool = True

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """Return floor(x / units) x points, or floor(x / units x points) where parts of a ratio unit count."""
        bought = sum([count for _, count in taken]) if self.on_quantity else basket_value.net_of(taken)
        if self.whole_ratio_units_only:
            points = floor_quotient(bought, self.conversion_units) * self.conversion_points
        else:
            points = floor_quotient(bought * self.conversion_points, self.conversion_units)
        return RewardResult(sets, taken, points)


@dataclass(frozen=True, kw_only=True, slots=True)
class RedeemOffer:
    """One voucher of an offer for each redemption."""

    offer: str
    gives_points: bool = False

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """Return as many vouchers as redemptions."""
        return RewardResult(redemptions=sets, taken=taken, vouchers=sets)


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardDefinition:
    """Which units a loyalty promotion takes and what it gives; ``offer`` is the code of the offer to issue, if any."""

    selection: Selection
    outcome: Outcome
    offer: str


def compile_reward(promotion_type: str, outcome: Document, currency: str) -> RewardDefinition:
    """Compile the reward of a loyalty promotion, which must be in normal form."""
    return RewardDefinition(
        selection=compile_selection(outcome),
        outcome=compile_outcome(promotion_type, outcome, currency),
        offer=outcome.get("offer", ""),
    )


def compile_outcome(promotion_type: str, outcome: Document, currency: str) -> Outcome:
    """Compile the outcome of a promotion in normal form; amounts of money become minor units of its currency."""
    match promotion_type:
        case "fixed_points":
            return FixedPoints(points=outcome["points"])
        case "points_multiplier":
            extra = Fraction(outcome["multiplier"]) - 1
            if outcome["multiplier_scope"] == "basket":
                return BasketMultiplier(extra=extra)
            return LineItemMultiplier(extra=extra)
        case "bonus_points":
            on_quantity = outcome["issue_points_on"] == "quantity"
            units = Fraction(outcome["conversion_units"])
            return BonusPoints(
                on_quantity=on_quantity,
                conversion_units=units if on_quantity else units * 10 ** exponent(currency),
                conversion_points=outcome["conversion_points"],
                whole_ratio_units_only=outcome["whole_ratio_units_only"],
            )
        case "redeem_offer":
            return RedeemOffer(offer=outcome["offer"])
        case _:
            raise ValueError(f"unknown promotion type {promotion_type}")
