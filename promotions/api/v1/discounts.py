"""``discounts``: the discount family."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.urls.resolvers import URLPattern
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consumers.api.framework.components import AMOUNT, nullable
from consumers.api.framework.fields import ChoiceText, FlagField, MomentField
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import ApiView, collection_paths
from consumers.types import JsonObject
from promotions.api.v1.definitions import (
    DISCOUNT_DEFINITION,
    LIMIT,
    LIMIT_BODY,
    NUMBER,
    PERIOD,
    PRODUCT_SETS,
    PRODUCT_SETS_BODY,
    RULES,
    RULES_BODY,
)
from promotions.api.v1.fields import UncheckedField
from promotions.api.v1.promotions import (
    CommonInput,
    ContentField,
    DuplicateView,
    LifeOutput,
    PromotionCollection,
    PromotionFilters,
    StopView,
    VersionOutput,
    VersionsView,
)
from promotions.choices import DiscountType, Family, PriceOrder
from promotions.engine.definition.fields import BUDGETS
from promotions.models import Promotion, PromotionVersion
from promotions.selectors.promotion import promotions_of
from promotions.services.discount import DiscountValues, discount_fields, discounts_save


class RulesPart(UncheckedField):
    """A rule tree; the field's name says of which scope."""

    def __init__(self, name: str) -> None:
        super().__init__(body=RULES_BODY[name], answer=RULES[name])


class ProductSetsPart(UncheckedField):
    """The product sets."""

    is_required_in_document = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=PRODUCT_SETS_BODY, answer=PRODUCT_SETS, **kwargs)


class NumberPart(UncheckedField):
    """An amount or a percentage."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=nullable(NUMBER), answer=nullable(AMOUNT), **kwargs)


class LimitPeriodPart(UncheckedField):
    """The calendar period of the limit per customer; by default the whole promotion."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=nullable(PERIOD), answer=PERIOD, **kwargs)


class LimitPart(UncheckedField):
    """A limit; null: none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=LIMIT_BODY, answer=LIMIT, **kwargs)


class ConditionsInput(Input):
    """Who gets it, where and in which transactions."""

    site_rules = RulesPart("site_rules")
    customer_rules = RulesPart("customer_rules")
    transaction_rules = RulesPart("transaction_rules")
    line_item_rules = RulesPart("line_item_rules")


class DiscountInput(CommonInput):
    """A discount. Code and currency are fixed once it is published."""

    discount_type = ChoiceText(choices=DiscountType.choices)
    value = NumberPart(
        help_text="`amount` and `fixed_price`: an amount. `percentage`: up to 100. `free_product`: null."
    )
    maximum_discount = NumberPart(
        help_text="Only of `percentage`: the most that it takes off a transaction; null: no maximum."
    )
    price_order = ChoiceText(choices=PriceOrder.choices, default=PriceOrder.CHEAPEST)
    product_sets = ProductSetsPart(help_text="1 to 10 product sets, of which at least one gets the discount.")
    conditions = ConditionsInput(default=dict)
    total_redemption_limit = LimitPart()
    customer_redemption_limit = LimitPart()
    customer_limit_period = LimitPeriodPart()
    transaction_redemption_limit = LimitPart()
    always_apply = FlagField(default=False)
    ignores_universal_holdout = FlagField(default=False)
    content = ContentField(default=dict)


class ConditionsOutput(Output):
    """Who gets it, where and in which transactions."""

    site_rules = RulesPart("site_rules")
    customer_rules = RulesPart("customer_rules")
    transaction_rules = RulesPart("transaction_rules")
    line_item_rules = RulesPart("line_item_rules")


class DiscountOutput(LifeOutput):
    """A discount with its definition in normal form."""

    code = serializers.CharField()
    discount_type = serializers.ChoiceField(choices=DiscountType.choices, source="type")
    subtype = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    currency = serializers.CharField()
    starts_at = MomentField()
    ends_at = MomentField(allow_null=True)
    draft = serializers.BooleanField()
    archived = serializers.BooleanField()
    value = NumberPart(source="outcome.value")
    maximum_discount = NumberPart(source="outcome.maximum_discount")
    price_order = serializers.ChoiceField(choices=PriceOrder.choices, source="outcome.price_order")
    product_sets = ProductSetsPart(source="outcome.product_sets")
    conditions = ConditionsOutput(source="eligibility")
    total_redemption_limit = LimitPart(source="eligibility.total_redemption_limit")
    customer_redemption_limit = LimitPart(source="eligibility.customer_redemption_limit")
    customer_limit_period = LimitPeriodPart(source="eligibility.customer_limit_period")
    transaction_redemption_limit = LimitPart(source="eligibility.transaction_redemption_limit")
    always_apply = serializers.BooleanField()
    ignores_universal_holdout = serializers.BooleanField(source="eligibility.ignores_universal_holdout")
    content = ContentField()


class DiscountFilters(PromotionFilters):
    """Filters of the list of discounts."""

    type = filters.MultipleChoiceFilter(choices=DiscountType.choices)
    subtype = filters.ChoiceFilter(choices=[("product_sets", "product_sets"), ("personalized", "personalized")])


class DiscountView(ApiView):
    """A view of the account's discounts."""

    def get_queryset(self) -> QuerySet[Promotion]:
        return promotions_of(account_id=self.account.pk, family=Family.DISCOUNT)


class Discounts(DiscountView, PromotionCollection):
    """Discounts by code."""

    input_class = DiscountInput
    output_class = DiscountOutput
    filterset_class = DiscountFilters

    def write(self, rows: Sequence[JsonObject]) -> list[tuple[Promotion, bool]]:
        values = [DiscountValues(**row) for row in rows]
        return discounts_save(account_id=self.account.pk, rows=values, author=self.author, at=self.at)


class DiscountStop(DiscountView, StopView):
    """``discounts/{code}/stop``."""

    output_class = DiscountOutput


class DiscountDuplicate(DiscountView, DuplicateView):
    """``discounts/{code}/duplicate``."""

    output_class = DiscountOutput


class DiscountVersionOutput(VersionOutput):
    """One immutable version of a discount."""

    @extend_schema_field(DISCOUNT_DEFINITION)
    def get_definition(self, version: PromotionVersion) -> dict[str, Any]:
        """The definition in a discount's own fields."""
        return {**dict.fromkeys(BUDGETS), **discount_fields(version.definition)}


class DiscountVersions(DiscountView, VersionsView):
    """``discounts/{code}/versions``."""

    output_class = DiscountVersionOutput


urlpatterns: list[URLPattern] = [
    path("discounts/<key:code>/stop", DiscountStop.as_view(), name="discounts-stop"),
    path("discounts/<key:code>/duplicate", DiscountDuplicate.as_view(), name="discounts-duplicate"),
    path("discounts/<key:code>/versions", DiscountVersions.as_view(), name="discounts-versions"),
    *collection_paths("discounts", Discounts),
]
