"""Accounts in the database that tills can sell in, written in bulk: creating them is not measured."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from django.utils import timezone

from benchmarks.workload import BALANCE, CHOICES, CURRENCY, GROUP, OFFER, SITE, TOWN, Workload, body, product_facts, sku
from consumers.models import Account, Consumer, ConsumerGroup, Membership, Site
from consumers.services.account import account_create
from loyalty.api.v1.till_bodies import sale_decoded
from loyalty.models import Offer
from loyalty.services.till.commit import transaction_commit
from promotions.choices import Status
from promotions.engine.rulebook.promotion import PromotionSource
from promotions.models import (
    PersonalizedList,
    PersonalizedPromotion,
    Product,
    Promotion,
    PromotionVersion,
)

PRODUCTS = 500
BATCH_SIZE = 1_000
FIRST_SALE_LINES = 10


@dataclass(frozen=True, kw_only=True)
class Shop:
    """An account that tills can sell in: its id, a till's key, its consumers, and the moment to sell at."""

    account_id: int
    till_key: str
    consumers: tuple[str, ...]
    at: datetime


def shop_create(code: str, generated: Workload, *, consumers: int) -> Shop:
    """Create an account with a workload's promotions, and everything that they and the baskets name."""
    new = account_create(code=code, currency=CURRENCY, time_zone="Europe/London")
    account = new.account
    Site.objects.create(account=account, number=SITE, name="York", town=TOWN)
    Product.objects.bulk_create(_products(account), batch_size=BATCH_SIZE)
    Offer.objects.create(account=account, code=OFFER, name="Gift", currency=CURRENCY, value="1", perceived_value="3")
    members = _members(account, consumers)
    _lists(account, generated.sources, members)
    promotions_create(account, generated.sources)
    # Yesterday at noon, at which all of the promotions are in force and a sale may still be sent.
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return Shop(
        account_id=account.pk,
        till_key=new.till_key,
        consumers=tuple(member.consumer_id for member in members),
        at=noon,
    )


def first_sales(shops: Iterable[Shop]) -> None:
    """Sell once to every consumer of the shops, then let the database count what its tables hold.

    An installation that sells does so by itself (autovacuum). Counted before the first sale, the sales' tables are
    known to be empty, and tills keep plans for empty tables until they are counted again.
    """
    for shop in shops:
        account = Account.objects.get(pk=shop.account_id)
        for number, consumer in enumerate(shop.consumers):
            now = timezone.now()
            raw = body(FIRST_SALE_LINES, consumer=consumer, reference=f"first-{number}", at=shop.at)
            transaction_commit(account=account, sale=sale_decoded(raw, now=now, commit=True), at=now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _products(account: Account) -> Iterable[Product]:
    for number in range(PRODUCTS):
        facts = product_facts(number)
        yield Product(
            account=account,
            sku=sku(number),
            name=f"Product {number}",
            product_brand=facts.product_brand,
            program_brand=facts.program_brand,
            category=facts.category,
            labels=list(facts.labels),
            cost_price=facts.cost_price,
            retail_price=facts.retail_price,
        )


def _members(account: Account, count: int) -> list[Consumer]:
    group = ConsumerGroup.objects.create(account=account, code=GROUP)
    members = Consumer.objects.bulk_create(
        [Consumer(account=account, consumer_id=f"c-{n}", points_balance=BALANCE) for n in range(count)],
        batch_size=BATCH_SIZE,
    )
    Membership.objects.bulk_create(
        [Membership(consumer=member, enrolled_on=date(2025, 1, 1)) for member in members], batch_size=BATCH_SIZE
    )
    group.consumers.add(*members)
    return members


def _lists(account: Account, sources: Iterable[PromotionSource], members: Iterable[Consumer]) -> None:
    named = {
        product_set.get("personalized_promotion")
        for source in sources
        for product_set in source.outcome.get("product_sets", ())
    }
    rows = PersonalizedPromotion.objects.bulk_create(
        [PersonalizedPromotion(account=account, backend_id=name, name=name) for name in sorted(filter(None, named))],
        batch_size=BATCH_SIZE,
    )
    PersonalizedList.objects.bulk_create(
        [
            PersonalizedList(promotion=row, consumer=member, products=list(CHOICES[row.backend_id].products))
            for row in rows
            if row.backend_id in CHOICES
            for member in members
        ],
        batch_size=BATCH_SIZE,
    )


def promotions_create(account: Account, sources: Iterable[PromotionSource]) -> None:
    """Create promotions with a first version of each."""
    rows = Promotion.objects.bulk_create(
        [
            Promotion(
                account=account,
                family=source.family,
                code=source.code,
                type=source.type,
                subtype=source.subtype,
                name=source.name,
                currency=source.currency,
                starts_at=source.starts_at,
                ends_at=source.ends_at,
                status=Status.ACTIVE,
                outcome=source.outcome,
                eligibility=source.eligibility,
                content=source.content,
                total_redemption_limit=source.eligibility["total_redemption_limit"],
                version=1,
                revision=1,
            )
            for source in sources
        ],
        batch_size=BATCH_SIZE,
    )
    PromotionVersion.objects.bulk_create(
        [PromotionVersion(promotion=row, number=1, definition={}, created_at=row.created_at) for row in rows],
        batch_size=BATCH_SIZE,
    )
