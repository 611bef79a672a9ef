"""Paths below /api/v1/ that conflicts answers."""

from django.urls import URLPattern, URLResolver, path

from conflicts.api.v1.settings import ConflictSettingsView

urlpatterns: list[URLPattern | URLResolver] = [
    path("conflict-settings", ConflictSettingsView.as_view(), name="conflict-settings"),
]
