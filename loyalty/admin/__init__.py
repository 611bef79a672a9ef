"""The back office's pages of the loyalty programme."""

from loyalty.admin.campaign import CampaignAdmin
from loyalty.admin.editor.page import LoyaltyPromotionAdmin
from loyalty.admin.message import RedemptionMessageAdmin
from loyalty.admin.points.adjustment import AdjustmentLimitsAdmin
from loyalty.admin.points.ledger import LedgerEntryAdmin
from loyalty.admin.rewards.offer import OfferAdmin
from loyalty.admin.rewards.voucher import VoucherAdmin
from loyalty.admin.transactions.transaction import TransactionAdmin

__all__ = [
    "AdjustmentLimitsAdmin",
    "CampaignAdmin",
    "LedgerEntryAdmin",
    "LoyaltyPromotionAdmin",
    "OfferAdmin",
    "RedemptionMessageAdmin",
    "TransactionAdmin",
    "VoucherAdmin",
]
