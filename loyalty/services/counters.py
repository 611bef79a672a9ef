"""Counters that many sales count up at once: added to in place, in one order, never beyond their limit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from loyalty.exceptions import LimitOverrun
from loyalty.models import PromotionUsage
from promotions.engine.progress import Progress


def count_up(table: str, column: str, counted: Mapping[int, int], *, within: str) -> None:
    """Add to a counter of some rows of a table.

    Closes the race of two sales that count the same rows in different orders: rows are locked by id first. The limit
    in the column ``within`` (null: none) is judged once more by the database.

    Raises:
        LimitOverrun: a limit would be exceeded; the caller's transaction must end.
    """
    ids = sorted(counted)
    marks = ", ".join(["%s"] * len(ids))
    case = " ".join(["WHEN %s THEN %s"] * len(ids))
    pairs = [figure for row_id in ids for figure in (row_id, counted[row_id])]
    amount = f"(CASE id {case} ELSE 0 END)"
    rows = f"SELECT id FROM {table} WHERE id IN ({marks})"  # noqa: S608 - names are our own, values are parameters
    if connection.vendor == "postgresql":
        rows += " ORDER BY id FOR UPDATE"
    sql = (
        f"UPDATE {table} SET {column} = {column} + {amount} WHERE id IN ({rows})"  # noqa: S608 - the same
        f" AND ({within} IS NULL OR {column} + {amount} <= {within})"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*pairs, *ids, *pairs])
        if cursor.rowcount != len(ids):
            raise LimitOverrun("A limit was reached in the meantime.")


def usage_add(*, consumer_pk: int, rows: Sequence[tuple[int, int, str, Progress]]) -> None:
    """Add redemptions to a consumer's use of promotions and store their progress, in one statement.

    Each row is a promotion's id, redemptions to add, the signature of its rules and the progress under them.
    """
    if not rows:
        return
    document = "CAST(%s AS jsonb)" if connection.vendor == "postgresql" else "%s"
    values = ", ".join([f"(%s, %s, %s, %s, {document})"] * len(rows))
    table = PromotionUsage._meta.db_table
    sql = (
        f"INSERT INTO {table} (promotion_id, consumer_id, redemptions, progress_signature, progress)"  # noqa: S608
        f" VALUES {values} ON CONFLICT (promotion_id, consumer_id) DO UPDATE SET"
        f" redemptions = {table}.redemptions + excluded.redemptions,"
        " progress_signature = excluded.progress_signature, progress = excluded.progress"
    )
    parameters: list[Any] = []
    for promotion_id, redemptions, signature, progress in rows:
        parameters += [promotion_id, consumer_pk, redemptions, signature, json.dumps(progress.as_json())]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
