"""What the loyalty programme shows on a consumer's Loyalty tab."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from consumers.loyalty_sections import LoyaltySection
from consumers.models import Consumer
from loyalty.models import LedgerEntry, PromotionUsage, Voucher
from loyalty.selectors.points import activity_of
from loyalty.selectors.rewards import vouchers_of
from loyalty.selectors.transaction import past_transactions
from promotions.engine.money import money_text, to_minor

LAST = 50
"""How many entries, vouchers and promotions each section shows."""

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_MOMENT = {"type": "string", "format": "date-time"}
_NUMBER = {"type": "integer"}


def _rows(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": properties}}


def activity_data(consumer: Consumer, *, at: datetime) -> list[dict[str, Any]]:
    """The last entries of the ledger, newest first."""
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
        for entry in activity_of(consumer=consumer)[:LAST]
    ]


def activity_page_data(consumer: Consumer, *, at: datetime) -> list[LedgerEntry]:
    """The last entries as the page shows them, with links to their transactions."""
    return list(activity_of(consumer=consumer)[:LAST])


def voucher_data(consumer: Consumer, *, at: datetime) -> list[dict[str, Any]]:
    """The last vouchers, newest first."""
    vouchers = vouchers_of(account_id=consumer.account_id, at=at).filter(consumer=consumer)
    names = {"code": "code", "offer": "offer__code", "name": "offer__name", "status": "shown_status"} | {
        name: name for name in ("issued_at", "expires_at", "redeemed_at")
    }
    return [{name: row[source] for name, source in names.items()} for row in vouchers.values(*names.values())[:LAST]]


def voucher_page_data(consumer: Consumer, *, at: datetime) -> list[Voucher]:
    """The last vouchers as the page shows them, with links to their own pages."""
    vouchers = vouchers_of(account_id=consumer.account_id, at=at).filter(consumer=consumer)
    return list(vouchers.select_related("offer")[:LAST])


def redemption_data(consumer: Consumer, *, at: datetime) -> list[dict[str, Any]]:
    """How often each promotion was redeemed, in order of code."""
    return [
        {"promotion": one.promotion.code, "name": one.promotion.name, "redemptions": one.redemptions}
        for one in redemption_page_data(consumer, at=at)
    ]


def redemption_page_data(consumer: Consumer, *, at: datetime) -> list[PromotionUsage]:
    """The same as the page shows it, with links to the promotions."""
    usage = PromotionUsage.objects.filter(consumer=consumer, redemptions__gt=0).select_related("promotion")
    return list(usage.order_by("promotion__code", "promotion__family")[:LAST])


def transaction_page_data(consumer: Consumer, *, at: datetime) -> list[dict[str, Any]]:
    """The last transactions, newest first: what applied and paid, what it gave, and what came back."""

    def money(amount: Decimal, currency: str) -> str:
        return f"{money_text(to_minor(amount, currency), currency)} {currency}"

    return [
        {
            "transaction": transaction,
            "status": transaction.get_status_display(),
            "net": money(transaction.net_total_inc_tax, transaction.currency),
            "points": transaction.base_points + transaction.promotion_points,
            "applied": [
                *(one.promotion.name for one in transaction.applied.all()),
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
        for transaction in past_transactions(consumer=consumer)[:LAST]
    ]


SECTIONS = (
    LoyaltySection(
        key="activity",
        label="Loyalty activity",
        position=30,
        data=activity_data,
        page_data=activity_page_data,
        template="admin/consumers/consumer/loyalty/activity.html",
        schema=_rows(
            points=_NUMBER,
            type=_TEXT,
            kind=_TEXT,
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
        page_data=voucher_page_data,
        template="admin/consumers/consumer/loyalty/vouchers.html",
        schema=_rows(
            code=_TEXT,
            offer=_TEXT,
            name=_TEXT,
            status=_TEXT,
            issued_at=_MOMENT,
            expires_at={**_MOMENT, "type": ["string", "null"]},
            redeemed_at={**_MOMENT, "type": ["string", "null"]},
        ),
    ),
    LoyaltySection(
        key="redemptions",
        label="Redemptions",
        position=60,
        data=redemption_data,
        page_data=redemption_page_data,
        template="admin/consumers/consumer/loyalty/redemptions.html",
        schema=_rows(promotion=_TEXT, name=_TEXT, redemptions=_NUMBER),
    ),
    LoyaltySection(
        key="transactions",
        label="Past transactions",
        position=70,
        data=transaction_page_data,
        is_answered=False,
        permission="loyalty.view_transaction",
        template="admin/consumers/consumer/loyalty/transactions.html",
    ),
)
