"""Paths below /api/v1/ that loyalty answers."""

from django.urls import URLPattern, URLResolver, path

from consumers.api.framework.views import collection_paths
from loyalty.api.v1 import promotions
from loyalty.api.v1.claims import Claims
from loyalty.api.v1.offers import Offers
from loyalty.api.v1.points import PointsAdjustments, PointsAdjustmentsBulk
from loyalty.api.v1.results import AllResults, CampaignResults, DiscountResults, PromotionResults
from loyalty.api.v1.till import (
    Evaluate,
    TransactionBatch,
    TransactionReturns,
    TransactionRow,
    Transactions,
    TransactionVoid,
)
from loyalty.api.v1.uplift import ProgrammeUplift, PromotionUplift
from loyalty.api.v1.vouchers import VoucherDetail, VoucherList

urlpatterns: list[URLPattern | URLResolver] = [
    path("baskets/evaluate", Evaluate.as_view(), name="basket-evaluate"),
    path("transactions", Transactions.as_view(), name="transactions"),
    path("transactions/batch", TransactionBatch.as_view(), name="transaction-batch"),
    path("transactions/<key:reference>/returns", TransactionReturns.as_view(), name="transaction-returns"),
    path("transactions/<key:reference>/void", TransactionVoid.as_view(), name="transaction-void"),
    path("transactions/<key:reference>", TransactionRow.as_view(), name="transaction-row"),
    path("programme/uplift", ProgrammeUplift.as_view(), name="programme-uplift"),
    path("promotions/<key:code>/uplift", PromotionUplift.as_view(), name="promotions-uplift"),
    path("results", AllResults.as_view(), name="results"),
    path("promotions/<key:code>/results", PromotionResults.as_view(), name="promotions-results"),
    path("discounts/<key:code>/results", DiscountResults.as_view(), name="discounts-results"),
    path("campaigns/<key:code>/results", CampaignResults.as_view(), name="campaigns-results"),
    *promotions.urlpatterns,
    *collection_paths("offers", Offers),
    path("vouchers", VoucherList.as_view(), name="vouchers"),
    path("vouchers/<key:code>", VoucherDetail.as_view(), name="voucher-row"),
    path("consumers/<key:consumer_id>/points-adjustments", PointsAdjustments.as_view(), name="consumer-adjustments"),
    path("points-adjustments/bulk", PointsAdjustmentsBulk.as_view(), name="points-adjustments-bulk"),
    path("consumers/<key:consumer_id>/claims", Claims.as_view(), name="consumer-claims"),
]
