"""Read the documents that a transaction stores about its decision, as typed records.

A key that an older document lacks has its empty value; keys that no reader asks for are passed over.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from consumers.types import JsonObject
from loyalty.models import Reversal, Transaction

VOUCHER_FAMILY = "voucher"
"""The ``family`` under which a till's answer lists a voucher that paid, next to promotions."""


class StoredShare(msgspec.Struct, frozen=True):
    """The part of a discount that one line bears."""

    line_id: str
    discount: Decimal = Decimal(0)


class StoredApplied(msgspec.Struct, frozen=True):
    """A promotion that applied, by its code, or a voucher that paid, by the code of its offer.

    ``cut``: a budget had too little left for all that it would have given.
    """

    family: str
    promotion: str
    type: str = ""
    redemptions: int = 0
    points: int = 0
    discount: Decimal = Decimal(0)
    saving: Decimal = Decimal(0)
    lines: tuple[StoredShare, ...] = ()
    vouchers: tuple[str, ...] = ()
    cut: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Family and code."""
        return self.family, self.promotion


class StoredIssue(msgspec.Struct, frozen=True):
    """A voucher that was issued."""

    code: str
    offer: str


class StoredRefusedVoucher(msgspec.Struct, frozen=True):
    """A voucher that was presented and did not pay."""

    code: str
    reason: str


class StoredPoints(msgspec.Struct, frozen=True):
    """The points of a sale."""

    base: int = 0
    promotion: int = 0


class StoredWarning(msgspec.Struct, frozen=True):
    """What the till was warned of."""

    code: str
    detail: str = ""


class StoredAnswer(msgspec.Struct, frozen=True):
    """The answer that a till was given; amounts are None where nothing was decided."""

    total_inc_tax: Decimal | None = None
    discount_total: Decimal | None = None
    net_total_inc_tax: Decimal | None = None
    points: StoredPoints = StoredPoints()
    applied: tuple[StoredApplied, ...] = ()
    vouchers_issued: tuple[StoredIssue, ...] = ()
    vouchers_refused: tuple[StoredRefusedVoucher, ...] = ()
    warnings: tuple[StoredWarning, ...] = ()

    @property
    def vouchers_paid(self) -> Sequence[StoredApplied]:
        """The vouchers that paid, in order."""
        return [applied for applied in self.applied if applied.family == VOUCHER_FAMILY]


class StoredNearMiss(msgspec.Struct, frozen=True):
    """The one thing that a promotion lacked."""

    lacking: str
    rule: JsonObject | None = None


class StoredRefusal(msgspec.Struct, frozen=True):
    """Why a promotion did not apply."""

    promotion: str
    reason: str
    family: str
    detail: str | None = None
    won_by: tuple[str, ...] | None = None
    decided_by: str | None = None
    near_miss: StoredNearMiss | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Family and code."""
        return self.family, self.promotion


class StoredProduct(msgspec.Struct, frozen=True):
    """A line's product as it was at the sale."""

    category: str = ""


class StoredLine(msgspec.Struct, frozen=True):
    """A line of a transaction; ``quantity`` and ``total`` are as sold, the other figures of what is left."""

    line_id: str = ""
    sku: str = ""
    category: str = ""
    product: StoredProduct | None = None
    quantity: str = ""
    returned: Decimal = Decimal(0)
    weighed: bool = False
    no_discount: bool = False
    no_points: bool = False
    unit_price_inc_tax: Decimal | None = None
    total: Decimal | None = None
    discount: Decimal | None = None
    net: Decimal | None = None
    base_points: int = 0


class StoredReturnedLine(msgspec.Struct, frozen=True):
    """How much of a line came back."""

    line_id: str
    quantity: Decimal


class StoredReversed(msgspec.Struct, frozen=True):
    """What a return took back, or could not: voucher codes."""

    vouchers_cancelled: tuple[str, ...] = ()
    vouchers_already_redeemed: tuple[str, ...] = ()


class StoredGhost(msgspec.Struct, frozen=True, array_like=True):
    """What a promotion, by its id, would have given if it had not held the consumer out.

    ``is_universal``: the universal holdout did, and not the promotion's own control group.
    """

    promotion: int
    version: int
    redemptions: int
    points: int
    saving: str
    is_universal: bool = False

    @property
    def reason(self) -> str:
        """The reason for which the promotion did not apply."""
        return "universal_holdout" if self.is_universal else "control_group"


class _StoredInputs(msgspec.Struct, frozen=True):
    held_out: tuple[StoredGhost, ...] = ()


class _StoredFacts(msgspec.Struct, frozen=True):
    inputs: _StoredInputs = _StoredInputs()


def answer_at_sale(transaction: Transaction) -> StoredAnswer:
    """Return the answer of the sale; an empty one where nothing was decided."""
    return _answer(transaction.answer)


def answer_now(transaction: Transaction) -> StoredAnswer:
    """Return the answer about what returns left of the transaction."""
    return _answer(transaction.state or transaction.answer)


def refusals_of(transaction: Transaction) -> list[StoredRefusal]:
    """Return why other promotions did not apply."""
    return msgspec.convert(transaction.explanation, list[StoredRefusal])


def ghost_redemptions_of(transaction: Transaction) -> list[StoredGhost]:
    """Return what was withheld from a consumer who was held out; nothing in sales of before this was kept."""
    return list(msgspec.convert(transaction.facts, _StoredFacts).inputs.held_out)


def redeemed_keys(answer: str) -> frozenset[tuple[str, str]]:
    """Return family and code of what applied to a sale, from the text of its answer."""
    return frozenset(applied.key for applied in _answer(answer).applied)


def ghosts_of_facts(facts: JsonObject) -> tuple[StoredGhost, ...]:
    """Return what was withheld at a sale, from its facts."""
    return msgspec.convert(facts, _StoredFacts).inputs.held_out


def lines_of(transaction: Transaction) -> list[StoredLine]:
    """Return the lines."""
    return msgspec.convert(transaction.lines, list[StoredLine])


def returned_lines_of(reversal: Reversal) -> list[StoredReturnedLine]:
    """Return what came back."""
    return msgspec.convert(reversal.lines, list[StoredReturnedLine])


def reversed_of(reversal: Reversal) -> StoredReversed:
    """Return what was taken back."""
    return msgspec.convert(reversal.reversed, StoredReversed)


def _answer(text: str) -> StoredAnswer:
    return msgspec.json.decode(text, type=StoredAnswer) if text else StoredAnswer()
