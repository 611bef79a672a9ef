"""Moments as the REST contract, files and stored documents write them."""

from datetime import UTC, datetime


def moment_text(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601, such as ``2026-01-01T00:00:00Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
