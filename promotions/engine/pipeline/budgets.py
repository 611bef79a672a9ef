"""Budgets: how much a promotion may give in money or points, and what is given where less than that is left.

A sale is judged against the budgets as they stood before it. Members of one campaign take from its budget in the order
in which they apply: what no longer fits then is refused, and nothing takes its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from promotions.engine.benefits.discounts import DiscountResult
from promotions.engine.benefits.rewards import RewardResult
from promotions.engine.money import exponent, money_text, round_half_up_ratio
from promotions.engine.pipeline.context import EvaluationContext
from promotions.engine.pipeline.decision import Applied, BudgetLeft, Candidate, NearMiss, Refusal
from promotions.engine.rulebook.promotion import Campaign, Promotion
from promotions.engine.rulebook.rulebook import Rulebook

_ONE = Fraction(1)


def sale_budgets(promotion: Promotion, context: EvaluationContext) -> list[BudgetLeft]:
    """Return the budgets that a promotion must fit, in order: its own, its campaign's, the customer's."""
    usage, budgets = context.usage, []
    own, customer = promotion.budget, promotion.customer_budget
    in_money = not promotion.gives_points
    if own is not None:
        used = usage.budget_used.get(promotion.id, 0)
        budgets.append(BudgetLeft("budget", own.amount, own.amount - used, own.when_short, in_money))
    campaign = campaign_with_budget(promotion, context.rulebook)
    if campaign is not None and campaign.budget is not None:
        amount, when_short = campaign.budget
        left = amount - usage.campaign_used.get(campaign.id, 0)
        budgets.append(BudgetLeft("budget", amount, left, when_short, in_money=True, campaign=campaign.words))
    if customer is not None:
        left = customer.amount - usage.customer_budget_used.get(promotion.id, 0)
        period = "" if customer.period is None else f"a {customer.period}"
        budgets.append(
            BudgetLeft("customer_budget", customer.amount, left, customer.when_short, in_money, period=period)
        )
    return budgets


def campaign_with_budget(promotion: Promotion, rulebook: Rulebook) -> Campaign | None:
    """Return the campaign whose budget a promotion shares; None where it is in none, or that has none."""
    if promotion.campaign_id is None:
        return None
    campaign = rulebook.campaigns.get(promotion.campaign_id)
    return None if campaign is None or campaign.budget is None else campaign


def nothing_left(promotion: Promotion, budgets: Iterable[BudgetLeft], context: EvaluationContext) -> Refusal | None:
    """Return the refusal of the first budget of which nothing is left."""
    for budget in budgets:
        if budget.left <= 0:
            detail = f"{_named(budget, context)} is used up."
            return Refusal(promotion, budget.reason, detail, near_miss=_near_miss(budget))
    return None


def within_budgets(
    promotion: Promotion,
    result: RewardResult | DiscountResult,
    budgets: Iterable[BudgetLeft],
    context: EvaluationContext,
) -> Candidate | Refusal:
    """Return what a promotion gives where its budgets, one after the other, leave room for its result.

    Args:
        promotion: which passed all other checks.
        result: what it would give without budgets.
        budgets: of each of which something is left.
        context: in which it was evaluated.
    """
    wanted = given = _given(result)
    for budget in budgets:
        rate = _rate(promotion, context) if budget.in_money else _ONE
        needed = _at_rate(given, rate)
        if needed <= budget.left or budget.when_short == "honour":
            continue
        fitting = _most(budget.left, rate) if budget.when_short == "cut" else 0
        if not fitting:
            return _too_much(promotion, budget, needed, context)
        given = fitting
    if given == wanted:
        return Candidate(promotion, result, _saving(promotion, result, context))
    cut = _cut(promotion, result, given, context)
    return Candidate(promotion, cut, _saving(promotion, cut, context), uncut=result)


def _given(result: RewardResult | DiscountResult) -> int:
    """Return what is counted of a result: minor units off, points or vouchers."""
    if isinstance(result, DiscountResult):
        return result.off
    return result.vouchers or result.points


def _rate(promotion: Promotion, context: EvaluationContext) -> Fraction:
    """Return what one minor unit off, point or voucher is worth in minor units of money."""
    if promotion.is_discount:
        return _ONE
    minor: int = 10 ** exponent(context.basket.currency)
    return _unit_value(promotion, context.rulebook) * minor


def _unit_value(promotion: Promotion, rulebook: Rulebook) -> Fraction:
    """Return what the customer saves by one point or voucher of a loyalty promotion, in major units of money."""
    return rulebook.offers[promotion.offer].perceived_value if promotion.offer else rulebook.terms.point_value


def _at_rate(given: int, rate: Fraction) -> int:
    return given if rate is _ONE else round_half_up_ratio(given * rate.numerator, rate.denominator)


def _most(left: int, rate: Fraction) -> int:
    """Return the most points, vouchers or minor units off that are worth, half up, no more than what is left."""
    if rate is _ONE:
        return left
    # round_half_up(given * rate) <= left where given * rate < left + 1/2; the rate is above zero, as it did not fit.
    return -(-(2 * left + 1) * rate.denominator // (2 * rate.numerator)) - 1


def _saving(promotion: Promotion, result: RewardResult | DiscountResult, context: EvaluationContext) -> Fraction:
    """Return what the customer saves, in major units of money."""
    if isinstance(result, DiscountResult):
        return Fraction(result.off, 10 ** exponent(context.basket.currency))
    value, given = _unit_value(promotion, context.rulebook), _given(result)
    return Fraction(given * value.numerator, value.denominator)


def _cut(
    promotion: Promotion, result: RewardResult | DiscountResult, given: int, context: EvaluationContext
) -> RewardResult | DiscountResult:
    """Return a result that gives so much less. Each voucher is a redemption, so that fewer are fewer sets."""
    if isinstance(result, DiscountResult):
        return result.cut_to(given)
    if not result.vouchers:
        return result._replace(points=given)
    matched = promotion.reward.selection.match(context.basket.unit_groups.earning, context.basket_value.net)
    return RewardResult(given, matched.take(given), vouchers=given)


# --- campaigns --------------------------------------------------------------------------------------------------------


class CampaignSharing:
    """What the promotions of one basket have taken from the budgets of their campaigns, by campaign id."""

    def __init__(self, context: EvaluationContext, taken: Mapping[int, int] | None = None) -> None:
        self._context = context
        self.taken: dict[int, int] = dict(taken or {})

    def shared(self, candidates: Sequence[Candidate]) -> tuple[list[Candidate], dict[int, Refusal]]:
        """Let candidates take, in this order, what their campaigns have left.

        Returns:
            Those that apply, some of them cut, and the refusals of the others by promotion id.
        """
        winners: list[Candidate] = []
        refused: dict[int, Refusal] = {}
        for candidate in candidates:
            winner = self._judged_again(candidate)
            if isinstance(winner, Refusal):
                refused[candidate.promotion.id] = winner
            else:
                self.take(winner)
                winners.append(winner)
        return winners, refused

    def take(self, winner: Candidate) -> None:
        """Take from the campaign's budget what a promotion gives."""
        campaign = campaign_with_budget(winner.promotion, self._context.rulebook)
        if campaign is not None:
            given = money_given(winner.saving, self._context.basket.currency)
            self.taken[campaign.id] = self.taken.get(campaign.id, 0) + given

    def reduced(self, context: EvaluationContext) -> EvaluationContext:
        """Return a context in which what was taken counts as used."""
        if not self.taken:
            return context
        used = dict(context.usage.campaign_used)
        for campaign_id, taken in self.taken.items():
            used[campaign_id] = used.get(campaign_id, 0) + taken
        return context._replace(usage=replace(context.usage, campaign_used=used))

    def _judged_again(self, candidate: Candidate) -> Candidate | Refusal:
        promotion = candidate.promotion
        if promotion.campaign_id not in self.taken:
            return candidate
        context = self.reduced(self._context)
        budgets = context.strategy.budgets_left(promotion, context)
        refusal = nothing_left(promotion, budgets, context)
        return refusal or within_budgets(promotion, candidate.uncut or candidate.result, budgets, context)


class CampaignTaken(NamedTuple):
    """What a decision takes from a campaign's budget, in minor units, and what its members took before the last did."""

    amount: int
    before_last: int


def campaigns_taken(applied: Iterable[Applied], rulebook: Rulebook, currency: str) -> dict[int, CampaignTaken]:
    """Return what promotions that apply take from the budgets of their campaigns, by campaign id.

    They take in the order of ``CampaignSharing``: discounts as they apply, then loyalty promotions by code, those that
    always apply last.
    """
    taken: dict[int, CampaignTaken] = {}
    for each in sorted(applied, key=_order_of_taking):
        campaign = campaign_with_budget(each.promotion, rulebook)
        if campaign is not None:
            before = taken[campaign.id].amount if campaign.id in taken else 0
            taken[campaign.id] = CampaignTaken(before + money_given(each.saving, currency), before)
    return taken


def _order_of_taking(applied: Applied) -> tuple[bool, bool, str]:
    promotion = applied.promotion
    if promotion.is_discount:
        return (False, False, "")
    return (True, promotion.always_apply, promotion.code)


def money_given(saving: Fraction, currency: str) -> int:
    """Return what a promotion gives of a campaign's budget, in minor units: the customer's saving, half up."""
    return round_half_up_ratio(saving.numerator * 10 ** exponent(currency), saving.denominator)


# --- words ------------------------------------------------------------------------------------------------------------


def _too_much(promotion: Promotion, budget: BudgetLeft, needed: int, context: EvaluationContext) -> Refusal:
    left, wanted = _amount(budget.left, budget, context), _amount(needed, budget, context)
    detail = f"{_named(budget, context)} has {left} left, and this basket needs {wanted}."
    return Refusal(promotion, budget.reason, detail, near_miss=_near_miss(budget))


def _near_miss(budget: BudgetLeft) -> NearMiss:
    left = max(budget.left, 0)
    if budget.in_money:
        return NearMiss(lacking="budget", amount=left)
    return NearMiss(lacking="budget", units=left)


def _named(budget: BudgetLeft, context: EvaluationContext) -> str:
    amount = _amount(budget.amount, budget, context)
    if budget.campaign:
        return f"The budget of {amount} of the campaign {budget.campaign}"
    if budget.reason == "customer_budget":
        return f"The customer's budget of {amount}{f' {budget.period}' if budget.period else ''}"
    return f"The budget of {amount}"


def _amount(amount: int, budget: BudgetLeft, context: EvaluationContext) -> str:
    if budget.in_money:
        currency = context.basket.currency
        return f"{money_text(amount, currency)} {currency}"
    return f"{amount:,} {'point' if amount == 1 else 'points'}"
