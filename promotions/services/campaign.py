"""Write campaigns."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.author import Author
from consumers.exceptions import Problem
from consumers.models import Account
from consumers.services.account import account_lock, rulebook_version_advance
from consumers.services.upsert import Saved, rows_by_values, rows_upsert, upsert_record
from consumers.types import JsonObject
from promotions.exceptions import CampaignInUse, CampaignNotFound, PromotionsError
from promotions.models import Campaign
from promotions.services.promotion.campaign_budget import (
    budget_columns,
    budgets_begin,
    budgets_end,
    budgets_lock,
    member_currency_problems,
)


@dataclass(frozen=True, kw_only=True)
class CampaignValues:
    """All editable fields of a campaign; times are aware. ``budget`` is the document as it was sent."""

    code: str
    name: str
    description: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    owner: str = ""
    budget: object = None
    archived: bool = False


def campaigns_save(*, account_id: int, rows: Sequence[CampaignValues], author: Author, at: datetime) -> Saved:
    """Create or replace campaigns by code: all of them or none.

    Raises:
        PromotionsError: each problem under ``<index>.<field>``.
    """
    # Race: two writers of one code, or a promotion of another currency that joins. The account's lock, which writers of
    # promotions hold too, admits one at a time, and the second replaces the first's row.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        owned = Campaign.objects.filter(account=account)
        replaced = {campaign.code: campaign for campaign in rows_by_values(owned, "code", (row.code for row in rows))}
        columns, problems = _columns(rows, account)
        budgets_lock(_budgets_that_come_or_go(columns, replaced))
        try:
            campaigns, saved = rows_upsert(
                model=Campaign, account=account, key="code", rows=columns, refuse=PromotionsError
            )
        except PromotionsError as refused:
            raise PromotionsError(problems=[*refused.problems, *problems]) from refused
        problems += member_currency_problems(dict(enumerate(campaigns)), account)
        if problems:
            raise PromotionsError(problems=problems)
        upsert_record(campaigns, replaced=replaced, key="code", author=author, at=at)
        _budgets_change(account, campaigns, replaced)
    return saved


def _columns(rows: Sequence[CampaignValues], account: Account) -> tuple[list[JsonObject], list[Problem]]:
    """Return the columns of rows, and what is wrong with their budgets, each problem under ``<index>.<path>``."""
    columns, problems = [], []
    for index, row in enumerate(rows):
        budget, budget_problems = budget_columns(row.budget, account)
        columns.append({**asdict(replace(row, budget=None)), **budget})
        problems += [replace(problem, attr=f"{index}.{problem.attr}") for problem in budget_problems]
    return columns, problems


def _budgets_that_come_or_go(columns: Sequence[JsonObject], replaced: Mapping[str, Campaign]) -> list[int]:
    """Return the ids of the campaigns that get a budget, or lose theirs."""
    rows = ((replaced.get(row["code"]), row["budget"] is not None) for row in columns)
    return [before.pk for before, has in rows if before is not None and (before.budget is not None) != has]


def _budgets_change(account: Account, campaigns: Sequence[Campaign], replaced: Mapping[str, Campaign]) -> None:
    """Let budgets that are new, changed or gone take effect at the tills."""
    begun, ended, is_changed = [], [], False
    for campaign in campaigns:
        before = replaced.get(campaign.code)
        had, has = before is not None and before.budget is not None, campaign.budget is not None
        if has and not had:
            begun.append(campaign.pk)
        elif had and not has:
            ended.append(campaign.pk)
        # A refusal for the budget names the campaign.
        is_same = before is not None and (before.budget, before.name) == (campaign.budget, campaign.name)
        is_changed |= (had or has) and not is_same
    if begun:
        budgets_begin(begun)
    if ended:
        budgets_end(ended)
    if is_changed:
        rulebook_version_advance(account=account)


def campaign_delete(*, account_id: int, code: str, author: Author) -> None:
    """Delete a campaign without members.

    Raises:
        CampaignNotFound: the account has no such campaign.
        CampaignInUse: promotions or discounts belong to it.
    """
    try:
        # Race: a promotion joins between the check and the deletion. Writers of promotions hold the account's lock too.
        with transaction.atomic():
            account_lock(account_id=account_id)
            campaign = Campaign.objects.filter(account_id=account_id, code=code).first()
            if campaign is None:
                raise CampaignNotFound(f"There is no campaign {code}.")
            author.sign(campaign)
            campaign.delete()
    except (ProtectedError, IntegrityError) as error:
        raise CampaignInUse from error
