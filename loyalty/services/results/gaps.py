"""Ids that were not there when the mark passed them.

PostgreSQL hands out ids in order, but transactions end in any order, and a commit that is repeated leaves its id
unused. So an id below the mark may still come. It is looked for until no transaction is open that began before it was
missed: whoever was given the id had begun by then.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection

from loyalty.choices import ResultsSource
from loyalty.models import ResultsGap

HIDDEN_SESSIONS_LAST = timedelta(days=1)
"""For how long gaps are kept where the database does not tell us when other roles' transactions began."""

_OLDEST_TRANSACTION = """
    SELECT clock_timestamp(),
           MIN(xact_start) FILTER (WHERE pid <> pg_backend_pid()),
           BOOL_OR(query = '<insufficient privilege>')
    FROM pg_stat_activity WHERE datname = current_database()
"""


def gaps_horizon() -> datetime | None:
    """Return the moment before which no transaction began that is still open; None: nothing missing can come any more.

    Asked before the missing ids are looked for: a transaction that has ended by now is seen by that look.
    """
    if connection.vendor != "postgresql":
        return None  # One writer at a time, and it is us.
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST_TRANSACTION)
        now, oldest, is_hidden = cursor.fetchone()
    horizon: datetime = min(now, oldest) if oldest is not None else now
    return min(horizon, now - HIDDEN_SESSIONS_LAST) if is_hidden else horizon


def missing_ranges(ids: Sequence[int], *, after: int) -> list[tuple[int, int]]:
    """Return the ranges of ids above ``after`` and below the last of ``ids`` (ascending) that are not among them.

    >>> missing_ranges([3, 4, 7], after=1)
    [(2, 2), (5, 6)]
    """
    ranges = []
    previous = after
    for row_id in ids:
        if row_id > previous + 1:
            ranges.append((previous + 1, row_id - 1))
        previous = row_id
    return ranges


def gap_ids(*, source: ResultsSource, table: str, limit: int) -> list[int]:
    """Return the ids of rows of a table that have come into the gaps since, in order."""
    gap = ResultsGap._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.id FROM {gap} AS g JOIN {table} AS t ON t.id BETWEEN g.first AND g.last"  # noqa: S608 - our names
            " WHERE g.source = %s ORDER BY t.id LIMIT %s",
            [source, limit],
        )
        return [row_id for (row_id,) in cursor.fetchall()]


def gaps_add(*, source: ResultsSource, ranges: Iterable[tuple[int, int]], at: datetime) -> None:
    """Remember ids to look for; ``at`` is after the read that missed them."""
    rows = [ResultsGap(source=source, first=first, last=last, seen_at=at) for first, last in ranges]
    ResultsGap.objects.bulk_create(rows, batch_size=500)


def gaps_close(*, source: ResultsSource, counted: Iterable[int]) -> None:
    """Take counted ids out of the gaps. What is left of a gap keeps the moment at which it was first missed."""
    for row_id in counted:
        gap = ResultsGap.objects.filter(source=source, first__lte=row_id, last__gte=row_id).get()
        gap.delete()
        for first, last in ((gap.first, row_id - 1), (row_id + 1, gap.last)):
            if first <= last:
                ResultsGap.objects.create(source=source, first=first, last=last, seen_at=gap.seen_at)


def gaps_forget(*, source: ResultsSource, table: str, horizon: datetime) -> None:
    """Forget the gaps that were missed before ``horizon``, but for ids that are there and wait to be counted."""
    gap = ResultsGap._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {gap} WHERE source = %s AND seen_at < %s AND NOT EXISTS"  # noqa: S608 - names are our own
            f" (SELECT 1 FROM {table} AS t WHERE t.id BETWEEN {gap}.first AND {gap}.last)",
            [source, connection.ops.adapt_datetimefield_value(horizon)],
        )
