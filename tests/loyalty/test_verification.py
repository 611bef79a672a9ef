"""The proof of the ledger finds every figure that is not what history says, and nothing else."""

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
    """A history of everything: points, vouchers issued and paid, a choice made final, a return and a void."""
    made = make_shop()
    made.member()
    made.product("TEA")
    made.offer("thanks", stock=10)
    made.promotion("fifty", customer_redemption_limit=5)
    made.promotion("gift", kind="redeem_offer", outcome={"offer": "thanks"})
    made.listed("PP", "TEA", lock_after_first_apply=True)
    made.discount("yours", make_set(personalized_promotion="PP"), value="50")
    made.sell("T1", lines=[make_line("TEA", "2"), make_line("CAKE")])
    voucher = Voucher.objects.filter(status=VoucherStatus.ISSUED).first()
    assert voucher is not None
    made.sell("T2", vouchers=[voucher.code], lines=[make_line("CAKE", "2")])
    made.give_back("T2", "R1", CAKE="1")
    made.sell("T3")
    made.void("T3", "V1")
    return made


def found() -> list[str]:
    return sorted({difference.what for difference in ledger_differences()})


def test_an_honest_history_has_no_differences(shop: Shop) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("tamper", "what"),
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
def test_a_figure_that_history_does_not_bear_out_is_found(shop: Shop, tamper: Callable[[], int], what: str) -> None:
    assert tamper()
    assert what in found()
