"""Locks on the counters that sales of many consumers share: promotions with a total limit, offers with a stock.

Everyone locks in one order: the consumer, then (a return) the transaction, then limited promotions by id, then stocked
offers by id. So no two wait for each other.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from msgspec import Struct

from loyalty.services.statements.combined_query import CombinedQuery, in_ids

LOCK_FREE_MARGIN = 1_000
"""A counter with more than this left is not locked while a sale is decided."""


class CounterRow(Struct, array_like=True, frozen=True):
    """A counter by the id of its promotion or offer: its redemptions, or the vouchers left."""

    id: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ContendedCounters:
    """The counters that a sale may increase: promotions with a total limit, and offers with a stock, by id.

    Where each has more than ``lock_free_margin`` left, none is locked: the decision is the same on all figures that
    leave room for it, and whether they do, the database checks when they are increased. Otherwise, and where
    ``lock_free_margin`` is None, all are locked, promotions by id and then offers by id.
    """

    promotion_ids: Collection[int]
    offer_ids: Collection[int]
    lock_free_margin: int | None = LOCK_FREE_MARGIN


def counters_lock_with(query: CombinedQuery, contended: ContendedCounters) -> tuple[list[CounterRow], list[CounterRow]]:
    """Add locks on counters to a query, promotions first; return the lists for the redemptions and the vouchers left.

    What was read of a counter before waiting for its lock is no longer true, so locked counters are read again. Where
    nothing is locked the lists stay empty, as they do on SQLite, whose writers wait for each other anyway.
    """
    if connection.vendor != "postgresql" or not (contended.promotion_ids or contended.offer_ids):
        return [], []
    in_promotions, promotion_ids = in_ids(contended.promotion_ids)
    in_offers, offer_ids = in_ids(contended.offer_ids)
    if_scarce = ""
    if contended.lock_free_margin is not None:
        if_scarce = " AND EXISTS (SELECT 1 FROM scarce)"
        query.define(
            "scarce",
            f"SELECT 1 FROM promotions_promotion WHERE id {in_promotions}"  # noqa: S608 - no values
            " AND total_redemption_limit - redemptions <= %s"
            f" UNION ALL SELECT 1 FROM loyalty_offer WHERE id {in_offers} AND stock - issued <= %s",
            [promotion_ids, contended.lock_free_margin, offer_ids, contended.lock_free_margin],
        )
    query.define(
        "limited",
        f"SELECT id, redemptions FROM promotions_promotion WHERE id {in_promotions}{if_scarce}"  # noqa: S608
        " ORDER BY id FOR NO KEY UPDATE",
        [promotion_ids],
    )
    redemptions = query.select(CounterRow, "id, redemptions", "limited")
    query.define(
        "stocked",
        f"SELECT id, stock - issued AS vouchers_left FROM loyalty_offer WHERE id {in_offers}{if_scarce}"  # noqa: S608
        " ORDER BY id FOR NO KEY UPDATE",
        [offer_ids],
    )
    return redemptions, query.select(CounterRow, "id, vouchers_left", "stocked")


def counters_lock(*, promotion_ids: Collection[int], offer_ids: Collection[int]) -> None:
    """Lock those of the counters that a sale may lock: promotions with a limit by id, then offers with a stock by id.

    SQLite has no locks on rows: its writers wait for each other anyway.
    """
    if connection.vendor != "postgresql":
        return
    for table, limit, ids in (
        ("promotions_promotion", "total_redemption_limit", promotion_ids),
        ("loyalty_offer", "stock", offer_ids),
    ):
        if ids:
            in_table, parameter = in_ids(ids)
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT 1 FROM {table} WHERE id {in_table} AND {limit} IS NOT NULL"  # noqa: S608 - no values
                    " ORDER BY id FOR NO KEY UPDATE",
                    [parameter],
                )
