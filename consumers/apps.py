"""How Django knows the app."""

from django.apps import AppConfig


class ConsumersConfig(AppConfig):
    """Accounts, staff, keys, sites, consumers, groups, membership and cards."""

    name = "consumers"
    verbose_name = "Consumers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put what is known here on the Loyalty tab."""
        # The tables are there only now that every app is loaded.
        from consumers.loyalty_sections import BALANCE, MEMBERSHIP, loyalty_section_register  # noqa: PLC0415

        loyalty_section_register(MEMBERSHIP)
        loyalty_section_register(BALANCE)
