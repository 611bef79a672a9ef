"""The history of a promotion: changes of its documents line by line, and the changes of its status."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.urls import reverse

from consumers.admin.framework.history import MAX_HISTORY_ENTRIES, Change, HistoryEntry, describe_field_change
from promotions.admin.editor.funding_fields import describe_funding
from promotions.admin.rules.document import describe_document
from promotions.admin.visibility import without_personalized
from promotions.choices import Status
from promotions.models import Campaign, Promotion

DOCUMENTS = ("outcome", "eligibility", "content")
"""The columns of a promotion that hold a document of its definition."""


def promotion_change(field: Any, before: Any, after: Any) -> Iterator[Change]:
    """Describe the change of a field; of a document, only the lines that differ."""
    if field.name in DOCUMENTS:
        yield from document_changes(before or {}, after or {})
    elif field.name == "funding":
        yield Change(label="Who pays", before=describe_funding(before), after=describe_funding(after))
    elif field.name == "campaign":
        yield Change(label="Campaign", before=_campaign_name(before), after=_campaign_name(after))
    else:
        yield from describe_field_change(field, before, after)


def _campaign_name(campaign_id: int | None) -> str:
    """Return the name of a campaign by its row's id, as the history of a promotion keeps it."""
    if campaign_id is None:
        return "–"
    return Campaign.objects.filter(pk=campaign_id).values_list("name", flat=True).first() or "A deleted campaign"


def document_changes(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    """Describe the lines in which two documents of a definition differ."""
    lines_before, lines_after = dict(describe_document(before)), dict(describe_document(after))
    for label in dict.fromkeys([*lines_before, *lines_after]):
        if lines_before.get(label) != lines_after.get(label):
            yield Change(label=label, before=lines_before.get(label, "–"), after=lines_after.get(label, "–"))


def promotion_change_without_personalized(field: object, before: object, after: object) -> Iterator[Change]:
    """Describe the change of a field without the names of personalized promotions."""
    yield from promotion_change(field, without_personalized(before), without_personalized(after))


def status_entries(promotion: Promotion) -> Sequence[HistoryEntry]:
    """Return the changes of a promotion's status, each at the moment from which it held, newest first."""
    events = promotion.status_events.order_by("-effective_at", "-pk")[: MAX_HISTORY_ENTRIES + 1]
    return [HistoryEntry(at=event.effective_at, kind=f"Became {Status(event.status).label}") for event in events]


def versions_address(promotion_code: str) -> str:
    """Return the address of the list of a promotion's versions."""
    return f"{reverse('admin:promotions_promotionversion_changelist')}?q={promotion_code}"
