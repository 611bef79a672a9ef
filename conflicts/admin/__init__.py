"""The back office's page of the conflict settings."""

from conflicts.admin.settings import ConflictSettingsAdmin

__all__ = ["ConflictSettingsAdmin"]
