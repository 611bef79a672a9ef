"""A decision shown on the till's lines: each unit of a run stands in one of the run's lines, in their order."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from promotions.engine.basket import Basket, Run
from promotions.engine.decision import LineResult, LineShare
from promotions.engine.money import allocate
from promotions.engine.outcomes import Worth
from promotions.engine.prices import Cut, Prices, Stretch
from promotions.engine.selection import Taken


def line_results(basket: Basket, prices: Prices, worth: Worth) -> tuple[LineResult, ...]:
    """What becomes of each line, in the order of lines."""
    nets = [0] * len(basket.lines)
    for stretch in prices.stretches:
        for position, start, end in _overlaps(basket, stretch):
            nets[position] += (end - start) * stretch.value
    points = [0] * len(basket.lines)
    for run in basket.runs:
        units = [basket.lines[position].units for position in run.lines]
        for position, share in zip(run.lines, allocate(worth.base_points[run.index], units), strict=True):
            points[position] = share
    return tuple(
        LineResult(
            line_id=line.line_id,
            total=line.total_inc_tax,
            discount=line.total_inc_tax - nets[position],
            net=nets[position],
            base_points=points[position],
        )
        for position, line in enumerate(basket.lines)
    )


def cut_shares(basket: Basket, cuts: Iterable[Cut]) -> tuple[LineShare, ...]:
    """The parts of lines that a discount or voucher took, in the order of lines."""
    units: dict[int, int] = {}
    off: dict[int, int] = {}
    for cut in cuts:
        for position, start, end in _overlaps(basket, cut.stretch):
            units[position] = units.get(position, 0) + end - start
            off[position] = off.get(position, 0) + cut.off_of(end) - cut.off_of(start)
    return tuple(
        LineShare(
            line_id=basket.lines[position].line_id,
            quantity=_quantity(basket, position, units[position]),
            discount=off[position],
            points=0,
        )
        for position in sorted(units)
    )


def point_shares(basket: Basket, taken: Taken, points: Sequence[int]) -> tuple[LineShare, ...]:
    """The parts of lines that a loyalty promotion took, by run: the first units of each, in the order of its lines.

    Args:
        basket: whose units they are.
        taken: runs and units.
        points: of each of ``taken``.
    """
    return tuple(
        share
        for (run, units), part in zip(taken, points, strict=True)
        for share in _lines_of_run(basket, basket.runs[run], units, part)
    )


def _lines_of_run(basket: Basket, run: Run, units: int, points: int) -> list[LineShare]:
    first = Stretch(run=run.index, first=0, units=units, value=0)
    parts = [(position, end - start) for position, start, end in _overlaps(basket, first)]
    return [
        LineShare(
            line_id=basket.lines[position].line_id,
            quantity=_quantity(basket, position, part),
            discount=0,
            points=share,
        )
        for (position, part), share in zip(parts, allocate(points, [part for _, part in parts]), strict=True)
    ]


def _overlaps(basket: Basket, stretch: Stretch) -> Iterable[tuple[int, int, int]]:
    """The lines that a stretch's units stand in, each with the units' start and end within the stretch."""
    at, end = 0, stretch.first + stretch.units
    for position in basket.runs[stretch.run].lines:
        after = at + basket.lines[position].units
        if after > stretch.first and at < end:
            yield position, max(at, stretch.first) - stretch.first, min(after, end) - stretch.first
        at = after


def _quantity(basket: Basket, position: int, units: int) -> Decimal:
    """Units as a quantity: the one unit of weighed goods is all that was weighed."""
    line = basket.lines[position]
    return line.quantity if line.quantity != line.units else Decimal(units)
