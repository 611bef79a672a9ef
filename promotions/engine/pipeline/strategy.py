"""The two strategies of an evaluation, side by side: a sale, and what a return leaves of one.

At a return, what applied is applied again to what is left. Conflicts were decided at the sale: nothing competes again,
and what once gave nothing any more stays out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promotions.engine.benefits.rewards import RewardResult
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Shopper, Usage
from promotions.engine.pipeline.budgets import sale_budgets
from promotions.engine.pipeline.checks import CANDIDATE_CHECKS, RETURN_CHECKS
from promotions.engine.pipeline.context import Check, EvaluationContext
from promotions.engine.pipeline.decision import BudgetLeft, Candidate, Contest, Refusal, Resolution
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleStrategy:
    """A basket as it is sold: the rulebook's candidates, within their limits and their offers' stock."""

    checks: tuple[Check, ...] = CANDIDATE_CHECKS
    proposes_products: bool = True

    def candidates(self, rulebook: Rulebook, basket: Basket, shopper: Shopper | None) -> Sequence[Promotion]:
        """Return the promotions that the rulebook's masks do not rule out."""
        return rulebook.candidates(basket, shopper)

    def redemptions_left(self, promotion: Promotion, context: EvaluationContext) -> int | Refusal | None:
        """Return the redemptions that the promotion's limits leave."""
        if not promotion.is_limited:
            return None
        least: int | None = None
        for reason, limit, used in _limits(promotion, context.usage):
            if used >= limit:
                return Refusal(promotion, reason, f"{_describe_limit(reason, limit, promotion)} was reached.")
            least = limit - used if least is None else min(least, limit - used)
        return least

    def vouchers_left(self, promotion: Promotion, context: EvaluationContext) -> int | Refusal | None:
        """Return what the offer to issue has in stock, within its dates."""
        code = promotion.offer
        offer = context.rulebook.offers.get(code)
        if offer is None or not offer.is_open(context.basket.at):
            return Refusal(promotion, "offer_unavailable", f"The offer {code} is outside its dates.")
        left = context.usage.vouchers_left.get(code)
        if left is not None and left <= 0:
            return Refusal(promotion, "offer_unavailable", f"The offer {code} is out of stock.")
        return left

    def budgets_left(self, promotion: Promotion, context: EvaluationContext) -> Sequence[BudgetLeft]:
        """Return what is left of the promotion's budget, its campaign's and the customer's."""
        return sale_budgets(promotion, context) if promotion.is_budgeted else ()

    def limit_points(self, promotion: Promotion, result: RewardResult) -> RewardResult:
        """Return the result as it is."""
        return result

    def earning_value(self, net: int, *, not_earning: int) -> int:
        """Return the whole net value of the lines that earn."""
        return net

    def limit_base_points(self, points: int) -> int:
        """Return the points as they are."""
        return points


SALE = SaleStrategy()
"""The strategy of every sale."""

_LIMIT_NAMES = {
    "total_limit": "The total limit",
    "customer_limit": "The customer limit",
    "transaction_limit": "The transaction limit",
}


def _describe_limit(reason: str, limit: int, promotion: Promotion) -> str:
    period = promotion.limit_period if reason == "customer_limit" else None
    return f"{_LIMIT_NAMES[reason]} of {limit}{f' a {period}' if period else ''}"


def _limits(promotion: Promotion, usage: Usage) -> list[tuple[str, int, int]]:
    """Return the limits that a promotion has: reason, limit, and redemptions so far."""
    limits = []
    if promotion.total_limit is not None:
        limits.append(("total_limit", promotion.total_limit, usage.total_redemptions.get(promotion.id, 0)))
    if promotion.customer_limit is not None:
        limits.append(("customer_limit", promotion.customer_limit, usage.customer_redemptions.get(promotion.id, 0)))
    if promotion.transaction_limit is not None:
        limits.append(("transaction_limit", promotion.transaction_limit, 0))
    return limits


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnLimit:
    """What a promotion has of a transaction just before a return, and may not exceed after it.

    ``position`` is its place in the order in which the transaction's promotions applied. ``cut_discount`` is the
    discount, in minor units, of one that a budget cut; None of the others, which may give whatever is left comes to.
    """

    position: int
    redemptions: int
    points: int
    cut_discount: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnStrategy:
    """What a return leaves of a transaction: its own promotions, each within what it had just before.

    ``limits`` are by promotion id; ``paid`` is what was paid less what was refunded, in minor units; ``base_points``
    are those that the transaction has just before. The rulebook must hold the transaction's promotions and no others.
    """

    limits: Mapping[int, ReturnLimit]
    paid: int
    base_points: int
    checks: tuple[Check, ...] = RETURN_CHECKS
    proposes_products: bool = False

    def candidates(self, rulebook: Rulebook, basket: Basket, shopper: Shopper | None) -> Sequence[Promotion]:
        """Return all promotions of the rulebook."""
        return list(rulebook)

    def redemptions_left(self, promotion: Promotion, context: EvaluationContext) -> int | Refusal | None:
        """Return the redemptions that the promotion had."""
        return self.limits[promotion.id].redemptions

    def vouchers_left(self, promotion: Promotion, context: EvaluationContext) -> int | Refusal | None:
        """Return None: the vouchers were issued at the sale."""
        return None

    def budgets_left(self, promotion: Promotion, context: EvaluationContext) -> Sequence[BudgetLeft]:
        """Return what a discount that a budget cut had just before: budgets were asked at the sale."""
        had = self.limits[promotion.id].cut_discount
        if had is None:
            return ()
        return (BudgetLeft(reason="budget", amount=had, left=had, when_short="cut", in_money=True),)

    def limit_points(self, promotion: Promotion, result: RewardResult) -> RewardResult:
        """Return the result with no more points than the promotion had."""
        return result._replace(points=min(result.points, self.limits[promotion.id].points))

    def earning_value(self, net: int, *, not_earning: int) -> int:
        """Return the smaller of the net value and what was paid for it, so that a return never adds points."""
        return max(0, min(net, self.paid - not_earning))

    def limit_base_points(self, points: int) -> int:
        """Return no more points than the transaction had."""
        return min(points, self.base_points)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnPolicy:
    """The conflict policy of a return: every promotion that still gives something wins, in the order of the sale."""

    limits: Mapping[int, ReturnLimit]

    def resolve(self, candidates: Sequence[Candidate]) -> Resolution:
        """Let all win, in the order in which they applied."""
        return Resolution(winners=tuple(self._ordered(candidates)), losers=())

    def resolve_discounts(self, candidates: Sequence[Candidate], contest: Contest) -> Resolution:
        """Let all win that still get something, in the order in which they applied."""
        winners = []
        for candidate in self._ordered(candidates):
            reapplied = contest.reapply(candidate)
            if reapplied is not None:
                contest.award(reapplied)
                winners.append(reapplied)
        return Resolution(winners=tuple(winners), losers=())

    def _ordered(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=lambda candidate: self.limits[candidate.promotion.id].position)
