"""``promotions``: the loyalty family."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.urls.resolvers import URLPattern
from django_filters import rest_framework as filters
from rest_framework import serializers

from consumers.api.framework.fields import ChoiceText, MomentField
from consumers.api.framework.views import ApiView, collection_paths
from consumers.types import JsonObject
from loyalty.choices import PromotionType
from loyalty.selectors.promotion import loyalty_promotions_of
from loyalty.services.promotion import loyalty_promotions_save
from promotions.api.v1.definitions import (
    ELIGIBILITY,
    ELIGIBILITY_BODY,
    OUTCOME,
    OUTCOME_BODY,
)
from promotions.api.v1.fields import DocumentField
from promotions.api.v1.promotions import (
    CommonInput,
    ContentField,
    DuplicateView,
    LifeOutput,
    PromotionCollection,
    PromotionFilters,
    StopView,
    VersionsView,
)
from promotions.models import Promotion
from promotions.services.promotion.values import PromotionValues


class OutcomeField(DocumentField):
    """The outcome document."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=OUTCOME_BODY, answer=OUTCOME, **kwargs)


class EligibilityField(DocumentField):
    """The eligibility document."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=ELIGIBILITY_BODY, answer=ELIGIBILITY, **kwargs)


class PromotionInput(CommonInput):
    """A loyalty promotion. Its type never changes; code and currency are fixed once it is published."""

    type = ChoiceText(choices=PromotionType.choices)
    outcome = OutcomeField(default=dict)
    eligibility = EligibilityField(default=dict)
    content = ContentField(default=dict)


class PromotionOutput(LifeOutput):
    """A loyalty promotion with its documents in normal form."""

    code = serializers.CharField()
    type = serializers.ChoiceField(choices=PromotionType.choices)
    subtype = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    currency = serializers.CharField()
    starts_at = MomentField()
    ends_at = MomentField(allow_null=True)
    draft = serializers.BooleanField()
    archived = serializers.BooleanField()
    outcome = OutcomeField()
    eligibility = EligibilityField()
    content = ContentField()


class LoyaltyPromotionFilters(PromotionFilters):
    """Filters of the list of loyalty promotions."""

    type = filters.MultipleChoiceFilter(choices=PromotionType.choices)


class LoyaltyPromotionView(ApiView):
    """A view of the account's loyalty promotions."""

    def get_queryset(self) -> QuerySet[Promotion]:
        return loyalty_promotions_of(account_id=self.account.pk)


class Promotions(LoyaltyPromotionView, PromotionCollection):
    """Loyalty promotions by code."""

    input_class = PromotionInput
    output_class = PromotionOutput
    filterset_class = LoyaltyPromotionFilters

    def write(self, rows: Sequence[JsonObject]) -> list[tuple[Promotion, bool]]:
        values = [PromotionValues(**row) for row in rows]
        return loyalty_promotions_save(account_id=self.account.pk, rows=values, author=self.author, at=self.at)


class PromotionStop(LoyaltyPromotionView, StopView):
    """``promotions/{code}/stop``."""

    output_class = PromotionOutput


class PromotionDuplicate(LoyaltyPromotionView, DuplicateView):
    """``promotions/{code}/duplicate``."""

    output_class = PromotionOutput


class PromotionVersions(LoyaltyPromotionView, VersionsView):
    """``promotions/{code}/versions``."""


urlpatterns: list[URLPattern] = [
    path("promotions/<key:code>/stop", PromotionStop.as_view(), name="promotions-stop"),
    path("promotions/<key:code>/duplicate", PromotionDuplicate.as_view(), name="promotions-duplicate"),
    path("promotions/<key:code>/versions", PromotionVersions.as_view(), name="promotions-versions"),
    *collection_paths("promotions", Promotions),
]
