"""What staff are told once a promotion is published or saved while it is published."""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from promotions.models import Promotion

SavedNote = Callable[[HttpRequest, Promotion, datetime], SafeString]
"""Returns sentences about a saved promotion as HTML; empty: nothing. It is called once the save is committed."""

_notes: list[SavedNote] = []


def saved_note_register(note: SavedNote) -> None:
    """Let the apps above tell something once a promotion is saved."""
    _notes.append(note)


def saved_note(request: HttpRequest, promotion: Promotion, at: datetime) -> SafeString:
    """Return what there is to tell about a saved promotion, as HTML; empty: nothing."""
    notes = filter(None, (note(request, promotion, at) for note in _notes))
    return mark_safe(" ".join(notes))  # noqa: S308 - each is safe
