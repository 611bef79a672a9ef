"""Products of the catalogue as the engine is given them, by what rules name."""

from collections.abc import Collection

from django.db.models import Q
from django.db.models.functions import Lower

from consumers.models import Account
from promotions.engine.facts.basket import ProductFacts
from promotions.models import Product


def product_facts_for(*, account: Account, named: Collection[str], examples: int) -> dict[str, ProductFacts]:
    """The products of some SKUs, however these are spelt, and the first so many others, by SKU: two statements.

    An account without a catalogue has none.
    """
    if not account.catalogue_enabled:
        return {}
    products = Product.objects.filter(account=account)
    spelt = products.annotate(spelt=Lower("sku")).filter(
        Q(sku__in=sorted(named)) | Q(spelt__in=sorted({sku.lower() for sku in named}))
    )
    found = [*spelt, *products.filter(archived=False).order_by("sku")[:examples]]
    return {product.sku: _facts(product) for product in found}


def _facts(product: Product) -> ProductFacts:
    return ProductFacts(
        product_brand=product.product_brand,
        program_brand=product.program_brand,
        category=product.category,
        labels=tuple(product.labels),
        cost_price=product.cost_price,
        retail_price=product.retail_price,
    )
