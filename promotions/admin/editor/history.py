"""."""

from collections.abc import Iterator, Sequence
from typing import Any

from consumers.admin.framework.history import MAX_HISTORY_ENTRIES, Change, HistoryEntry, describe_field_change
from promotions.admin.rules.wording import describe_document
from promotions.admin.visibility import without_personalized
from promotions.choices import Status
from promotions.models import Promotion

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
