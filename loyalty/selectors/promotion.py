"""Reads of loyalty promotions, and of what they name."""

from collections.abc import Mapping

from django.db.models import QuerySet

from loyalty.choices import OfferKind
from loyalty.models import Offer
from promotions.choices import Family, ReferenceKind
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_of
from promotions.selectors.references import REFERENCE_SOURCES, ReferenceSource


def loyalty_promotions_of(*, account_id: int) -> QuerySet[Promotion]:
    """Return the account's loyalty promotions, archived ones too."""
    return promotions_of(account_id=account_id, family=Family.LOYALTY)


def offers_redeemable(account_id: int) -> QuerySet[Offer]:
    """Return the account's offers that a promotion may issue: personalised ones that are not archived."""
    return Offer.objects.filter(account_id=account_id, kind=OfferKind.PERSONALISED, archived=False)


LOYALTY_REFERENCE_SOURCES: Mapping[str, ReferenceSource] = {
    **REFERENCE_SOURCES,
    ReferenceKind.OFFER: ReferenceSource(rows=offers_redeemable, key="code", noun="personalised offer in use"),
}
"""The kinds of rows that loyalty promotions may name."""
