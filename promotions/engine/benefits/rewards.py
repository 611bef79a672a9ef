"""What a promotion gives: points or a voucher, from the units that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

from promotions.engine.definition.fields import Document
from promotions.engine.matching.selection import Selection, TakenUnits, compile_selection
from promotions.engine.money import exponent, floor_product, floor_quotient


@dataclass(frozen=True, kw_only=True, slots=True)
class BasketValue:
    """What the unit groups of a basket are worth once prices are settled: net values in minor units and base points."""

    units: tuple[int, ...]
    net: tuple[int, ...]
    base_points: tuple[int, ...]

    def net_of(self, taken: TakenUnits) -> int | Fraction:
        """Net value of some units, unrounded: a part of a unit group has its share."""
        return _share(self.net, self.units, taken)

    def base_points_of(self, taken: TakenUnits) -> int | Fraction:
        """Base points of some units, unrounded."""
        return _share(self.base_points, self.units, taken)

    @property
    def everything(self) -> TakenUnits:
        """All units of the basket."""
        return tuple(enumerate(self.units))


def _share(values: Sequence[int], units: Sequence[int], taken: TakenUnits) -> int | Fraction:
    share: int | Fraction = 0
    for unit_group, count in taken:
        share += (
            values[unit_group]
            if count == units[unit_group]
            else Fraction(values[unit_group] * count, units[unit_group])
        )
    return share


class RewardResult(NamedTuple):
    """What an outcome gives for some matching sets, and the units that it counts as taken."""

    redemptions: int
    taken: TakenUnits
    points: int = 0
    vouchers: int = 0


class Outcome(Protocol):
    """One kind of outcome."""

    @property
    def gives_points(self) -> bool:
        """Whether only active members can have it."""
        ...

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """What so many matching sets of the units taken give."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedPoints:
    """A fixed number of points for each redemption."""

    points: int
    gives_points: bool = True

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """Points times redemptions."""
        return RewardResult(redemptions=sets, taken=taken, points=self.points * sets)


@dataclass(frozen=True, kw_only=True, slots=True)
class BasketMultiplier:
    """Multiplies the base points of the whole basket, once."""

    extra: Fraction
    gives_points: bool = True

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """floor(base points x (multiplier - 1)); one redemption however many sets matched."""
        return RewardResult(
            redemptions=1,
            taken=basket_value.everything,
            points=floor_product(sum(basket_value.base_points), self.extra),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class LineItemMultiplier:
    """Multiplies the base points of the units in the applied sets."""

    extra: Fraction
    gives_points: bool = True

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """floor(base points of the units x (multiplier - 1)), floored once at the end."""
        return RewardResult(
            redemptions=sets, taken=taken, points=floor_product(basket_value.base_points_of(taken), self.extra)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class BonusPoints:
    """Points for every so much spent (``units`` in minor units) or so many units bought."""

    on_quantity: bool
    units: Fraction
    points: int
    whole_only: bool
    gives_points: bool = True

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """floor(x / units) x points, or floor(x / units x points) where parts of a ratio count."""
        bought = sum([count for _, count in taken]) if self.on_quantity else basket_value.net_of(taken)
        if self.whole_only:
            points = floor_quotient(bought, self.units) * self.points
        else:
            points = floor_quotient(bought * self.points, self.units)
        return RewardResult(redemptions=sets, taken=taken, points=points)


@dataclass(frozen=True, kw_only=True, slots=True)
class RedeemOffer:
    """One voucher of an offer for each redemption."""

    offer: str
    gives_points: bool = False

    def give(self, *, sets: int, taken: TakenUnits, basket_value: BasketValue) -> RewardResult:
        """As many vouchers as redemptions."""
        return RewardResult(redemptions=sets, taken=taken, vouchers=sets)


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardDefinition:
    """What a loyalty promotion takes and gives. ``offer`` is the code of what it issues vouchers of, or empty."""

    selection: Selection
    outcome: Outcome
    offer: str


def compile_reward(promotion_type: str, outcome: Document, currency: str) -> RewardDefinition:
    """The reward of a loyalty promotion in normal form."""
    return RewardDefinition(
        selection=compile_selection(outcome),
        outcome=compile_outcome(promotion_type, outcome, currency),
        offer=outcome.get("offer", ""),
    )


def compile_outcome(promotion_type: str, outcome: Document, currency: str) -> Outcome:
    """The outcome of a promotion in normal form; amounts of money become minor units of its currency."""
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
                units=units if on_quantity else units * 10 ** exponent(currency),
                points=outcome["conversion_points"],
                whole_only=outcome["whole_ratio_units_only"],
            )
        case "redeem_offer":
            return RedeemOffer(offer=outcome["offer"])
        case _:
            raise ValueError(f"unknown promotion type {promotion_type}")
