"""The admin's name, theme and sidebar."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from config.version import VERSION
from consumers.types import Context, JsonObject

Entry = tuple[str, str, str] | tuple[str, str, str, str]

# The sidebar's groups of pages: title, icon, the app and model whose view permission the page needs, and the page's
# URL name where it is not the model's list.
PAGES: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Promotions",
        (
            ("Loyalty promotions", "loyalty", "loyalty.loyaltypromotion"),
            ("Discounts", "sell", "promotions.discount"),
            ("Personalized promotions", "checklist", "promotions.personalizedpromotion"),
            ("Campaigns", "campaign", "promotions.campaign"),
            ("Results", "monitoring", "promotions.promotion", "results_ranking"),
            ("Programme uplift", "science", "loyalty.loyaltypromotion", "programme_uplift"),
            ("Calendar", "calendar_month", "promotions.promotion", "promotion_calendar"),
            ("Try a basket", "shopping_basket", "loyalty.triedbasket", "try_basket"),
            ("Conflict management", "balance", "conflicts.conflictsettings"),
            ("Promotion versions", "history", "promotions.promotionversion"),
        ),
    ),
    (
        "Rewards",
        (
            ("Offers", "redeem", "loyalty.offer"),
            ("Vouchers", "confirmation_number", "loyalty.voucher"),
        ),
    ),
    (
        "Consumers",
        (
            ("Consumers", "person", "consumers.consumer"),
            ("Groups", "group", "consumers.consumergroup"),
        ),
    ),
    (
        "Activity",
        (
            ("Transactions", "receipt_long", "loyalty.transaction"),
            ("Points ledger", "menu_book", "loyalty.ledgerentry"),
            ("Redemption messages", "mail", "loyalty.redemptionmessage"),
            ("Imports and exports", "import_export", "consumers.job"),
        ),
    ),
    (
        "Shop",
        (
            ("Products", "inventory_2", "promotions.product"),
            ("Sites", "storefront", "consumers.site"),
        ),
    ),
    (
        "Settings",
        (
            ("Account settings", "settings", "consumers.account"),
            ("Points adjustments", "exposure", "loyalty.adjustmentlimits"),
            ("Staff", "badge", "consumers.staffmembership"),
            ("Roles", "admin_panel_settings", "consumers.role"),
            ("API keys", "key", "consumers.apikey"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[JsonObject]:
    """Return the sidebar's groups: the overview, and the pages that the user may see in the current account."""
    overview = reverse("admin:index")
    groups: list[JsonObject] = [
        {"items": [{"title": "Overview", "icon": "space_dashboard", "link": overview, "active": is_page(overview)}]}
    ]
    for title, pages in PAGES:
        items = []
        for name, icon, model, *page in pages:
            app_label, model_name = model.split(".")
            address = reverse(page[0] if page else f"admin:{app_label}_{model_name}_changelist")
            items.append(
                {
                    "title": name,
                    "icon": icon,
                    "link": address,
                    "active": is_below(address),
                    "permission": may_view(app_label, model_name),
                }
            )
        groups.append({"title": title, "separator": True, "items": items})
    work = reverse("scheduled_work")
    groups[-1]["items"].append(
        {
            "title": "Scheduled work",
            "icon": "schedule",
            "link": work,
            "active": is_page(work),
            "permission": may_view("consumers", "scheduledtask"),
        }
    )
    return groups


def is_page(address: str) -> Callable[[HttpRequest], bool]:
    """Return a check whether this page is open."""
    return lambda request: request.path == address


def is_below(address: str) -> Callable[[HttpRequest], bool]:
    """Return a check whether the page or one below it is open."""
    return lambda request: request.path.startswith(address)


def may_view(app_label: str, model_name: str) -> Callable[[HttpRequest], bool]:
    """Return a check whether the user may view a model's rows."""
    return lambda request: request.user.has_perm(f"{app_label}.view_{model_name}")


def asset(path: str) -> Callable[[HttpRequest], str]:
    """Return the address of a static file, which is known only once the settings are loaded."""
    return lambda _: static(path)


def page_context(request: HttpRequest) -> Context:
    """Return the context of every page: the accounts to switch to, and no colours.

    The colours are in static/css/theme.css: the theme would write them into the page, which the Content-Security-Policy
    forbids.
    """
    return {"colors": {}, "other_accounts": switchable_accounts(request)}


def switchable_accounts(request: HttpRequest) -> list[Any]:
    """Return the accounts that the user may switch to."""
    # The settings import this module before apps are loaded.
    from consumers.models import User  # noqa: PLC0415
    from consumers.selectors import accounts_of_staff  # noqa: PLC0415

    user = request.user
    if not isinstance(user, User) or user.current_membership is None:
        return []
    return list(accounts_of_staff(user=user).exclude(pk=user.current_membership.account_id))


def theme(request: HttpRequest) -> JsonObject:
    """Give every template the version, and what the theme needs of the site on pages without the site's context."""
    # The settings import this module before apps are loaded.
    from django.contrib import admin  # noqa: PLC0415

    site = SimpleLazyObject(lambda: admin.site.each_context(request))
    names = ("styles", "scripts", "site_favicons")
    lazy_values = {name: SimpleLazyObject(partial(lambda name: site[name], name)) for name in names}
    return {**lazy_values, "project_version": VERSION}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Promotions",
    "SITE_HEADER": "Promotions",
    "SITE_SUBHEADER": "and loyalty",
    "SITE_SYMBOL": "loyalty",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": asset("img/favicon.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "GLOBAL_CALLBACK": "config.navigation.page_context",
    "DASHBOARD_CALLBACK": "config.dashboard.dashboard",
    "STYLES": [asset("css/theme.css"), asset("css/admin.css")],
    "SCRIPTS": [
        asset("js/tabs.js"),
        asset("js/dialogs.js"),
        asset("js/names.js"),
        asset("js/tables.js"),
        asset("js/search.js"),
    ],
    # config/search.py answers; its results are not kept in a browser that colleagues share.
    "COMMAND": {"show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "config.navigation.sidebar",
    },
}
