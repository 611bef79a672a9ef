"""The verification of the ledger finds every figure that differs from the history, and no other."""

from collections.abc import Callable

import pytest
from django.db.models import F

from consumers.models import Consumer
from loyalty.choices import VoucherStatus
from loyalty.models import AppliedPromotion, Offer, PromotionUsage, Reversal, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from promotions.models import PersonalizedList, Promotion
from tests.loyalty.till.shop import Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    """Return a shop with every kind of history: points, vouchers, a locked choice, a return and a void."""
    shop = make_shop()
    shop.member()
    shop.product("TEA")
    shop.offer("thanks", stock=10)
    shop.promotion("fifty", customer_redemption_limit=5)
    shop.promotion("gift", kind="redeem_offer", outcome={"offer": "thanks"})
    shop.listed("PP", "TEA", lock_after_first_apply=True)
    shop.discount("yours", make_set(personalized_promotion="PP"), value="50")
    shop.sell("T1", lines=[make_line("TEA", "2"), make_line("CAKE")])
    voucher = Voucher.objects.filter(status=VoucherStatus.ISSUED).first()
    assert voucher is not None
    shop.sell("T2", vouchers=[voucher.code], lines=[make_line("CAKE", "2")])
    shop.give_back("T2", "R1", CAKE="1")
    shop.sell("T3")
    shop.void("T3", "V1")
    return shop


def wrong_figures() -> list[str]:
    return sorted({difference.figure for difference in ledger_differences()})


def test_a_correct_history_has_no_differences(shop: Shop) -> None:
    assert wrong_figures() == []


@pytest.mark.parametrize(
    ("tamper", "figure"),
    [
        (lambda: Consumer.objects.update(points_balance=F("points_balance") + 1), "points balance"),
        (lambda: Transaction.objects.filter(reference="T1").update(base_points=F("base_points") + 1), "points"),
        (lambda: Reversal.objects.filter(reference="R1").update(points=F("points") + 1), "points taken back"),
        (lambda: Promotion.objects.filter(code="fifty").update(redemptions=F("redemptions") + 1), "redemptions"),
        (lambda: PromotionUsage.objects.update(redemptions=F("redemptions") + 1), "redemptions by consumer"),
        (lambda: Offer.objects.update(issued=F("issued") + 1), "vouchers issued"),
        (
            lambda: Transaction.objects.filter(reference="T2").update(status="voided"),
            "state of a voucher",
        ),
        (lambda: Voucher.objects.filter(status="redeemed").update(redeemed_by=None), "state of a voucher"),
        (
            lambda: AppliedPromotion.objects.filter(promotion__code="gift", redemptions=1).update(redemptions=0),
            "vouchers of a promotion",
        ),
        (lambda: PersonalizedList.objects.update(locked=False), "choice made final"),
        (lambda: Transaction.objects.filter(reference="T1").update(status="voided"), "choice made final"),
    ],
)
def test_a_figure_that_differs_from_the_history_is_reported(shop: Shop, tamper: Callable[[], int], figure: str) -> None:
    assert tamper()
    assert figure in wrong_figures()
