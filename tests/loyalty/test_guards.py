"""Database constraints: the database itself refuses rows that break a limit or a balance."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from loyalty.models import AppliedPromotion, Offer, PromotionUsage, Transaction, Voucher
from promotions.models import Promotion
from tests.loyalty.till.shop import Shop, make_line, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    """Return a shop whose limits are used up: two redemptions, two for each customer, two vouchers."""
    shop = make_shop()
    shop.member()
    shop.offer("thanks", stock=2)
    shop.promotion("fifty", total_redemption_limit=2)
    shop.promotion(
        "mine",
        kind="points_multiplier",
        outcome={"multiplier": "2", "multiplier_scope": "basket"},
        customer_redemption_limit=2,
    )
    shop.promotion("gift", kind="redeem_offer", outcome={"offer": "thanks"})
    for reference in ("T1", "T2"):
        shop.sell(reference, lines=[make_line("TEA", "2")])
    return shop


def first_voucher_paid_for(reference: str) -> int:
    payer = Transaction.objects.get(reference=reference)
    first = Voucher.objects.order_by("pk")[:1]
    return Voucher.objects.filter(pk__in=[voucher.pk for voucher in first]).update(redeemed_by=payer)


def first_use_of_a_consumer() -> int:
    usage = PromotionUsage.objects.get(promotion__code="mine")
    usage.delete()
    PromotionUsage.objects.create(promotion_id=usage.promotion_id, consumer_id=usage.consumer_id, redemptions=3)
    return 1


@pytest.mark.parametrize(
    ("write", "guard"),
    [
        (
            lambda: Promotion.objects.filter(code="fifty").update(redemptions=F("redemptions") + 1),
            "promotion_redeemed_within_limit",
        ),
        (
            lambda: PromotionUsage.objects.filter(promotion__code="mine").update(redemptions=F("redemptions") + 1),
            "usage_within_customer_limit",
        ),
        (first_use_of_a_consumer, "usage_begun_within_customer_limit"),
        (lambda: Offer.objects.update(issued=F("issued") + 1), "offer_issued_within_stock"),
        (
            lambda: AppliedPromotion.objects.filter(promotion__code="gift").update(redemptions=F("redemptions") + 1),
            "applied_only_shrinks",
        ),
        (
            lambda: AppliedPromotion.objects.filter(promotion__code="fifty").update(points=F("points") + 1),
            "applied_only_shrinks",
        ),
        (lambda: first_voucher_paid_for("T1") and first_voucher_paid_for("T2"), "voucher_pays_once"),
    ],
)
def test_the_database_refuses_rows_beyond_a_limit(shop: Shop, write: Callable[[], Any], guard: str) -> None:
    with pytest.raises(IntegrityError, match=guard), transaction.atomic():
        write()


def test_a_limit_set_below_its_redemptions_prevents_no_return(shop: Shop) -> None:
    Promotion.objects.filter(code="fifty").update(total_redemption_limit=1)
    shop.give_back("T1", "R1", TEA="2")
    assert Promotion.objects.get(code="fifty").redemptions == 1


def test_the_constraints_exist_after_every_migration() -> None:
    names = "tgname FROM pg_trigger" if connection.vendor == "postgresql" else "name FROM sqlite_master"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names}")
        there = {name for (name,) in cursor.fetchall()}
    assert there >= {
        "loyalty_ledger_append_only",
        "promotion_redeemed_within_limit",
        "promotion_spent_within_budget",
        "campaign_spent_within_budget",
        "usage_within_customer_limit",
        "usage_begun_within_customer_limit",
        "applied_only_shrinks",
        "voucher_pays_once",
    }
