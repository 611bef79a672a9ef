"""The page of the points ledger."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path
from unfold.decorators import display

from consumers.admin.files.pages import IMPORT, ImportExportMixin
from consumers.admin.framework.filters import choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import LongListAdmin
from loyalty.admin.points.adjustment import PERMISSION, adjust_view
from loyalty.admin.points.adjustment_files import AdjustmentResource
from loyalty.choices import EntryKind
from loyalty.models import LedgerEntry
from loyalty.selectors.search import ledger_entries_matching

SIGNS = [("gained", "Points gained"), ("lost", "Points lost")]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ImportExportMixin, LongListAdmin):
    """Entries of the ledger, which cannot be changed or deleted; a file adds adjustments."""

    resource_classes = (AdjustmentResource,)
    file_note = (
        "Each row adds points to a member's balance, or takes them away if the number is below zero. Use it for "
        "opening balances from another system, for example. Each reference is imported once. Without one, the same "
        "consumer, points and description are imported once. Your role's limits still apply."
    )
    # The ledger has millions of rows, and its page shows no more than 10,000 of them.
    exports = False

    page_name = "Points ledger"
    rows_name = "points adjustments"
    empty_text = "Every point a consumer gains or loses has an entry here."
    list_display = ("moment", "consumer", "signed_points", "kind_label", "description", "transaction", "promotion_code")
    list_filter = (
        choice_filter("kind", "kind", EntryKind.choices, lambda _, rows, value: rows.filter(kind=value)),
        choice_filter(
            "sign",
            "sign",
            SIGNS,
            lambda _, rows, value: rows.filter(points__gt=0) if value == "gained" else rows.filter(points__lt=0),
        ),
    )
    matching = staticmethod(ledger_entries_matching)
    search_help_text = "Consumer, transaction or promotion"
    sortable_by = ("moment",)
    ordering = ("-at", "-pk")
    fieldsets = (
        ("Entry", {"fields": (("moment", "written"), ("consumer", "signed_points"), ("kind_label", "activity_type"))}),
        ("Why", {"fields": ("description", ("transaction", "promotion_code"), ("reference", "made_by"))}),
    )

    def has_import_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION) and request.user.has_perm(IMPORT)

    def get_urls(self) -> list[Any]:
        adjust = self.admin_site.admin_view(adjust_view)
        return [path("adjust/<int:consumer_pk>/", adjust, name="loyalty_ledgerentry_adjust"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        entries: QuerySet[LedgerEntry] = super().get_queryset(request)
        return entries.select_related("consumer", "transaction", "promotion", "staff_adjustment__made_by")

    @display(description="When", ordering="at")
    def moment(self, entry: LedgerEntry) -> str:
        return format_moment(entry.at)

    @display(description="Written")
    def written(self, entry: LedgerEntry) -> str:
        return format_moment(entry.created_at)

    @display(description="Adjusted by")
    def made_by(self, entry: LedgerEntry) -> str:
        adjustment = getattr(entry, "staff_adjustment", None)
        return str(adjustment.made_by) if adjustment is not None else "–"

    @display(description="Points", ordering="points")
    def signed_points(self, entry: LedgerEntry) -> str:
        return f"{entry.points:+,}"

    @display(description="Kind", ordering="kind")
    def kind_label(self, entry: LedgerEntry) -> str:
        return str(EntryKind(entry.kind).label)

    @display(description="Promotion", ordering="promotion__code")
    def promotion_code(self, entry: LedgerEntry) -> str:
        return str(entry.promotion) if entry.promotion else "–"
