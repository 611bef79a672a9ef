"""App configuration."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate


class ConsumersConfig(AppConfig):
    """Accounts, staff, keys, sites, consumers, groups, membership and cards."""

    name = "consumers"
    verbose_name = "Consumers"

    def ready(self) -> None:
        """Register this app's sections of the Loyalty tab, its error codes, and what follows a migration."""
        # Models can be imported only once every app is loaded.
        from consumers.error_codes import CODES, error_codes_register  # noqa: PLC0415
        from consumers.log_in import browser_remember  # noqa: PLC0415
        from consumers.loyalty_sections import BALANCE, MEMBERSHIP, loyalty_section_register  # noqa: PLC0415
        from consumers.services.role import role_templates_sync  # noqa: PLC0415

        user_logged_in.connect(browser_remember, dispatch_uid="browser_remember")
        loyalty_section_register(MEMBERSHIP)
        loyalty_section_register(BALANCE)
        error_codes_register(CODES)
        post_migrate.connect(role_templates_sync, sender=self, dispatch_uid="role_templates_sync")
