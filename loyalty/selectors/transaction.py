"""Reads of transactions."""

import json
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Max, Prefetch, QuerySet

from consumers.models import Consumer
from consumers.moments import moment_text
from consumers.types import JsonObject
from loyalty.choices import TransactionKind, TransactionStatus
from loyalty.models import AppliedPromotion, Reversal, Transaction, Voucher
from loyalty.selectors.stored_decision import ghost_redemptions_of
from promotions.engine.money import money_text, to_minor
from promotions.models import Promotion

LARGE_COLUMNS = ("explanation", "answer", "state", "facts", "lines")
"""Columns that only the page of a decision and the engine read."""


def transactions_of(*, account_id: int) -> QuerySet[Transaction]:
    """Return the account's transactions."""
    return Transaction.objects.filter(account_id=account_id)


def transactions_recent(*, account_id: int, limit: int) -> list[Transaction]:
    """Return the account's last sales that were not wholly returned, newest first, with their lines and consumers."""
    sales = transactions_of(account_id=account_id).exclude(kind=TransactionKind.UNLINKED_RETURN)
    left = sales.exclude(status__in=(TransactionStatus.VOIDED, TransactionStatus.RETURNED))
    rows = left.select_related("consumer").defer("explanation", "answer", "state", "facts")
    return list(rows.order_by("-occurred_at", "-id")[:limit])


def transaction_answer(transaction: Transaction, *, explain: bool) -> JsonObject:
    """Return the till's answer about what is left.

    With ``explain``, it says why other promotions did not apply at the sale, and what was withheld from a consumer who
    was held out.
    """
    stored = transaction.state or transaction.answer
    answer: JsonObject = json.loads(stored) if stored else _without_decision(transaction)
    if explain:
        answer["not_applied"] = transaction.explanation
        answer["held_out"] = _held_out(transaction)
    return answer


def _held_out(transaction: Transaction) -> list[JsonObject]:
    """Return what promotions would have given at a sale if the consumer had not been held out."""
    ghosts = {ghost.promotion: ghost for ghost in ghost_redemptions_of(transaction)}
    if not ghosts:
        return []
    codes = Promotion.objects.filter(account_id=transaction.account_id, pk__in=ghosts).values_list("pk", "code")
    return [
        {
            "promotion": code,
            "version": ghosts[pk].version,
            "redemptions": ghosts[pk].redemptions,
            "points": ghosts[pk].points,
            "saving": ghosts[pk].saving,
            "reason": ghosts[pk].reason,
        }
        for pk, code in codes.order_by("code", "family")
    ]


def reversals_of(*, transaction: Transaction) -> QuerySet[Reversal]:
    """Return the returns of a transaction, and its void, in order."""
    return Reversal.objects.filter(transaction=transaction).order_by("pk")


def past_transactions(*, consumer: Consumer) -> QuerySet[Transaction]:
    """Return a consumer's transactions with site, promotions applied, vouchers redeemed and returns, newest first."""
    applied = AppliedPromotion.objects.select_related("promotion").order_by("position")
    redeemed = Voucher.objects.select_related("offer").order_by("pk")
    reversals = Reversal.objects.order_by("pk").defer("answer", "lines")
    return (
        Transaction.objects.filter(consumer=consumer)
        .select_related("site")
        .prefetch_related(
            Prefetch("applied", queryset=applied),
            Prefetch("vouchers_redeemed", queryset=redeemed),
            Prefetch("reversals", queryset=reversals),
        )
        .defer(*LARGE_COLUMNS)
        .order_by("-occurred_at", "-pk")
    )


def last_transaction_moment(*, consumer_pk: int) -> tuple[datetime | None, date | None]:
    """Return the moment and local day of a consumer's last transaction that was not wholly returned."""
    sales = Transaction.objects.filter(consumer_id=consumer_pk).exclude(kind=TransactionKind.UNLINKED_RETURN)
    left = sales.exclude(status__in=(TransactionStatus.VOIDED, TransactionStatus.RETURNED))
    last = left.order_by("-occurred_at", "-id").values_list("occurred_at", "local_day").first()
    return last or (None, None)


def last_promotion_day(*, consumer_pk: int) -> date | None:
    """Return the local day on which a consumer last redeemed a promotion whose redemption was not taken back."""
    applied = AppliedPromotion.objects.filter(transaction__consumer_id=consumer_pk, redemptions__gt=0)
    day: date | None = applied.aggregate(day=Max("transaction__local_day"))["day"]
    return day


TOTALS = ("total_inc_tax", "discount_total", "net_total_inc_tax")


def _money(amount: Decimal, currency: str) -> str:
    """Return a stored amount, of four decimals, with those of its currency."""
    return money_text(to_minor(amount, currency), currency)


def _without_decision(transaction: Transaction) -> JsonObject:
    """Return the answer about an imported sale, which has no decision."""
    return {
        "reference": transaction.reference,
        "currency": transaction.currency,
        "occurred_at": moment_text(transaction.occurred_at),
        "status": transaction.status,
        **{name: _money(getattr(transaction, name), transaction.currency) for name in TOTALS},
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
