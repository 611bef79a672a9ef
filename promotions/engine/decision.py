"""What applies, to which units, what was refused and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from promotions.engine.basket import Basket
from promotions.engine.outcomes import Given, Worth
from promotions.engine.rulebook import Promotion

REASONS = (
    "draft",
    "scheduled",
    "stopped",
    "ended",
    "currency",
    "consumer_required",
    "not_a_member",
    "site_rules",
    "customer_rules",
    "control_group",
    "transaction_rules",
    "line_item_rules",
    "application_rules",
    "no_matching_products",
    "total_limit",
    "customer_limit",
    "transaction_limit",
    "offer_unavailable",
    "no_value",
    "lost_conflict",
)
"""Why a promotion does not apply, in the order of the checks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """That a promotion does not apply, and why. A lost conflict names the winners and what decided."""

    promotion: Promotion
    reason: str
    detail: str
    won_by: tuple[str, ...] = ()
    decided_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A promotion that would apply. ``saving`` is the customer's, in major units of money."""

    promotion: Promotion
    given: Given
    saving: Fraction

    @property
    def code(self) -> str:
        """The promotion's code."""
        return self.promotion.code

    @property
    def kind(self) -> tuple[str, str]:
        """Type and subtype: those of one kind compete."""
        return self.promotion.source.type, self.promotion.source.subtype

    @property
    def starts_at(self) -> datetime:
        """When the promotion began: its age."""
        return self.promotion.source.starts_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """A candidate that was beaten, by whom, and whether bias, age or code decided."""

    candidate: Candidate
    won_by: tuple[str, ...]
    decided_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """How a conflict ended."""

    winners: tuple[Candidate, ...]
    losers: tuple[Loss, ...]


class ConflictPolicy(Protocol):
    """The account's way of deciding between promotions that compete; given to the engine."""

    def resolve(self, candidates: Sequence[Candidate]) -> Resolution:
        """Decide between candidates of all kinds."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LineShare:
    """A promotion's part in one line. Discount in minor units."""

    line_id: str
    quantity: Decimal
    discount: int
    points: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """A promotion that applies. Discount in minor units, saving in major units of money."""

    promotion: Promotion
    redemptions: int
    points: int
    discount: int
    saving: Fraction
    vouchers: int
    lines: tuple[LineShare, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LineResult:
    """What becomes of one line, amounts in minor units."""

    line_id: str
    total: int
    discount: int
    net: int
    base_points: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The whole answer for one basket, amounts in minor units."""

    basket: Basket
    worth: Worth
    total: int
    net: int
    base_points: int
    lines: tuple[LineResult, ...]
    applied: tuple[Applied, ...]
    refused: tuple[Refusal, ...]

    @property
    def promotion_points(self) -> int:
        """Points of all promotions."""
        return sum(applied.points for applied in self.applied)

    @property
    def points(self) -> int:
        """Base points and those of promotions."""
        return self.base_points + self.promotion_points
