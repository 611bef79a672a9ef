"""The back office's pages of the catalogue and of promotions of every family."""

from promotions.admin.discount import DiscountAdmin
from promotions.admin.product import ProductAdmin
from promotions.admin.promotion import PromotionVersionAdmin

__all__ = ["DiscountAdmin", "ProductAdmin", "PromotionVersionAdmin"]
