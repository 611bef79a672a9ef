"""The loyalty family of promotions."""

from typing import ClassVar

from django.db import models

from promotions.choices import Family
from promotions.models import Promotion


class LoyaltyPromotionManager(models.Manager["LoyaltyPromotion"]):
    """Restricts queries to the loyalty family."""

    def get_queryset(self) -> "models.QuerySet[LoyaltyPromotion]":
        return super().get_queryset().filter(family=Family.LOYALTY)


class LoyaltyPromotion(Promotion):
    """A promotion of type fixed points, points multiplier, bonus points or redeem offer."""

    objects: ClassVar[LoyaltyPromotionManager] = LoyaltyPromotionManager()

    class Meta:
        proxy = True
        verbose_name = "loyalty promotion"
