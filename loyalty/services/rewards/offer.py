"""Writes of offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.author import Author
from consumers.choices import CURRENCIES
from consumers.exceptions import Problem
from consumers.models import Account
from consumers.references import referenced_keys
from consumers.services.account import account_lock, rulebook_version_advance
from consumers.services.upsert import Saved, rows_by_values, rows_upsert, upsert_record
from loyalty.choices import Benefit, OfferKind
from loyalty.exceptions import (
    LoyaltyError,
    OfferInUse,
    OfferNotFound,
)
from loyalty.models import Offer, Voucher
from promotions.engine.money import minor_unit
from promotions.models import Product
from promotions.services.funding import funding_checked, ledger_class_problems

MAX_PERCEIVED_VALUE = Decimal(10**10)
"""An amount below this fits the column."""

IN_USE = 'A promotion uses this offer, or vouchers have been issued. Archive it instead: PATCH {"archived": true}.'


@dataclass(frozen=True, kw_only=True)
class OfferValues:
    """The values of an offer; the product by its SKU.

    A blank currency becomes the account's, and no perceived value what a voucher takes off: see ``perceived_value_of``.
    """

    code: str
    name: str
    description: str = ""
    currency: str = ""
    kind: str = OfferKind.PERSONALISED
    point_cost: int | None = None
    benefit: str = Benefit.AMOUNT
    value: Decimal | None = None
    product: str | None = None
    perceived_value: Decimal | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    valid_days: int | None = None
    stock: int | None = None
    archived: bool = False
    funding: object = field(default_factory=list)
    ledger_class: str = ""


def offers_save(*, account_id: int, rows: Sequence[OfferValues], author: Author, at: datetime) -> Saved:
    """Create or replace offers by code: all of them or none. A blank currency becomes the account's.

    Raises:
        LoyaltyError: each problem under ``<index>.<field>``.
        OfferInUse: the kind or currency would change of an offer that a promotion names or that has vouchers.
    """
    # One transaction under the account's lock: of two writers of one code, the second replaces. The offers' own locks
    # keep sales from issuing vouchers while the stock is compared with what was issued.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        rows = _with_funding_checked([replace(row, currency=row.currency or account.currency) for row in rows])
        codes = [row.code for row in rows]
        owned = Offer.objects.filter(account=account, code__in=codes).order_by("pk").select_for_update()
        existing = {offer.code: offer for offer in owned}
        products = _products_of(account, rows)
        _refuse_fixed_changes(account, existing, rows)
        offers, saved = rows_upsert(
            model=Offer,
            account=account,
            key="code",
            rows=[
                {
                    **{field.name: getattr(row, field.name) for field in fields(row)},
                    "product": products[row.product] if row.product else None,
                    "perceived_value": perceived_value_of(row, products, catalogue_currency=account.currency),
                    "issued": existing[row.code].issued if row.code in existing else 0,
                }
                for row in rows
            ],
            exclude=("product",),
            refuse=LoyaltyError,
        )
        upsert_record(offers, replaced=existing, key="code", author=author, at=at)
        rulebook_version_advance(account=account)
    return saved


def perceived_value_of(row: OfferValues, products: Mapping[str, Product], *, catalogue_currency: str) -> Decimal:
    """Return what one voucher of an offer is worth when promotions compete.

    Left out, it is the value of an amount or the retail price of the free product, and otherwise 0: what a percentage
    or a till's own benefit is worth, only the retailer knows. Prices are in the account's currency.
    """
    if row.perceived_value is not None:
        return row.perceived_value
    worth = row.value if row.benefit == Benefit.AMOUNT else None
    if row.benefit == Benefit.PRODUCT and row.product and row.currency == catalogue_currency:
        worth = products[row.product].retail_price
    # A value that is out of range is refused as the value.
    if worth is None or not 0 <= worth < MAX_PERCEIVED_VALUE or row.currency not in CURRENCIES:
        return Decimal(0)
    return worth.quantize(minor_unit(row.currency), ROUND_HALF_UP)


def offer_delete(*, account_id: int, code: str, author: Author) -> None:
    """Delete an offer that nothing names and of which no voucher was issued.

    Raises:
        OfferNotFound: the account has no such offer.
        OfferInUse: a promotion names it, or vouchers of it exist.
    """
    try:
        # One transaction under the account's lock, which every writer of a promotion holds too: no promotion can
        # begin to name the offer between the check and the deletion.
        with transaction.atomic():
            account = account_lock(account_id=account_id)
            offer = Offer.objects.filter(account=account, code=code).first()
            if offer is None:
                raise OfferNotFound(f"There is no offer {code}.")
            if referenced_keys(account_id=account_id, kind="offer", keys=[code]):
                raise OfferInUse(IN_USE)
            author.sign(offer)
            offer.delete()
            rulebook_version_advance(account=account, removed=True)
    except (ProtectedError, IntegrityError) as error:
        raise OfferInUse(IN_USE) from error


def _with_funding_checked(rows: Sequence[OfferValues]) -> list[OfferValues]:
    """Return the rows with who pays in normal form.

    Raises:
        LoyaltyError: each problem under ``<index>.funding.…`` or ``<index>.ledger_class``.
    """
    checked: list[OfferValues] = []
    problems: list[Problem] = []
    for index, sent in enumerate(rows):
        funding, funding_problems = funding_checked(sent.funding)
        row = replace(sent, funding=funding, ledger_class=sent.ledger_class.strip())
        checked.append(row)
        problems += [
            replace(problem, attr=f"{index}.{problem.attr}")
            for problem in (*funding_problems, *ledger_class_problems(row.ledger_class))
        ]
    if problems:
        raise LoyaltyError(problems=problems)
    return checked


def _products_of(account: Account, rows: Sequence[OfferValues]) -> dict[str, Product]:
    """Return the products that ``rows`` name, by SKU; refuse unknown ones."""
    skus = (row.product for row in rows if row.product)
    named = rows_by_values(Product.objects.filter(account=account), "sku", skus)
    products = {product.sku: product for product in named}
    problems = [
        Problem(code="does_not_exist", detail=f"There is no product {row.product}.", attr=f"{index}.product")
        for index, row in enumerate(rows)
        if row.product and row.product not in products
    ]
    if problems:
        raise LoyaltyError(problems=problems)
    return products


def _refuse_fixed_changes(account: Account, existing: Mapping[str, Offer], rows: Sequence[OfferValues]) -> None:
    """Refuse to change the kind or currency of offers that a promotion names or that have vouchers."""
    changed = [
        existing[row.code]
        for row in rows
        if row.code in existing and (row.kind, row.currency) != (existing[row.code].kind, existing[row.code].currency)
    ]
    if not changed:
        return
    issued = Voucher.objects.filter(offer__in=changed).values_list("offer__code", flat=True).distinct()
    named = referenced_keys(account_id=account.pk, kind="offer", keys=[offer.code for offer in changed])
    if fixed := sorted({*issued, *named}):
        raise OfferInUse(
            f"The kind and the currency of {', '.join(fixed[:10])} cannot be changed: a promotion uses it, or "
            f"vouchers have been issued."
        )
