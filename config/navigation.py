"""The admin's name and sidebar."""

from typing import Any

from django.http import HttpRequest


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of the sidebar, each ``{"title", "items": [{"title", "icon", "link", "permission"}]}``."""
    return []


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Promotions",
    "SITE_HEADER": "Promotions",
    "SITE_SYMBOL": "loyalty",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"show_search": True, "navigation": "config.navigation.sidebar"},
}
