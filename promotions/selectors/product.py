"""Reads of the catalogue."""

from collections.abc import Collection

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from consumers.models import Account
from promotions.choices import SoldBy
from promotions.engine.facts.basket import ProductFacts
from promotions.models import Product


def products_of(*, account_id: int) -> QuerySet[Product]:
    """Return the account's products."""
    return Product.objects.filter(account_id=account_id)


def products_beginning(*, account_id: int, search: str) -> QuerySet[Product]:
    """Return the products whose SKU or name begins with a text, in no order and without archived ones."""
    begins = Q(sku__istartswith=search) | Q(name__istartswith=search)
    return products_of(account_id=account_id).filter(begins, archived=False).order_by()


def product_names(*, account_id: int, skus: Collection[str]) -> dict[str, str]:
    """Return the names of products by SKU; those without a name are left out. Without SKUs nothing is queried."""
    if not skus:
        return {}
    named = products_of(account_id=account_id).filter(sku__in=skus).exclude(name="").order_by()
    return dict(named.values_list("sku", "name"))


def currencies_of_prices(*, account_id: int, keys: Collection[str]) -> set[str]:
    """Return ``keys``, the account's currency, if the catalogue has prices, which are in it; else nothing."""
    priced = Q(cost_price__isnull=False) | Q(retail_price__isnull=False)
    return set(keys) if Product.objects.filter(priced, account_id=account_id).exists() else set()


def product_facts_for(*, account: Account, skus: Collection[str], max_examples: int) -> dict[str, ProductFacts]:
    """Return the products of ``skus`` in any case, and the first ``max_examples`` others, as the engine reads them.

    By SKU, in two statements. An account without a catalogue has none.
    """
    if not account.catalogue_enabled:
        return {}
    products = Product.objects.filter(account=account)
    named = products.annotate(lower_sku=Lower("sku")).filter(
        Q(sku__in=sorted(skus)) | Q(lower_sku__in=sorted({sku.lower() for sku in skus}))
    )
    examples = products.filter(archived=False).order_by("sku")[:max_examples]
    return {product.sku: _facts(product) for product in (*named, *examples)}


def _facts(product: Product) -> ProductFacts:
    return ProductFacts(
        product_brand=product.product_brand,
        program_brand=product.program_brand,
        category=product.category,
        labels=tuple(product.labels),
        cost_price=product.cost_price,
        retail_price=product.retail_price,
        sold_by_weight=product.sold_by == SoldBy.WEIGHT,
        no_discount=product.no_discount,
        no_points=product.no_points,
    )
