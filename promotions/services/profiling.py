"""Keeping what was measured of promotions' costs. Several nodes add to the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from promotions.models import Promotion, PromotionCost

BASKETS_IN_FULL = 10_000
"""Sampled baskets from which on what is older counts half, so that a figure follows what baskets are today."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredCost:
    """What so many sampled baskets took to look at one version of a promotion, in nanoseconds of processor time."""

    promotion_id: int
    version: int
    baskets: int
    nanoseconds: int


def promotion_costs_add(*, measured: Sequence[MeasuredCost], at: datetime) -> None:
    """Add what was measured to the promotions' rows, in one statement.

    A newer version than the one that the row is of begins anew, an older one is of no interest any more, and what was
    measured of a promotion that is gone is dropped.

    Args:
        measured: of each promotion at most one.
        at: when.
    """
    if not measured:
        return
    table, promotions = PromotionCost._meta.db_table, Promotion._meta.db_table
    one = "(CAST(%s AS bigint), CAST(%s AS integer), CAST(%s AS bigint), CAST(%s AS bigint))"

    def added(column: str) -> str:
        kept = f"CASE WHEN {table}.baskets >= %s THEN {table}.{column} / 2 ELSE {table}.{column} END"
        return f"{column} = excluded.{column} + CASE WHEN {table}.version = excluded.version THEN {kept} ELSE 0 END"

    # Closes the race of two nodes: the row is added to where it lies, and rows are taken by id, so that two that write
    # the same ones never wait for each other in a circle.
    sql = (
        f"WITH measured (id, version, baskets, nanoseconds) AS (VALUES {', '.join([one] * len(measured))})"  # noqa: S608
        f" INSERT INTO {table} (promotion_id, version, baskets, nanoseconds, measured_at)"
        " SELECT m.id, m.version, m.baskets, m.nanoseconds, %s"
        f" FROM measured m JOIN {promotions} p ON p.id = m.id WHERE m.baskets > 0 ORDER BY m.id"
        " ON CONFLICT (promotion_id) DO UPDATE SET"
        f" {added('baskets')}, {added('nanoseconds')}, version = excluded.version, measured_at = excluded.measured_at"
        f" WHERE {table}.version <= excluded.version"
    )
    figures = [
        figure for each in measured for figure in (each.promotion_id, each.version, each.baskets, each.nanoseconds)
    ]
    moment = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*figures, moment, BASKETS_IN_FULL, BASKETS_IN_FULL])
