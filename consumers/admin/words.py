"""Moments in words."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format


def moment_in_words(moment: datetime | None) -> str:
    """A moment in the account's zone, which it names."""
    return date_format(timezone.localtime(moment), "j M Y, H:i T") if moment else "–"
