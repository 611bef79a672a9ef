"""Try a basket: the decision that a till would get, with a draft counted in. Only a saved basket is written."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import msgspec

from consumers.author import Author
from consumers.exceptions import Problem
from consumers.models import Account
from loyalty.exceptions import SaleInvalid
from loyalty.models import TriedBasket
from loyalty.services.till.quote import Quote, decide, explanation_of_first, prepare
from loyalty.services.till.reads import products_read, sale_context_read
from loyalty.services.till.sale import Sale, SaleLine
from loyalty.services.till.snapshot import AccountSnapshot, snapshot_current
from promotions.models import Promotion


@dataclass(frozen=True, kw_only=True)
class LineToTry:
    """A line. A unit price of None is the catalogue's retail price; one without tax is then the price with tax."""

    sku: str
    quantity: Decimal
    unit_price_inc_tax: Decimal | None = None
    unit_price_ex_tax: Decimal | None = None
    category: str = ""
    brand: str = ""
    weighed: bool | None = None
    no_discount: bool = False
    no_points: bool = False


@dataclass(frozen=True, kw_only=True)
class BasketToTry:
    """A basket as staff describe it. ``site`` is a site's number; a moment of None is the one at which it is tried."""

    site: str
    currency: str
    lines: tuple[LineToTry, ...]
    at: datetime | None = None
    consumer: str = ""
    loyalty_card: str = ""
    source: str = ""
    payment_card_type: str = ""
    vouchers: tuple[str, ...] = ()


def basket_try(*, account: Account, basket: BasketToTry, promotion: Promotion | None, at: datetime) -> Quote:
    """Decide about a basket as for a till, and explain why every other promotion does not apply.

    Of an account with more than ``MAX_EXPLAINED_PROMOTIONS`` the first by code are explained.

    Args:
        account: read in this request.
        basket: to try.
        promotion: explained in any case; a draft counts as if it were published.
        at: the moment of a basket that names none.

    Raises:
        SaleInvalid: the site or consumer is unknown, or a line has no price, or one below zero where it may not be.
    """
    snapshot = snapshot_current(account=account)
    if promotion is not None:
        snapshot = _with_draft_published(snapshot, promotion.pk)
    sale = _sale(account, basket, at=at)
    context = sale_context_read(account=account, skus=sale.skus, consumer_id=sale.consumer, card=sale.loyalty_card)
    first_id = promotion.pk if promotion is not None else None
    explained = sorted(
        snapshot.rulebook, key=lambda compiled: (compiled.id != first_id, compiled.code, compiled.source.family)
    )
    return decide(prepare(sale, snapshot, context), explanation_of_first(explained))


def _with_draft_published(snapshot: AccountSnapshot, promotion_id: int) -> AccountSnapshot:
    compiled = snapshot.rulebook.get(promotion_id)
    if compiled is None or not compiled.source.draft:
        return snapshot
    published = replace(compiled, source=replace(compiled.source, draft=False))
    return replace(snapshot, rulebook=snapshot.rulebook.changed(put=[published]))


def _sale(account: Account, basket: BasketToTry, *, at: datetime) -> Sale:
    unpriced = {line.sku for line in basket.lines if line.unit_price_inc_tax is None}
    retail: dict[str, Decimal] = {}
    if unpriced and basket.currency == account.currency:
        products = products_read(account=account, skus=unpriced)
        retail = {sku: facts.retail_price for sku, facts in products.items() if facts.retail_price is not None}
    lines, problems = [], []
    for index, line in enumerate(basket.lines):
        try:
            lines.append(_line(line, line_id=str(index + 1), retail=retail.get(line.sku)))
        except ValueError as error:
            attr = f"lines.{index}.unit_price_inc_tax"
            problems.append(Problem(code="invalid", detail=str(error), attr=attr))
    if problems:
        raise SaleInvalid(problems=problems)
    return Sale(
        occurred_at=basket.at or at,
        site=basket.site,
        currency=basket.currency,
        consumer=basket.consumer,
        loyalty_card=basket.loyalty_card,
        source=basket.source,
        payment_card_type=basket.payment_card_type,
        lines=tuple(lines),
        vouchers=basket.vouchers,
    )


def _line(line: LineToTry, *, line_id: str, retail: Decimal | None) -> SaleLine:
    """Return a line with its prices.

    Raises:
        ValueError: there is none.
    """
    price = line.unit_price_inc_tax
    if price is None:
        if retail is None:
            raise ValueError("The catalogue has no retail price for this product. Enter its price.")
        price = retail
    without_tax = price if line.unit_price_ex_tax is None else line.unit_price_ex_tax
    return SaleLine(
        line_id=line_id,
        sku=line.sku,
        quantity=line.quantity,
        unit_price_inc_tax=price,
        unit_price_ex_tax=without_tax,
        category=line.category,
        brand=line.brand,
        weighed=line.weighed,
        no_discount=line.no_discount,
        no_points=line.no_points,
    )


# --- saving ---------------------------------------------------------------------------------------------------------


def tried_basket_save(
    *, account: Account, name: str, basket: BasketToTry, promotion: Promotion | None, author: Author, at: datetime
) -> TriedBasket:
    """Save a basket under a name, to be tried with a promotion or, for None, with all of them."""
    return TriedBasket.objects.create(
        account=account,
        name=name,
        promotion=promotion,
        basket=msgspec.to_builtins(basket),
        created_by=author.user,
        created_at=at,
    )


def tried_basket_delete(*, saved: TriedBasket) -> None:
    """Delete a saved basket."""
    saved.delete()


def basket_of(saved: TriedBasket) -> BasketToTry:
    """Return a saved basket as staff described it."""
    return msgspec.convert(saved.basket, BasketToTry)
