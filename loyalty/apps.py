"""How Django knows the app."""

from django.apps import AppConfig


class LoyaltyConfig(AppConfig):
    """Offers and vouchers, transactions, the points ledger and the till's API."""

    name = "loyalty"
    verbose_name = "Loyalty"
    default_auto_field = "django.db.models.BigAutoField"
