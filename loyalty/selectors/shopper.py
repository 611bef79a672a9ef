"""Reads of what a decision needs to know: the consumer, the products, and what was used so far.

Each is one SQL statement, whatever the size of the basket and the number of promotions.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection

from consumers.choices import MembershipStatus
from consumers.models import Account, Consumer
from promotions.engine.basket import ProductFacts
from promotions.engine.shopper import Shopper
from promotions.models import Product


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownShopper:
    """A consumer's row with what rules may ask of it."""

    consumer: Consumer
    groups: frozenset[str]
    home_site: str | None
    status: str | None
    enrolled_on: date | None
    card_type: str

    @property
    def balance(self) -> int | None:
        """The points balance; None without a membership."""
        return None if self.status is None else self.consumer.points_balance

    @property
    def is_member(self) -> bool:
        """Whether the consumer is an active loyalty member."""
        return self.status == MembershipStatus.ACTIVE

    def on(self, today: date) -> Shopper:
        """The shopper as the engine is given it, on a day at the site."""
        consumer = self.consumer
        return Shopper(
            consumer_id=consumer.consumer_id,
            today=today,
            groups=self.groups,
            home_site=self.home_site,
            is_loyalty_member=self.is_member,
            enrolled_on=self.enrolled_on,
            date_of_birth=consumer.date_of_birth,
            points_balance=self.balance,
            last_transaction_on=consumer.last_transaction_on,
            last_offer_redeemed_on=consumer.last_offer_redeemed_on,
            last_promotion_redeemed_on=consumer.last_promotion_redeemed_on,
        )


_SHOPPER = """
    SELECT c.id, c.consumer_id, c.date_of_birth, c.points_balance, c.last_transaction_at, c.last_transaction_on,
        c.last_offer_redeemed_on, c.last_promotion_redeemed_on, m.status, m.enrolled_on, s.number,
        (SELECT {gather}(g.code) FROM consumers_consumer_groups cg JOIN consumers_consumergroup g
            ON g.id = cg.consumergroup_id WHERE cg.consumer_id = c.id),
        (SELECT k.type FROM consumers_card k WHERE k.account_id = c.account_id AND k.number = %s
            AND k.membership_id = m.id)
    FROM consumers_consumer c
    LEFT JOIN consumers_membership m ON m.consumer_id = c.id
    LEFT JOIN consumers_site s ON s.id = c.home_site_id
    WHERE c.account_id = %s AND {named}
"""
_BY_ID = "c.consumer_id = %s"
_BY_CARD = """c.id = (
        SELECT o.consumer_id FROM consumers_card n JOIN consumers_membership o ON o.id = n.membership_id
        WHERE n.account_id = c.account_id AND n.number = %s)"""


def shopper_known(*, account: Account, consumer_id: str, card: str, lock: bool = False) -> KnownShopper | None:
    """The consumer with an external id, or where that is empty with a card; None if there is none.

    With ``lock`` the consumer's row is locked until the transaction ends. Written in SQL: it is asked at every basket,
    and putting the statement together by the ORM costs several times what the database takes to answer it.
    """
    postgresql = connection.vendor == "postgresql"
    sql = _SHOPPER.format(
        gather="jsonb_agg" if postgresql else "json_group_array", named=_BY_ID if consumer_id else _BY_CARD
    )
    if lock and postgresql:
        sql += " FOR UPDATE OF c"
    with connection.cursor() as cursor:
        cursor.execute(sql, [card, account.pk, consumer_id or card])
        row = cursor.fetchone()
    if row is None:
        return None
    consumer = Consumer(
        id=row[0],
        account=account,
        consumer_id=row[1],
        date_of_birth=_day(row[2]),
        points_balance=row[3],
        last_transaction_at=_moment(row[4]),
        last_transaction_on=_day(row[5]),
        last_offer_redeemed_on=_day(row[6]),
        last_promotion_redeemed_on=_day(row[7]),
    )
    return KnownShopper(
        consumer=consumer,
        groups=frozenset(json.loads(row[11]) if row[11] else ()),
        home_site=row[10],
        status=row[8],
        enrolled_on=_day(row[9]),
        card_type=row[12] or "",
    )


def _day(value: date | str | None) -> date | None:
    """A date as the driver gives it: SQLite has no type of its own for it."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def _moment(value: datetime | str | None) -> datetime | None:
    """A moment as the driver gives it: SQLite keeps it in UTC without saying so."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def products_known(*, account: Account, skus: Collection[str]) -> dict[str, ProductFacts]:
    """The catalogue entries of some SKUs; none for an account without a catalogue."""
    if not account.catalogue_enabled:
        return {}
    rows = Product.objects.filter(account=account, sku__in=skus).values_list(
        "sku", "product_brand", "program_brand", "category", "labels", "cost_price", "retail_price"
    )
    return {
        sku: ProductFacts(
            product_brand=product_brand,
            program_brand=program_brand,
            category=category,
            labels=tuple(labels),
            cost_price=cost_price,
            retail_price=retail_price,
        )
        for sku, product_brand, program_brand, category, labels, cost_price, retail_price in rows
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredUsage:
    """Counters of some promotions, one consumer's use of them, and the vouchers left of some offers, by id."""

    total: Mapping[int, int]
    by_consumer: Mapping[int, int]
    progress: Mapping[int, tuple[str, Any]]
    vouchers_left: Mapping[int, int]


def usage_stored(
    *,
    consumer_pk: int | None,
    promotion_ids: Collection[int],
    limited_ids: Collection[int],
    offer_ids: Collection[int],
    lock: bool = False,
) -> StoredUsage:
    """Read counters in one statement.

    Args:
        consumer_pk: whose use is asked for; None for nobody's.
        promotion_ids: promotions whose counters and progress are wanted.
        limited_ids: those with a total limit; with ``lock`` their rows are locked, by id.
        offer_ids: offers with a stock; with ``lock`` their rows are locked, by id, after the promotions.
        lock: whether the figures must hold until the transaction ends.
    """
    total: dict[int, int] = {}
    by_consumer: dict[int, int] = {}
    progress: dict[int, tuple[str, Any]] = {}
    vouchers_left: dict[int, int] = {}
    if not promotion_ids and not limited_ids and not offer_ids:
        return StoredUsage(total=total, by_consumer=by_consumer, progress=progress, vouchers_left=vouchers_left)
    sql, parameters = _usage_sql(consumer_pk, sorted(promotion_ids), sorted(limited_ids), sorted(offer_ids), lock=lock)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for what, row_id, figure, signature, stored in cursor.fetchall():
            if what == "total":
                total[row_id] = figure
            elif what == "offer":
                vouchers_left[row_id] = figure
            else:
                by_consumer[row_id] = figure
                if signature:
                    progress[row_id] = (signature, json.loads(stored))
    return StoredUsage(total=total, by_consumer=by_consumer, progress=progress, vouchers_left=vouchers_left)


def _usage_sql(
    consumer_pk: int | None, promotion_ids: list[int], limited_ids: list[int], offer_ids: list[int], *, lock: bool
) -> tuple[str, list[Any]]:
    """One UNION of the three tables. The figures of locked rows are read under their locks, taken in this order."""
    update = " FOR UPDATE" if lock and connection.vendor == "postgresql" else ""
    parts: list[str] = []
    parameters: list[Any] = []
    withs: list[str] = []
    if limited_ids:
        withs.append(
            f"limited AS (SELECT id, redemptions FROM promotions_promotion WHERE id IN ({_marks(limited_ids)})"  # noqa: S608
            f" ORDER BY id{update})"
        )
        parameters += limited_ids
        parts.append("SELECT 'total', id, redemptions, '', '' FROM limited")
    if offer_ids:
        withs.append(
            f"stocked AS (SELECT id, stock - issued AS remaining FROM loyalty_offer WHERE id IN ({_marks(offer_ids)})"  # noqa: S608
            f" ORDER BY id{update})"
        )
        parameters += offer_ids
        parts.append("SELECT 'offer', id, remaining, '', '' FROM stocked")
    if promotion_ids and consumer_pk is not None:
        parts.append(
            "SELECT 'usage', promotion_id, redemptions, progress_signature, CAST(progress AS text)"  # noqa: S608
            f" FROM loyalty_promotionusage WHERE consumer_id = %s AND promotion_id IN ({_marks(promotion_ids)})"
        )
        parameters += [consumer_pk, *promotion_ids]
    if not parts:
        return "SELECT 'none', 0, 0, '', '' WHERE 1 = 0", []
    head = f"WITH {', '.join(withs)} " if withs else ""
    return head + " UNION ALL ".join(parts), parameters


def _marks(values: Collection[int]) -> str:
    return ", ".join(["%s"] * len(values))
