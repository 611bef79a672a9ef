"""How Django knows the app."""

from django.apps import AppConfig


class ConflictsConfig(AppConfig):
    """The account's conflict settings and the pure resolver."""

    name = "conflicts"
    verbose_name = "Conflict management"

    def ready(self) -> None:
        """Register what each role may do with the settings."""
        # Models can be imported only now that every app is loaded.
