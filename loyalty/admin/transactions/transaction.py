"""The pages of transactions, with their decisions."""

from datetime import UTC, date, datetime, time, timedelta

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.utils import parse_date_str

from consumers.admin.framework.filters import AccountRelatedFilter, choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import LongListAdmin, account_of
from consumers.types import Context, Rows
from loyalty.admin.transactions.decision import describe_decision
from loyalty.admin.wording import describe_amount
from loyalty.choices import TransactionKind, TransactionStatus
from loyalty.models import Transaction
from loyalty.selectors.search import transactions_matching

STATUS_COLOURS = {
    TransactionStatus.COMMITTED.label: "success",
    TransactionStatus.PARTLY_RETURNED.label: "warning",
    TransactionStatus.RETURNED.label: "warning",
    TransactionStatus.VOIDED.label: "danger",
}


class DaysFilter(RangeDateFilter):
    """Filter by the day at the site, and by the moments that such days can have: only moments have an index."""

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows | None:
        rows: Rows | None = super().queryset(request, queryset)
        if rows is None:
            return None
        for name, days, lookup in (("from", -1, "occurred_at__gte"), ("to", 2, "occurred_at__lt")):
            day = parse_date_str(self.used_parameters.get(f"{self.parameter_name}_{name}") or "")
            # Outside these days there are no moments to filter by.
            if day is not None and date.min < day < date.max - timedelta(days=2):
                rows = rows.filter(**{lookup: datetime.combine(day + timedelta(days=days), time(), tzinfo=UTC)})
        return rows


@admin.register(Transaction)
class TransactionAdmin(LongListAdmin):
    """The pages of transactions."""

    empty_text = "Tills send a transaction for every basket that is paid."
    list_display = ("reference", "moment", "site", "consumer", "net_total", "points", "status_label")
    list_filter = (
        choice_filter("status", "status", TransactionStatus.choices, lambda _, rows, value: rows.filter(status=value)),
        choice_filter("kind", "kind", TransactionKind.choices, lambda _, rows, value: rows.filter(kind=value)),
        ("site", AccountRelatedFilter),
        ("local_day", DaysFilter),
    )
    matching = staticmethod(transactions_matching)
    search_help_text = "Reference, consumer or card"
    sortable_by = ("moment",)
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
        ("Totals", {"fields": (("total", "discounted"), ("net_total", "paid_now"), "points")}),
    )
    tab_templates = {"Transaction": "admin/loyalty/transaction/decision.html"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transaction]:
        return super().get_queryset(request).select_related("site", "consumer")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        transaction = self.get_object(request, object_id)
        if transaction is not None:
            extra_context = {"decision": describe_decision(transaction, account=account_of(request))}
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    @display(description="When", ordering="occurred_at")
    def moment(self, transaction: Transaction) -> str:
        return format_moment(transaction.occurred_at)

    @display(description="Status", label=STATUS_COLOURS)
    def status_label(self, transaction: Transaction) -> str:
        return str(TransactionStatus(transaction.status).label)

    @display(description="Total inc. tax")
    def total(self, transaction: Transaction) -> str:
        return describe_amount(transaction.total_inc_tax, transaction.currency)

    @display(description="Discounts")
    def discounted(self, transaction: Transaction) -> str:
        return describe_amount(transaction.discount_total, transaction.currency)

    @display(description="Net total", ordering="net_total_inc_tax")
    def net_total(self, transaction: Transaction) -> str:
        return describe_amount(transaction.net_total_inc_tax, transaction.currency)

    @display(description="Paid, less refunds")
    def paid_now(self, transaction: Transaction) -> str:
        return describe_amount(transaction.paid, transaction.currency)

    @display(description="Points")
    def points(self, transaction: Transaction) -> str:
        total = transaction.base_points + transaction.promotion_points
        return f"{total:,} ({transaction.base_points:,} base, {transaction.promotion_points:,} promotions)"
