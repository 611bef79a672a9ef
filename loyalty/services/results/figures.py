"""What one sale adds to the results of its promotions, and what a return takes back of it. Pure.

All of it is in what the sale and its returns answered, which is stored verbatim and never changes: the sale's answer
has what was sold, each return's what it left. Figures of a return are those of the answer before it less those of its
own.

A day of a large chain is a million of these: documents are decoded without what is not asked for, and their structs are
left out of the garbage collector's rounds, as none of them can be part of a cycle.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from operator import add

import msgspec
from msgspec import Struct

from loyalty.models.results import FIGURES

MILLION = 10**6
"""Parts of a unit of currency that amounts are counted in."""

VOUCHER = "voucher"
"""The family by which an answer lists a voucher that paid."""


class AnsweredShare(Struct, frozen=True, kw_only=True, gc=False):
    """A promotion's part of a line."""

    line_id: str
    quantity: str
    discount: str = "0"


class AnsweredPromotion(Struct, frozen=True, kw_only=True, gc=False):
    """A promotion that applied, or (by its family) a voucher that paid. An offer has no version."""

    promotion: str
    family: str
    version: int | None = None
    redemptions: int = 0
    points: int = 0
    discount: str = "0"
    lines: tuple[AnsweredShare, ...] = ()
    vouchers: tuple[str, ...] = ()


class AnsweredLine(Struct, frozen=True, kw_only=True, gc=False):
    """A line's amounts before and after all discounts."""

    line_id: str
    total_inc_tax: str
    discount: str
    net_total_inc_tax: str


class Reversed(Struct, frozen=True, gc=False):
    """What a return took back besides the figures."""

    vouchers_cancelled: tuple[str, ...] = ()


class AnsweredPoints(Struct, frozen=True, gc=False):
    """Points of a basket."""

    base: int = 0
    total: int = 0


class StoredAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """What is read of the answer to a commit or a return."""

    net_total_inc_tax: str = "0"
    points: AnsweredPoints = AnsweredPoints()
    applied: tuple[AnsweredPromotion, ...] = ()
    lines: tuple[AnsweredLine, ...] = ()
    reversed: Reversed = Reversed()


class SoldProduct(Struct, frozen=True, gc=False):
    """What is read of a line's product."""

    cost_price: str | None = None


class SoldLine(Struct, frozen=True, kw_only=True, gc=False):
    """What is read of a stored line: what a return never changes."""

    line_id: str
    quantity: str
    unit_price_inc_tax: str
    unit_price_ex_tax: str
    product: SoldProduct | None = None


class ReturnedLine(Struct, frozen=True, gc=False):
    """How much of a line a return brought back."""

    line_id: str
    quantity: str


_ANSWER = msgspec.json.Decoder(StoredAnswer)
_LINES = msgspec.json.Decoder(list[SoldLine])
_RETURNED_LINES = msgspec.json.Decoder(list[ReturnedLine])

NOTHING = StoredAnswer()
"""The answer of a sale without one, as past sales from elsewhere are: nothing applied to it."""


def answer_read(text: str) -> StoredAnswer:
    """Read a stored answer."""
    return _ANSWER.decode(text) if text else NOTHING


def lines_read(text: str) -> Mapping[str, SoldLine]:
    """Read a transaction's lines, by line id."""
    return {line.line_id: line for line in _LINES.decode(text)}


def returned_read(text: str) -> list[ReturnedLine]:
    """Read the lines of a return."""
    return _RETURNED_LINES.decode(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Basket:
    """A sale as it was answered, or what a return left of it.

    ``lines`` are as sold and ``returned`` is what came back of them since, by line id. ``point_value`` is the sale's,
    ``has_costs`` whether cost prices are in its currency.
    """

    answer: StoredAnswer
    lines: Mapping[str, SoldLine]
    point_value: str
    has_costs: bool
    returned: Mapping[str, Decimal]


Rational = int | Fraction

Figures = list[int]
"""As many as ``FIGURES``, in their order; amounts in millionths."""

_AT = {name: position for position, name in enumerate(FIGURES)}
_BASKETS, _REDEMPTIONS, _POINTS = _AT["baskets"], _AT["redemptions"], _AT["points"]
_ISSUED, _PAID, _PAID_AMOUNT = _AT["vouchers_issued"], _AT["vouchers_paid"], _AT["vouchers_discount"]
_DISCOUNT, _POINTS_VALUE = _AT["discount"], _AT["points_value"]
_PROMOTED, _BASKET, _MARGIN, _UNKNOWN = (
    _AT["promoted_sales"],
    _AT["basket_sales"],
    _AT["margin"],
    _AT["margin_unknown_sales"],
)


def no_figures() -> Figures:
    """Return figures that are all 0."""
    return [0] * len(FIGURES)


@lru_cache(maxsize=100_000)
def amount_of(text: str) -> int:
    """Return an amount in millionths."""
    return int(Decimal(text).scaleb(6))


@lru_cache(maxsize=100_000)
def _number(text: str) -> Rational:
    """Return a number exactly: a whole one as an integer, which takes a tenth of the time of a fraction."""
    exact = Fraction(text)
    return exact.numerator if exact.denominator == 1 else exact


@lru_cache(maxsize=1_000)
def point_value_of(text: str) -> int:
    """Return a point's value in millionths; facts store it as a fraction, such as ``1/100``."""
    return int(Fraction(text) * MILLION)


def promotions_of(answer: StoredAnswer) -> Iterator[AnsweredPromotion]:
    """Yield the promotions that applied."""
    return (row for row in answer.applied if row.family != VOUCHER)


def vouchers_of(answer: StoredAnswer) -> Iterator[tuple[str, int]]:
    """Yield the codes of the vouchers that paid, and what each took off."""
    for row in answer.applied:
        if row.family == VOUCHER:
            for code in row.vouchers:
                yield code, amount_of(row.discount)


def basket_figures(basket: Basket) -> list[tuple[AnsweredPromotion, Figures]]:
    """Return the promotions that applied to a basket, each with its figures.

    Amounts that do not come out even, a part of a line's net value or a margin, are rounded half up to millionths, once
    for each line.
    """
    answered = {line.line_id: line for line in basket.answer.lines} if basket.answer.applied else {}
    whole: dict[str, _LineFigures] = {}
    return [(row, _promotion_figures(row, basket, answered, whole)) for row in promotions_of(basket.answer)]


_LineFigures = tuple[int, int, int]
"""What units of a line sold for, their margin, and the part of the sales whose margin is not known."""


def _promotion_figures(
    row: AnsweredPromotion, basket: Basket, answered: Mapping[str, AnsweredLine], whole: dict[str, _LineFigures]
) -> Figures:
    """Return the figures of a promotion; ``whole`` has those of whole lines, which promotions of a basket share."""
    figures = no_figures()
    figures[_BASKETS] = 1
    figures[_REDEMPTIONS] = row.redemptions
    figures[_POINTS] = row.points
    figures[_ISSUED] = len(row.vouchers)
    figures[_DISCOUNT] = amount_of(row.discount)
    figures[_POINTS_VALUE] = row.points * point_value_of(basket.point_value)
    figures[_BASKET] = amount_of(basket.answer.net_total_inc_tax)
    for share in row.lines:
        line_id = share.line_id
        is_whole = share.quantity == basket.lines[line_id].quantity and line_id not in basket.returned
        of_line = whole.get(line_id) if is_whole else None
        if of_line is None:
            of_line = _line_figures(row, share, answered[line_id], basket)
            if is_whole:
                whole[line_id] = of_line
        figures[_PROMOTED] += of_line[0]
        figures[_MARGIN] += of_line[1]
        figures[_UNKNOWN] += of_line[2]
    return figures


def voucher_figures(discount: int) -> Figures:
    """Return the figures of one voucher that paid, for the promotion that issued it."""
    figures = no_figures()
    figures[_PAID], figures[_PAID_AMOUNT] = 1, discount
    return figures


def issued_figures(count: int) -> Figures:
    """Return the figures of vouchers issued, alone."""
    figures = no_figures()
    figures[_ISSUED] = count
    return figures


def without_issued(figures: Figures) -> Figures:
    """Return figures with no vouchers issued: a return says which of them it takes back."""
    figures[_ISSUED] = 0
    return figures


def added(first: Figures, second: Sequence[int]) -> Figures:
    """Return the sums of figures of the same length."""
    return list(map(add, first, second))


def less(first: Figures, second: Sequence[int]) -> Figures:
    """Return the differences."""
    return [a - b for a, b in zip(first, second, strict=True)]


def _line_figures(row: AnsweredPromotion, share: AnsweredShare, answered: AnsweredLine, basket: Basket) -> _LineFigures:
    """Return what the units of a promotion in a line sold for, and earned."""
    sold = basket.lines[share.line_id]
    units, left = _number(share.quantity), _number(sold.quantity)
    if share.line_id in basket.returned:
        left -= Fraction(basket.returned[share.line_id])
    net: Rational = amount_of(answered.net_total_inc_tax)
    gross: Rational = amount_of(answered.total_inc_tax)
    if units != left and left:
        part = Fraction(units) / left
        net, gross = _net_of_units(row, share, answered, basket, part=part), gross * part
    promoted = _rounded(net, 1)
    cost = sold.product.cost_price if sold.product is not None else None
    if cost is None or not basket.has_costs:
        return promoted, 0, promoted
    cost_of_units = units * amount_of(cost)
    if not gross:
        return promoted, -_rounded(cost_of_units, 1), 0
    ex_tax = units * amount_of(sold.unit_price_ex_tax)
    return promoted, _rounded(ex_tax * net - cost_of_units * gross, gross), 0


def _net_of_units(
    row: AnsweredPromotion, share: AnsweredShare, answered: AnsweredLine, basket: Basket, *, part: Fraction
) -> Fraction:
    """Return the net value of some units of a line.

    An answer says how many units of a line each promotion took and what it took off them, not which. A discount's units
    are taken to be in no other discount, as far as the line has other units, since no unit is in two; what vouchers
    took off the line is shared by what the units cost by then. A promotion that gives points has its part of the line.
    """
    gross, line_net = amount_of(answered.total_inc_tax), amount_of(answered.net_total_inc_tax)
    own = amount_of(share.discount)
    if row.family != "discount":
        return line_net * part
    discounted, before_vouchers = gross * part - own, Fraction(gross)
    for other in promotions_of(basket.answer):
        for shared in other.lines:
            if shared.line_id != share.line_id:
                continue
            off = amount_of(shared.discount)
            before_vouchers -= off
            if other is not row and off:
                discounted -= off * _overlap(part, part * _number(shared.quantity) / _number(share.quantity))
    return discounted * line_net / before_vouchers if before_vouchers else Fraction(0)


def _overlap(part: Fraction, other: Fraction) -> Fraction:
    """Return how much of another discount's units must be units of this one: two parts of a line beyond the whole."""
    return max(Fraction(0), part + other - 1) / other


def _rounded(dividend: Rational, divisor: Rational) -> int:
    """Divide, and round half up; below zero, half away from it. The divisor is above zero."""
    if divisor == 1 and isinstance(dividend, int):
        return dividend
    if not (isinstance(dividend, int) and isinstance(divisor, int)):
        exact = Fraction(dividend) / divisor
        dividend, divisor = exact.numerator, exact.denominator
    rounded = (2 * abs(dividend) + divisor) // (2 * divisor)
    return rounded if dividend >= 0 else -rounded
