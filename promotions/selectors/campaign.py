"""Read campaigns and their members."""

from collections.abc import Collection

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from promotions.models import Campaign, Promotion


def campaigns_of(*, account_id: int) -> QuerySet[Campaign]:
    """Return the account's campaigns, archived ones too."""
    return Campaign.objects.filter(account_id=account_id)


def campaigns_with_sizes(*, account_id: int, families: Collection[str]) -> QuerySet[Campaign]:
    """Return the account's campaigns, each with its ``number_of_members`` of these families that are not archived."""
    members = Promotion.objects.filter(campaign=OuterRef("pk"), family__in=families, archived=False).order_by()
    number = members.values("campaign").annotate(number=Count("pk")).values("number")
    return campaigns_of(account_id=account_id).annotate(number_of_members=Coalesce(Subquery(number), 0))


def currencies_of_campaign_budgets(*, account_id: int, keys: Collection[str]) -> set[str]:
    """Return ``keys``, the account's currency, if campaigns have budgets, which are in it; else nothing."""
    return set(keys) if campaigns_of(account_id=account_id).filter(budget__isnull=False).exists() else set()


def campaign_members(*, campaign: Campaign, families: Collection[str]) -> QuerySet[Promotion]:
    """Return the promotions of these families that belong to a campaign, archived ones too, by start."""
    members = Promotion.objects.filter(account_id=campaign.account_id, campaign=campaign, family__in=families)
    return members.order_by("starts_at", "name", "code")
