"""Read campaigns and their members."""

from collections.abc import Collection

from django.db.models import QuerySet

from promotions.models import Campaign, Promotion


def campaigns_of(*, account_id: int) -> QuerySet[Campaign]:
    """Return the account's campaigns, archived ones too."""
    return Campaign.objects.filter(account_id=account_id)


def campaign_members(*, campaign: Campaign, families: Collection[str]) -> QuerySet[Promotion]:
    """Return the promotions of these families that belong to a campaign, archived ones too, by start."""
    members = Promotion.objects.filter(account_id=campaign.account_id, campaign=campaign, family__in=families)
    return members.order_by("starts_at", "name", "code")
