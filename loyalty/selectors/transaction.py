"""Reads of transactions."""

import json
from typing import Any

from django.db.models import QuerySet

from loyalty.models import Transaction


def transactions_of(*, account_id: int) -> QuerySet[Transaction]:
    """The account's transactions."""
    return Transaction.objects.filter(account_id=account_id)


def transaction_answer(transaction: Transaction, *, explain: bool) -> dict[str, Any]:
    """The till's answer as it stands now; with ``explain``, why other promotions did not apply, as it was decided."""
    answer: dict[str, Any] = json.loads(transaction.answer) if transaction.answer else _without_decision(transaction)
    if explain:
        answer["not_applied"] = transaction.explanation
    return answer


def _without_decision(transaction: Transaction) -> dict[str, Any]:
    """A sale brought in from elsewhere: nothing was decided about it."""
    return {
        "reference": transaction.reference,
        "currency": transaction.currency,
        "occurred_at": transaction.occurred_at.isoformat().replace("+00:00", "Z"),
        "status": transaction.status,
        "total_inc_tax": f"{transaction.total_inc_tax:f}",
        "discount_total": f"{transaction.discount_total:f}",
        "net_total_inc_tax": f"{transaction.net_total_inc_tax:f}",
        "points": {"base": 0, "promotion": 0, "total": 0, "balance": None},
        "lines": [
            {
                "line_id": line["line_id"],
                "total_inc_tax": line["total"],
                "discount": line["discount"],
                "net_total_inc_tax": line["net"],
                "base_points": line["base_points"],
            }
            for line in transaction.lines
        ],
        "applied": [],
        "vouchers_issued": [],
        "vouchers_refused": [],
        "add_products": [],
        "personalized": [],
        "warnings": [],
        "differences": [],
    }
