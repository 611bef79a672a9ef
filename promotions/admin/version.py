"""The pages of promotions' versions."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import ReadOnlyAdmin
from promotions.admin.editor.history import DOCUMENTS
from promotions.admin.rules.document import describe_document
from promotions.admin.visibility import families_seen, may_see_personalized, without_personalized
from promotions.models import PromotionVersion


@admin.register(PromotionVersion)
class PromotionVersionAdmin(ReadOnlyAdmin):
    """Every version of every promotion; a redemption references the one that it used."""

    account_path = "promotion__account"
    empty_text = "Saving a change to a promotion creates a new version. Versions are kept for good."
    list_display = ("promotion_name", "version", "saved", "made_by")
    list_display_links = ("promotion_name", "version")
    search_fields = ("promotion__code", "promotion__name")
    search_help_text = "Code or name of the promotion"
    ordering = ("-created_at", "-pk")
    fieldsets = (
        ("Version", {"fields": (("promotion_name", "version"), ("saved", "made_by"))}),
        ("Definition", {"fields": ("general", "outcome", "eligibility", "content")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromotionVersion]:
        versions = super().get_queryset(request).filter(promotion__family__in=families_seen(request))
        return versions.select_related("promotion", "created_by")

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
        return definition_list({name: value for name, value in version.definition.items() if name not in DOCUMENTS})

    @display(description="Outcome")
    def outcome(self, version: PromotionVersion) -> str:
        return definition_list(version.definition.get("outcome"))

    @display(description="Eligibility")
    def eligibility(self, version: PromotionVersion) -> str:
        return definition_list(version.definition.get("eligibility"))

    @display(description="Content")
    def content(self, version: PromotionVersion) -> str:
        return definition_list(version.definition.get("content"))


def definition_list(document: Any) -> str:
    """Render a document as an HTML list of labels and words."""
    pairs = list(describe_document(document or {}))
    if not pairs:
        return "–"
    rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
    return format_html('<dl class="facts">{}</dl>', rows)
