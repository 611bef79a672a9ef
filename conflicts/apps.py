"""How Django knows the app."""

from django.apps import AppConfig


class ConflictsConfig(AppConfig):
    """The account's conflict settings and the pure resolver."""

    name = "conflicts"
    verbose_name = "Conflict management"
    default_auto_field = "django.db.models.BigAutoField"
