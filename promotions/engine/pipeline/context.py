"""What one promotion is evaluated with, and what differs between a sale and a return."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from promotions.engine.benefits.rewards import BasketValue, RewardResult
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.matching.prices import Prices
from promotions.engine.pipeline.decision import BudgetLeft, Candidate, Refusal
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook


class EvaluationContext(NamedTuple):
    """Everything that one promotion is evaluated with. A named tuple: a decision replaces parts of it as it goes.

    ``prices`` are those of the units that a discount may take, ``basket_value`` is what loyalty promotions count by,
    and ``checks`` are those that come before products are matched. ``is_held_out`` says whether the universal holdout
    has the shopper at the basket's moment. ``taken_from_lists`` are the products that other
    discounts took from lists without a choice, by backend id.
    """

    basket: Basket
    shopper: Shopper | None
    usage: Usage
    rulebook: Rulebook
    strategy: "EvaluationStrategy"
    checks: "tuple[Check, ...]"
    prices: Prices
    basket_value: BasketValue
    is_held_out: bool = False
    taken_from_lists: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    observer: "Observer | None" = None

    def observed(self, evaluator: "Evaluator") -> "Evaluator":
        """Return an evaluator as the observer wraps it."""
        return evaluator if self.observer is None else self.observer(evaluator)


Check = Callable[[Promotion, EvaluationContext], Refusal | None]
"""One check: why the promotion does not apply, or None where it passes."""

Evaluator = Callable[[Promotion, EvaluationContext], Candidate | Refusal]
"""Evaluates one promotion: ``evaluate_promotion``, or ``apply_discount`` on the units that are left."""

Observer = Callable[[Evaluator], Evaluator]
"""Wraps an evaluator, for example to time it; the evaluator must be called, and its answer returned unchanged."""


class EvaluationStrategy(Protocol):
    """What differs between a sale and a return: which promotions are evaluated, by which checks, up to which limits."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks before products are matched, in order."""
        ...

    @property
    def proposes_products(self) -> bool:
        """Whether the till is told which free products the basket lacks."""
        ...

    def candidates(self, rulebook: Rulebook, basket: Basket, shopper: Shopper | None) -> Sequence[Promotion]:
        """Return the promotions to evaluate."""
        ...

    def redemptions_left(self, promotion: Promotion, context: EvaluationContext) -> int | Refusal | None:
        """Return the redemptions that the limits leave: None without a limit, a refusal where none is left."""
        ...

    def vouchers_left(self, promotion: Promotion, context: EvaluationContext) -> int | Refusal | None:
        """Return the vouchers that the offer to issue has left: None without a limit, a refusal where none is left."""
        ...

    def budgets_left(self, promotion: Promotion, context: EvaluationContext) -> Sequence[BudgetLeft]:
        """Return what is left of each budget that the promotion must fit, in the order in which they are asked."""
        ...

    def limit_points(self, promotion: Promotion, result: RewardResult) -> RewardResult:
        """Return a reward's result with no more points than the promotion may give."""
        ...

    def earning_value(self, net: int, *, not_earning: int) -> int:
        """Return how much earns base points, in minor units.

        Args:
            net: the net value of the lines that earn.
            not_earning: that of the others.
        """
        ...

    def limit_base_points(self, points: int) -> int:
        """Return base points, no more of them than there may be."""
        ...
