"""Promotions of every family by the days on which they run."""

from datetime import datetime

from django.db.models import F, Q, QuerySet

from promotions.models import Promotion


def promotions_between(*, account_id: int, start: datetime, end: datetime) -> QuerySet[Promotion]:
    """The promotions, not archived, that are in force (drafts: would be) at some time from ``start`` until ``end``.

    In order of their beginning. Their documents are left in the database: a calendar shows hundreds of them.
    """
    running = Promotion.objects.filter(account_id=account_id, archived=False, starts_at__lt=end)
    for column in ("ends_at", "stopped_at"):
        running = running.filter(Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gt": start}))
    running = running.exclude(stopped_at__lte=F("starts_at"))
    columns = ("family", "type", "code", "name", "starts_at", "ends_at", "stopped_at", "draft", "archived")
    return running.only(*columns).order_by("starts_at", "name", "code")
