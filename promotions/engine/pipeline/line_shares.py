"""Share a decision over the till's lines: the units of a unit group are in the group's lines, in their order.

Records are made by position, which takes half the time: a decision makes dozens of them.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from promotions.engine.benefits.rewards import BasketValue
from promotions.engine.benefits.vouchers import PaidVoucher
from promotions.engine.facts.basket import Basket, Line
from promotions.engine.matching.prices import PricedUnits, PriceReduction, Prices
from promotions.engine.matching.selection import TakenUnits
from promotions.engine.money import allocate
from promotions.engine.pipeline.decision import Applied, AppliedVoucher, Candidate, LineResult, LineShare


def line_results(basket: Basket, prices: Prices, basket_value: BasketValue) -> tuple[LineResult, ...]:
    """Return each line with its net value and base points, in the order of lines."""
    lines = basket.lines
    nets = [0] * len(lines)
    for priced in prices.priced_units:
        for position, start, end in _line_parts(basket, priced):
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
    lines = _discount_shares(basket, result.reductions)
    return Applied(winner.promotion, result.redemptions, 0, result.off, winner.saving, 0, lines)


def applied_reward(winner: Candidate, basket: Basket, basket_value: BasketValue) -> Applied:
    """Return a loyalty promotion as it applies, its points shared over the lines by net value."""
    result = winner.reward_result
    points = allocate(result.points, basket_value.net_shares(result.taken))
    lines = _point_shares(basket, result.taken, points)
    return Applied(winner.promotion, result.redemptions, result.points, 0, winner.saving, result.vouchers, lines)


def applied_voucher(paid: PaidVoucher, basket: Basket) -> AppliedVoucher:
    """Return a voucher as it pays, shared over the lines."""
    return AppliedVoucher(
        code=paid.voucher.code,
        offer=paid.voucher.offer,
        benefit=paid.kind,
        discount=paid.off,
        lines=_discount_shares(basket, paid.reductions),
    )


def _discount_shares(basket: Basket, reductions: Iterable[PriceReduction]) -> tuple[LineShare, ...]:
    """Return the parts of lines that a discount or voucher took, in the order of lines."""
    units: dict[int, int] = {}
    off: dict[int, int] = {}
    for reduction in reductions:
        priced = reduction.priced
        for position, start, end in _line_parts(basket, priced):
            part = end - start
            units[position] = units.get(position, 0) + part
            part_off = reduction.off if part == priced.units else reduction.off_of(end) - reduction.off_of(start)
            off[position] = off.get(position, 0) + part_off
    lines = basket.lines
    return tuple(
        [
            LineShare(lines[position].line_id, _quantity(lines[position], units[position]), off[position], 0)
            for position in sorted(units)
        ]
    )


def _point_shares(basket: Basket, taken: TakenUnits, points: Sequence[int]) -> tuple[LineShare, ...]:
    """Return the parts of lines that a loyalty promotion took: the first units of a group, in the order of its lines.

    Args:
        basket: whose units they are.
        taken: unit groups and units.
        points: of each of ``taken``.
    """
    lines, unit_groups = basket.lines, basket.unit_groups
    shares: list[LineShare] = []
    for (unit_group, units), group_points in zip(taken, points, strict=True):
        positions = unit_groups[unit_group].lines
        if len(positions) == 1:
            line = lines[positions[0]]
            # As _quantity does, without the call: there is one of these for each promotion and line.
            quantity = line.quantity if line.is_weighed else Decimal(units)
            shares.append(LineShare(line.line_id, quantity, 0, group_points))
            continue
        parts = _line_parts(basket, PricedUnits(unit_group, 0, units, 0))
        shared = allocate(group_points, [end - start for _, start, end in parts])
        for (position, start, end), share in zip(parts, shared, strict=True):
            line = lines[position]
            shares.append(LineShare(line.line_id, _quantity(line, end - start), 0, share))
    return tuple(shares)


def _line_parts(basket: Basket, priced: PricedUnits) -> list[tuple[int, int, int]]:
    """Return the positions of the lines that hold some priced units, each with its start and end among them."""
    positions = basket.unit_groups[priced.unit_group].lines
    if len(positions) == 1:
        return [(positions[0], 0, priced.units)]
    parts = []
    at, end = 0, priced.first + priced.units
    for position in positions:
        after = at + basket.lines[position].units
        if after > priced.first and at < end:
            parts.append((position, max(at, priced.first) - priced.first, min(after, end) - priced.first))
        at = after
    return parts


def _quantity(line: Line, units: int) -> Decimal:
    """Return units as a quantity: the one unit of weighed goods is all that was weighed."""
    return line.quantity if line.is_weighed else Decimal(units)
