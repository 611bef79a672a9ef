"""Describe amounts, types of promotions and lost conflicts."""

from collections.abc import Iterable
from decimal import Decimal

from loyalty.choices import PromotionType
from promotions.admin.rules.wording import label_of
from promotions.choices import DiscountType
from promotions.engine.money import minor_unit, price_text
from promotions.engine.pipeline.decision import DECIDED_BY

_TYPES = dict([*PromotionType.choices, *DiscountType.choices])


def describe_amount(amount: Decimal | str | None, currency: str) -> str:
    """Format an amount with the decimals of its currency, and the currency; a dash for None."""
    if amount is None:
        return "–"
    return f"{Decimal(amount).quantize(minor_unit(currency)):,f} {currency}"


def describe_price(price: Decimal | str | None, currency: str) -> str:
    """Format a unit price with at least the decimals of its currency, and the currency; a dash for None."""
    return "–" if price is None else f"{price_text(Decimal(price), currency)} {currency}"


def describe_line_traits(*, is_weighed: bool, no_discount: bool, no_points: bool) -> str:
    """Say what is special about how a line counted: ``weighed, no points``; empty if nothing is."""
    names = (("weighed", is_weighed), ("no discount", no_discount), ("no points", no_points))
    return ", ".join(name for name, holds in names if holds)


def describe_type(promotion_type: str) -> str:
    """Return the label of a type of promotion of any family."""
    return str(_TYPES.get(promotion_type) or label_of(promotion_type))


def describe_lost_conflict(winners: Iterable[str], *, decided_by: str) -> str:
    """Describe which promotions won against one, and by what.

    Args:
        winners: their names.
        decided_by: what decided, as the engine calls it; empty where an old decision did not record it.
    """
    names = ", ".join(f"“{winner}”" for winner in winners)
    criterion = DECIDED_BY.get(decided_by)
    return f"Lost to {names}{f' because of {criterion}' if criterion else ''}."
