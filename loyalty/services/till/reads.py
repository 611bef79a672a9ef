"""Reads of what a decision needs to know: the consumer, the products, and what was used so far.

Each is one SQL statement, whatever the size of the basket and the number of promotions. They are written in SQL: they
are asked at every basket, and the ORM takes several times as long to put them together as the database to answer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from msgspec import json

from consumers.choices import MembershipStatus
from consumers.models import Account, Consumer
from loyalty.services.till.combined_query import CombinedQuery, among_ids, among_texts
from promotions.engine.facts.basket import ProductFacts
from promotions.engine.facts.consumer import PersonalizedChoice, Shopper


@dataclass(frozen=True, kw_only=True, slots=True)
class ShopperRecord:
    """A consumer's row with what rules may ask of it.

    ``enlisted`` are the personalized promotions, by backend id, under which the consumer has a list.
    """

    consumer: Consumer
    groups: frozenset[str]
    home_site: str | None
    status: str | None
    enrolled_on: date | None
    card_type: str
    enlisted: frozenset[str]

    @property
    def balance(self) -> int | None:
        """The points balance; None without a membership."""
        return None if self.status is None else self.consumer.points_balance

    @property
    def is_member(self) -> bool:
        """Whether the consumer is an active loyalty member."""
        return self.status == MembershipStatus.ACTIVE

    def on(self, today: date) -> Shopper:
        """The shopper as the engine is given it, on a day at the site; what is on their lists is read later."""
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
            personalized=dict.fromkeys(self.enlisted, PersonalizedChoice(products=())),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredDecision:
    """What a reference was committed with: the fingerprint of its content, the answer as JSON text, the explanation."""

    fingerprint: str
    answer: str
    explanation: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleContext:
    """What an account knows of a basket: who buys, its products by SKU, and the decision made before.

    ``transaction_id`` is the id that the transaction's row is to have; None where the database gives it when it is
    inserted.
    """

    shopper: ShopperRecord | None = None
    products: dict[str, ProductFacts] = field(default_factory=dict)
    stored: StoredDecision | None = None
    transaction_id: int | None = None


_SHOPPER = """
    SELECT c.id, c.consumer_id, c.date_of_birth, c.points_balance, c.last_transaction_at, c.last_transaction_on,
        c.last_offer_redeemed_on, c.last_promotion_redeemed_on, m.status, m.enrolled_on, s.number AS home_site,
        c.email, (SELECT k.type FROM consumers_card k WHERE k.account_id = c.account_id AND k.number = %s
            AND k.membership_id = m.id) AS card_type
    FROM consumers_consumer c
    LEFT JOIN consumers_membership m ON m.consumer_id = c.id
    LEFT JOIN consumers_site s ON s.id = c.home_site_id
    WHERE c.account_id = %s AND {named}{update}
"""
_BY_ID = "c.consumer_id = %s"
_BY_CARD = """c.id = (
        SELECT o.consumer_id FROM consumers_card n JOIN consumers_membership o ON o.id = n.membership_id
        WHERE n.account_id = c.account_id AND n.number = %s)"""


def sale_context_read(
    *,
    account: Account,
    skus: Collection[str] = (),
    consumer_id: str = "",
    card: str = "",
    reference: str = "",
    lock: bool = False,
) -> SaleContext:
    """Read what an account knows of a basket, in one statement.

    Args:
        account: whose.
        skus: to look up in the catalogue; an account without one has none of them.
        consumer_id: the external id of who buys; where it is empty, ``card`` names them.
        card: a loyalty card's number.
        reference: the transaction's; empty for none.
        lock: whether the consumer's row is locked until the transaction ends.
    """
    reads = CombinedQuery()
    if consumer_id or card:
        postgresql = connection.vendor == "postgresql"
        sql = _SHOPPER.format(
            named=_BY_ID if consumer_id else _BY_CARD,
            update=" FOR UPDATE OF c" if lock and postgresql else "",
        )
        reads.name("shopper", sql, [card, account.pk, consumer_id or card])
        reads.add(
            "shopper",
            "id, consumer_id, date_of_birth, points_balance, last_transaction_at, last_transaction_on,"
            " last_offer_redeemed_on, last_promotion_redeemed_on, status, enrolled_on, home_site, card_type, email",
            "shopper",
        )
        reads.add(
            "group",
            "g.code",
            "shopper JOIN consumers_consumer_groups cg ON cg.consumer_id = shopper.id"
            " JOIN consumers_consumergroup g ON g.id = cg.consumergroup_id",
        )
        reads.add(
            "enlisted",
            "p.backend_id",
            "shopper JOIN promotions_personalizedlist l ON l.consumer_id = shopper.id"
            " JOIN promotions_personalizedpromotion p ON p.id = l.promotion_id AND NOT p.archived",
        )
    if skus and account.catalogue_enabled:
        listed, wanted = among_texts(skus)
        reads.add(
            "product",
            "sku, product_brand, program_brand, category, CAST(labels AS text), cost_price, retail_price",
            f"promotions_product WHERE account_id = %s AND sku {listed}",
            [account.pk, wanted],
        )
    if reference:
        reads.add(
            "stored",
            "fingerprint, answer, CAST(explanation AS text)",
            "loyalty_transaction WHERE account_id = %s AND reference = %s",
            [account.pk, reference],
        )
        if connection.vendor == "postgresql":
            reads.add("id", "nextval(pg_get_serial_sequence('loyalty_transaction', 'id'))")
    rows = reads.rows()
    return SaleContext(
        shopper=next(
            (_shopper(account, row, groups=rows["group"], enlisted=rows["enlisted"]) for row in rows["shopper"]), None
        ),
        products={row[0]: _product(row) for row in rows["product"]},
        stored=next((_stored(row) for row in rows["stored"]), None),
        transaction_id=next((row_id for (row_id,) in rows["id"]), None),
    )


def _shopper(account: Account, row: list[Any], *, groups: list[list[Any]], enlisted: list[list[Any]]) -> ShopperRecord:
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
        email=row[12],
    )
    return ShopperRecord(
        consumer=consumer,
        status=row[8],
        enrolled_on=_day(row[9]),
        home_site=row[10],
        groups=frozenset(code for (code,) in groups),
        card_type=row[11] or "",
        enlisted=frozenset(backend_id for (backend_id,) in enlisted),
    )


def _product(row: list[Any]) -> ProductFacts:
    return ProductFacts(
        product_brand=row[1],
        program_brand=row[2],
        category=row[3],
        labels=tuple(json.decode(row[4])),
        cost_price=_price(row[5]),
        retail_price=_price(row[6]),
    )


def _stored(row: list[Any]) -> StoredDecision:
    return StoredDecision(fingerprint=row[0], answer=row[1], explanation=json.decode(row[2]))


def products_read(*, account: Account, skus: Collection[str]) -> dict[str, ProductFacts]:
    """The catalogue entries of some SKUs; none for an account without a catalogue."""
    return sale_context_read(account=account, skus=skus).products


_FOUR_DECIMALS = Decimal("0.0001")


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _moment(text: str | None) -> datetime | None:
    """A moment as the database writes it: SQLite keeps it in UTC without saying so."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _price(number: Decimal | int | None) -> Decimal | None:
    """A price with the decimals of its column: SQLite keeps none beyond the last that counts."""
    return None if number is None else Decimal(number).quantize(_FOUR_DECIMALS)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredList:
    """A consumer's list under a personalized promotion: its row's id and what it says."""

    id: int
    choice: PersonalizedChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredVoucher:
    """A voucher's row, as far as paying with it needs it."""

    id: int
    offer_id: int
    consumer_pk: int
    status: str
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRecord:
    """Counters of some promotions, one consumer's use of them, and the vouchers left of some offers, by id.

    ``lists`` are the consumer's, by backend id, and ``vouchers`` those presented, by code.
    """

    total: Mapping[int, int]
    by_consumer: Mapping[int, int]
    progress: Mapping[int, tuple[str, Any]]
    vouchers_left: Mapping[int, int]
    lists: Mapping[str, StoredList]
    vouchers: Mapping[str, StoredVoucher]


AMPLE = 1_000
"""A counter with more than this left is not locked for a decision."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contended:
    """Counters that a sale may count up: promotions with a total limit, and offers with a stock, by id.

    Where each has more than ``ample`` left, none is locked: the decision is the same on all figures that leave room for
    it, and whether they do the database judges when they are counted up. Otherwise, and where ``ample`` is None, all
    are locked, promotions by id and then offers by id.
    """

    promotion_ids: Collection[int]
    offer_ids: Collection[int]
    ample: int | None = AMPLE


def usage_read(
    *,
    account_pk: int,
    consumer_pk: int | None,
    promotion_ids: Collection[int],
    limited_ids: Collection[int],
    offer_ids: Collection[int],
    backend_ids: Collection[str] = (),
    codes: Collection[str] = (),
    contended: Contended | None = None,
) -> UsageRecord:
    """Read counters, lists and vouchers in one statement.

    Whoever writes a consumer's use, lists or vouchers holds the consumer's row, so a commit that holds it needs no
    other lock on them; and as this is asked after the row was locked, it sees what the one before wrote.

    Args:
        account_pk: whose vouchers.
        consumer_pk: whose use is asked for; None for nobody's.
        promotion_ids: promotions whose counters and progress are wanted.
        limited_ids: those with a total limit.
        offer_ids: offers with a stock.
        backend_ids: personalized promotions under which the consumer's lists are wanted.
        codes: of vouchers.
        contended: of a sale that is committed. What is read of these counters is good until the transaction ends; and
            the progress of every promotion under whose rules the consumer has any comes too.
    """
    reads = CombinedQuery()
    if limited_ids:
        listed, wanted = among_ids(limited_ids)
        reads.add("total", "id, redemptions", f"promotions_promotion WHERE id {listed}", [wanted])
    if offer_ids:
        listed, wanted = among_ids(offer_ids)
        reads.add("offer", "id, stock - issued", f"loyalty_offer WHERE id {listed}", [wanted])
    if contended is not None and connection.vendor == "postgresql":
        _lock(contended, reads)
    if (promotion_ids or contended) and consumer_pk is not None:
        listed, wanted = among_ids(promotion_ids)
        under_way = " OR progress_signature <> ''" if contended else ""
        reads.add(
            "usage",
            "promotion_id, redemptions, progress_signature, CAST(progress AS text)",
            f"loyalty_promotionusage WHERE consumer_id = %s AND (promotion_id {listed}{under_way})",
            [consumer_pk, wanted],
        )
    if backend_ids and consumer_pk is not None:
        listed, wanted = among_texts(backend_ids)
        reads.add(
            "list",
            "p.backend_id, l.id, CAST(l.products AS text), CAST(l.selected AS text), l.locked",
            "promotions_personalizedlist l JOIN promotions_personalizedpromotion p ON p.id = l.promotion_id"
            f" WHERE l.consumer_id = %s AND p.backend_id {listed}",
            [consumer_pk, wanted],
        )
    if codes:
        listed, wanted = among_texts(codes)
        reads.add(
            "voucher",
            "code, id, offer_id, consumer_id, status, expires_at",
            f"loyalty_voucher WHERE account_id = %s AND code {listed}",
            [account_pk, wanted],
        )
    rows = reads.rows()
    return UsageRecord(
        total=dict(rows["total"]),
        by_consumer={promotion_id: redemptions for promotion_id, redemptions, _, _ in rows["usage"]},
        progress={
            promotion_id: (signature, json.decode(progress))
            for promotion_id, _, signature, progress in rows["usage"]
            if signature
        },
        vouchers_left=dict(rows["offer"]),
        lists={row[0]: _list(row) for row in rows["list"]},
        vouchers={row[0]: _voucher(row) for row in rows["voucher"]},
    )


def _lock(contended: Contended, reads: CombinedQuery) -> None:
    """Lock counters, promotions first, and read them again: a row that is waited for is another one then."""
    if not contended.promotion_ids and not contended.offer_ids:
        return
    limited, promotions = among_ids(contended.promotion_ids)
    stocked, offers = among_ids(contended.offer_ids)
    if_scarce = ""
    if contended.ample is not None:
        if_scarce = " AND EXISTS (SELECT 1 FROM scarce)"
        reads.name(
            "scarce",
            f"SELECT 1 FROM promotions_promotion WHERE id {limited} AND total_redemption_limit - redemptions <= %s"  # noqa: S608
            f" UNION ALL SELECT 1 FROM loyalty_offer WHERE id {stocked} AND stock - issued <= %s",
            [promotions, contended.ample, offers, contended.ample],
        )
    reads.name(
        "limited",
        f"SELECT id, redemptions FROM promotions_promotion WHERE id {limited}{if_scarce}"  # noqa: S608 - no values
        " ORDER BY id FOR NO KEY UPDATE",
        [promotions],
    )
    reads.add("total", "id, redemptions", "limited")
    reads.name(
        "stocked",
        f"SELECT id, stock - issued AS remaining FROM loyalty_offer WHERE id {stocked}{if_scarce}"  # noqa: S608
        " ORDER BY id FOR NO KEY UPDATE",
        [offers],
    )
    reads.add("offer", "id, remaining", "stocked")


def counters_lock(*, promotion_ids: Collection[int], offer_ids: Collection[int]) -> None:
    """Lock the rows that a sale may have locked: promotions with a limit by id, then offers with a stock by id."""
    if connection.vendor != "postgresql":
        return
    for table, limit, ids in (
        ("promotions_promotion", "total_redemption_limit", promotion_ids),
        ("loyalty_offer", "stock", offer_ids),
    ):
        if ids:
            listed, wanted = among_ids(ids)
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT 1 FROM {table} WHERE id {listed} AND {limit} IS NOT NULL"  # noqa: S608 - no values
                    " ORDER BY id FOR NO KEY UPDATE",
                    [wanted],
                )


def _list(row: list[Any]) -> StoredList:
    choice = PersonalizedChoice(
        products=tuple(json.decode(row[2])), selected=tuple(json.decode(row[3])), locked=bool(row[4])
    )
    return StoredList(id=row[1], choice=choice)


def _voucher(row: list[Any]) -> StoredVoucher:
    return StoredVoucher(id=row[1], offer_id=row[2], consumer_pk=row[3], status=row[4], expires_at=_moment(row[5]))
