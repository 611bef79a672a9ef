"""Who changes something: one record for staff, API keys, imports and commands."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Model

if TYPE_CHECKING:
    from consumers.models import User

MAX_REASON_LENGTH = 100
"""Characters of a reason that the history of a row keeps."""

IMPORT_LABEL = "Import"
"""The label of a change that a file made."""

HISTORY_USER = "_history_user"
HISTORY_REASON = "_change_reason"
"""The attributes in which simple-history looks for who changed a row, and why or with what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Who changes something, and why.

    ``user`` is a member of staff; None for an API key, an import or a command, which ``label`` names as the history
    shows it (``API key manager``). ``reason`` is what a person gives as the reason; it may be blank.
    """

    user: "User | None" = None
    label: str = ""
    reason: str = ""

    @property
    def note(self) -> str:
        """Return what the history of a row keeps beside the user: the reason, or else the label."""
        return (self.reason or self.label)[:MAX_REASON_LENGTH]

    def sign(self, row: Model) -> None:
        """Have the history name this author at the next save or deletion of ``row``."""
        setattr(row, HISTORY_USER, self.user)
        setattr(row, HISTORY_REASON, self.note)
