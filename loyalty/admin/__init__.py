"""The back office's pages of the loyalty programme."""

from loyalty.admin.adjustment import AdjustmentLimitsAdmin
from loyalty.admin.ledger import LedgerEntryAdmin
from loyalty.admin.message import RedemptionMessageAdmin
from loyalty.admin.offer import OfferAdmin, VoucherAdmin
from loyalty.admin.promotion import LoyaltyPromotionAdmin
from loyalty.admin.transaction import TransactionAdmin

__all__ = [
    "AdjustmentLimitsAdmin",
    "LedgerEntryAdmin",
    "LoyaltyPromotionAdmin",
    "OfferAdmin",
    "RedemptionMessageAdmin",
    "TransactionAdmin",
    "VoucherAdmin",
]
