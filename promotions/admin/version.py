"""Versions of promotions: who said what, and when."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.history import MAX_HISTORY_ENTRIES, Change, HistoryEntry, describe_field_change
from consumers.admin.framework.pages import ReadOnlyAdmin
from promotions.admin.rules.wording import describe_document
from promotions.admin.visibility import may_see_personalized, without_personalized
from promotions.choices import Status
from promotions.models import Promotion, PromotionVersion


@admin.register(PromotionVersion)
class PromotionVersionAdmin(ReadOnlyAdmin):
    """Every version of every promotion; redemptions name the one that they used."""

    account_path = "promotion__account"
    empty_text = "Each time a promotion is saved with a change, what it says is kept here for good."
    list_display = ("promotion_name", "version", "saved", "made_by")
    list_display_links = ("promotion_name", "version")
    search_fields = ("promotion__code", "promotion__name")
    search_help_text = "Code or name of the promotion"
    ordering = ("-created_at", "-pk")
    fieldsets = (
        ("Version", {"fields": (("promotion_name", "version"), ("saved", "made_by"))}),
        ("What it said", {"fields": ("general", "outcome", "eligibility", "content")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromotionVersion]:
        return super().get_queryset(request).select_related("promotion", "created_by")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> PromotionVersion | None:
        version: PromotionVersion | None = super().get_object(request, object_id, from_field)
        if version is not None and not may_see_personalized(request):
            version.definition = without_personalized(version.definition)
        return version

    @display(description="Promotion", ordering="promotion__name")
    def promotion_name(self, version: PromotionVersion) -> str:
        return str(version.promotion)

    @display(description="Version", ordering="number")
    def version(self, version: PromotionVersion) -> str:
        return f"Version {version.number}"

    @display(description="Saved", ordering="created_at")
    def saved(self, version: PromotionVersion) -> str:
        return format_moment(version.created_at)

    @display(description="Saved by")
    def made_by(self, version: PromotionVersion) -> str:
        if version.created_by:
            return version.created_by.get_full_name() or version.created_by.get_username()
        return version.created_with or "–"

    @display(description="General")
    def general(self, version: PromotionVersion) -> str:
        return facts({name: value for name, value in version.definition.items() if name not in DOCUMENTS})

    @display(description="Outcome")
    def outcome(self, version: PromotionVersion) -> str:
        return facts(version.definition.get("outcome"))

    @display(description="Eligibility")
    def eligibility(self, version: PromotionVersion) -> str:
        return facts(version.definition.get("eligibility"))

    @display(description="Content")
    def content(self, version: PromotionVersion) -> str:
        return facts(version.definition.get("content"))


DOCUMENTS = ("outcome", "eligibility", "content")
"""The columns of a promotion that hold a document of its definition."""


def promotion_change(field: Any, before: Any, after: Any) -> Iterator[Change]:
    """A change of a promotion in words; of a document, only what differs."""
    if field.name not in DOCUMENTS:
        yield from describe_field_change(field, before, after)
        return
    said, says = dict(describe_document(before or {})), dict(describe_document(after or {}))
    for label in dict.fromkeys([*said, *says]):
        if said.get(label) != says.get(label):
            yield Change(label=label, before=said.get(label, "–"), after=says.get(label, "–"))


def promotion_change_withheld(field: Any, before: Any, after: Any) -> Iterator[Change]:
    """The same, without a name of a personalized promotion."""
    yield from promotion_change(field, without_personalized(before), without_personalized(after))


def status_entries(promotion: Promotion) -> Sequence[HistoryEntry]:
    """When a promotion truly started, ended and so on, newest first."""
    events = promotion.status_events.order_by("-effective_at", "-pk")[:MAX_HISTORY_ENTRIES]
    return [HistoryEntry(at=event.effective_at, kind=f"Became {Status(event.status).label}") for event in events]


def facts(document: Any) -> str:
    """A document as a list of labels and words."""
    pairs = list(describe_document(document or {}))
    if not pairs:
        return "–"
    rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
    return format_html('<dl class="facts">{}</dl>', rows)


def versions_address(promotion_code: str) -> str:
    """The list of a promotion's versions."""
    return f"{reverse('admin:promotions_promotionversion_changelist')}?q={promotion_code}"
