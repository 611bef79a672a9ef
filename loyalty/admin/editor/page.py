"""The pages of loyalty promotions."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from consumers.author import Author
from consumers.models import Account
from consumers.types import JsonObject
from loyalty.admin.editor.files import LoyaltyPromotionResource
from loyalty.admin.editor.form.layout import fieldsets_of
from loyalty.admin.editor.form.promotion_form import LoyaltyPromotionForm
from loyalty.admin.editor.preview import LoyaltyPreviewMixin
from loyalty.admin.editor.summary import describe_loyalty_promotion, loyalty_promotion_advice
from loyalty.choices import PromotionType
from loyalty.models import LoyaltyPromotion
from loyalty.services.promotion import LOYALTY, loyalty_promotion_save
from promotions.admin.editor.filters import filters_of
from promotions.admin.editor.page import PromotionAdmin, TypeCard
from promotions.models import Promotion
from promotions.services.promotion.values import PromotionValues

TYPE_CARDS = (
    TypeCard(
        value=PromotionType.FIXED_POINTS,
        label=PromotionType.FIXED_POINTS.label,
        icon="stars",
        sentence="A fixed amount of points for each eligible transaction.",
        example="50 points for every basket with two blue widgets.",
    ),
    TypeCard(
        value=PromotionType.POINTS_MULTIPLIER,
        label=PromotionType.POINTS_MULTIPLIER.label,
        icon="close",
        sentence="Multiplies base points, on the whole basket or on line items.",
        example="Double points on everything this weekend.",
    ),
    TypeCard(
        value=PromotionType.BONUS_POINTS,
        label=PromotionType.BONUS_POINTS.label,
        icon="add_circle",
        sentence="Extra points for every amount spent or number of items bought.",
        example="5 points for every 10 spent on coffee.",
    ),
    TypeCard(
        value=PromotionType.REDEEM_OFFER,
        label=PromotionType.REDEEM_OFFER.label,
        icon="redeem",
        sentence="Issues a voucher of a personalised offer.",
        example="A free coffee with the fifth visit in a month.",
    ),
)


@admin.register(LoyaltyPromotion)
class LoyaltyPromotionAdmin(LoyaltyPreviewMixin, PromotionAdmin):
    """The pages of loyalty promotions."""

    family = LOYALTY
    types = PromotionType
    cards = TYPE_CARDS
    question = "What should the promotion do?"
    form = LoyaltyPromotionForm
    resource_classes = (LoyaltyPromotionResource,)
    add_label = "Add promotion"
    empty_text = "Promotions give points or vouchers for what consumers buy."
    list_filter = filters_of(PromotionType)
    summary = staticmethod(describe_loyalty_promotion)
    advice = staticmethod(loyalty_promotion_advice)

    actions_detail = (*PromotionAdmin.actions_detail, "uplift")

    class Media:
        js = ("js/choice_box.js", "js/choice_keys.js", "js/preview.js")

    def fieldsets_of(self, promotion_type: str) -> Any:
        return fieldsets_of(promotion_type)

    def values_from(self, form: Any, *, common: JsonObject) -> PromotionValues:
        return PromotionValues(
            **common,
            type=form.promotion_type,
            outcome=form.outcome(),
            eligibility=form.eligibility(),
            content=form.content(),
            **form.budgets(),
        )

    def save_values(
        self, form: Any, *, common: JsonObject, account: Account, author: Author, at: datetime
    ) -> tuple[Promotion, bool]:
        values = self.values_from(form, common=common)
        return loyalty_promotion_save(account=account, values=values, author=author, at=at)

    @action(description="Uplift", icon="science", permissions=["view"])
    def uplift(self, request: HttpRequest, object_id: object) -> HttpResponse:
        query = urlencode({"promotion": self.promotion_of(request, object_id).pk})
        return HttpResponseRedirect(f"{reverse('promotion_uplift')}?{query}")
