"""How Django knows the app."""

from django.apps import AppConfig


class ConsumersConfig(AppConfig):
    """Accounts, staff, keys, sites, consumers, groups, membership and cards."""

    name = "consumers"
    verbose_name = "Consumers"
    default_auto_field = "django.db.models.BigAutoField"
