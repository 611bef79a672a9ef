"""Name what uses a row by its key: the promotions and lists that a deletion would break."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest

from consumers.admin.framework.usages import (
    MAX_NAMED,
    NamedRow,
    Usage,
    UsageSource,
    usage_of,
    usage_shown_as_register,
    usage_source_register,
)
from consumers.models import Consumer, ConsumerGroup, Site
from loyalty.admin.page_urls import promotion_page_url
from loyalty.models import AppliedPromotion, Offer, PromotionUsage
from promotions.choices import ReferenceKind
from promotions.models import PersonalizedPromotion, Product, Promotion
from promotions.selectors.personalized_promotion import lists_with_product

KEYS = {
    ReferenceKind.GROUP: (ConsumerGroup, "code"),
    ReferenceKind.SITE: (Site, "number"),
    ReferenceKind.PRODUCT: (Product, "sku"),
    ReferenceKind.OFFER: (Offer, "code"),
    ReferenceKind.PERSONALIZED_PROMOTION: (PersonalizedPromotion, "backend_id"),
}
"""The models of the rows that promotions name, and the columns of their keys."""


def promotions_naming(kind: ReferenceKind, key: str) -> UsageSource:
    """Return the source of the promotions that name a row of a kind."""

    def source(request: HttpRequest, row: Any) -> Iterator[Usage]:
        promotions = Promotion.objects.filter(
            account=row.account_id, references__kind=kind, references__key=getattr(row, key)
        ).order_by("name", "code")[: MAX_NAMED + 1]
        named = [
            NamedRow(
                label=str(promotion),
                url=promotion_page_url(request, family=promotion.family, promotion_id=promotion.pk),
            )
            for promotion in promotions
        ]
        if named:
            yield Usage(kind="Promotions and discounts", rows=named[:MAX_NAMED], more=len(named) > MAX_NAMED)

    return source


def lists_of_product(request: HttpRequest, product: Product) -> Iterator[Usage]:
    """Yield the consumers' lists that a product is on."""
    yield from usage_of(request, lists_with_product(account_id=product.account_id, sku=product.sku)[: MAX_NAMED + 1])


def members_of_group(request: HttpRequest, group: ConsumerGroup) -> Iterator[Usage]:
    """Yield the members of a group."""
    yield from usage_of(request, Consumer.objects.filter(groups=group).order_by("consumer_id")[: MAX_NAMED + 1])


def usages_register() -> None:
    """Register what uses the rows of this app and of those below."""
    for kind, (model, key) in KEYS.items():
        usage_source_register(model, promotions_naming(kind, key))
    usage_source_register(Product, lists_of_product)
    usage_source_register(ConsumerGroup, members_of_group)
    usage_shown_as_register(AppliedPromotion, "transaction")
    usage_shown_as_register(PromotionUsage, "")
