"""Paths below /api/v1/ that loyalty answers."""

from django.urls import URLPattern, URLResolver, path

from loyalty.api.v1 import promotions
from loyalty.api.v1.till import Evaluate, TransactionRow, Transactions

urlpatterns: list[URLPattern | URLResolver] = [
    path("baskets/evaluate", Evaluate.as_view(), name="basket-evaluate"),
    path("transactions", Transactions.as_view(), name="transactions"),
    path("transactions/<key:reference>", TransactionRow.as_view(), name="transaction-row"),
    *promotions.urlpatterns,
]
