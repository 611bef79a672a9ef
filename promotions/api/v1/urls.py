"""Paths below /api/v1/ that promotions answers."""

from django.urls import URLPattern, URLResolver

from consumers.api.framework.views import collection_paths
from promotions.api.v1 import discounts, personalized_promotions
from promotions.api.v1.campaigns import Campaigns
from promotions.api.v1.products import Products

urlpatterns: list[URLPattern | URLResolver] = [
    *collection_paths("products", Products),
    *collection_paths("campaigns", Campaigns),
    *personalized_promotions.urlpatterns,
    *discounts.urlpatterns,
]
