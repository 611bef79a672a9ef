"""Locks on the counters that sales of many consumers share: limited promotions, offers with a stock.

A promotion is limited by a total limit or a budget.

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

LOCK_FREE_BASKETS = 100
"""A budget with more than as many baskets like a sale's own left is not locked while it is decided."""


class CounterRow(Struct, array_like=True, frozen=True):
    """A counter by the id of its offer, or of its promotion for one consumer: vouchers left, or redemptions."""

    id: int
    count: int


class PromotionRow(Struct, array_like=True, frozen=True):
    """The counters of a promotion: redemptions, and what was used of its budget."""

    id: int
    redemptions: int
    budget_used: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ContendedCounters:
    """The counters that a sale may increase: limited promotions, and offers with a stock, by id.

    Where each has more than ``lock_free_margin`` left, and each budget more than ``lock_free_amount``, none is locked:
    the decision is the same on all figures that leave room for it, and whether they do, the database checks when they
    are increased. Otherwise, and where ``lock_free_margin`` is None, all are locked, promotions by id and then offers
    by id.
    """

    promotion_ids: Collection[int]
    offer_ids: Collection[int]
    lock_free_margin: int | None = LOCK_FREE_MARGIN
    lock_free_amount: int = 0


def counters_lock_with(
    query: CombinedQuery, contended: ContendedCounters
) -> tuple[list[PromotionRow], list[CounterRow]]:
    """Add locks on counters to a query, promotions first; return the lists for promotions and for the vouchers left.

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
            " AND (total_redemption_limit - redemptions <= %s OR budget_amount - budget_used <= %s)"
            f" UNION ALL SELECT 1 FROM loyalty_offer WHERE id {in_offers} AND stock - issued <= %s",
            [
                promotion_ids,
                contended.lock_free_margin,
                contended.lock_free_amount,
                offer_ids,
                contended.lock_free_margin,
            ],
        )
    query.define(
        "limited",
        f"SELECT id, redemptions, budget_used FROM promotions_promotion WHERE id {in_promotions}{if_scarce}"  # noqa: S608
        " ORDER BY id FOR NO KEY UPDATE",
        [promotion_ids],
    )
    promotions = query.select(PromotionRow, "id, redemptions, budget_used", "limited")
    query.define(
        "stocked",
        f"SELECT id, stock - issued AS vouchers_left FROM loyalty_offer WHERE id {in_offers}{if_scarce}"  # noqa: S608
        " ORDER BY id FOR NO KEY UPDATE",
        [offer_ids],
    )
    return promotions, query.select(CounterRow, "id, vouchers_left", "stocked")


def counters_lock(*, promotion_ids: Collection[int], offer_ids: Collection[int]) -> None:
    """Lock those of the counters that a sale may lock: limited promotions by id, then offers with a stock by id.

    SQLite has no locks on rows: its writers wait for each other anyway.
    """
    if connection.vendor != "postgresql":
        return
    for table, is_limited, ids in (
        ("promotions_promotion", "(total_redemption_limit IS NOT NULL OR budget_amount IS NOT NULL)", promotion_ids),
        ("loyalty_offer", "stock IS NOT NULL", offer_ids),
    ):
        if ids:
            in_table, parameter = in_ids(ids)
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT 1 FROM {table} WHERE id {in_table} AND {is_limited}"  # noqa: S608 - no values
                    " ORDER BY id FOR NO KEY UPDATE",
                    [parameter],
                )
