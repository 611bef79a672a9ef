"""What promotions and campaigns have used of their budgets, and what is left."""

from dataclasses import dataclass

from promotions.engine.definition.budgets import is_budget_in_money
from promotions.engine.money import money_text
from promotions.models import Campaign, Promotion


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetState:
    """The budget of a promotion or campaign: minor units of its currency where it is ``in_money``, or else points.

    ``amount`` and ``left`` are None without a budget; one that is overrun has 0 left.
    """

    in_money: bool
    currency: str
    used: int
    amount: int | None

    @property
    def left(self) -> int | None:
        """What may still be given."""
        return None if self.amount is None else max(self.amount - self.used, 0)

    def text(self, amount: int) -> str:
        """Return an amount of this budget as text: with the currency's decimals, or as whole points."""
        return money_text(amount, self.currency) if self.in_money else str(amount)


def budget_state(promotion: Promotion) -> BudgetState:
    """Return how a promotion's budget stands, over all its versions."""
    return BudgetState(
        in_money=is_budget_in_money(promotion.family, promotion.type),
        currency=promotion.currency,
        used=promotion.budget_used,
        amount=promotion.budget_amount,
    )


def campaign_budget_state(campaign: Campaign, *, currency: str) -> BudgetState:
    """Return how a campaign's budget stands; ``currency`` is the account's."""
    return BudgetState(in_money=True, currency=currency, used=campaign.budget_used, amount=campaign.budget_amount)


def campaign_budget_used(campaign: Campaign, *, currency: str) -> str | None:
    """Return what the members of a campaign have used of its budget as REST says it; None without a budget."""
    state = campaign_budget_state(campaign, currency=currency)
    return None if state.amount is None else state.text(state.used)


def budget_used(promotion: Promotion) -> str | int:
    """Return what a promotion has used as REST says it: an amount as text, or points."""
    state = budget_state(promotion)
    return state.text(state.used) if state.in_money else state.used
