"""What a till sends, decoded and checked: the one input of quotes, commits and replays."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple


class SaleLine(NamedTuple):
    """One line of a basket. Prices per unit, with up to four decimals; quantity above zero with up to three.

    ``weighed`` None is as the product is sold; ``no_discount`` and ``no_points`` leave it out of these, as its product
    may do too.

    A named tuple, as a basket has dozens of them.
    """

    line_id: str
    sku: str
    quantity: Decimal
    unit_price_inc_tax: Decimal
    unit_price_ex_tax: Decimal
    category: str = ""
    brand: str = ""
    weighed: bool | None = None
    no_discount: bool = False
    no_points: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What the till printed; None is no expectation of that part."""

    net_total_inc_tax: Decimal | None = None
    points: int | None = None
    applied: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sale:
    """A basket as a till asks about it or has sold it.

    ``site`` is a site's number, ``consumer`` an external consumer id (empty: none named), ``loyalty_card`` a card's
    number (empty: none shown). ``reference`` is empty for a quote. ``is_dated`` says whether the till named the moment;
    where it did not, a repeat of the sale has another and is the same content.
    """

    reference: str = ""
    occurred_at: datetime
    is_dated: bool = True
    site: str
    currency: str
    consumer: str = ""
    loyalty_card: str = ""
    source: str = ""
    payment_card_type: str = ""
    lines: tuple[SaleLine, ...]
    vouchers: tuple[str, ...] = ()
    expected: Expectation | None = None
    on_difference: Literal["commit", "refuse"] = "commit"

    @property
    def skus(self) -> set[str]:
        """The SKUs of its lines."""
        return {line.sku for line in self.lines}
