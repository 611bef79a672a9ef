"""Reads of the baskets that staff keep to try promotions with."""

from django.db.models import Q, QuerySet

from consumers.selectors import row_by_id
from loyalty.models import TriedBasket

SHOWN = 50


def tried_basket_by_id(*, account_id: int, basket_id: str) -> TriedBasket | None:
    """A kept basket with its promotion; None where the account has none of that id, whatever the text."""
    return row_by_id(TriedBasket.objects.filter(account_id=account_id).select_related("promotion"), basket_id)


def tried_baskets_offered(*, account_id: int, promotion_id: int | None) -> QuerySet[TriedBasket]:
    """The newest kept baskets of no promotion and of the one named, with who kept them."""
    of_it = Q(promotion__isnull=True) | Q(promotion_id=promotion_id) if promotion_id else Q(promotion__isnull=True)
    return TriedBasket.objects.filter(of_it, account_id=account_id).select_related("created_by")[:SHOWN]
