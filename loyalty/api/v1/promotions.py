"""``promotions``: the loyalty family."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.urls.resolvers import URLPattern
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consumers.api.framework.fields import ChoiceText, MomentField, ObjectField
from consumers.api.framework.serializers import Output
from consumers.api.framework.views import ApiView, collection_paths
from consumers.types import JsonObject
from loyalty.choices import PromotionType
from loyalty.selectors.promotion import loyalty_promotions_of
from loyalty.services.promotion import loyalty_promotions_save
from promotions.api.v1.fields import outcome_shape
from promotions.api.v1.promotions import (
    CommonInput,
    DuplicateView,
    LifeOutput,
    PromotionCollection,
    PromotionFilters,
    RulesShape,
    StopView,
    VersionsView,
)
from promotions.choices import PriceOrder
from promotions.engine.definition.fields import LIMIT_PERIODS, LOYALTY_OUTCOME
from promotions.models import Promotion
from promotions.services.promotion.values import PromotionValues


class ProductSetShape(Output):
    """One set of a product selection."""

    name = serializers.CharField(required=False)
    rules = RulesShape(required=False)
    units = serializers.IntegerField(required=False, min_value=1)


class ProductSelectionShape(Output):
    """Which units count. No sets: every unit."""

    match = serializers.ChoiceField(choices=["any", "all"], required=False)
    sets = ProductSetShape(many=True, required=False)


class QuantityRuleShape(Output):
    """How units make matching sets."""

    apply_to = serializers.ChoiceField(choices=["all", "every", "first"])
    units = serializers.IntegerField(required=False, min_value=1)


class PricingRuleShape(Output):
    """Which units come first."""

    order = serializers.ChoiceField(choices=PriceOrder.choices, required=False)
    by = serializers.ChoiceField(choices=["inc_tax", "ex_tax", "tax"], required=False)


HINTS = {
    "multiplier": "1 to 100",
    "conversion_units": "a number above 0",
    "offer": "the code of a personalised offer",
    "redemption_message": "HTML; cleaned when saved",
}
"""What a field of an outcome may hold, where its kind does not tell."""


class OutcomeShape(Output):
    """What the promotion gives; a field of another type than the promotion's is refused."""

    product_selection = ProductSelectionShape(required=False)
    quantity_rule = QuantityRuleShape(required=False, allow_null=True)
    pricing_rule = PricingRuleShape(required=False, allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields of every type, from the table that the definition's check reads."""
        documents = super().get_fields()
        return {
            name: documents.get(name) or outcome_shape(field, hint=HINTS.get(name, ""))
            for name, field in LOYALTY_OUTCOME.items()
        }


class PeriodShape(Output):
    """The days that an application rule looks back over."""

    unit = serializers.ChoiceField(choices=["days", "weeks", "months", "promotion"])
    length = serializers.IntegerField(required=False, allow_null=True, min_value=1)


class ApplicationRuleShape(Output):
    """What the consumer must have done before."""

    measure = serializers.ChoiceField(choices=["transactions", "quantity", "spend"])
    threshold = serializers.CharField(help_text="A number above 0")
    period = PeriodShape()
    line_item_rules = RulesShape(required=False)
    counting = serializers.ChoiceField(choices=["reached", "every"], required=False)


class ControlGroupShape(Output):
    """Who is held out."""

    group = serializers.CharField()
    percentage = serializers.CharField(help_text="0 to 100")


class EligibilityShape(Output):
    """Who gets it, where, when and how often."""

    site_rules = RulesShape(required=False)
    customer_rules = RulesShape(required=False)
    transaction_rules = RulesShape(required=False)
    line_item_rules = RulesShape(required=False)
    application_rules = ApplicationRuleShape(many=True, required=False)
    control_group = ControlGroupShape(required=False, allow_null=True)
    total_redemption_limit = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    customer_redemption_limit = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    customer_limit_period = serializers.ChoiceField(
        choices=LIMIT_PERIODS,
        required=False,
        help_text="The limit per customer holds over the whole promotion, or over each calendar period at the site.",
    )
    always_apply = serializers.BooleanField(required=False)


class LinkShape(Output):
    """A link; https only."""

    url = serializers.CharField()
    anchor_text = serializers.CharField(required=False)


class ImageShape(Output):
    """An image; https only."""

    url = serializers.CharField()
    alt_text = serializers.CharField(required=False)


class ContentShape(Output):
    """What the consumer reads."""

    short_description = serializers.CharField(required=False)
    long_description = serializers.CharField(required=False, help_text="HTML; cleaned when saved")
    confirmation_message = serializers.CharField(required=False)
    terms_and_conditions = serializers.CharField(required=False, help_text="HTML; cleaned when saved")
    links = serializers.ListField(child=LinkShape(), required=False, max_length=3)
    images = serializers.ListField(child=ImageShape(), required=False, max_length=3)


@extend_schema_field(OutcomeShape)
class OutcomeField(ObjectField):
    """The outcome document."""


@extend_schema_field(EligibilityShape)
class EligibilityField(ObjectField):
    """The eligibility document."""


@extend_schema_field(ContentShape)
class ContentField(ObjectField):
    """The content document."""


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
