"""Errors of the operations on the conflict settings."""

from consumers.exceptions import Refused


class ConflictsError(Refused):
    """The conflict settings were refused."""
