"""Check the budgets of a promotion: how much it may give in all, and to each customer."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from promotions.engine.definition.fields import LIMIT_PERIODS, MAX_BUDGET, WHEN_SHORT, Document
from promotions.engine.definition.reader import Findings, ObjectReader
from promotions.engine.money import money_text, to_minor
from promotions.engine.rules.check import normalized_number

NO_BUDGETS: Mapping[str, object] = MappingProxyType({})


def is_budget_in_money(family: str, promotion_type: str) -> bool:
    """Return whether budgets of such promotions are money: those of the others are whole points."""
    return family == "discount" or promotion_type == "redeem_offer"


def budget_amount(budget: Document, *, family: str, promotion_type: str, currency: str) -> int:
    """Return the amount of a budget in normal form: minor units of money, or points."""
    amount = Decimal(budget["amount"])
    return to_minor(amount, currency) if is_budget_in_money(family, promotion_type) else int(amount)


def read_budget(value: object, *, currency: str, findings: Findings, path: str = "budget") -> Document | None:
    """Return a budget in normal form; None where there is none.

    Args:
        value: as sent: ``amount`` and ``when_short``.
        currency: of its amount; empty where it is in points.
        findings: collects the problems.
        path: where it stands.
    """
    if not _is_object(value, path, findings):
        return None
    sent = ObjectReader(value, path, findings)
    budget = {"amount": _read_amount(sent, currency), "when_short": _read_when_short(sent)}
    sent.finish()
    return budget


def read_customer_budget(value: object, *, currency: str, findings: Findings) -> Document | None:
    """Return the budget of each customer in normal form; see ``read_budget``. It has a ``period`` besides."""
    if not _is_object(value, "customer_budget", findings):
        return None
    sent = ObjectReader(value, "customer_budget", findings)
    budget = {
        "amount": _read_amount(sent, currency),
        "period": sent.choice("period", LIMIT_PERIODS),
        "when_short": _read_when_short(sent),
    }
    sent.finish()
    return budget


def _is_object(value: object, path: str, findings: Findings) -> bool:
    """Return whether a value has keys to read; None has none and is no problem."""
    if value is not None and not isinstance(value, Mapping):
        findings.add_problem(path, "invalid", "Expected an object.")
    return isinstance(value, Mapping)


def _read_when_short(sent: ObjectReader) -> str:
    return sent.choice("when_short", WHEN_SHORT, default=WHEN_SHORT[0])


def _read_amount(sent: ObjectReader, currency: str) -> str:
    """Return an amount of 0 or more: with the decimals of its currency, or whole where it is in points."""
    value = sent.take("amount")
    if value is None or value == "":
        sent.add_problem("amount", "required", "This field is required.")
        return "0"
    try:
        amount = Decimal(normalized_number(value))
        if currency:
            text = money_text(to_minor(amount, currency), currency)
        elif amount == int(amount):
            text = str(int(amount))
        else:
            sent.add_problem("amount", "invalid_number", "A budget in points is a whole number.")
            return "0"
    except ValueError as error:
        sent.add_problem("amount", "invalid_number", f"{error}".removesuffix(".") + ".")
        return "0"
    if not 0 <= amount <= MAX_BUDGET:
        sent.add_problem("amount", "invalid_number", f"Expected an amount from 0 to {MAX_BUDGET:,}.")
    return text
