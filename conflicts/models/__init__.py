"""The account's conflict settings."""

from conflicts.models.settings import ConflictSettings

__all__ = ["ConflictSettings"]
