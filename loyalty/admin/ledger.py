"""The points ledger."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from consumers.admin.base import ReadOnlyAdmin, choice_filter
from consumers.admin.words import moment_in_words
from loyalty.choices import EntryKind
from loyalty.models import LedgerEntry

SIGNS = [("gained", "Points gained"), ("lost", "Points lost")]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Entries of the ledger, which are never changed or deleted."""

    empty_words = "Every point that a consumer gains or loses is an entry here, for good."
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
    search_fields = (
        "consumer__consumer_id",
        "consumer__last_name",
        "transaction__reference",
        "promotion__code",
        "reference",
    )
    search_help_text = "Consumer, transaction or promotion"
    ordering = ("-at", "-pk")
    fieldsets = (
        ("Entry", {"fields": (("moment", "written"), ("consumer", "signed_points"), ("kind_label", "activity_type"))}),
        ("Why", {"fields": ("description", ("transaction", "promotion_code"), "reference")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        return super().get_queryset(request).select_related("consumer", "transaction", "promotion")

    @display(description="When", ordering="at")
    def moment(self, entry: LedgerEntry) -> str:
        return moment_in_words(entry.at)

    @display(description="Written")
    def written(self, entry: LedgerEntry) -> str:
        return moment_in_words(entry.created_at)

    @display(description="Points", ordering="points")
    def signed_points(self, entry: LedgerEntry) -> str:
        return f"{entry.points:+,}"

    @display(description="Kind", ordering="kind")
    def kind_label(self, entry: LedgerEntry) -> str:
        return str(EntryKind(entry.kind).label)

    @display(description="Promotion", ordering="promotion__code")
    def promotion_code(self, entry: LedgerEntry) -> str:
        return str(entry.promotion) if entry.promotion else "–"
