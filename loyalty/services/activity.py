"""The words of a loyalty activity: a promotion's description with its inserts filled in."""

import re

from loyalty.services.message_text import PromotionTexts

_INSERT = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def activity_description(source: PromotionTexts, *, currency: str, spend: str, site_name: str) -> str:
    """The description of one award as plain text; a promotion without one of its own is described by its name."""
    values = {"promotion_name": source.name, "currency": currency, "spend": spend, "site_name": site_name}
    written = source.outcome["activity_description"] or "{{ promotion_name }}"
    return _INSERT.sub(lambda insert: values.get(insert.group(1), ""), written)
