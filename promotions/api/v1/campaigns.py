"""``campaigns``."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consumers.api.framework.fields import FlagField, KeyField, MomentField, TextField
from consumers.api.framework.filters import ArchiveFilters
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import Collection
from consumers.services.upsert import Saved
from consumers.types import JsonObject
from promotions.api.v1.definitions import CAMPAIGN_BUDGET, CAMPAIGN_BUDGET_BODY, CAMPAIGN_BUDGET_USED
from promotions.api.v1.fields import UncheckedField
from promotions.models import Campaign
from promotions.models.campaign import MAX_OWNER_LENGTH
from promotions.selectors.budget import campaign_budget_used
from promotions.selectors.campaign import campaigns_of
from promotions.services.campaign import CampaignValues, campaign_delete, campaigns_save


class CampaignBudgetField(UncheckedField):
    """What its promotions and discounts may give together; null: there is no budget."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=CAMPAIGN_BUDGET_BODY, answer=CAMPAIGN_BUDGET, **kwargs)


class CampaignInput(Input):
    """A campaign: a name over promotions and discounts, which name it."""

    name = TextField(max_length=200)
    description = TextField(max_length=5_000, allow_blank=True, default="")
    starts_at = MomentField(allow_null=True, default=None, help_text="As planned. Members run by their own dates.")
    ends_at = MomentField(allow_null=True, default=None, help_text="As planned. Members run by their own dates.")
    owner = TextField(
        max_length=MAX_OWNER_LENGTH, allow_blank=True, default="", help_text="A person, a team or an agency."
    )
    budget = CampaignBudgetField()
    archived = FlagField(default=False, help_text="Hidden from lists unless asked for; takes no new members.")


class CampaignOutput(Output):
    """A campaign."""

    code = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    starts_at = MomentField(allow_null=True)
    ends_at = MomentField(allow_null=True)
    owner = serializers.CharField()
    budget = CampaignBudgetField()
    budget_used = serializers.SerializerMethodField()
    archived = serializers.BooleanField()
    created_at = MomentField()
    updated_at = MomentField()

    @extend_schema_field(CAMPAIGN_BUDGET_USED)
    def get_budget_used(self, campaign: Campaign) -> str | None:
        """What its members have used of the budget; null without a budget."""
        return campaign_budget_used(campaign, currency=self.context["view"].account.currency)


class CampaignFilters(ArchiveFilters):
    """Filters of the list."""

    owner = filters.CharFilter(lookup_expr="iexact")


class Campaigns(Collection):
    """Campaigns by code."""

    key_name = "code"
    key_field = KeyField(max_length=64)
    input_class = CampaignInput
    output_class = CampaignOutput
    filterset_class = CampaignFilters
    search_fields = ("code", "name", "description", "owner")
    ordering_fields = ("code", "name", "created_at", "updated_at")
    default_ordering = "code"

    def get_queryset(self) -> QuerySet[Campaign]:
        return campaigns_of(account_id=self.account.pk)

    def save(self, rows: Sequence[JsonObject]) -> Saved:
        values = [CampaignValues(**row) for row in rows]
        return campaigns_save(account_id=self.account.pk, rows=values, author=self.author, at=timezone.now())

    def remove(self, row: Campaign) -> None:
        campaign_delete(account_id=self.account.pk, code=row.code, author=self.author)
