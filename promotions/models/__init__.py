"""Tables of the catalogue and of promotions of every family."""

from promotions.models.campaign import Campaign
from promotions.models.cost import PromotionCost
from promotions.models.discount import Discount
from promotions.models.personalized_promotion import PersonalizedList, PersonalizedPromotion
from promotions.models.product import Product
from promotions.models.promotion import Promotion, PromotionReference, PromotionVersion, StatusEvent

__all__ = [
    "Campaign",
    "Discount",
    "PersonalizedList",
    "PersonalizedPromotion",
    "Product",
    "Promotion",
    "PromotionCost",
    "PromotionReference",
    "PromotionVersion",
    "StatusEvent",
]
