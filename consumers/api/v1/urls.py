"""Paths below /api/v1/ that consumers answers."""

from django.urls import URLPattern, URLResolver, path

from consumers.api.framework.views import collection_paths
from consumers.api.v1.account import AccountView
from consumers.api.v1.consumers import Consumers, LoyaltyTab
from consumers.api.v1.groups import Groups
from consumers.api.v1.sites import Sites

urlpatterns: list[URLPattern | URLResolver] = [
    path("account", AccountView.as_view(), name="account"),
    path("consumers/<key:consumer_id>/loyalty", LoyaltyTab.as_view(), name="consumer-loyalty"),
    *collection_paths("sites", Sites),
    *collection_paths("groups", Groups),
    *collection_paths("consumers", Consumers),
]
