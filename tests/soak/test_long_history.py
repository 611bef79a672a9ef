"""The proof of the ledger over a long history: it finds what is wrong, and memory does not grow with the history."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F

from consumers.models import Consumer, Site
from loyalty.models import Offer, PromotionUsage, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from promotions.models import PersonalizedList, Promotion, PromotionVersion
from tests.loyalty.till.shop import Shop, make_shop
from tests.soak.size import size

pytestmark = pytest.mark.django_db

ON_POSTGRESQL = connection.vendor == "postgresql"
SALES = size(3_000, 1_000_000) if ON_POSTGRESQL else size(3_000, 100_000)
CONSUMERS = SALES // 100
FIRST_ID = 10**12
"""Larger than any id that the database assigns."""

# Of each hundred of a consumer's sales every second earned ten points more, every tenth a voucher, of which every
# third paid for the consumer's next sale; and every fiftieth, which earned base points alone, was voided.
_SALES = """
    INSERT INTO loyalty_transaction (id, account_id, reference, fingerprint, kind, status, occurred_at, local_day,
        recorded_at, site_id, consumer_id, loyalty_card, loyalty_card_type, source, payment_card_type, currency,
        total_inc_tax, total_ex_tax, discount_total, net_total_inc_tax, paid, base_points, promotion_points, lines,
        facts, explanation, answer, state)
    SELECT :first + i, :account, 'H' || i, '', 'sale', CASE WHEN i % 50 = 7 THEN 'voided' ELSE 'committed' END,
        '2026-03-04 12:00:00+00', '2026-03-04', '2026-03-04 12:00:00+00', :site, c.id, '', '', '', '', 'GBP',
        5, 5, 0, 5, 5, CASE WHEN i % 50 = 7 THEN 0 ELSE 5 + i % 20 END, CASE WHEN i % 2 = 0 THEN 10 ELSE 0 END,
        '[]', '{}', '[]', '', ''
    FROM numbers JOIN consumers_consumer c ON c.consumer_id = 'h' || (i % :consumers)
"""
_APPLIED = """
    INSERT INTO loyalty_appliedpromotion (id, transaction_id, promotion_id, version_id, position, redemptions, points,
        discount, saving, lines)
    SELECT :first + :offset + i, :first + i, :promotion, :version, 0, 1, :points, 0, 0, '[]'
    FROM numbers WHERE i % :every = 0
"""
_BASE = """
    INSERT INTO loyalty_ledgerentry (account_id, consumer_id, points, kind, activity_type, description, transaction_id,
        reference, at, created_at)
    SELECT :account, c.id, 5 + i % 20, 'base', '', '', :first + i, '', '2026-03-04 12:00:00+00',
        '2026-03-04 12:00:00+00'
    FROM numbers JOIN consumers_consumer c ON c.consumer_id = 'h' || (i % :consumers)
"""
_MORE = _BASE.replace("5 + i % 20, 'base'", "10, 'promotion'") + " WHERE i % 2 = 0"
_TAKEN_BACK = (
    _BASE.replace("5 + i % 20, 'base'", "-(5 + i % 20), 'return'").replace(":first + i, ''", ":first + i, 'V' || i")
    + " WHERE i % 50 = 7"
)
_VOIDS = """
    INSERT INTO loyalty_reversal (account_id, transaction_id, reference, fingerprint, kind, occurred_at, recorded_at,
        lines, reversed, points, refund_due, not_recovered, answer)
    SELECT :account, :first + i, 'V' || i, '', 'void', '2026-03-04 12:00:00+00', '2026-03-04 12:00:00+00',
        '[]', '{}', 5 + i % 20, 5, 0, ''
    FROM numbers WHERE i % 50 = 7
"""
_VOUCHERS = """
    INSERT INTO loyalty_voucher (account_id, code, offer_id, consumer_id, status, issued_at, issued_by_id,
        claim_reference, redeemed_by_id)
    SELECT :account, 'CODE' || i, :offer, c.id,
        CASE WHEN i % 30 = 0 AND i + :consumers < :sales THEN 'redeemed' ELSE 'issued' END, '2026-03-04 12:00:00+00',
        :first + :offset + i, '', CASE WHEN i % 30 = 0 AND i + :consumers < :sales THEN :first + i + :consumers END
    FROM numbers JOIN consumers_consumer c ON c.consumer_id = 'h' || (i % :consumers)
    WHERE i % 10 = 0
"""
_USAGE = """
    INSERT INTO loyalty_promotionusage (promotion_id, consumer_id, redemptions, progress_signature, progress)
    SELECT ap.promotion_id, t.consumer_id, SUM(ap.redemptions), '', '{}'
    FROM loyalty_appliedpromotion ap JOIN loyalty_transaction t ON t.id = ap.transaction_id
    GROUP BY ap.promotion_id, t.consumer_id
"""
_BALANCES = """
    UPDATE consumers_consumer SET points_balance = (
        SELECT COALESCE(SUM(points), 0) FROM loyalty_ledgerentry l WHERE l.consumer_id = consumers_consumer.id),
        last_offer_redeemed_on = (SELECT MAX(t.local_day) FROM loyalty_voucher v
            JOIN loyalty_transaction t ON t.id = v.redeemed_by_id WHERE v.consumer_id = consumers_consumer.id)
"""


def make_history(shop: Shop) -> None:
    """Insert ``SALES`` sales, with every row that their commits would have written."""
    offer = shop.offer("thanks", kind="personalised", stock=SALES)
    ten, gift = shop.promotion("ten"), shop.promotion("gift", kind="redeem_offer", outcome={"offer": "thanks"})
    version = {row.promotion_id: row.pk for row in PromotionVersion.objects.all()}
    Consumer.objects.bulk_create(
        [Consumer(account=shop.account, consumer_id=f"h{i}") for i in range(CONSUMERS)], batch_size=5_000
    )
    names: dict[str, Any] = {
        "first": FIRST_ID,
        "account": shop.account.pk,
        "site": Site.objects.get(account=shop.account).pk,
        "consumers": CONSUMERS,
        "sales": SALES,
        "offer": offer.pk,
        "offset": SALES,
    }
    of_ten = {"offset": 0, "promotion": ten.pk, "version": version[ten.pk], "points": 10, "every": 2}
    of_gift = {"offset": SALES, "promotion": gift.pk, "version": version[gift.pk], "points": 0, "every": 10}
    for sql, own in (
        (_SALES, {}),
        (_APPLIED, of_ten),
        (_APPLIED, of_gift),
        (_BASE, {}),
        (_MORE, {}),
        (_TAKEN_BACK, {}),
        (_VOIDS, {}),
        (_VOUCHERS, {}),
        (_USAGE, {}),
        (_BALANCES, {}),
    ):
        _run_for_all_sales(sql, {**names, **own})
    Promotion.objects.filter(pk=ten.pk).update(redemptions=SALES // 2, budget_used=SALES // 2 * 10)
    Promotion.objects.filter(pk=gift.pk).update(redemptions=SALES // 10)
    Offer.objects.update(issued=SALES // 10)


def _run_for_all_sales(sql: str, names: dict[str, Any]) -> None:
    """Run one statement for the numbers 0 to SALES - 1."""
    numbers = "generate_series(0, :sales - 1) AS numbers(i)"
    if not ON_POSTGRESQL:
        numbers = (
            "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :sales - 1) SELECT i FROM n)"
        )
    sql = sql.replace("FROM numbers", f"FROM {numbers}")
    for name, value in sorted(names.items(), key=lambda item: -len(item[0])):
        sql = sql.replace(f":{name}", str(value))
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def shop() -> Shop:
    shop = make_shop()
    shop.member("lister")
    shop.product("TEA")
    shop.listed("PP", "TEA", consumer_id="lister", lock_after_first_apply=True)
    make_history(shop)
    return shop


FAULTS: dict[str, Callable[[], int]] = {
    "points balance": lambda: Consumer.objects.filter(consumer_id="h7").update(points_balance=F("points_balance") + 1),
    "points": lambda: Transaction.objects.filter(pk=FIRST_ID + 8).update(base_points=F("base_points") + 1),
    "redemptions": lambda: Promotion.objects.filter(code="ten").update(redemptions=F("redemptions") - 1),
    "budget used": lambda: Promotion.objects.filter(code="ten").update(budget_used=F("budget_used") + 1),
    "redemptions by consumer": lambda: PromotionUsage.objects.filter(consumer__consumer_id="h2").update(redemptions=1),
    "vouchers issued": lambda: Offer.objects.update(issued=F("issued") - 1),
    "state of a voucher": lambda: Voucher.objects.filter(code="CODE0").update(status="issued"),
    "choice made final": lambda: PersonalizedList.objects.update(locked_by_id=FIRST_ID + 9),
}


def test_a_long_history_is_verified_and_every_fault_is_found(shop: Shop, record_property: Callable[..., None]) -> None:
    begun = time.monotonic()
    tracemalloc.start()
    assert list(ledger_differences()) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    record_property("transactions", SALES)
    record_property("proof", f"{time.monotonic() - begun:.1f} s, {peak // 1024} KiB of Python's memory")
    assert peak < 2**20, "memory does not grow with the history"
    for what, fault in FAULTS.items():
        with transaction.atomic():
            assert fault()
            assert what in {difference.figure for difference in ledger_differences()}
            transaction.set_rollback(True)
