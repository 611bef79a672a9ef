"""What promotions show on a consumer's Loyalty tab."""

from datetime import datetime
from typing import Any

from consumers.loyalty_sections import LoyaltySection
from consumers.models import Consumer
from promotions.selectors.personalized_promotion import personalized_lists_shown


def personalized_data(consumer: Consumer, *, at: datetime) -> list[dict[str, Any]]:
    """The consumer's product lists, in order of the promotions' names; archived promotions aside."""
    return [
        {
            "backend_id": listed.promotion.backend_id,
            "name": listed.promotion.name,
            "products": listed.products,
            "selected": listed.selected,
            "maximum_distinct_products": listed.promotion.maximum_distinct_products,
            "lock_after_first_apply": listed.promotion.lock_after_first_apply,
            "locked": listed.locked,
        }
        for listed in personalized_lists_shown(account_id=consumer.account_id, consumer_pk=consumer.pk)
    ]


_TEXT = {"type": "string"}
_SKUS = {"type": "array", "items": _TEXT}
_FLAG = {"type": "boolean"}

SECTIONS = (
    LoyaltySection(
        key="personalized_promotions",
        label="Personalized promotions",
        position=50,
        data=personalized_data,
        template="admin/consumers/consumer/loyalty/personalized_promotions.html",
        schema={
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "backend_id": _TEXT,
                    "name": _TEXT,
                    "products": _SKUS,
                    "selected": _SKUS,
                    "maximum_distinct_products": {"type": ["integer", "null"]},
                    "lock_after_first_apply": _FLAG,
                    "locked": _FLAG,
                },
            },
        },
    ),
)
