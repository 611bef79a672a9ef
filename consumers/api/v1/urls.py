"""Paths below /api/v1/ that consumers answers."""

from django.urls import URLPattern, URLResolver

from consumers.api.v1.collections import collection_paths
from consumers.api.v1.sites import Sites

urlpatterns: list[URLPattern | URLResolver] = [
    *collection_paths("sites", Sites),
]
