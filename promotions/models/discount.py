"""The discount family of promotions."""

from typing import ClassVar

from django.db import models

from promotions.choices import Family
from promotions.models.promotion import Promotion


class DiscountManager(models.Manager["Discount"]):
    """Promotions of the discount family only."""

    def get_queryset(self) -> "models.QuerySet[Discount]":
        return super().get_queryset().filter(family=Family.DISCOUNT)


class Discount(Promotion):
    """A price promotion made of product sets; its type is its discount type."""

    objects: ClassVar[DiscountManager] = DiscountManager()

    class Meta:
        proxy = True
        verbose_name = "discount"
