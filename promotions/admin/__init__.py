"""The back office's pages of the catalogue and of promotions of every family."""

from promotions.admin.discount.page import DiscountAdmin
from promotions.admin.personalized.lists import PersonalizedListAdmin
from promotions.admin.personalized.promotions import PersonalizedPromotionAdmin
from promotions.admin.product import ProductAdmin
from promotions.admin.version import PromotionVersionAdmin

__all__ = [
    "DiscountAdmin",
    "PersonalizedListAdmin",
    "PersonalizedPromotionAdmin",
    "ProductAdmin",
    "PromotionVersionAdmin",
]
