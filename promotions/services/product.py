"""Writes of the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.references import referenced_keys
from consumers.services.account import account_lock
from consumers.services.upsert import Saved, rows_upsert
from promotions.choices import SoldBy
from promotions.exceptions import ProductInUse, ProductNotFound, PromotionsError
from promotions.models import Product


@dataclass(frozen=True, kw_only=True)
class ProductValues:
    """Everything that can be set on a product; prices are in the account's currency, None is unknown."""

    sku: str
    name: str = ""
    product_brand: str = ""
    program_brand: str = ""
    category: str = ""
    labels: tuple[str, ...] = ()
    cost_price: Decimal | None = None
    retail_price: Decimal | None = None
    sold_by: str = SoldBy.UNIT
    no_discount: bool = False
    no_points: bool = False
    archived: bool = False


def products_save(*, account_id: int, rows: Sequence[ProductValues]) -> Saved:
    """Create or replace products by SKU: all of them or none.

    Raises:
        PromotionsError: each problem under ``<index>.<field>``.
    """
    # One transaction under the account's lock: of two writers of one SKU, the second replaces, and the account's
    # currency stays what the prices were checked against.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        _, saved = rows_upsert(
            model=Product,
            account=account,
            key="sku",
            rows=[
                {
                    "sku": row.sku,
                    "name": row.name,
                    "product_brand": row.product_brand,
                    "program_brand": row.program_brand,
                    "category": row.category,
                    "labels": list(row.labels),
                    "cost_price": row.cost_price,
                    "retail_price": row.retail_price,
                    "sold_by": row.sold_by,
                    "no_discount": row.no_discount,
                    "no_points": row.no_points,
                    "archived": row.archived,
                }
                for row in rows
            ],
            refuse=PromotionsError,
        )
    return saved


def product_delete(*, account_id: int, sku: str) -> None:
    """Delete a product that nothing references. Past sales keep their copies of it.

    Raises:
        ProductNotFound: the account has no such product.
        ProductInUse: an offer, a promotion or a consumer's list references it.
    """
    try:
        # One transaction under the account's lock, which every writer of a promotion, an offer and a list holds too:
        # none can come to reference the product between the check and the deletion.
        with transaction.atomic():
            account_lock(account_id=account_id)
            product = Product.objects.filter(account_id=account_id, sku=sku).first()
            if product is None:
                raise ProductNotFound(f"There is no product {sku}.")
            if referenced_keys(account_id=account_id, kind="product", keys=[sku]):
                raise ProductInUse
            product.delete()
    except (ProtectedError, IntegrityError) as error:
        raise ProductInUse from error
