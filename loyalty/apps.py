"""Configure the app."""

from django.apps import AppConfig

from consumers.references import reference_check_register


class LoyaltyConfig(AppConfig):
    """Offers and vouchers, transactions, the points ledger and the till's API."""

    name = "loyalty"
    verbose_name = "Loyalty"

    def ready(self) -> None:
        """Register reference checks, sections of the Loyalty tab, warnings and notes, and error codes."""
        # Models can be imported only after every app is loaded.
        from consumers.error_codes import error_codes_register  # noqa: PLC0415
        from consumers.loyalty_sections import loyalty_section_register  # noqa: PLC0415
        from loyalty.admin.editor.publish_warning import (  # noqa: PLC0415
            control_group_note,
            slow_draft_warning,
            worthless_offer_warning,
        )
        from loyalty.admin.editor.saved_note import beaten_by_note  # noqa: PLC0415
        from loyalty.admin.usages import usages_register  # noqa: PLC0415
        from loyalty.error_codes import CODES  # noqa: PLC0415
        from loyalty.loyalty_sections import SECTIONS  # noqa: PLC0415
        from loyalty.selectors.points import consumers_with_points_history  # noqa: PLC0415
        from loyalty.selectors.results import promotions_with_results  # noqa: PLC0415
        from loyalty.selectors.rewards import currencies_of_amounts  # noqa: PLC0415
        from loyalty.services.results.readers import results_reader_register  # noqa: PLC0415
        from loyalty.services.uplift.population import counted_sales_mark  # noqa: PLC0415
        from promotions.admin.editor.publish_warning import publish_warning_register  # noqa: PLC0415
        from promotions.admin.editor.result_columns import promotion_results_register  # noqa: PLC0415
        from promotions.admin.editor.saved_note import saved_note_register  # noqa: PLC0415

        promotion_results_register(promotions_with_results)
        reference_check_register("currency", currencies_of_amounts)
        reference_check_register("membership", consumers_with_points_history)
        for section in SECTIONS:
            loyalty_section_register(section)
        publish_warning_register(slow_draft_warning)
        publish_warning_register(worthless_offer_warning)
        publish_warning_register(control_group_note)
        saved_note_register(beaten_by_note)
        usages_register()
        results_reader_register(counted_sales_mark)
        error_codes_register(CODES)
