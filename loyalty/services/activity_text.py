"""The words of a loyalty activity: a promotion's description with its inserts filled in."""

from loyalty.services.message_text import PromotionTexts, inserts_filled


def activity_description(source: PromotionTexts, *, currency: str, spend: str, site_name: str) -> str:
    """The description of one award as plain text; a promotion without one of its own is described by its name."""
    values = {"promotion_name": source.name, "currency": currency, "spend": spend, "site_name": site_name}
    return inserts_filled(source.outcome["activity_description"] or "{{ promotion_name }}", values)
