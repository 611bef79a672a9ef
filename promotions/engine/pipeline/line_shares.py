"""Share a decision over the till's lines: the units of a unit group are in the group's lines, in their order.

Records are made by position, which takes half the time: a decision makes dozens of them.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from promotions.engine.benefits.rewards import BasketValue
from promotions.engine.benefits.vouchers import PaidVoucher
from promotions.engine.facts.basket import Basket
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
            points[positions[0]] += base_points
            continue
        units = [lines[position].units for position in positions]
        for position, share in zip(positions, allocate(base_points, units), strict=True):
            points[position] += share
    return tuple(
        [
            LineResult(line.line_id, total, total - net, net, base_points)
            for line, total, net, base_points in zip(lines, basket.line_totals, nets, points, strict=True)
        ]
    )


def applied_discount(winner: Candidate, basket: Basket) -> Applied:
    """Return a discount as it applies, shared over the lines."""
    result = winner.discount_result
    lines = _discount_shares(basket, result.reductions)
    return Applied(
        winner.promotion, result.redemptions, 0, result.off, winner.saving, 0, lines, winner.uncut is not None
    )


def applied_reward(winner: Candidate, basket: Basket, basket_value: BasketValue) -> Applied:
    """Return a loyalty promotion as it applies, its points shared over the lines by net value."""
    result = winner.reward_result
    points = allocate(result.points, basket_value.net_shares(result.taken))
    lines = _point_shares(basket, result.taken, points)
    cut = winner.uncut is not None
    return Applied(winner.promotion, result.redemptions, result.points, 0, winner.saving, result.vouchers, lines, cut)


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
    quantities: dict[int, int | Decimal] = {}
    off: dict[int, int] = {}
    for reduction in reductions:
        priced = reduction.priced
        weight = basket.unit_groups[priced.unit_group].weight
        for position, start, end in _line_parts(basket, priced):
            part = end - start
            quantities[position] = quantities.get(position, 0) + (part if weight is None else weight)
            part_off = reduction.off if part == priced.units else reduction.off_of(end) - reduction.off_of(start)
            off[position] = off.get(position, 0) + part_off
    lines = basket.lines
    return tuple(
        [
            LineShare(lines[position].line_id, Decimal(quantities[position]), off[position], 0)
            for position in sorted(quantities)
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
    has_weighed = False
    for (unit_group, units), group_points in zip(taken, points, strict=True):
        group = unit_groups[unit_group]
        if len(group.lines) == 1:
            line = lines[group.lines[0]]
            if group.weight is None:
                quantity = Decimal(units)
            else:
                quantity, has_weighed = group.weight, True
            shares.append(LineShare(line.line_id, quantity, 0, group_points))
            continue
        parts = _line_parts(basket, PricedUnits(unit_group, 0, units, 0))
        shared = allocate(group_points, [end - start for _, start, end in parts])
        for (position, start, end), share in zip(parts, shared, strict=True):
            shares.append(LineShare(lines[position].line_id, Decimal(end - start), 0, share))
    return tuple(_merged(shares) if has_weighed else shares)


def _merged(shares: Iterable[LineShare]) -> Iterable[LineShare]:
    """Return one share for each line: what a return left of a line may be counted units and a weighed part of one."""
    by_line: dict[str, LineShare] = {}
    for share in shares:
        before = by_line.get(share.line_id)
        by_line[share.line_id] = (
            share
            if before is None
            else before._replace(quantity=before.quantity + share.quantity, points=before.points + share.points)
        )
    return by_line.values()


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
