"""The records of a decision: what applies and to which units, what does not and why; and the policy that decides."""

from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, Protocol, Self

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
    "universal_holdout",
    "control_group",
    "transaction_rules",
    "line_item_rules",
    "application_rules",
    "no_matching_products",
    "total_limit",
    "customer_limit",
    "transaction_limit",
    "offer_unavailable",
    "budget",
    "customer_budget",
    "no_value",
    "lost_conflict",
)
"""Why a promotion does not apply, in the order of the checks."""

LIFE_REASONS = frozenset(REASONS[: REASONS.index("currency")])
"""The reasons of promotions that are not in force at the moment of the basket."""

BUDGET_REASONS = frozenset({"budget", "customer_budget"})
"""The reasons of promotions whose budgets have too little left."""

REASON_ORDER = {reason: position for position, reason in enumerate(REASONS)}
"""The position of each reason in the order of the checks."""


LACKING = ("spend", "units", "transactions", "rule", "budget")
"""What a promotion may lack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearMiss:
    """The one thing that a promotion lacked: ``spend``, ``units``, ``transactions``, a ``rule`` or ``budget``.

    Of a spend, ``amount`` is what is missing in minor units and ``required`` the whole amount, as text; ``units`` and
    ``count`` (of transactions) are what is missing. Of a budget, ``amount`` or ``units`` (points) is what is left.
    ``rule`` is the condition, or the group of them, that fails.
    """

    lacking: str
    amount: int | None = None
    required: str = ""
    units: int | None = None
    count: int | None = None
    rule: Tree | None = None


class BudgetLeft(NamedTuple):
    """What is left of a budget that a promotion must fit, and what happens where that is too little.

    ``amount`` (of the whole budget) and ``left`` are minor units of money, or points where it is not ``in_money``.
    ``when_short`` is ``refuse``, ``cut`` or ``honour``. ``campaign`` names the campaign whose budget it is, if it is
    one's, and ``period`` how often a customer's begins anew, in words.
    """

    reason: str
    amount: int
    left: int
    when_short: str
    in_money: bool
    campaign: str = ""
    period: str = ""


class Refusal(NamedTuple):
    """A promotion that does not apply, and why. A lost conflict names the winners and what decided.

    ``ghost`` is what a promotion would have given, outside competition, to a consumer whom its control group or the
    universal holdout leaves out.
    """

    promotion: Promotion
    reason: str
    detail: str
    won_by: tuple[str, ...] = ()
    decided_by: str = ""
    near_miss: NearMiss | None = None
    ghost: "Candidate | None" = None

    @classmethod
    def lost(cls, loss: "Loss") -> "Refusal":
        """Return the refusal of a candidate that was beaten."""
        return cls(
            promotion=loss.candidate.promotion,
            reason="lost_conflict",
            detail=f"Lost to {', '.join(loss.won_by)} because of {DECIDED_BY[loss.decided_by]}.",
            won_by=loss.won_by,
            decided_by=loss.decided_by,
        )


DECIDED_BY = {
    "bias": "its saving",
    "age": "its age",
    "code": "its code",
    "combination": "the total saving of all discounts",
}
"""What decided a conflict, in words, by the ``decided_by`` of a loss."""


class Candidate(NamedTuple):
    """A promotion that would apply if no other competed with it, with its result.

    ``saving`` is the customer's, in major units of money. ``uncut`` is what it would give without budgets, where one
    cuts it.
    """

    promotion: Promotion
    result: RewardResult | DiscountResult
    saving: Fraction
    uncut: RewardResult | DiscountResult | None = None

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
        """When the promotion started: its age."""
        return self.promotion.source.starts_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """A candidate that was beaten, the codes of the winners, and whether bias, age, code or combination decided."""

    candidate: Candidate
    won_by: tuple[str, ...]
    decided_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """The result of a conflict.

    ``is_proved`` is False where a best combination was looked for among too many to try them all.
    """

    winners: tuple[Candidate, ...]
    losers: tuple[Loss, ...]
    is_proved: bool = True


class Contest(Protocol):
    """The units of a basket that discounts compete for; a winner takes its units from the others."""

    def reapply(self, candidate: Candidate) -> Candidate | None:
        """Apply a candidate to the units that are left; None where it gives nothing any more."""
        ...

    def award(self, winner: Candidate) -> None:
        """Give a candidate, as applied to the units that are left, its units."""
        ...

    def holders(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the winners, in order, that hold units which the candidate's product sets accept."""
        ...

    # What a search for the best combination asks besides.

    @property
    def is_over(self) -> bool:
        """Whether no unit is left."""
        ...

    def fitting(self, candidate: Candidate) -> Set[int]:
        """Return the unit groups of the basket, by ordinal, that the candidate's product sets accept."""
        ...

    def within(self, unit_groups: Set[int]) -> "Contest":
        """Return another contest for the units of some unit groups only, of which none is taken yet."""
        ...

    def fork(self) -> "Contest":
        """Return another contest that stands as this one does, and goes on by itself."""
        ...

    def state(self) -> Hashable:
        """Return what decides how a contest goes on: two of one state answer alike."""
        ...


class ConflictPolicy(Protocol):
    """Decides between promotions that compete: the account's settings at a sale, another policy at a return."""

    def resolve(self, candidates: Sequence[Candidate]) -> Resolution:
        """Decide between loyalty promotions of all kinds."""
        ...

    def resolve_discounts(self, candidates: Sequence[Candidate], contest: Contest) -> Resolution:
        """Decide between discounts, which compete for units."""
        ...


class LineShare(NamedTuple):
    """A promotion's share of one line. Discount in minor units. A named tuple, as a decision makes dozens of them."""

    line_id: str
    quantity: Decimal
    discount: int
    points: int


class Applied(NamedTuple):
    """A promotion that applies. Discount in minor units, saving in major units of money; ``cut`` by a budget."""

    promotion: Promotion
    redemptions: int
    points: int
    discount: int
    saving: Fraction
    vouchers: int
    lines: tuple[LineShare, ...]
    cut: bool = False


class HeldOut(NamedTuple):
    """A promotion's ghost redemptions: what it would have given a consumer who is held out.

    Saving in major units of money; ``reason`` is ``control_group`` or ``universal_holdout``.
    """

    promotion: Promotion
    redemptions: int
    points: int
    saving: Fraction
    reason: str

    @classmethod
    def of(cls, ghost: Candidate, reason: str) -> Self:
        """Return what a candidate would have given."""
        points = 0 if isinstance(ghost.result, DiscountResult) else ghost.result.points
        return cls(ghost.promotion, ghost.result.redemptions, points, ghost.saving, reason)


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
    """The consumer's choice under a personalized promotion that discounts in force use."""

    backend_id: str
    requires_selection: bool
    locks_after_first_apply: bool
    locked: bool
    selected: tuple[str, ...]


class LineResult(NamedTuple):
    """One line after the decision, amounts in minor units. A named tuple, as a decision makes dozens of them."""

    line_id: str
    total: int
    discount: int
    net: int
    base_points: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The whole answer for one basket, amounts in minor units.

    ``applied`` are discounts, then loyalty promotions, each in order of application; vouchers come between the two.
    ``held_out`` are by code. ``choices_to_lock`` are the products that a commit selects for good, and
    ``effective_choices`` those that counted as chosen, both by the backend id of the personalized promotion.
    ``combination_proved`` is False where so many discounts compete that the best combination of them is not proved.
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
    held_out: tuple[HeldOut, ...]
    vouchers_refused: tuple[RefusedVoucher, ...]
    add_products: tuple[ProductToAdd, ...]
    personalized: tuple[PersonalizedState, ...]
    choices_to_lock: Mapping[str, tuple[str, ...]]
    effective_choices: Mapping[str, tuple[str, ...]]
    combination_proved: bool = True

    def committed(self) -> "Decision":
        """Return the decision as it is answered once it is committed: choices that it made final are locked."""
        if not self.choices_to_lock:
            return self
        states = [
            replace(state, requires_selection=False, locked=True, selected=self.choices_to_lock[state.backend_id])
            if state.backend_id in self.choices_to_lock
            else state
            for state in self.personalized
        ]
        return replace(self, personalized=tuple(states))

    @property
    def promotion_points(self) -> int:
        """Points of all promotions."""
        return sum(applied.points for applied in self.applied)

    @property
    def points(self) -> int:
        """Base points and those of promotions."""
        return self.base_points + self.promotion_points
