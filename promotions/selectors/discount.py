"""Reads of discounts."""

from django.db.models import QuerySet

from promotions.choices import Family
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_of


def discounts_of(*, account_id: int) -> QuerySet[Promotion]:
    """The account's discounts, archived ones too."""
    return promotions_of(account_id=account_id, family=Family.DISCOUNT)
