"""Discounts."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from consumers.admin.framework.pages import ModelForm
from consumers.author import Author
from consumers.models import Account
from consumers.types import JsonObject
from promotions.admin.discount.files import DiscountResource
from promotions.admin.discount.form import DiscountForm, fieldsets_of
from promotions.admin.discount.summary import describe_discount, discount_advice
from promotions.admin.editor.filters import filters_of
from promotions.admin.editor.page import PromotionAdmin, TypeCard
from promotions.admin.editor.preview import PreviewMixin
from promotions.admin.visibility import may_see_personalized
from promotions.choices import DiscountType
from promotions.models import Discount, Promotion
from promotions.services.discount import DISCOUNT, DiscountValues, discount_save
from promotions.services.promotion.values import PromotionValues

TYPE_CARDS = (
    TypeCard(
        value=DiscountType.PERCENTAGE,
        label=DiscountType.PERCENTAGE.label,
        icon="percent",
        sentence="A percentage off products you choose.",
        example="Buy two tees, get trousers at half price.",
    ),
    TypeCard(
        value=DiscountType.AMOUNT,
        label=DiscountType.AMOUNT.label,
        icon="payments",
        sentence="An amount off products, or off a minimum spend.",
        example="10 off every order of 80 or more.",
    ),
    TypeCard(
        value=DiscountType.FIXED_PRICE,
        label=DiscountType.FIXED_PRICE.label,
        icon="sell",
        sentence="One price for several products.",
        example="A sandwich, a drink and a cake for 5.",
    ),
    TypeCard(
        value=DiscountType.FREE_PRODUCT,
        label=DiscountType.FREE_PRODUCT.label,
        icon="featured_seasonal_and_gifts",
        sentence="Products for free.",
        example="Three for the price of two; a free mug with a pound of coffee.",
    ),
)


@admin.register(Discount)
class DiscountAdmin(PreviewMixin, PromotionAdmin):
    """Discounts."""

    family = DISCOUNT
    types = DiscountType
    cards = TYPE_CARDS
    question = "What should the discount do?"
    form = DiscountForm
    resource_classes = (DiscountResource,)
    add_label = "Add discount"
    empty_text = "Discounts lower the price of products."
    list_filter = filters_of(DiscountType)
    summary = staticmethod(describe_discount)
    advice = staticmethod(discount_advice)

    class Media:
        js = ("js/preview.js",)

    def get_form(
        self, request: HttpRequest, obj: object = None, change: bool = False, **kwargs: object
    ) -> type[ModelForm]:
        form: type[ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, DiscountForm):
            form.may_see_personalized = may_see_personalized(request)
        return form

    def has_import_permission(self, request: HttpRequest) -> bool:
        # A file says which personalized promotions feed a discount.
        return may_see_personalized(request) and super().has_import_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return may_see_personalized(request) and bool(super().has_export_permission(request))

    def fieldsets_of(self, promotion_type: str) -> object:
        return fieldsets_of(promotion_type)

    def values_from(self, form: object, *, common: dict[str, object]) -> PromotionValues:
        return _values(form, common).as_promotion()

    def save_values(
        self, form: object, *, common: dict[str, object], account: Account, author: Author, at: datetime
    ) -> tuple[Promotion, bool]:
        return discount_save(account=account, values=_values(form, common), author=author, at=at)


def _values(form: Any, common: JsonObject) -> DiscountValues:
    return DiscountValues(**common, discount_type=form.promotion_type, **form.discount_values())
