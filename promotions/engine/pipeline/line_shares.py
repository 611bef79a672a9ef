"""A decision shown on the till's lines: each unit of a unit group is in one of the group's lines, in their order."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from promotions.engine.benefits.rewards import BasketValue
from promotions.engine.benefits.vouchers import PaidVoucher
from promotions.engine.facts.basket import Basket, Line
from promotions.engine.matching.prices import PricedUnits, PriceReduction, Prices
from promotions.engine.matching.selection import TakenUnits
from promotions.engine.money import allocate
from promotions.engine.pipeline.decision import Applied, AppliedVoucher, Candidate, LineResult, LineShare


def line_results(basket: Basket, prices: Prices, basket_value: BasketValue) -> tuple[LineResult, ...]:
    """What becomes of each line, in the order of lines."""
    lines = basket.lines
    nets = [0] * len(lines)
    for priced in prices.priced_units:
        for position, start, end in _overlaps(basket, priced):
            nets[position] += (end - start) * priced.value
    points = [0] * len(lines)
    for unit_group, base_points in zip(basket.unit_groups, basket_value.base_points, strict=True):
        positions = unit_group.lines
        if len(positions) == 1:
            points[positions[0]] = base_points
            continue
        units = [lines[position].units for position in positions]
        for position, share in zip(positions, allocate(base_points, units), strict=True):
            points[position] = share
    return tuple(
        [
            LineResult(line.line_id, total := line.total_inc_tax, total - net, net, base_points)
            for line, net, base_points in zip(lines, nets, points, strict=True)
        ]
    )


def applied_discount(winner: Candidate, basket: Basket) -> Applied:
    """Return a discount as it applies, shared over the lines."""
    result = winner.discount_result
    return Applied(
        promotion=winner.promotion,
        redemptions=result.redemptions,
        points=0,
        discount=result.off,
        saving=winner.saving,
        vouchers=0,
        lines=cut_shares(basket, result.reductions),
    )


def applied_reward(winner: Candidate, basket: Basket, basket_value: BasketValue) -> Applied:
    """Return a loyalty promotion as it applies, its points shared over the lines by net value."""
    result = winner.reward_result
    net, all_units = basket_value.net, basket_value.units
    weights = [
        net[unit_group] if units == all_units[unit_group] else Fraction(net[unit_group] * units, all_units[unit_group])
        for unit_group, units in result.taken
    ]
    return Applied(
        promotion=winner.promotion,
        redemptions=result.redemptions,
        points=result.points,
        discount=0,
        saving=winner.saving,
        vouchers=result.vouchers,
        lines=point_shares(basket, result.taken, allocate(result.points, weights)),
    )


def applied_voucher(paid: PaidVoucher, basket: Basket) -> AppliedVoucher:
    """Return a voucher as it pays, shared over the lines."""
    return AppliedVoucher(
        code=paid.voucher.code,
        offer=paid.voucher.offer,
        benefit=paid.kind,
        discount=paid.off,
        lines=cut_shares(basket, paid.reductions),
    )


def cut_shares(basket: Basket, reductions: Iterable[PriceReduction]) -> tuple[LineShare, ...]:
    """The parts of lines that a discount or voucher took, in the order of lines."""
    units: dict[int, int] = {}
    off: dict[int, int] = {}
    for reduction in reductions:
        priced = reduction.priced
        for position, start, end in _overlaps(basket, priced):
            part = end - start
            units[position] = units.get(position, 0) + part
            taken_off = reduction.off if part == priced.units else reduction.off_of(end) - reduction.off_of(start)
            off[position] = off.get(position, 0) + taken_off
    return tuple(
        LineShare(
            line_id=basket.lines[position].line_id,
            quantity=_quantity(basket.lines[position], units[position]),
            discount=off[position],
            points=0,
        )
        for position in sorted(units)
    )


def point_shares(basket: Basket, taken: TakenUnits, points: Sequence[int]) -> tuple[LineShare, ...]:
    """Return the parts of lines that a loyalty promotion took: the first units of a group, in the order of its lines.

    Args:
        basket: whose units they are.
        taken: unit groups and units.
        points: of each of ``taken``.
    """
    lines, unit_groups = basket.lines, basket.unit_groups
    shares: list[LineShare] = []
    for (unit_group, units), part in zip(taken, points, strict=True):
        positions = unit_groups[unit_group].lines
        if len(positions) == 1:
            line = lines[positions[0]]
            # What _quantity says, without calling it: there is one of these for each promotion and line.
            quantity = line.quantity if line.is_weighed else Decimal(units)
            shares.append(LineShare(line.line_id, quantity, 0, part))
            continue
        overlaps = _overlaps(basket, PricedUnits(unit_group, 0, units, 0))
        parts = allocate(part, [end - start for _, start, end in overlaps])
        for (position, start, end), share in zip(overlaps, parts, strict=True):
            line = lines[position]
            shares.append(LineShare(line.line_id, _quantity(line, end - start), 0, share))
    return tuple(shares)


def _overlaps(basket: Basket, priced: PricedUnits) -> list[tuple[int, int, int]]:
    """The lines that hold some priced units, each with the units' start and end among them."""
    positions = basket.unit_groups[priced.unit_group].lines
    if len(positions) == 1:
        return [(positions[0], 0, priced.units)]
    found = []
    at, end = 0, priced.first + priced.units
    for position in positions:
        after = at + basket.lines[position].units
        if after > priced.first and at < end:
            found.append((position, max(at, priced.first) - priced.first, min(after, end) - priced.first))
        at = after
    return found


def _quantity(line: Line, units: int) -> Decimal:
    """Units as a quantity: the one unit of weighed goods is all that was weighed."""
    return line.quantity if line.is_weighed else Decimal(units)
