"""How Django knows the app."""

from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    """The shared engine, the catalogue, and the promotions' definitions and versions."""

    name = "promotions"
    verbose_name = "Promotions"
    default_auto_field = "django.db.models.BigAutoField"
