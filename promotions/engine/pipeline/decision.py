"""What applies, to which units, what was refused and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, Protocol

from promotions.engine.benefits.discounts import DiscountResult
from promotions.engine.benefits.rewards import BasketValue, RewardResult
from promotions.engine.benefits.vouchers import RefusedVoucher
from promotions.engine.facts.basket import Basket
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rules.tree import Tree

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

REASON_ORDER = {reason: place for place, reason in enumerate(REASONS)}
"""How late the check comes that gives a reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearMiss:
    """The one thing that a promotion lacked: ``spend``, ``units``, ``transactions`` or a ``rule``.

    ``amount`` in minor units; ``asked`` is the whole amount that is asked, as text; ``rule`` the condition, or the
    group of them, that does not hold.
    """

    lacking: str
    amount: int | None = None
    asked: str = ""
    units: int | None = None
    count: int | None = None
    rule: Tree | None = None


class Refusal(NamedTuple):
    """That a promotion does not apply, and why. A lost conflict names the winners and what decided."""

    promotion: Promotion
    reason: str
    detail: str
    won_by: tuple[str, ...] = ()
    decided_by: str = ""
    near_miss: NearMiss | None = None

    @classmethod
    def lost(cls, loss: "Loss") -> "Refusal":
        """The refusal of a candidate that was beaten."""
        return cls(
            promotion=loss.candidate.promotion,
            reason="lost_conflict",
            detail=f"Lost to {', '.join(loss.won_by)} because of its {DECIDED_BY[loss.decided_by]}.",
            won_by=loss.won_by,
            decided_by=loss.decided_by,
        )


DECIDED_BY = {"bias": "saving", "age": "age", "code": "code"}
"""What decided a conflict, as it is said: the ``decided_by`` of a loss."""


class Candidate(NamedTuple):
    """A promotion that would apply: what a reward gives, or a discount takes off.

    ``saving`` is the customer's, in major units of money.
    """

    promotion: Promotion
    result: RewardResult | DiscountResult
    saving: Fraction

    @property
    def code(self) -> str:
        """The promotion's code."""
        return self.promotion.code

    @property
    def discount_result(self) -> DiscountResult:
        """The result of a discount; TypeError for a loyalty promotion."""
        if not isinstance(self.result, DiscountResult):
            raise TypeError(f"{self.code} is no discount")
        return self.result

    @property
    def reward_result(self) -> RewardResult:
        """The result of a loyalty promotion; TypeError for a discount."""
        if not isinstance(self.result, RewardResult):
            raise TypeError(f"{self.code} is no loyalty promotion")
        return self.result

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


class Contest(Protocol):
    """The units of a basket that discounts compete for; a winner takes its units out of the game."""

    def reapply(self, candidate: Candidate) -> Candidate | None:
        """Apply a candidate to the units that are left; None where it gives nothing any more."""
        ...

    def award(self, winner: Candidate) -> None:
        """Let a candidate, as worked out on what is left, take its units."""
        ...

    def holders(self, candidate: Candidate) -> tuple[str, ...]:
        """The winners, in order, that hold units which the candidate's product sets fit."""
        ...


class ConflictPolicy(Protocol):
    """The account's way of deciding between promotions that compete; given to the engine."""

    def resolve(self, candidates: Sequence[Candidate]) -> Resolution:
        """Decide between loyalty promotions of all kinds."""
        ...

    def resolve_discounts(self, candidates: Sequence[Candidate], contest: Contest) -> Resolution:
        """Decide between discounts, which compete for units."""
        ...


class LineShare(NamedTuple):
    """A promotion's part in one line. Discount in minor units. A named tuple, as a decision makes dozens of them."""

    line_id: str
    quantity: Decimal
    discount: int
    points: int


class Applied(NamedTuple):
    """A promotion that applies. Discount in minor units, saving in major units of money."""

    promotion: Promotion
    redemptions: int
    points: int
    discount: int
    saving: Fraction
    vouchers: int
    lines: tuple[LineShare, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AppliedVoucher:
    """A voucher that pays, by its offer's code and benefit. Discount in minor units."""

    code: str
    offer: str
    benefit: str
    discount: int
    lines: tuple[LineShare, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductToAdd:
    """A free product that the basket lacks."""

    discount: str
    sku: str
    quantity: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonalizedState:
    """Where the consumer stands with a personalized promotion that feeds a discount which this basket qualifies for."""

    backend_id: str
    requires_selection: bool
    locks_after_first_apply: bool
    locked: bool
    selected: tuple[str, ...]


class LineResult(NamedTuple):
    """What becomes of one line, amounts in minor units. A named tuple, as a decision makes dozens of them."""

    line_id: str
    total: int
    discount: int
    net: int
    base_points: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The whole answer for one basket, amounts in minor units.

    ``applied`` are discounts, then loyalty promotions, each in order of application; vouchers come between the two.
    ``choices`` are what a commit makes final, by backend id: the products selected from then on. ``listed`` is what
    counted as chosen, by backend id.
    """

    basket: Basket
    basket_value: BasketValue
    total: int
    net: int
    base_points: int
    lines: tuple[LineResult, ...]
    applied: tuple[Applied, ...]
    vouchers: tuple[AppliedVoucher, ...]
    refused: tuple[Refusal, ...]
    vouchers_refused: tuple[RefusedVoucher, ...]
    add_products: tuple[ProductToAdd, ...]
    personalized: tuple[PersonalizedState, ...]
    choices: Mapping[str, tuple[str, ...]]
    listed: Mapping[str, tuple[str, ...]]

    @property
    def promotion_points(self) -> int:
        """Points of all promotions."""
        return sum(applied.points for applied in self.applied)

    @property
    def points(self) -> int:
        """Base points and those of promotions."""
        return self.base_points + self.promotion_points
