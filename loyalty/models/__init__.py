"""Tables of the loyalty programme."""

from loyalty.models.adjustment import AdjustmentLimits, StaffAdjustment
from loyalty.models.ledger import LedgerEntry
from loyalty.models.message import RedemptionMessage
from loyalty.models.offer import Offer, Voucher
from loyalty.models.promotion import LoyaltyPromotion
from loyalty.models.results import (
    PromotionDayConsumers,
    PromotionDayResult,
    PromotionMonthConsumers,
    PromotionMonthResult,
    PromotionMonthTotal,
    PromotionResult,
    PromotionWeekConsumers,
    ResultsGap,
    ResultsMark,
)
from loyalty.models.reversal import Reversal
from loyalty.models.transaction import AppliedPromotion, Transaction
from loyalty.models.tried_basket import TriedBasket
from loyalty.models.uplift import UpliftMember, UpliftPopulation
from loyalty.models.usage import PromotionUsage

__all__ = [
    "AdjustmentLimits",
    "AppliedPromotion",
    "LedgerEntry",
    "LoyaltyPromotion",
    "Offer",
    "PromotionDayConsumers",
    "PromotionDayResult",
    "PromotionMonthConsumers",
    "PromotionMonthResult",
    "PromotionMonthTotal",
    "PromotionResult",
    "PromotionUsage",
    "PromotionWeekConsumers",
    "RedemptionMessage",
    "ResultsGap",
    "ResultsMark",
    "Reversal",
    "StaffAdjustment",
    "Transaction",
    "TriedBasket",
    "UpliftMember",
    "UpliftPopulation",
    "Voucher",
]
