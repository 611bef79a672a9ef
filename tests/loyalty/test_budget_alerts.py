"""Budgets that somebody should look at: used up, nearly so, or used up before their end at the present pace."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty.models import PromotionDayResult
from loyalty.selectors.budget_alerts import BudgetAlertKind, budget_alerts
from loyalty.selectors.budget_use import budgets_used_up, use_by_day, watched_budget
from promotions.choices import Family
from promotions.models import Campaign, Promotion, PromotionVersion
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
    alerts = budget_alerts(account=shop.account, families=list(Family), at=NIGHT)
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
    alerts = budget_alerts(account=shop.account, families=families, at=NIGHT)
    assert [alert.budget.owner.code for alert in alerts] == ["gone", "none", "nearer", "almost"]
    assert [alert.percent for alert in alerts] == [100, 100, 95, 81]


def test_a_campaigns_budget_alerts_by_what_its_members_in_force_take_together(shop: Shop) -> None:
    """Two members take 90% of the example's use, a half each: 3,420 left last until the Wednesday."""
    campaign = Campaign.objects.create(
        account=shop.account, code="c", name="C", budget={"amount": "20000.00"}, budget_amount=20_000_00
    )
    Campaign.objects.create(account=shop.account, code="idle", name="Idle", budget_amount=0)
    halves = [
        (shop.discount("d", value="10", ends_at=datetime(2026, 3, 5, tzinfo=UTC)), "discount"),
        (shop.promotion("p", ends_at=datetime(2026, 4, 1, tzinfo=UTC)), "points_value"),
    ]
    over = shop.discount("over", value="10", ends_at=NIGHT)
    for promotion, figure in [*halves, (over, "discount")]:
        used_as_in_the_example(promotion, figure, 450_000)
    Promotion.objects.update(campaign=campaign)

    def alerts(*, with_campaigns: bool = True) -> list[Any]:
        # A user who may see discounts only: what the others take counts all the same.
        every = budget_alerts(account=shop.account, families=[Family.DISCOUNT], at=NIGHT, with_campaigns=with_campaigns)
        return [(alert.budget.owner, alert.kind, alert.percent, alert.ends_early) for alert in every]

    Campaign.objects.filter(code="c").update(budget_used=20_000_00 - 3_420_00)
    assert alerts() == [(campaign, BudgetAlertKind.NEARLY_USED, 82, WEDNESDAY)]
    assert alerts(with_campaigns=False) == []
    Campaign.objects.filter(code="c").update(budget_amount=100_000_00, budget_used=78_000_00)
    assert [kind for _, kind, _, _ in alerts()] == []
    Promotion.objects.filter(code="p").update(ends_at=None)
    Campaign.objects.filter(code="c").update(ends_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert [kind for _, kind, _, _ in alerts()] == [BudgetAlertKind.ENDS_EARLY]
    Campaign.objects.filter(code="c").update(budget_used=100_000_00)
    assert [kind for _, kind, _, _ in alerts()] == [BudgetAlertKind.USED_UP]
    Promotion.objects.update(ends_at=NIGHT)
    assert alerts() == []
