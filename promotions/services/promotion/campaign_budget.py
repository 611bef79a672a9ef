"""Budgets of campaigns: which promotions take from them, and what was used where promotions move."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from django.db.models import Case, F, OuterRef, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from consumers.exceptions import Problem
from consumers.models import Account
from consumers.types import JsonObject
from promotions.choices import Family
from promotions.engine.definition.budgets import budget_amount, read_budget
from promotions.engine.definition.reader import Findings
from promotions.models import Campaign, Promotion
from promotions.services.promotion.change import Change

MAX_NAMED_MEMBERS = 3
"""Members of another currency that a refusal names."""


def budget_columns(value: object, account: Account) -> tuple[JsonObject, list[Problem]]:
    """Return the columns of a campaign's budget as it was sent, and what is wrong with it, at its path."""
    findings = Findings(catalogue_enabled=account.catalogue_enabled)
    budget = read_budget(value, currency=account.currency, findings=findings)
    problems = [Problem(code=problem.code, detail=problem.detail, attr=problem.path) for problem in findings.problems]
    columns: JsonObject = {"budget": budget, "budget_amount": None, "budget_overruns": False}
    if budget is not None and not problems:
        # In money, as a discount's: points and vouchers count by what they are worth.
        columns["budget_amount"] = budget_amount(
            budget, family=Family.DISCOUNT, promotion_type="", currency=account.currency
        )
        columns["budget_overruns"] = budget["when_short"] == "honour"
    return columns, problems


def other_currency_problem(promotion: Promotion, campaign: Campaign, account: Account) -> str:
    """Return why a promotion cannot be a member of a campaign for its currency; empty if it can."""
    if campaign.budget_amount is None or promotion.currency == account.currency:
        return ""
    return (
        f"The budget of campaign {campaign.code} is in {account.currency}: it takes no promotions in other currencies."
    )


def member_currency_problems(campaigns: Mapping[int, Campaign], account: Account) -> Iterator[Problem]:
    """Yield a problem at ``<index>.budget`` for each campaign with a budget whose members have another currency.

    ``campaigns`` are by the index of their row. Members that are archived count too: they may come back.
    """
    indexes = {campaign.pk: index for index, campaign in campaigns.items() if campaign.budget_amount is not None}
    others: dict[int, list[str]] = {}
    members = Promotion.objects.filter(campaign_id__in=list(indexes)).exclude(currency=account.currency)
    for campaign_id, code in members.order_by("code").values_list("campaign_id", "code"):
        others.setdefault(campaign_id or 0, []).append(code)
    for campaign_id, codes in others.items():
        named = ", ".join(codes[:MAX_NAMED_MEMBERS]) + (" and others" if len(codes) > MAX_NAMED_MEMBERS else "")
        detail = f"The budget is in {account.currency}, and these members have another currency: {named}."
        yield Problem(code="other_currency", attr=f"{indexes[campaign_id]}.budget", detail=detail)


def budgets_lock(campaign_ids: Collection[int]) -> None:
    """Lock the members of campaigns that get a budget or lose theirs, before the campaigns themselves are written.

    Closes the race with sales of members that know another budget, in their order: promotions by id, then campaigns. A
    sale that holds a member is waited for, and what it gave is counted; one that waits finds that the row takes from a
    budget now, or no longer, and is decided again.
    """
    members = Promotion.objects.filter(campaign_id__in=campaign_ids).order_by("pk")
    list(members.select_for_update(no_key=True).values_list("pk"))


def budgets_begin(campaign_ids: Collection[int]) -> None:
    """Count what the members of campaigns gave so far, and let their sales take from the budgets from now on.

    The members are locked (``budgets_lock``).
    """
    Promotion.objects.filter(campaign_id__in=campaign_ids).update(in_campaign_budget=True)
    given = Promotion.objects.filter(campaign=OuterRef("pk")).order_by().values("campaign")
    used = Coalesce(Subquery(given.annotate(given=Sum("saving_given")).values("given")), Value(0))
    Campaign.objects.filter(pk__in=campaign_ids).update(budget_used=used)


def budgets_end(campaign_ids: Collection[int]) -> None:
    """Let sales of the members of campaigns no longer take from a budget. The members are locked (``budgets_lock``)."""
    Promotion.objects.filter(campaign_id__in=campaign_ids).update(in_campaign_budget=False)
    Campaign.objects.filter(pk__in=campaign_ids).update(budget_used=0)


def budgets_follow(changes: Iterable[Change]) -> None:
    """Let what promotions gave move with them to the campaigns that they were written with.

    The promotions' rows are locked. Closes the race with sales of other members: amounts are added in place, to
    campaigns locked by id, as sales do.
    """
    moved = [
        (change.before, change.promotion)
        for change in changes
        if change.before is not None and change.before.campaign_id != change.promotion.campaign_id
    ]
    moved = [pair for pair in moved if any(promotion.in_campaign_budget for promotion in pair)]
    if not moved:
        return
    # Read after the rows were locked: sales may have counted since the promotions were read.
    rows = Promotion.objects.filter(pk__in=[promotion.pk for _, promotion in moved])
    given = dict(rows.values_list("pk", "saving_given"))
    deltas: dict[int, int] = {}
    for before, after in moved:
        for promotion, sign in ((before, -1), (after, 1)):
            if promotion.in_campaign_budget and promotion.campaign_id is not None:
                amount = sign * given[promotion.pk]
                deltas[promotion.campaign_id] = deltas.get(promotion.campaign_id, 0) + amount
    _add(deltas)


def _add(amounts: Mapping[int, int]) -> None:
    campaigns = Campaign.objects.filter(pk__in=list(amounts))
    list(campaigns.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    cases: Sequence[When] = [When(pk=pk, then=Value(amount)) for pk, amount in amounts.items()]
    campaigns.order_by().update(budget_used=F("budget_used") + Case(*cases))
