"""The campaigns that promotions are saved with."""

from collections.abc import Iterator, Sequence

from consumers.exceptions import Problem
from consumers.models import Account
from consumers.services.upsert import is_storable, rows_by_values
from promotions.selectors.campaign import campaigns_of
from promotions.services.promotion.campaign_budget import other_currency_problem
from promotions.services.promotion.change import Change
from promotions.services.promotion.values import PromotionValues


def campaigns_set(account: Account, changes: Sequence[Change], rows: Sequence[PromotionValues]) -> Iterator[Problem]:
    """Set the campaigns that ``rows`` name on their changes, in one SQL statement; none where no row names one.

    Yields a problem under ``<index>.campaign`` for one that the account does not have, for an archived one unless the
    promotion is its member already, and for one with a budget in another currency.
    """
    # Race: the campaign is deleted or archived meanwhile, or gets a budget. The caller holds the account's lock, as
    # writers of campaigns do.
    codes = {row.campaign for row in rows if row.campaign and is_storable(row.campaign)}
    named = rows_by_values(campaigns_of(account_id=account.pk), "code", codes) if codes else ()
    campaigns = {campaign.code: campaign for campaign in named}
    for index, (change, row) in enumerate(zip(changes, rows, strict=True)):
        campaign = campaigns.get(row.campaign) if row.campaign else None
        attr = f"{index}.campaign"
        if row.campaign and campaign is None:
            detail = f"There is no campaign {row.campaign[:100]}."
            yield Problem(code="unknown_reference", attr=attr, detail=detail)
        elif campaign is not None and campaign.archived and campaign.pk != change.promotion.campaign_id:
            detail = f"Campaign {campaign.code} is archived: it takes no new members."
            yield Problem(code="archived", attr=attr, detail=detail)
        elif campaign is not None and (detail := other_currency_problem(change.promotion, campaign, account)):
            yield Problem(code="other_currency", attr=attr, detail=detail)
        change.promotion.campaign = campaign
        change.promotion.in_campaign_budget = campaign is not None and campaign.budget is not None
