"""Transactions, with what was decided about them and why."""

import json
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from consumers.admin.base import AccountRelatedFilter, ReadOnlyAdmin, choice_filter
from consumers.admin.words import moment_in_words
from loyalty.admin.words import amount_in_words
from loyalty.choices import PromotionType, TransactionKind, TransactionStatus
from loyalty.models import AppliedPromotion, Transaction
from loyalty.selectors.message import messages_of_transaction
from promotions.admin.words import label_of
from promotions.choices import DiscountType
from promotions.models import Promotion

STATUS_COLOURS = {
    TransactionStatus.COMMITTED.label: "success",
    TransactionStatus.PARTLY_RETURNED.label: "warning",
    TransactionStatus.RETURNED.label: "warning",
    TransactionStatus.VOIDED.label: "danger",
}


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    """Transactions."""

    empty_words = "A transaction is a basket that was paid: tills send them."
    list_display = ("reference", "moment", "site", "consumer", "net_total", "points", "status_label")
    list_filter = (
        choice_filter("status", "status", TransactionStatus.choices, lambda _, rows, value: rows.filter(status=value)),
        choice_filter("kind", "kind", TransactionKind.choices, lambda _, rows, value: rows.filter(kind=value)),
        ("site", AccountRelatedFilter),
        ("local_day", RangeDateFilter),
    )
    search_fields = ("reference", "consumer__consumer_id", "consumer__last_name", "loyalty_card")
    search_help_text = "Reference, consumer or card"
    ordering = ("-occurred_at", "-pk")
    fieldsets = (
        (
            "Transaction",
            {
                "fields": (
                    ("reference", "status_label"),
                    ("moment", "site"),
                    ("consumer", "loyalty_card"),
                    ("source", "payment_card_type"),
                )
            },
        ),
        ("Totals", {"fields": (("total", "discounted"), ("net_total", "points"))}),
    )
    tab_templates = {"Transaction": "admin/loyalty/transaction/decision.html"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transaction]:
        return super().get_queryset(request).select_related("site", "consumer")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        transaction = self.get_object(request, object_id)
        if transaction is not None:
            extra_context = decision_of(transaction)
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    @display(description="When", ordering="occurred_at")
    def moment(self, transaction: Transaction) -> str:
        return moment_in_words(transaction.occurred_at)

    @display(description="Status", label=STATUS_COLOURS)
    def status_label(self, transaction: Transaction) -> str:
        return str(TransactionStatus(transaction.status).label)

    @display(description="Total inc. tax")
    def total(self, transaction: Transaction) -> str:
        return amount_in_words(transaction.total_inc_tax, transaction.currency)

    @display(description="Discounts")
    def discounted(self, transaction: Transaction) -> str:
        return amount_in_words(transaction.discount_total, transaction.currency)

    @display(description="Net total", ordering="net_total_inc_tax")
    def net_total(self, transaction: Transaction) -> str:
        return amount_in_words(transaction.net_total_inc_tax, transaction.currency)

    @display(description="Points")
    def points(self, transaction: Transaction) -> str:
        total = transaction.base_points + transaction.promotion_points
        return f"{total:,} ({transaction.base_points:,} base, {transaction.promotion_points:,} promotions)"


def decision_of(transaction: Transaction) -> dict[str, Any]:
    """What the page of a transaction shows of its decision, from what was stored at the time."""
    applied = list(transaction.applied.select_related("promotion", "version").order_by("position"))
    codes = {refusal["promotion"] for refusal in transaction.explanation}
    found = Promotion.objects.filter(account_id=transaction.account_id, code__in=sorted(codes)[:900])
    names = {(promotion.family, promotion.code): promotion for promotion in found}
    answer = json.loads(transaction.answer) if transaction.answer else {}
    return {
        "lines": [line_in_words(line, transaction.currency) for line in transaction.lines],
        "applied": list(applied_in_words(applied, transaction.currency)),
        "refused": [
            {
                "promotion": names.get((refusal["family"], refusal["promotion"])),
                "code": refusal["promotion"],
                "check": label_of(refusal["reason"]),
                "words": refusal.get("detail") or "",
            }
            for refusal in transaction.explanation
        ],
        "vouchers": answer.get("vouchers_issued", []),
        # Asked for by those alone who may look at them.
        "redemption_messages": messages_of_transaction(transaction=transaction),
        "warnings": answer.get("warnings", []),
    }


def line_in_words(line: dict[str, Any], currency: str) -> dict[str, Any]:
    """A line of a transaction as its page shows it."""
    return {
        "sku": line.get("sku", ""),
        "category": line.get("category") or (line.get("product") or {}).get("category") or "",
        "quantity": line.get("quantity", ""),
        "price": amount_in_words(line.get("unit_price_inc_tax"), currency),
        "total": amount_in_words(line.get("total"), currency),
        "discount": amount_in_words(line.get("discount"), currency),
        "net": amount_in_words(line.get("net"), currency),
        "points": line.get("base_points", 0),
    }


def applied_in_words(applied: list[AppliedPromotion], currency: str) -> Iterator[dict[str, Any]]:
    """The promotions of a transaction as its page shows them."""
    types = dict([*PromotionType.choices, *DiscountType.choices])
    for one in applied:
        yield {
            "promotion": one.promotion,
            "type": types.get(one.promotion.type, label_of(one.promotion.type)),
            "version": one.version.number,
            "redemptions": one.redemptions,
            "points": one.points,
            "discount": amount_in_words(one.discount, currency) if one.discount else "–",
            "saving": amount_in_words(one.saving, currency),
        }
