"""Reads of the baskets that staff save to try promotions with."""

from django.db.models import Q, QuerySet

from consumers.selectors import row_by_id
from loyalty.models import TriedBasket

MAX_OFFERED = 50
"""How many saved baskets the page lists."""


def tried_basket_by_id(*, account_id: int, basket_id: str) -> TriedBasket | None:
    """Return a saved basket with its promotion; None where the account has none of that id, whatever the text is."""
    return row_by_id(TriedBasket.objects.filter(account_id=account_id).select_related("promotion"), basket_id)


def tried_baskets_offered(*, account_id: int, promotion_id: int | None) -> QuerySet[TriedBasket]:
    """Return the newest saved baskets of no promotion and of this one, with who saved them."""
    is_offered = Q(promotion__isnull=True) | Q(promotion_id=promotion_id) if promotion_id else Q(promotion__isnull=True)
    return TriedBasket.objects.filter(is_offered, account_id=account_id).select_related("created_by")[:MAX_OFFERED]
