"""Budgets that somebody should look at: used up, nearly so, or used up before their end at the present pace."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum

from consumers.models import Account
from loyalty.selectors.budget_use import (
    WatchedBudget,
    budgets_used_up,
    use_by_day,
    watched_budget,
    watched_campaign_budget,
)
from promotions.choices import Family
from promotions.models import Campaign, Promotion
from promotions.selectors.life import promotions_live

NEARLY_USED_PERCENT = 80
"""A limit or budget of which at least this percentage is used is nearly used up."""


_UNUSED_COLUMNS = ("description", "eligibility", "content")


class BudgetAlertKind(IntEnum):
    """Why somebody should look at a budget, the most urgent first."""

    USED_UP = 1
    NEARLY_USED = 2
    ENDS_EARLY = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetAlert:
    """A budget that somebody should look at.

    ``percent`` is what is used of it, rounded down. ``ends_early`` is the day on which it will be used up, where that
    is before its end.
    """

    budget: WatchedBudget
    kind: BudgetAlertKind
    percent: int
    ends_early: date | None


def budgets_watched(*, account: Account, families: Collection[Family], at: datetime) -> list[WatchedBudget]:
    """Return the budgets of an account's promotions that are in force."""
    promotions = Promotion.objects.filter(account=account, family__in=families, budget_amount__isnull=False)
    live = promotions_live(promotions, at=at).defer(*_UNUSED_COLUMNS).order_by("code", "family")
    return [watched_budget(promotion, zone=account.zone) for promotion in live]


def campaign_budgets_watched(
    *, account: Account, at: datetime, campaign: Campaign | None = None
) -> list[WatchedBudget]:
    """Return the budgets of an account's campaigns, or of this one, that have a member in force.

    Members of every family count, whoever asks: all of them take from the budget.
    """
    members = Promotion.objects.filter(account=account, campaign__budget_amount__isnull=False)
    members = members.filter(campaign=campaign) if campaign is not None else members.filter(campaign__archived=False)
    live = promotions_live(members, at=at).defer(*_UNUSED_COLUMNS).select_related("campaign")
    by_campaign: dict[Campaign, list[Promotion]] = {}
    for member in live.order_by("campaign__code", "code", "family"):
        assert member.campaign is not None  # noqa: S101 - filtered
        by_campaign.setdefault(member.campaign, []).append(member)
    return [
        watched_campaign_budget(owner, owned, currency=account.currency, zone=account.zone)
        for owner, owned in by_campaign.items()
    ]


def budget_alerts(
    *, account: Account, families: Collection[Family], at: datetime, with_campaigns: bool = False
) -> list[BudgetAlert]:
    """Return the alerts of an account's budgets, the most urgent first.

    A budget without an end is used up some day: it is among them once it nearly is.

    Args:
        account: whose budgets; a budget has the days of its time zone.
        families: of promotions to look at.
        at: now.
        with_campaigns: whether to look at the budgets of campaigns too.
    """
    budgets = budgets_watched(account=account, families=families, at=at)
    if with_campaigns:
        budgets += campaign_budgets_watched(account=account, at=at)
    today = at.astimezone(account.zone).date()
    uses = use_by_day({promotion.pk for budget in budgets for promotion in budget.promotions}, today=today)
    days = budgets_used_up(budgets, uses, today=today)
    alerts = [alert for budget, day in zip(budgets, days, strict=True) if (alert := _alert(budget, day))]
    return sorted(alerts, key=lambda alert: (alert.kind, -alert.percent, alert.ends_early or date.max))


def _alert(budget: WatchedBudget, used_up: date | None) -> BudgetAlert | None:
    amount, used = budget.state.amount or 0, budget.state.used
    is_early = used_up is not None and budget.last is not None and used_up < budget.last
    if used >= amount:
        kind = BudgetAlertKind.USED_UP
    elif used * 100 >= amount * NEARLY_USED_PERCENT:
        kind = BudgetAlertKind.NEARLY_USED
    elif is_early:
        kind = BudgetAlertKind.ENDS_EARLY
    else:
        return None
    percent = 100 * used // amount if amount else 100
    return BudgetAlert(budget=budget, kind=kind, percent=percent, ends_early=used_up if is_early else None)
