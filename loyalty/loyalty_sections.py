"""Sections of a consumer's Loyalty tab: activity, vouchers, redemptions and transactions."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from consumers.loyalty_sections import LoyaltySection
from consumers.models import Consumer
from consumers.types import JsonObject
from loyalty.choices import EntryKind, VoucherStatus
from loyalty.models import LedgerEntry, PromotionUsage, Transaction, Voucher
from loyalty.selectors.points import activity_of
from loyalty.selectors.rewards import vouchers_of
from loyalty.selectors.transaction import past_transactions
from loyalty.services.allowances import Allowance, allowances_of
from promotions.engine.definition.fields import LIMIT_PERIODS
from promotions.engine.money import money_text, to_minor

MAX_ROWS = 50
"""Rows of each section in the REST answer."""

_TEXT: JsonObject = {"type": "string"}
_MAYBE_TEXT: JsonObject = {"type": ["string", "null"]}
_MOMENT: JsonObject = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: JsonObject = {"type": ["string", "null"], "format": "date-time"}
_NUMBER: JsonObject = {"type": "integer"}


def _enum(*values: str) -> JsonObject:
    return {"type": "string", "enum": list(values)}


def _rows(**properties: JsonObject) -> JsonObject:
    row = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "array", "items": row, "maxItems": MAX_ROWS}


def activity_data(consumer: Consumer, *, at: datetime) -> list[JsonObject]:
    """Return the last entries of the ledger, newest first."""
    return [
        {
            "points": entry.points,
            "type": entry.activity_type,
            "kind": entry.kind,
            "description": entry.description,
            "transaction": entry.transaction.reference if entry.transaction else None,
            "promotion": entry.promotion.code if entry.promotion else None,
            "reference": entry.reference,
            "at": entry.at,
        }
        for entry in activity_of(consumer=consumer)[:MAX_ROWS]
    ]


def activity_rows(consumer: Consumer, *, at: datetime) -> QuerySet[LedgerEntry]:
    """Return all entries of the ledger, newest first."""
    return activity_of(consumer=consumer)


def voucher_data(consumer: Consumer, *, at: datetime) -> list[JsonObject]:
    """Return the last vouchers, newest first."""
    vouchers = vouchers_of(account_id=consumer.account_id, at=at).filter(consumer=consumer)
    names = {"code": "code", "offer": "offer__code", "name": "offer__name", "status": "shown_status"} | {
        name: name for name in ("issued_at", "expires_at", "last_day", "redeemed_at")
    }
    return [
        {name: row[source] for name, source in names.items()} for row in vouchers.values(*names.values())[:MAX_ROWS]
    ]


def voucher_rows(consumer: Consumer, *, at: datetime) -> QuerySet[Voucher]:
    """Return all vouchers, newest first."""
    return vouchers_of(account_id=consumer.account_id, at=at).filter(consumer=consumer).select_related("offer")


def redemption_data(consumer: Consumer, *, at: datetime) -> list[JsonObject]:
    """Return how often each promotion was redeemed, in the order of codes."""
    return [
        {"promotion": usage.promotion.code, "name": usage.promotion.name, "redemptions": usage.redemptions}
        for usage in redemption_rows(consumer, at=at)[:MAX_ROWS]
    ]


def redemption_rows(consumer: Consumer, *, at: datetime) -> QuerySet[PromotionUsage]:
    """Return the redemptions of all promotions, in the order of codes."""
    usage = PromotionUsage.objects.filter(consumer=consumer, redemptions__gt=0).select_related("promotion")
    return usage.order_by("promotion__code", "promotion__family")


def allowance_data(consumer: Consumer, *, at: datetime) -> list[JsonObject]:
    """Return what is used and left of each budget for a customer in its period now, in the order of codes."""
    return [
        {
            "promotion": allowance.promotion.code,
            "period": allowance.period,
            "used": allowance.text(allowance.used),
            "left": allowance.text(allowance.left),
        }
        for allowance in allowances_of(consumer=consumer, at=at)[:MAX_ROWS]
    ]


def allowances_shown(consumer: Consumer, *, at: datetime) -> list[JsonObject]:
    """Return the same as the page shows it: with the promotion's name, and amounts with their unit."""

    def words(allowance: Allowance, amount: int) -> str:
        if allowance.promotion.gives_points:
            return f"{amount:,} {'point' if amount == 1 else 'points'}"
        return f"{allowance.text(amount)} {allowance.promotion.source.currency}"

    return [
        {
            "promotion": allowance.promotion.source.name,
            "period": _PERIODS[allowance.period],
            "used": words(allowance, allowance.used),
            "left": words(allowance, allowance.left),
        }
        for allowance in allowances_of(consumer=consumer, at=at)
    ]


_PERIODS = {
    "promotion": "The whole promotion",
    "day": "Today",
    "week": "This week",
    "month": "This month",
    "year": "This year",
}


def transaction_rows(consumer: Consumer, *, at: datetime) -> QuerySet[Transaction]:
    """Return all transactions, newest first."""
    return past_transactions(consumer=consumer)


def transactions_shown(transactions: Sequence[Transaction]) -> list[JsonObject]:
    """Return transactions as the page shows them, with promotions applied, vouchers redeemed and returns."""

    def money(amount: Decimal, currency: str) -> str:
        return f"{money_text(to_minor(amount, currency), currency)} {currency}"

    return [
        {
            "transaction": transaction,
            "status": transaction.get_status_display(),
            "net": money(transaction.net_total_inc_tax, transaction.currency),
            "points": transaction.base_points + transaction.promotion_points,
            "applied": [
                *(applied.promotion.name for applied in transaction.applied.all()),
                *(f"Voucher: {voucher.offer.name}" for voucher in transaction.vouchers_redeemed.all()),
            ],
            "reversals": [
                {
                    "kind": reversal.get_kind_display(),
                    "reference": reversal.reference,
                    "at": reversal.occurred_at,
                    "refund": money(reversal.refund_due, transaction.currency),
                    "points": reversal.points,
                }
                for reversal in transaction.reversals.all()
            ],
        }
        for transaction in transactions
    ]


SECTIONS = (
    LoyaltySection(
        key="activity",
        label="Loyalty activity",
        position=30,
        data=activity_data,
        page_rows=activity_rows,
        template="admin/consumers/consumer/loyalty/activity.html",
        schema=_rows(
            points=_NUMBER,
            type=_TEXT,
            kind=_enum(*EntryKind.values),
            description=_TEXT,
            transaction=_MAYBE_TEXT,
            promotion=_MAYBE_TEXT,
            reference=_TEXT,
            at=_MOMENT,
        ),
    ),
    LoyaltySection(
        key="vouchers",
        label="Vouchers",
        position=40,
        data=voucher_data,
        page_rows=voucher_rows,
        template="admin/consumers/consumer/loyalty/vouchers.html",
        schema=_rows(
            code=_TEXT,
            offer=_TEXT,
            name=_TEXT,
            status=_enum(*VoucherStatus.values),
            issued_at=_MOMENT,
            expires_at=_MAYBE_MOMENT,
            last_day={"type": ["string", "null"], "format": "date"},
            redeemed_at=_MAYBE_MOMENT,
        ),
    ),
    LoyaltySection(
        key="redemptions",
        label="Redemptions",
        position=60,
        data=redemption_data,
        page_rows=redemption_rows,
        template="admin/consumers/consumer/loyalty/redemptions.html",
        schema=_rows(promotion=_TEXT, name=_TEXT, redemptions=_NUMBER),
    ),
    LoyaltySection(
        key="allowances",
        label="Budgets of this customer",
        position=65,
        data=allowance_data,
        page_data=allowances_shown,
        template="admin/consumers/consumer/loyalty/allowances.html",
        schema=_rows(
            promotion=_TEXT,
            period=_enum(*LIMIT_PERIODS),
            used={"type": ["string", "integer"]},
            left={"type": ["string", "integer"]},
        ),
    ),
    LoyaltySection(
        key="transactions",
        label="Past transactions",
        position=70,
        data=lambda consumer, *, at: transactions_shown(list(transaction_rows(consumer, at=at)[:MAX_ROWS])),
        page_rows=transaction_rows,
        page_shape=transactions_shown,
        is_answered=False,
        permission="loyalty.view_transaction",
        template="admin/consumers/consumer/loyalty/transactions.html",
    ),
)
