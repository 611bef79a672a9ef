"""Reads of what a decision needs to know: the consumer, the products, and what was used so far.

Each is one SQL statement, whatever the size of the basket and the number of promotions. They are written in SQL,
because they run for every basket and the ORM takes several times as long to put them together as the database takes to
answer. Each row is decoded to a type of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import overload

from django.db import connection
from msgspec import Struct, json

from consumers.choices import MembershipStatus
from consumers.models import Account, Consumer
from loyalty.services.statements.combined_query import CombinedQuery, Parameter, in_ids, in_texts
from loyalty.services.till.locks import (
    NOTHING_LOCKED,
    ContendedCounters,
    CounterRow,
    PromotionRow,
    counters_lock_with,
)
from promotions.choices import SoldBy
from promotions.engine.facts.basket import ProductFacts
from promotions.engine.facts.consumer import PersonalizedChoice, Shopper
from promotions.engine.facts.progress import Progress

_texts = json.Decoder(tuple[str, ...])
_progress = json.Decoder(list[dict[str, list[int]]])
_explanation = json.Decoder(list[dict[str, object]])
_PRICE_DECIMALS = Decimal("0.0001")


# --- the sale's consumer, products and stored decision ---------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ShopperRecord:
    """A consumer's row with what rules may ask of it.

    ``personalized_promotions`` are those, by backend id, under which the consumer has a list.
    """

    consumer: Consumer
    groups: frozenset[str]
    home_site: str | None
    status: str | None
    enrolled_on: date | None
    card_type: str
    personalized_promotions: frozenset[str]
    is_card_of_another: bool = False
    """Whether the sale names this consumer, and the card of somebody else."""

    @property
    def balance(self) -> int | None:
        """The points balance; None without a membership."""
        return None if self.status is None else self.consumer.points_balance

    @property
    def is_member(self) -> bool:
        """Whether the consumer is an active loyalty member."""
        return self.status == MembershipStatus.ACTIVE

    def shopper_on(self, today: date) -> Shopper:
        """Return the engine's shopper on a local day at the site. Their lists are empty: ``usage_read`` reads them."""
        consumer = self.consumer
        return Shopper(
            consumer_id=consumer.consumer_id,
            today=today,
            groups=self.groups,
            home_site=self.home_site,
            is_loyalty_member=self.is_member,
            enrolled_on=self.enrolled_on,
            date_of_birth=consumer.date_of_birth,
            yearless_birthday=consumer.birthday_on if consumer.date_of_birth is None else None,
            points_balance=self.balance,
            last_transaction_on=consumer.last_transaction_on,
            last_offer_redeemed_on=consumer.last_offer_redeemed_on,
            last_promotion_redeemed_on=consumer.last_promotion_redeemed_on,
            personalized=dict.fromkeys(self.personalized_promotions, PersonalizedChoice(products=())),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredDecision:
    """What a reference was committed with: the fingerprint of its content, the answer as JSON text, the explanation."""

    fingerprint: str
    answer: str
    explanation: list[dict[str, object]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleContext:
    """What an account knows about a sale: who buys, its products by SKU, and the decision if it was committed before.

    ``transaction_id`` is the id reserved for the transaction's row; None where the database gives it on insert.
    """

    shopper: ShopperRecord | None = None
    products: dict[str, ProductFacts] = field(default_factory=dict)
    stored: StoredDecision | None = None
    transaction_id: int | None = None


class _ShopperRow(Struct, array_like=True, frozen=True):
    id: int
    consumer_id: str
    date_of_birth: date | None
    yearless_birthday: str
    points_balance: int
    last_transaction_at: datetime | None
    last_transaction_on: date | None
    last_offer_redeemed_on: date | None
    last_promotion_redeemed_on: date | None
    email: str
    status: str | None
    enrolled_on: date | None
    home_site: str | None
    card_type: str | None
    card_consumer: int | None


class _TextRow(Struct, array_like=True, frozen=True):
    text: str


class _ProductRow(Struct, array_like=True, frozen=True):
    sku: str
    product_brand: str
    program_brand: str
    category: str
    labels: str
    cost_price: Decimal | None
    retail_price: Decimal | None
    sold_by: str
    no_discount: bool | int
    no_points: bool | int


class _DecisionRow(Struct, array_like=True, frozen=True):
    fingerprint: str
    answer: str
    explanation: str


class _IdRow(Struct, array_like=True, frozen=True):
    id: int


_SHOPPER_COLUMNS = (
    "id, consumer_id, date_of_birth, yearless_birthday, points_balance, last_transaction_at, last_transaction_on,"
    " last_offer_redeemed_on, last_promotion_redeemed_on, email, status, enrolled_on, home_site, card_type,"
    " card_consumer"
)
_SHOPPER_SQL = """
    SELECT c.id, c.consumer_id, c.date_of_birth, c.yearless_birthday, c.points_balance, c.last_transaction_at,
        c.last_transaction_on, c.last_offer_redeemed_on, c.last_promotion_redeemed_on, m.status, m.enrolled_on,
        s.number AS home_site, c.email, (SELECT k.type FROM consumers_card k WHERE k.account_id = c.account_id
            AND k.number = %s AND k.membership_id = m.id) AS card_type,
        {card_consumer} AS card_consumer
    FROM consumers_consumer c
    LEFT JOIN consumers_membership m ON m.consumer_id = c.id
    LEFT JOIN consumers_site s ON s.id = c.home_site_id
    WHERE c.account_id = %s AND {condition}{lock}
"""
_HAS_CONSUMER_ID = "c.consumer_id = %s"
_CARD_CONSUMER = """(
        SELECT o.consumer_id FROM consumers_card n JOIN consumers_membership o ON o.id = n.membership_id
        WHERE n.account_id = c.account_id AND n.number = %s)"""
_HAS_CARD = f"c.id = {_CARD_CONSUMER}"


def sale_context_read(
    *,
    account: Account,
    skus: Collection[str] = (),
    consumer_id: str = "",
    card: str = "",
    reference: str = "",
    lock: bool = False,
) -> SaleContext:
    """Read what an account knows about a sale, in one statement.

    Args:
        account: the sale's.
        skus: to look up in the catalogue; an account without one has none of them.
        consumer_id: the external id of who buys; where it is empty, ``card`` names them.
        card: a loyalty card's number.
        reference: the transaction's; empty for none.
        lock: whether to lock the consumer's row until the transaction ends.
    """
    query = CombinedQuery()
    shoppers: list[_ShopperRow] = []
    groups: list[_TextRow] = []
    personalized: list[_TextRow] = []
    if consumer_id or card:
        query.define("shopper", *_shopper_sql(account, consumer_id, card, lock=lock))
        shoppers = query.select(_ShopperRow, _SHOPPER_COLUMNS, "shopper")
        groups = query.select(_TextRow, "g.code", _GROUPS)
        personalized = query.select(_TextRow, "p.backend_id", _PERSONALIZED_PROMOTIONS)
    products = _products_select(query, account, skus)
    decisions: list[_DecisionRow] = []
    ids: list[_IdRow] = []
    if reference:
        decisions = query.select(
            _DecisionRow,
            "fingerprint, answer, CAST(explanation AS text)",
            "loyalty_transaction WHERE account_id = %s AND reference = %s",
            [account.pk, reference],
        )
        if connection.vendor == "postgresql":
            ids = query.select(_IdRow, "nextval(pg_get_serial_sequence('loyalty_transaction', 'id'))")
    query.run()
    return SaleContext(
        shopper=_shopper_record(account, shoppers[0], groups, personalized) if shoppers else None,
        products={row.sku: _product_facts(row) for row in products},
        stored=_stored_decision(decisions[0]) if decisions else None,
        transaction_id=ids[0].id if ids else None,
    )


def _shopper_sql(account: Account, consumer_id: str, card: str, *, lock: bool) -> tuple[str, list[Parameter]]:
    """Return the statement, with its parameters, that reads who buys."""
    # Only where both are named can the card be somebody else's.
    is_both = bool(consumer_id and card)
    sql = _SHOPPER_SQL.format(
        condition=_HAS_CONSUMER_ID if consumer_id else _HAS_CARD,
        lock=" FOR UPDATE OF c" if lock and connection.vendor == "postgresql" else "",
        card_consumer=_CARD_CONSUMER if is_both else "c.id",
    )
    return sql, [card, *([card] if is_both else []), account.pk, consumer_id or card]


_GROUPS = (
    "shopper JOIN consumers_consumer_groups cg ON cg.consumer_id = shopper.id"
    " JOIN consumers_consumergroup g ON g.id = cg.consumergroup_id"
)
_PERSONALIZED_PROMOTIONS = (
    "shopper JOIN promotions_personalizedlist l ON l.consumer_id = shopper.id"
    " JOIN promotions_personalizedpromotion p ON p.id = l.promotion_id AND NOT p.archived"
)


def products_read(*, account: Account, skus: Collection[str]) -> dict[str, ProductFacts]:
    """Read the catalogue entries of some SKUs; an account without a catalogue has none."""
    return sale_context_read(account=account, skus=skus).products


def _products_select(query: CombinedQuery, account: Account, skus: Collection[str]) -> list[_ProductRow]:
    if not skus or not account.catalogue_enabled:
        return []
    in_skus, parameter = in_texts(skus)
    return query.select(
        _ProductRow,
        "sku, product_brand, program_brand, category, CAST(labels AS text), cost_price, retail_price,"
        " sold_by, no_discount, no_points",
        f"promotions_product WHERE account_id = %s AND sku {in_skus}",
        [account.pk, parameter],
    )


def _shopper_record(
    account: Account, row: _ShopperRow, groups: Sequence[_TextRow], personalized: Sequence[_TextRow]
) -> ShopperRecord:
    consumer = Consumer(
        id=row.id,
        account=account,
        consumer_id=row.consumer_id,
        date_of_birth=row.date_of_birth,
        yearless_birthday=row.yearless_birthday,
        points_balance=row.points_balance,
        last_transaction_at=_aware(row.last_transaction_at),
        last_transaction_on=row.last_transaction_on,
        last_offer_redeemed_on=row.last_offer_redeemed_on,
        last_promotion_redeemed_on=row.last_promotion_redeemed_on,
        email=row.email,
    )
    return ShopperRecord(
        consumer=consumer,
        status=row.status,
        enrolled_on=row.enrolled_on,
        home_site=row.home_site,
        groups=frozenset(group.text for group in groups),
        card_type=row.card_type or "",
        personalized_promotions=frozenset(promotion.text for promotion in personalized),
        is_card_of_another=row.card_consumer not in (None, row.id),
    )


def _product_facts(row: _ProductRow) -> ProductFacts:
    return ProductFacts(
        product_brand=row.product_brand,
        program_brand=row.program_brand,
        category=row.category,
        labels=_texts.decode(row.labels),
        cost_price=_price(row.cost_price),
        retail_price=_price(row.retail_price),
        sold_by_weight=row.sold_by == SoldBy.WEIGHT,
        no_discount=bool(row.no_discount),
        no_points=bool(row.no_points),
    )


def _stored_decision(row: _DecisionRow) -> StoredDecision:
    return StoredDecision(
        fingerprint=row.fingerprint, answer=row.answer, explanation=_explanation.decode(row.explanation)
    )


@overload
def _aware(moment: datetime) -> datetime: ...
@overload
def _aware(moment: None) -> None: ...
def _aware(moment: datetime | None) -> datetime | None:
    """Add the zone to a moment that SQLite keeps in UTC without saying so."""
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _price(number: Decimal | None) -> Decimal | None:
    """Return a price with the decimals of its column: SQLite drops zeros at the end."""
    return None if number is None else number.quantize(_PRICE_DECIMALS)


# --- usage: counters, progress, lists, vouchers ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodRequest:
    """Promotions by id whose redemptions by one consumer are wanted from ``since`` on and before ``until``."""

    promotion_ids: Collection[int]
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRequest:
    """What a decision needs to know of use so far.

    Args:
        account_pk: whose vouchers.
        consumer_pk: whose use, progress and lists; None for nobody's.
        promotion_ids: promotions whose counters and progress are wanted.
        periods: those whose limit per customer holds over a calendar period.
        allowances: those with a budget for each customer, over its period.
        limited_ids: those of them with a total limit or a budget, of their own or of their campaign.
        campaign_ids: campaigns with a budget.
        offer_ids: offers with a stock.
        backend_ids: personalized promotions under which the consumer's lists are wanted.
        voucher_codes: of the vouchers that were presented, as they are stored (``voucher_key``).
    """

    account_pk: int
    consumer_pk: int | None
    promotion_ids: Collection[int] = ()
    periods: Sequence[PeriodRequest] = ()
    allowances: Sequence[PeriodRequest] = ()
    limited_ids: Collection[int] = ()
    campaign_ids: Collection[int] = ()
    offer_ids: Collection[int] = ()
    backend_ids: Collection[str] = ()
    voucher_codes: Collection[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredProgress:
    """A consumer's progress under a promotion's application rules, and the signature of the rules it is under."""

    signature: str
    document: str

    def decoded(self) -> Progress:
        """Return the progress. Decoding is put off to here, as most of it belongs to rules that do not count today."""
        return Progress.from_json(_progress.decode(self.document))


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredList:
    """A consumer's list under a personalized promotion: the id of its row, and the choice."""

    id: int
    choice: PersonalizedChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredVoucher:
    """A voucher's row, as far as paying with it needs it."""

    id: int
    offer_id: int
    consumer_pk: int
    status: str
    issued_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRecord:
    """Use so far: redemptions of promotions in all and by one consumer, budgets, their progress, vouchers left.

    All by the id of their promotion, campaign or offer, but ``lists`` by backend id, ``vouchers`` (presented) by code.
    ``in_period`` are that consumer's redemptions in the periods that were asked about, and ``received`` what they were
    given in the periods of their budgets.
    """

    total: Mapping[int, int]
    budget_used: Mapping[int, int]
    campaign_used: Mapping[int, int]
    by_consumer: Mapping[int, int]
    in_period: Mapping[int, int]
    received: Mapping[int, "Received"]
    progress: Mapping[int, StoredProgress]
    vouchers_left: Mapping[int, int]
    lists: Mapping[str, StoredList]
    vouchers: Mapping[str, StoredVoucher]


class Received(Struct, array_like=True, frozen=True):
    """What is left of what a promotion gave a consumer in a period; ``saving`` in major units of money."""

    promotion_id: int
    points: int
    saving: Decimal


class _UsageRow(Struct, array_like=True, frozen=True):
    promotion_id: int
    redemptions: int
    progress_signature: str
    progress: str


class _ListRow(Struct, array_like=True, frozen=True):
    backend_id: str
    id: int
    products: str
    selected: str
    locked: bool | int


class _VoucherRow(Struct, array_like=True, frozen=True):
    code: str
    id: int
    offer_id: int
    consumer_id: int
    status: str
    issued_at: datetime
    expires_at: datetime | None


def usage_read(request: UsageRequest, *, contended: ContendedCounters | None = None) -> UsageRecord:
    """Read counters, progress, lists and vouchers in one statement.

    Whoever writes a consumer's use, lists or vouchers holds the consumer's row, so a commit that holds it needs no
    other lock on them; and as this runs after the row was locked, it sees what the commit before wrote.

    Args:
        request: what to read.
        contended: counters of a sale that is committed. What is read of these is good until the transaction ends; and
            the progress under all promotions for which the consumer has any is read too.
    """
    query = CombinedQuery()
    promotions = promotions_select(query, request.limited_ids)
    campaigns = _campaigns_select(query, request.campaign_ids)
    vouchers_left = _vouchers_left_select(query, request.offer_ids)
    locked = NOTHING_LOCKED if contended is None else counters_lock_with(query, contended)
    usages = _usages_select(query, request, all_progress=contended is not None)
    received = [received_select(query, request.consumer_pk, period) for period in request.allowances]
    in_periods = [_period_select(query, request.consumer_pk, period) for period in request.periods]
    lists = _lists_select(query, request)
    vouchers = _vouchers_select(query, request)
    query.run()
    return UsageRecord(
        total={row.id: row.redemptions for row in (*promotions, *locked.promotions)},
        budget_used={row.id: row.budget_used for row in (*promotions, *locked.promotions)},
        campaign_used={row.id: row.count for row in (*campaigns, *locked.campaigns)},
        by_consumer={row.promotion_id: row.redemptions for row in usages},
        received={row.promotion_id: row for rows in received for row in rows},
        in_period={row.id: row.count for rows in in_periods for row in rows},
        progress={
            row.promotion_id: StoredProgress(signature=row.progress_signature, document=row.progress)
            for row in usages
            if row.progress_signature
        },
        vouchers_left={row.id: row.count for row in (*vouchers_left, *locked.vouchers_left)},
        lists={row.backend_id: _stored_list(row) for row in lists},
        vouchers={row.code: _stored_voucher(row) for row in vouchers},
    )


def promotions_select(query: CombinedQuery, promotion_ids: Collection[int]) -> list[PromotionRow]:
    """Read the counters of promotions."""
    if not promotion_ids:
        return []
    in_promotions, parameter = in_ids(promotion_ids)
    source = f"promotions_promotion WHERE id {in_promotions}"
    return query.select(PromotionRow, "id, redemptions, budget_used", source, [parameter])


def _campaigns_select(query: CombinedQuery, campaign_ids: Collection[int]) -> list[CounterRow]:
    """Read what was used of the budgets of campaigns."""
    if not campaign_ids:
        return []
    in_campaigns, parameter = in_ids(campaign_ids)
    return query.select(CounterRow, "id, budget_used", f"promotions_campaign WHERE id {in_campaigns}", [parameter])


def _vouchers_left_select(query: CombinedQuery, offer_ids: Collection[int]) -> list[CounterRow]:
    if not offer_ids:
        return []
    in_offers, parameter = in_ids(offer_ids)
    return query.select(CounterRow, "id, stock - issued", f"loyalty_offer WHERE id {in_offers}", [parameter])


def _usages_select(query: CombinedQuery, request: UsageRequest, *, all_progress: bool) -> list[_UsageRow]:
    if request.consumer_pk is None or not (request.promotion_ids or all_progress):
        return []
    in_promotions, parameter = in_ids(request.promotion_ids)
    or_has_progress = " OR progress_signature <> ''" if all_progress else ""
    return query.select(
        _UsageRow,
        "promotion_id, redemptions, progress_signature, CAST(progress AS text)",
        f"loyalty_promotionusage WHERE consumer_id = %s AND (promotion_id {in_promotions}{or_has_progress})",
        [request.consumer_pk, parameter],
    )


def _period_select(query: CombinedQuery, consumer_pk: int | None, period: PeriodRequest) -> list[CounterRow]:
    """Add up what is left of a consumer's redemptions in a period, through the index of their transactions."""
    if consumer_pk is None:
        return []
    in_promotions, parameter = in_ids(period.promotion_ids)
    return query.select(
        CounterRow,
        "a.promotion_id, SUM(a.redemptions)",
        "loyalty_transaction t JOIN loyalty_appliedpromotion a ON a.transaction_id = t.id"
        f" WHERE t.consumer_id = %s AND t.occurred_at >= %s AND t.occurred_at < %s AND a.promotion_id {in_promotions}"
        " GROUP BY a.promotion_id",
        [consumer_pk, _moment(period.since), _moment(period.until), parameter],
    )


def received_select(query: CombinedQuery, consumer_pk: int | None, period: PeriodRequest) -> list[Received]:
    """Add up what is left of what a consumer was given in a period, as ``_period_select`` does redemptions."""
    if consumer_pk is None:
        return []
    in_promotions, parameter = in_ids(period.promotion_ids)
    return query.select(
        Received,
        "a.promotion_id, SUM(a.points), SUM(a.saving)",
        "loyalty_transaction t JOIN loyalty_appliedpromotion a ON a.transaction_id = t.id"
        f" WHERE t.consumer_id = %s AND t.occurred_at >= %s AND t.occurred_at < %s AND a.promotion_id {in_promotions}"
        " GROUP BY a.promotion_id",
        [consumer_pk, _moment(period.since), _moment(period.until), parameter],
    )


def _moment(moment: datetime) -> datetime | str:
    """Return a moment as a parameter: SQLite compares texts."""
    return moment if connection.vendor == "postgresql" else str(connection.ops.adapt_datetimefield_value(moment))


def _lists_select(query: CombinedQuery, request: UsageRequest) -> list[_ListRow]:
    if request.consumer_pk is None or not request.backend_ids:
        return []
    in_backend_ids, parameter = in_texts(request.backend_ids)
    return query.select(
        _ListRow,
        "p.backend_id, l.id, CAST(l.products AS text), CAST(l.selected AS text), l.locked",
        "promotions_personalizedlist l JOIN promotions_personalizedpromotion p ON p.id = l.promotion_id"
        f" WHERE l.consumer_id = %s AND p.backend_id {in_backend_ids}",
        [request.consumer_pk, parameter],
    )


def _vouchers_select(query: CombinedQuery, request: UsageRequest) -> list[_VoucherRow]:
    if not request.voucher_codes:
        return []
    in_codes, parameter = in_texts(request.voucher_codes)
    return query.select(
        _VoucherRow,
        "code, id, offer_id, consumer_id, status, issued_at, expires_at",
        f"loyalty_voucher WHERE account_id = %s AND code {in_codes}",
        [request.account_pk, parameter],
    )


def _stored_list(row: _ListRow) -> StoredList:
    choice = PersonalizedChoice(
        products=_texts.decode(row.products), selected=_texts.decode(row.selected), locked=bool(row.locked)
    )
    return StoredList(id=row.id, choice=choice)


def _stored_voucher(row: _VoucherRow) -> StoredVoucher:
    return StoredVoucher(
        id=row.id,
        offer_id=row.offer_id,
        consumer_pk=row.consumer_id,
        status=row.status,
        issued_at=_aware(row.issued_at),
        expires_at=_aware(row.expires_at),
    )
