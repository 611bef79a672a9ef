"""History pages: who changed what, and when."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from consumers.admin.framework.formatting import format_moment
from consumers.types import Context

CHANGE_LABELS = {"+": "Created", "~": "Changed", "-": "Deleted"}
MAX_HISTORY_ENTRIES = 200


@dataclass(frozen=True, kw_only=True)
class Change:
    """A changed field: its label, and its value before and after, formatted."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """A change of a row: when, by whom, the reason given, and the fields changed. System events have no ``who``."""

    at: datetime
    kind: str
    who: str = ""
    why: str = ""
    changes: Sequence[Change] = ()


DescribeChange = Callable[[Any, Any, Any], Iterator[Change]]
"""Describes the change of a field, from the field, its value before and its value after."""


def format_value(value: object) -> str:
    """Format a value for the history."""
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {format_value(item)}" for key, item in value.items())
    return str(value)


def describe_field_change(field: Any, before: Any, after: Any) -> Iterator[Change]:
    """Describe a field's change by labels, of choices too."""
    choices = dict(field.flatchoices) if field.flatchoices else {}
    # Documents are unhashable and have no choices: do not look them up.
    texts = [format_value(choices.get(value, value) if choices else value) for value in (before, after)]
    yield Change(label=str(field.verbose_name).capitalize(), before=texts[0], after=texts[1])


def history_of(row: Any, *, describe: DescribeChange = describe_field_change) -> list[HistoryEntry]:
    """Return the last changes of a row, newest first: one more than a page shows, where there are more."""
    records = list(
        row.history.select_related("history_user").order_by("-history_date", "-history_id")[: MAX_HISTORY_ENTRIES + 2]
    )
    entries = []
    for record, earlier in zip_longest(records, records[1:]):
        changes: list[Change] = []
        if earlier is not None:
            for field in record.tracked_fields:
                before, after = getattr(earlier, field.attname), getattr(record, field.attname)
                if before != after and not getattr(field, "auto_now", False):
                    changes += describe(field, before, after)
        user = record.history_user
        # A person may give a reason; for an API key or an import the reason names it.
        reason = record.history_change_reason or ""
        who = (user.get_full_name() or user.get_username()) if user else reason or "–"
        kind = CHANGE_LABELS[record.history_type]
        why = reason if user else ""
        entries.append(HistoryEntry(at=record.history_date, kind=kind, who=who, why=why, changes=tuple(changes)))
    return entries[: MAX_HISTORY_ENTRIES + 1]


def no_other_entries(row: Any) -> Sequence[HistoryEntry]:
    """Return no entries beyond those of the row's own history."""
    return ()


class HistoryPageMixin:
    """A history page from the row's own records, which include changes by API keys.

    ``other_entries`` returns further events of a row, newest first.
    """

    describe_change: DescribeChange = staticmethod(describe_field_change)
    other_entries: Callable[[Any], Sequence[HistoryEntry]] = staticmethod(no_other_entries)

    def describe_for(self, request: HttpRequest) -> DescribeChange:
        """Return how changes are described to this user."""
        return self.describe_change

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Context | None = None) -> HttpResponse:
        admin: Any = self
        if not hasattr(admin.model, "history"):
            return super().history_view(request, object_id, extra_context)  # type: ignore[misc, no-any-return]
        row = admin.get_object(request, object_id)
        if row is None:
            raise Http404("This row does not exist.")
        if not admin.has_view_or_change_permission(request, row):
            raise PermissionDenied
        entries = [*history_of(row, describe=self.describe_for(request)), *self.other_entries(row)]
        latest = sorted(entries, key=lambda entry: entry.at, reverse=True)
        context = {
            **admin.admin_site.each_context(request),
            "title": "History",
            "opts": admin.opts,
            "original": row,
            "object": row,
            "entries": latest[:MAX_HISTORY_ENTRIES],
            "has_more": len(latest) > MAX_HISTORY_ENTRIES,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/row_history.html", context)
