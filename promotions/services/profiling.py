"""Store how long promotions take to evaluate. Several nodes add to the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from promotions.models import Promotion, PromotionCost

FULL_WEIGHT_BASKETS = 10_000
"""Sampled baskets from which on older ones count half, so that a figure follows what baskets are today."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSample:
    """Nanoseconds of processor time that a number of sampled baskets took to evaluate one version of a promotion."""

    promotion_id: int
    version: int
    baskets: int
    nanoseconds: int


def evaluation_samples_add(*, samples: Sequence[EvaluationSample], at: datetime) -> None:
    """Add samples to the promotions' rows, in one statement.

    A newer version than that of the row starts again from its own samples, an older one is ignored, and so are samples
    of a promotion that is gone.

    Args:
        samples: of each promotion at most one.
        at: when.
    """
    if not samples:
        return
    table, promotions = PromotionCost._meta.db_table, Promotion._meta.db_table
    placeholders = "(CAST(%s AS bigint), CAST(%s AS integer), CAST(%s AS bigint), CAST(%s AS bigint))"

    def added(column: str) -> str:
        before = f"CASE WHEN {table}.baskets >= %s THEN {table}.{column} / 2 ELSE {table}.{column} END"
        return f"{column} = excluded.{column} + CASE WHEN {table}.version = excluded.version THEN {before} ELSE 0 END"

    # Closes the race of two nodes: the database adds to the row's own figures, and rows are taken by id, so that two
    # that write the same ones never wait for each other in a circle.
    sql = (
        f"WITH measured (id, version, baskets, nanoseconds) AS (VALUES {', '.join([placeholders] * len(samples))})"  # noqa: S608
        f" INSERT INTO {table} (promotion_id, version, baskets, nanoseconds, measured_at)"
        " SELECT m.id, m.version, m.baskets, m.nanoseconds, %s"
        f" FROM measured m JOIN {promotions} p ON p.id = m.id WHERE m.baskets > 0 ORDER BY m.id"
        " ON CONFLICT (promotion_id) DO UPDATE SET"
        f" {added('baskets')}, {added('nanoseconds')}, version = excluded.version, measured_at = excluded.measured_at"
        f" WHERE {table}.version <= excluded.version"
    )
    figures = [
        figure
        for sample in samples
        for figure in (sample.promotion_id, sample.version, sample.baskets, sample.nanoseconds)
    ]
    moment = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*figures, moment, FULL_WEIGHT_BASKETS, FULL_WEIGHT_BASKETS])
