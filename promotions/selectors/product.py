"""Reads of the catalogue."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from promotions.models import Product


def products_of(*, account_id: int) -> QuerySet[Product]:
    """The account's products."""
    return Product.objects.filter(account_id=account_id)


def product_names(*, account_id: int, skus: Collection[str]) -> dict[str, str]:
    """The names of products by SKU, where there are such products and they have one; without SKUs nothing is asked."""
    if not skus:
        return {}
    named = products_of(account_id=account_id).filter(sku__in=skus).exclude(name="").order_by()
    return dict(named.values_list("sku", "name"))


def currencies_of_prices(*, account_id: int, keys: Collection[str]) -> set[str]:
    """All of ``keys``, the account's currency, if the catalogue has prices: these are in it."""
    priced = Q(cost_price__isnull=False) | Q(retail_price__isnull=False)
    return set(keys) if Product.objects.filter(priced, account_id=account_id).exists() else set()
