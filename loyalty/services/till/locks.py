"""Locks on the counters that sales of many consumers share: limited promotions, campaigns, offers with a stock.

A promotion is limited by a total limit, a budget or the budget of its campaign.

Everyone locks in one order: the consumer, then (a return) the transaction, then limited promotions, then campaigns with
a budget, then stocked offers, each by id. So no two wait for each other.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection
from msgspec import Struct

from loyalty.services.statements.combined_query import CombinedQuery, in_ids

LOCK_FREE_MARGIN = 1_000
"""A counter with more than this left is not locked while a sale is decided."""

LOCK_FREE_BASKETS = 100
"""A budget with more than as many baskets like a sale's own left is not locked while it is decided."""


class CounterRow(Struct, array_like=True, frozen=True):
    """A counter by the id of its offer (vouchers left), its campaign (budget used), or its promotion (redemptions)."""

    id: int
    count: int


class PromotionRow(Struct, array_like=True, frozen=True):
    """The counters of a promotion: redemptions, and what was used of its budget."""

    id: int
    redemptions: int
    budget_used: int


class LockedCounters(NamedTuple):
    """The rows of locked counters: promotions, what campaigns have used, and the vouchers that offers have left."""

    promotions: Sequence[PromotionRow] = ()
    campaigns: Sequence[CounterRow] = ()
    vouchers_left: Sequence[CounterRow] = ()


NOTHING_LOCKED = LockedCounters()


@dataclass(frozen=True, kw_only=True, slots=True)
class ContendedCounters:
    """The counters that a sale may increase: limited promotions, campaigns with a budget, offers with a stock, by id.

    Where each has more than ``lock_free_margin`` left, and each budget more than ``lock_free_amount``, none is locked:
    the decision is the same on all figures that leave room for it, and whether they do, the database checks when they
    are increased. Otherwise, and where ``lock_free_margin`` is None, all are locked: promotions, then campaigns, then
    offers, each by id.
    """

    promotion_ids: Collection[int]
    campaign_ids: Collection[int] = ()
    offer_ids: Collection[int]
    lock_free_margin: int | None = LOCK_FREE_MARGIN
    lock_free_amount: int = 0


def counters_lock_with(query: CombinedQuery, contended: ContendedCounters) -> LockedCounters:
    """Add locks on counters to a query, promotions first; return lists, which are filled when the query runs.

    What was read of a counter before waiting for its lock is no longer true, so locked counters are read again. Where
    nothing is locked the lists stay empty, as they do on SQLite, whose writers wait for each other anyway.
    """
    if connection.vendor != "postgresql" or not (contended.promotion_ids or contended.offer_ids):
        return NOTHING_LOCKED
    if_scarce = ""
    if contended.lock_free_margin is not None:
        if_scarce = " AND EXISTS (SELECT 1 FROM scarce)"
        _define_scarce(query, contended, margin=contended.lock_free_margin)

    def lock(name: str, columns: str, table: str, ids: Collection[int]) -> None:
        in_table, parameter = in_ids(ids)
        query.define(
            name,
            f"SELECT {columns} FROM {table} WHERE id {in_table}{if_scarce} ORDER BY id FOR NO KEY UPDATE",  # noqa: S608
            [parameter],
        )

    lock("limited", "id, redemptions, budget_used", "promotions_promotion", contended.promotion_ids)
    promotions = query.select(PromotionRow, "id, redemptions, budget_used", "limited")
    campaigns: list[CounterRow] = []
    if contended.campaign_ids:
        lock("budgets", "id, budget_used", "promotions_campaign", contended.campaign_ids)
        campaigns = query.select(CounterRow, "id, budget_used", "budgets")
    lock("stocked", "id, stock - issued AS vouchers_left", "loyalty_offer", contended.offer_ids)
    return LockedCounters(promotions, campaigns, query.select(CounterRow, "id, vouchers_left", "stocked"))


def _define_scarce(query: CombinedQuery, contended: ContendedCounters, *, margin: int) -> None:
    """Define ``scarce``: a row for each counter of which little is left."""
    in_promotions, promotion_ids = in_ids(contended.promotion_ids)
    in_offers, offer_ids = in_ids(contended.offer_ids)
    sql = (
        f"SELECT 1 FROM promotions_promotion WHERE id {in_promotions}"  # noqa: S608 - no values
        " AND (total_redemption_limit - redemptions <= %s OR budget_amount - budget_used <= %s)"
        f" UNION ALL SELECT 1 FROM loyalty_offer WHERE id {in_offers} AND stock - issued <= %s"
    )
    parameters = [promotion_ids, margin, contended.lock_free_amount, offer_ids, margin]
    if contended.campaign_ids:
        in_campaigns, campaign_ids = in_ids(contended.campaign_ids)
        sql += (
            f" UNION ALL SELECT 1 FROM promotions_campaign WHERE id {in_campaigns}"  # noqa: S608 - no values
            " AND budget_amount - budget_used <= %s"
        )
        parameters += [campaign_ids, contended.lock_free_amount]
    query.define("scarce", sql, parameters)


def counters_lock(*, promotion_ids: Collection[int], offer_ids: Collection[int]) -> None:
    """Lock those of the counters that a sale may lock: limited promotions, their campaigns, stocked offers, each by id.

    SQLite has no locks on rows: its writers wait for each other anyway.
    """
    if connection.vendor != "postgresql":
        return
    is_limited = "(total_redemption_limit IS NOT NULL OR budget_amount IS NOT NULL OR in_campaign_budget)"
    campaign = "CASE WHEN in_campaign_budget THEN campaign_id END"
    campaigns = _rows_lock("promotions_promotion", is_limited, promotion_ids, column=campaign)
    # Their promotions are locked: none of them moves meanwhile.
    _rows_lock("promotions_campaign", "budget_amount IS NOT NULL", campaigns)
    _rows_lock("loyalty_offer", "stock IS NOT NULL", offer_ids)


def _rows_lock(table: str, is_limited: str, ids: Collection[int], *, column: str = "id") -> set[int]:
    """Lock the limited rows of a table by id; return the numbers in a column of them."""
    if not ids:
        return set()
    in_table, parameter = in_ids(ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column} FROM {table} WHERE id {in_table} AND {is_limited}"  # noqa: S608 - no values
            " ORDER BY id FOR NO KEY UPDATE",
            [parameter],
        )
        return {value for (value,) in cursor.fetchall() if value is not None}
