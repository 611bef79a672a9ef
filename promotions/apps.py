"""The app as Django loads it."""

from django.apps import AppConfig

from consumers.references import reference_check_register
from promotions.choices import ReferenceKind


class PromotionsConfig(AppConfig):
    """The shared engine, the catalogue, and the promotions' definitions and versions."""

    name = "promotions"
    verbose_name = "Promotions"

    def ready(self) -> None:
        """Register what promotions reference, so that it is not deleted, sections and error codes."""
        # Models can be imported only once every app is loaded.
        from consumers.error_codes import error_codes_register  # noqa: PLC0415
        from consumers.loyalty_sections import loyalty_section_register  # noqa: PLC0415
        from promotions.error_codes import CODES  # noqa: PLC0415
        from promotions.loyalty_sections import SECTIONS  # noqa: PLC0415
        from promotions.selectors.campaign import currencies_of_campaign_budgets  # noqa: PLC0415
        from promotions.selectors.personalized_promotion import skus_on_lists  # noqa: PLC0415
        from promotions.selectors.product import currencies_of_prices  # noqa: PLC0415
        from promotions.selectors.references import reference_check  # noqa: PLC0415

        for kind in ReferenceKind:
            reference_check_register(kind, reference_check(kind))
        reference_check_register(ReferenceKind.PRODUCT, skus_on_lists)
        reference_check_register("currency", currencies_of_prices)
        reference_check_register("currency", currencies_of_campaign_budgets)
        for section in SECTIONS:
            loyalty_section_register(section)
        error_codes_register(CODES)
