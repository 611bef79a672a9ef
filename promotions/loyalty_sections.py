"""What promotions show on a consumer's Loyalty tab."""

from datetime import datetime
from typing import Any

from consumers.loyalty_sections import LoyaltySection
from consumers.models import Consumer


def personalized_data(consumer: Consumer, *, at: datetime) -> list[dict[str, Any]]:
    """The consumer's product lists, one for each personalized promotion that enlists them: none does yet."""
    return []


SECTIONS = (
    LoyaltySection(
        key="personalized_promotions",
        label="Personalized promotions",
        position=50,
        data=personalized_data,
        template="admin/consumers/consumer/loyalty/personalized_promotions.html",
        schema={"type": "array", "items": {"type": "object"}},
    ),
)
