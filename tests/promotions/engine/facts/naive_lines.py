"""What lines are worth, and which units take part, unit by unit as the specification reads; no code of the engine's."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor


@dataclass(frozen=True, kw_only=True)
class NaiveLine:
    """A line as the till sends it, of a product without flags that is sold by the unit."""

    sku: str
    quantity: str
    inc_tax: str
    ex_tax: str
    weighed: bool = False
    no_discount: bool = False
    no_points: bool = False

    @property
    def is_one_unit(self) -> bool:
        return self.weighed or Fraction(self.quantity).denominator > 1

    @property
    def run(self) -> tuple[object, ...]:
        return (self.sku, Fraction(self.inc_tax), Fraction(self.ex_tax), self.no_discount, self.no_points)


@dataclass(kw_only=True)
class NaiveUnit:
    """One unit: the place of its line, the place of its run, its value in pence, and the price that the till sent."""

    line: int
    run: int
    value: int
    sent: Fraction
    sku: str
    no_discount: bool
    no_points: bool


def half_up(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))


def naive_units(lines: Sequence[NaiveLine], *, price: str = "inc_tax") -> list[NaiveUnit]:
    """Return every unit of a basket by itself, in order of runs, those of a run in order of lines."""
    runs: dict[tuple[object, ...], list[int]] = {}
    for place, line in enumerate(lines):
        own = (1, Fraction(line.quantity), place) if line.is_one_unit else (0,)
        runs.setdefault((*line.run, *own), []).append(place)
    units: list[NaiveUnit] = []
    for number, run in enumerate(sorted(runs)):
        places = runs[run]
        whole = sum(Fraction(lines[place].quantity) for place in places)
        total = half_up(whole * Fraction(getattr(lines[places[0]], price)) * 100)
        owners = [
            place
            for place in places
            for _ in range(1 if lines[place].is_one_unit else int(Fraction(lines[place].quantity)))
        ]
        for position, place in enumerate(owners):
            line = lines[place]
            value = total // len(owners) + (position < total % len(owners))
            units.append(
                NaiveUnit(
                    line=place,
                    run=number,
                    value=value,
                    sent=Fraction(total) if line.is_one_unit else Fraction(getattr(line, price)) * 100,
                    sku=line.sku,
                    no_discount=line.no_discount,
                    no_points=line.no_points,
                )
            )
    return units


def shared_by_value(amount: int, units: Sequence[NaiveUnit]) -> dict[int, int]:
    """Share an amount over runs by value: whole parts, then a penny each for the largest remainders."""
    worth: dict[int, int] = {}
    for unit in units:
        worth[unit.run] = worth.get(unit.run, 0) + unit.value
    whole = sum(worth.values())
    exact = {run: Fraction(amount * value, whole) for run, value in worth.items()}
    parts = {run: floor(share) for run, share in exact.items()}
    left = amount - sum(parts.values())
    for run in sorted(exact, key=lambda run: (parts[run] - exact[run], run))[:left]:
        parts[run] += 1
    return parts
