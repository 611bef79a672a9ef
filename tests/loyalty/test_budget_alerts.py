"""Budgets that somebody should look at: used up, nearly so, or used up before their end at the present pace."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty.models import PromotionDayResult
from loyalty.selectors.budget_alerts import BudgetAlertKind, budget_alerts
from loyalty.selectors.budget_use import budgets_used_up, use_by_day, watched_budget
from promotions.choices import Family
from promotions.models import Promotion, PromotionVersion
from tests.loyalty.till.shop import Shop, make_shop

pytestmark = pytest.mark.django_db

LONDON = ZoneInfo("Europe/London")
SUNDAY = date(2026, 3, 1)
NIGHT = datetime(2026, 3, 1, 23, tzinfo=UTC)
MEDIANS = (300, 310, 320, 350, 520, 780, 420)
"""The page's example, Monday to Sunday: 3,800 left on a Sunday night last until Wednesday of the week after."""

WEDNESDAY = date(2026, 3, 11)


@pytest.fixture
def shop() -> Shop:
    return make_shop(currency="GBP", time_zone="Europe/London")


def used_as_in_the_example(promotion: Promotion, figure: str, unit: int) -> None:
    """Count four weeks and this Sunday: ``unit`` is what 1 of the example is in the figure's column."""
    days = [SUNDAY - timedelta(days=ago) for ago in range(29)]
    PromotionDayResult.objects.bulk_create(
        PromotionDayResult(
            account_id=promotion.account_id,
            promotion=promotion,
            version=PromotionVersion.objects.get(promotion=promotion),
            day=day,
            expected_redemption=100,
            # A tenth of what was sold came back.
            **{
                figure: MEDIANS[day.weekday()] * unit * 10 // 9,
                f"returned_{figure}": MEDIANS[day.weekday()] * unit // 9,
            },
        )
        for day in days
    )


def budgeted(shop: Shop, kind: str, *, amount: str) -> Promotion:
    """Return a promotion with a budget, used as in the example."""
    budget: dict[str, Any] = {"budget": {"amount": amount}, "ends_at": datetime(2026, 4, 1, tzinfo=UTC)}
    if kind == "discount":
        promotion = shop.discount("d", value="10", **budget)
        used_as_in_the_example(promotion, "discount", 9_000_000)
    elif kind == "points":
        promotion = shop.promotion("p", **budget)
        used_as_in_the_example(promotion, "points", 9)
    else:
        shop.offer("gift", perceived_value="4.50")
        promotion = shop.promotion("v", kind="redeem_offer", outcome={"offer": "gift"}, **budget)
        used_as_in_the_example(promotion, "vouchers_issued", 9)
    return promotion


@pytest.mark.parametrize(
    ("kind", "left"),
    # Nine of the example's units a time, and a voucher of 4.50.
    [("discount", "34200.00"), ("points", "34200"), ("voucher", "153900.00")],
)
def test_what_is_left_lasts_until_wednesday_of_the_week_after(shop: Shop, kind: str, left: str) -> None:
    promotion = budgeted(shop, kind, amount=left)
    uses = use_by_day([promotion.pk], today=SUNDAY)
    budget = watched_budget(promotion, zone=LONDON)
    assert budgets_used_up([budget], uses, today=SUNDAY) == [WEDNESDAY]


@pytest.mark.parametrize(
    ("used", "ends", "kind", "is_early"),
    [
        (79_99, None, None, False),
        (80_00, None, BudgetAlertKind.NEARLY_USED, False),
        (99_99, None, BudgetAlertKind.NEARLY_USED, False),
        (100_00, None, BudgetAlertKind.USED_UP, False),
        (107_30, None, BudgetAlertKind.USED_UP, False),
        # 50.00 are left, and each day takes 10.00: they are used up on Friday.
        (50_00, datetime(2026, 3, 6, 18, tzinfo=UTC), None, False),
        (50_00, datetime(2026, 3, 7, tzinfo=UTC), None, False),
        (50_00, datetime(2026, 3, 7, 0, 1, tzinfo=UTC), BudgetAlertKind.ENDS_EARLY, True),
        (80_00, datetime(2026, 3, 7, 0, 1, tzinfo=UTC), BudgetAlertKind.NEARLY_USED, True),
    ],
)
def test_a_budget_alerts_when_nearly_used_used_up_or_early(
    shop: Shop, used: int, ends: datetime | None, kind: BudgetAlertKind | None, is_early: bool
) -> None:
    promotion = shop.discount("d", value="10", budget={"amount": "100.00"}, ends_at=ends)
    Promotion.objects.update(budget_used=used)
    PromotionDayResult.objects.bulk_create(
        PromotionDayResult(
            account=shop.account,
            promotion=promotion,
            version=PromotionVersion.objects.get(),
            day=SUNDAY - timedelta(days=ago),
            expected_redemption=100,
            discount=10_000_000,
        )
        for ago in range(29)
    )
    alerts = budget_alerts(account_id=shop.account.pk, families=list(Family), at=NIGHT, zone=LONDON)
    assert [(alert.kind, alert.ends_early is not None) for alert in alerts] == ([(kind, is_early)] if kind else [])


def test_only_budgets_in_force_of_the_families_and_the_account_alert_the_most_urgent_first(shop: Shop) -> None:
    for code, used in (("almost", 81), ("nearer", 95), ("gone", 100), ("archived", 100), ("none", 0)):
        shop.promotion(code, budget={"amount": "0" if code == "none" else "100"})
        Promotion.objects.filter(code=code).update(budget_used=used)
    Promotion.objects.filter(code="archived").update(archived=True)
    shop.promotion("draft", budget={"amount": "0"}, draft=True)
    shop.promotion("ended", budget={"amount": "0"}, ends_at=NIGHT)
    shop.discount("d", value="10", budget={"amount": "0.00"})
    make_shop("other").promotion("theirs", budget={"amount": "0"})
    families = [Family.LOYALTY]
    alerts = budget_alerts(account_id=shop.account.pk, families=families, at=NIGHT, zone=LONDON)
    assert [alert.budget.owner.code for alert in alerts] == ["gone", "none", "nearer", "almost"]
    assert [alert.percent for alert in alerts] == [100, 100, 95, 81]
