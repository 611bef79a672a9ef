"""Who changed what: the history of rows that keep one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from consumers.admin.framework.formatting import format_moment

KINDS = {"+": "Created", "~": "Changed", "-": "Deleted"}
LAST = 200


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field before and after, in words."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """One deed: when, who, why if they said so, and what it changed; what nobody did has no ``who``."""

    at: datetime
    kind: str
    who: str = ""
    why: str = ""
    changes: Sequence[Change] = ()


DescribeChange = Callable[[Any, Any, Any], Iterator[Change]]
"""How the change of a field is told, given the field, its value before and its value after."""


def in_words(value: Any) -> str:
    """A value as the history tells it."""
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {in_words(one)}" for key, one in value.items())
    return str(value)


def plain_change(field: Any, before: Any, after: Any) -> Iterator[Change]:
    """A field by its label; a choice by its label too."""
    choices = dict(field.flatchoices) if field.flatchoices else {}
    # A document is no key, and has no choices.
    words = [in_words(choices.get(value, value) if choices else value) for value in (before, after)]
    yield Change(label=str(field.verbose_name).capitalize(), before=words[0], after=words[1])


def history_of(row: Any, *, describe: DescribeChange = plain_change) -> list[HistoryEntry]:
    """The last deeds on a row, newest first."""
    records = list(row.history.select_related("history_user").order_by("-history_date", "-history_id")[: LAST + 1])
    entries = []
    for record, earlier in zip_longest(records, records[1:]):
        changes: list[Change] = []
        if earlier is not None:
            for field in record.tracked_fields:
                before, after = getattr(earlier, field.attname), getattr(record, field.attname)
                if before != after and not getattr(field, "auto_now", False):
                    changes += describe(field, before, after)
        user = record.history_user
        # A person may say why; of a key or an import the record says which it was.
        said = record.history_change_reason or ""
        who = (user.get_full_name() or user.get_username()) if user else said or "–"
        kind = KINDS[record.history_type]
        why = said if user else ""
        entries.append(HistoryEntry(at=record.history_date, kind=kind, who=who, why=why, changes=tuple(changes)))
    return entries[:LAST]


def no_entries(row: Any) -> Sequence[HistoryEntry]:
    """Nothing but what the row's own records say."""
    return ()


class HistoryPageMixin:
    """A history page from the row's own records, which integrators' changes are among, where it keeps some.

    ``other_entries`` are what else happened to a row, newest first.
    """

    describe_change: DescribeChange = staticmethod(plain_change)
    other_entries: Callable[[Any], Sequence[HistoryEntry]] = staticmethod(no_entries)

    def describe_for(self, request: HttpRequest) -> DescribeChange:
        """How changes are told to the user who asks."""
        return self.describe_change

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        admin: Any = self
        if not hasattr(admin.model, "history"):
            return super().history_view(request, object_id, extra_context)  # type: ignore[misc, no-any-return]
        row = admin.get_object(request, object_id)
        if row is None:
            raise Http404("There is no such row.")
        if not admin.has_view_or_change_permission(request, row):
            raise PermissionDenied
        entries = [*history_of(row, describe=self.describe_for(request)), *self.other_entries(row)]
        context = {
            **admin.admin_site.each_context(request),
            "title": "History",
            "opts": admin.opts,
            "original": row,
            "object": row,
            "entries": sorted(entries, key=lambda entry: entry.at, reverse=True)[:LAST],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/row_history.html", context)
