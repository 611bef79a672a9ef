"""What the operations of conflicts refuse."""

from consumers.exceptions import Refused


class ConflictsError(Refused):
    """Base of what the operations on the conflict settings refuse."""
