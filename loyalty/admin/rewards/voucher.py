"""Vouchers: the coded instances of offers in consumers' hands."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import display

from consumers.admin.framework.filters import AccountRelatedFilter, MomentDaysFilter, choice_filter
from consumers.admin.framework.formatting import format_day, format_moment
from consumers.admin.framework.pages import LongListAdmin, account_of
from consumers.types import Rows
from loyalty.admin.rewards.claim import claim_view
from loyalty.choices import VoucherStatus
from loyalty.models import Voucher
from loyalty.selectors.rewards import vouchers_of
from loyalty.selectors.search import vouchers_matching

VOUCHER_COLOURS = {
    VoucherStatus.ISSUED.label: "info",
    VoucherStatus.REDEEMED.label: "success",
    VoucherStatus.EXPIRED.label: "warning",
    VoucherStatus.CANCELLED.label: "danger",
}


def _by_voucher_status(request: HttpRequest, vouchers: Rows, status: str) -> Rows:
    return vouchers.filter(shown_status=status)


@admin.register(Voucher)
class VoucherAdmin(LongListAdmin):
    """The pages of vouchers, which cannot be edited."""

    empty_text = "Redeem offer promotions issue vouchers, and consumers claim them for points."
    list_display = ("code", "offer", "consumer", "status_label", "issued", "last_day_label")
    list_filter = (
        choice_filter("status", "status", VoucherStatus.choices, _by_voucher_status),
        ("offer", AccountRelatedFilter),
        ("issued_at", MomentDaysFilter),
    )
    matching = staticmethod(vouchers_matching)
    search_help_text = "Voucher code, offer or consumer"
    sortable_by = ("issued",)
    ordering = ("-issued_at", "-pk")
    fieldsets = (
        ("Voucher", {"fields": (("code", "status_label"), ("offer", "consumer"))}),
        ("Dates and use", {"fields": (("issued", "last_day_label"), "expires", "issued_with", "redeemed")}),
    )

    def get_urls(self) -> list[URLPattern]:
        claim = path("claim/<int:consumer_pk>/", self.admin_site.admin_view(claim_view), name="loyalty_voucher_claim")
        return [claim, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Voucher]:
        vouchers = vouchers_of(account_id=account_of(request).pk, at=timezone.now())
        return vouchers.select_related(
            "offer", "consumer", "issued_by__transaction", "issued_by__promotion", "redeemed_by", "claimed_by"
        ).order_by(*self.ordering)

    @display(description="Status", label=VOUCHER_COLOURS)
    def status_label(self, voucher: Any) -> str:
        return str(VoucherStatus(voucher.shown_status).label)

    @display(description="Issued", ordering="issued_at")
    def issued(self, voucher: Voucher) -> str:
        return format_moment(voucher.issued_at)

    @display(description="Last day", ordering="last_day")
    def last_day_label(self, voucher: Voucher) -> str:
        return format_day(voucher.last_day)

    @display(description="Expires", ordering="expires_at")
    def expires(self, voucher: Voucher) -> str:
        return format_moment(voucher.expires_at)

    @display(description="Issued with")
    def issued_with(self, voucher: Voucher) -> str:
        if voucher.issued_by is None:
            if not voucher.claim_reference:
                return "–"
            staff = f" by {voucher.claimed_by.get_full_name() or voucher.claimed_by}" if voucher.claimed_by else ""
            return f"Claimed for points{staff} ({voucher.claim_reference})"
        return f"Transaction {voucher.issued_by.transaction}, by {voucher.issued_by.promotion}"

    @display(description="Redeemed")
    def redeemed(self, voucher: Voucher) -> str:
        if voucher.redeemed_at is None:
            return "–"
        return f"{format_moment(voucher.redeemed_at)}, transaction {voucher.redeemed_by}"
