"""The fields of budgets: how much a promotion or campaign may give in all, and a promotion to each customer."""

from collections.abc import Mapping
from decimal import Decimal

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from consumers.types import JsonObject
from promotions.admin.inputs.number_inputs import CURRENCY, decimal, whole
from promotions.admin.rules.wording import format_amount
from promotions.engine.definition.budgets import is_budget_in_money
from promotions.engine.definition.fields import WHOLE_PROMOTION
from promotions.models import Campaign, Promotion
from promotions.selectors.budget import BudgetState, budget_state, campaign_budget_state

WHEN_SHORT_LABELS = (
    ("refuse", "Give nothing"),
    ("cut", "Give what is left"),
    ("honour", "Give it in full one last time"),
)
PERIOD_LABELS = (
    (WHOLE_PROMOTION, "The whole promotion"),
    ("day", "A day"),
    ("week", "A week, from Monday"),
    ("month", "A month"),
    ("year", "A year"),
)
BUDGET_ROWS = (
    ("total_budget", "total_budget_when_short"),
    ("customer_budget_amount", "customer_budget_period", "customer_budget_when_short"),
)
"""The fields of both budgets, as rows of a section."""

BUDGETS_SECTION = (
    "Budget",
    {
        "fields": BUDGET_ROWS,
        "description": "How much may be given away: money off, the value of vouchers, or points.",
    },
)
BUDGET_PATHS: Mapping[str, str] = {
    "budget.when_short": "total_budget_when_short",
    "budget": "total_budget",
    "customer_budget.period": "customer_budget_period",
    "customer_budget.when_short": "customer_budget_when_short",
    "customer_budget": "customer_budget_amount",
}
"""The field at which a problem with a budget is shown."""


class TotalBudgetFields(forms.Form):
    """A budget in all. A blank amount is none."""

    total_budget = forms.DecimalField(label="Budget", required=False, min_value=0)
    total_budget_when_short = forms.ChoiceField(
        label="When too little is left",
        required=False,
        choices=WHEN_SHORT_LABELS,
        widget=UnfoldAdminSelectWidget(),
        help_text="What a basket gets that would need more than is left of the budget.",
    )


class BudgetFields(TotalBudgetFields):
    """A budget in all, and one of each customer. A blank amount is none."""

    customer_budget_amount = forms.DecimalField(
        label="Budget per customer",
        required=False,
        min_value=0,
        help_text="How much each customer may get in the period, as with a staff allowance. Leave blank for no budget.",
    )
    customer_budget_period = forms.ChoiceField(
        label="Period of the budget per customer",
        required=False,
        choices=PERIOD_LABELS,
        widget=UnfoldAdminSelectWidget(),
        help_text="The calendar day, week, month or year in the account's time zone.",
    )
    customer_budget_when_short = forms.ChoiceField(
        label="When too little is left for the customer",
        required=False,
        choices=WHEN_SHORT_LABELS,
        widget=UnfoldAdminSelectWidget(),
    )


def budget_fields_prepare(fields: Mapping[str, forms.Field], promotion: Promotion, *, promotion_type: str) -> None:
    """Give the amounts their unit, and say what is used of the budget."""
    in_money = is_budget_in_money(promotion.family or "", promotion_type)
    for name in ("total_budget", "customer_budget_amount"):
        fields[name].widget = decimal(CURRENCY, min="0") if in_money else whole("points", min="0")
    used = _used(budget_state(promotion)) if promotion.pk else ""
    fields["total_budget"].help_text = f"How much may be given in all. Leave blank for no budget.{used}"


def campaign_budget_prepare(fields: Mapping[str, forms.Field], campaign: Campaign, *, currency: str) -> None:
    """Give the amount of a campaign's budget its currency, and say what is used of it."""
    fields["total_budget"].widget = decimal(currency, min="0")
    used = _used(campaign_budget_state(campaign, currency=currency)) if campaign.pk else ""
    fields["total_budget"].help_text = (
        "How much its promotions and discounts may give together: money off, points and vouchers at their value."
        f" Leave blank for no budget.{used}"
    )


def _used(state: BudgetState) -> str:
    if state.left is None:
        return f" Given so far: {budget_words(state, state.used)}." if state.used else ""
    return f" Used: {budget_words(state, state.used)}. Left: {budget_words(state, state.left)}."


def budget_words(state: BudgetState, amount: int) -> str:
    """Return an amount of a budget with its unit, as people read it."""
    if state.in_money:
        return f"{budget_number(state, amount)} {state.currency}"
    return f"{amount:,} {'point' if amount == 1 else 'points'}"


def total_budget_values(budget: JsonObject | None) -> dict[str, object]:
    """Return the fields' values of a budget in all."""
    budget = budget or {}
    return {"total_budget": budget.get("amount"), "total_budget_when_short": budget.get("when_short")}


def budget_number(state: BudgetState, amount: int) -> str:
    """Return an amount of a budget without its unit, as people read it."""
    return format_amount(state.text(amount), state.currency) if state.in_money else f"{amount:,}"


def budget_use_words(state: BudgetState) -> str:
    """Return what is used of a budget, such as ``94.90 of 100.00 GBP``."""
    return f"{budget_number(state, state.used)} of {budget_words(state, state.amount or 0)}"


def budget_values(promotion: Promotion) -> dict[str, object]:
    """Return the fields' values of a promotion's budgets."""
    customer = promotion.customer_budget or {}
    return {
        **total_budget_values(promotion.budget),
        "customer_budget_amount": customer.get("amount"),
        "customer_budget_period": customer.get("period"),
        "customer_budget_when_short": customer.get("when_short"),
    }


def budgets_document(values: Mapping[str, object]) -> dict[str, JsonObject | None]:
    """Return both budgets of the values entered; None where there is no amount."""
    return {
        "budget": total_budget_document(values),
        "customer_budget": _document(
            values.get("customer_budget_amount"),
            {
                "period": values.get("customer_budget_period") or WHOLE_PROMOTION,
                "when_short": values.get("customer_budget_when_short") or WHEN_SHORT_LABELS[0][0],
            },
        ),
    }


def total_budget_document(values: Mapping[str, object]) -> JsonObject | None:
    """Return the budget in all of the values entered; None where there is no amount."""
    when_short = values.get("total_budget_when_short") or WHEN_SHORT_LABELS[0][0]
    return _document(values.get("total_budget"), {"when_short": when_short})


def _document(amount: object, others: JsonObject) -> JsonObject | None:
    if amount is None or amount == "":
        return None
    text = f"{amount:f}" if isinstance(amount, Decimal) else str(amount)
    return {"amount": text, **others}
