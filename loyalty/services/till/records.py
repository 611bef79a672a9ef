"""Past transactions as the engine sees them, with their products as they were."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from loyalty.choices import TransactionKind, TransactionStatus
from loyalty.models import Transaction
from loyalty.services.till.snapshot import AccountSnapshot
from promotions.engine.facts.basket import Basket, Line, ProductFacts, SiteFacts, make_basket, make_line
from promotions.engine.facts.progress import Progress
from promotions.engine.money import to_minor
from promotions.engine.rulebook.promotion import Promotion

ROWS_AT_ONCE = 500


def line_stored(
    line: Line,
    *,
    product: ProductFacts | None,
    net: int,
    discount: int,
    base_points: int,
    prices: tuple[Decimal, Decimal],
    money: Callable[[int], str],
) -> dict[str, Any]:
    """One line as a transaction keeps it: what was sold, its product as it was, and what became of it."""
    return {
        "line_id": line.line_id,
        "sku": line.sku,
        "quantity": f"{line.quantity:f}",
        "unit_price_inc_tax": f"{prices[0]:f}",
        "unit_price_ex_tax": f"{prices[1]:f}",
        "category": line.category,
        "brand": line.brand,
        "product": None if product is None else product_stored(product),
        "total": money(line.total_inc_tax),
        "net": money(net),
        "discount": money(discount),
        "base_points": base_points,
    }


def product_stored(product: ProductFacts) -> dict[str, Any]:
    """A catalogue entry as a transaction keeps it."""
    return {
        "product_brand": product.product_brand,
        "program_brand": product.program_brand,
        "category": product.category,
        "labels": list(product.labels),
        "cost_price": None if product.cost_price is None else f"{product.cost_price:f}",
        "retail_price": None if product.retail_price is None else f"{product.retail_price:f}",
    }


def _product(stored: Mapping[str, Any]) -> ProductFacts:
    def price(name: str) -> Decimal | None:
        return None if stored[name] is None else Decimal(stored[name])

    return ProductFacts(
        product_brand=stored["product_brand"],
        program_brand=stored["program_brand"],
        category=stored["category"],
        labels=tuple(stored["labels"]),
        cost_price=price("cost_price"),
        retail_price=price("retail_price"),
    )


def quantity_left(line: Mapping[str, Any]) -> Decimal:
    """How much of a stored line was not returned."""
    return Decimal(line["quantity"]) - Decimal(line.get("returned", 0))


def basket_of(transaction: Transaction, *, book: AccountSnapshot) -> tuple[Basket, tuple[int, ...]]:
    """What is left of a past transaction as a basket, and the net value of each of its runs in minor units."""
    basket = basket_left(transaction, book=book, returned={})
    nets = {line["line_id"]: to_minor(Decimal(line["net"]), transaction.currency) for line in transaction.lines}
    return basket, tuple(
        sum(nets[basket.lines[position].line_id] for position in unit_group.lines) for unit_group in basket.unit_groups
    )


def basket_left(transaction: Transaction, *, book: AccountSnapshot, returned: Mapping[str, Decimal]) -> Basket:
    """A past transaction's basket without what was returned before, and now by line id ``returned`` too."""
    place = book.sites_by_id.get(transaction.site_id)
    currency = transaction.currency
    left = [(line, quantity_left(line) - returned.get(line["line_id"], 0)) for line in transaction.lines]
    lines = [
        make_line(
            line_id=line["line_id"],
            sku=line["sku"],
            quantity=quantity,
            unit_price_inc_tax=to_minor(Decimal(line["unit_price_inc_tax"]), currency),
            unit_price_ex_tax=to_minor(Decimal(line["unit_price_ex_tax"]), currency),
            category=line["category"],
            brand=line["brand"],
        )
        for line, quantity in left
        if quantity > 0
    ]
    return make_basket(
        at=transaction.occurred_at,
        local=transaction.occurred_at.astimezone(place.zone) if place else transaction.occurred_at,
        site=place.facts if place else SiteFacts(site_number=""),
        currency=currency,
        lines=lines,
        products={line["sku"]: _product(line["product"]) for line in transaction.lines if line["product"]},
        payment_card_type=transaction.payment_card_type,
        source=transaction.source,
        loyalty_card_type=transaction.loyalty_card_type,
    )


def progress_from_history(
    *, consumer_pk: int, promotions: Sequence[Promotion], until: datetime, book: AccountSnapshot
) -> dict[int, Progress]:
    """Add up a consumer's transactions towards promotions' application rules, by promotion id.

    Everything up to and including ``until`` counts, in the order in which it happened, back to where the longest period
    began. One SQL statement; memory does not grow with the history.
    """
    since = min(rule.first_moment(until.date()) for one in promotions for rule in one.application_rules)
    progress = {promotion.id: Progress.none(promotion.application_rules) for promotion in promotions}
    history = (
        Transaction.objects.filter(consumer_id=consumer_pk, occurred_at__range=(since, until))
        .exclude(kind=TransactionKind.UNLINKED_RETURN)
        .exclude(status__in=(TransactionStatus.VOIDED, TransactionStatus.RETURNED))
        .only(
            "occurred_at",
            "local_day",
            "site_id",
            "currency",
            "source",
            "payment_card_type",
            "loyalty_card_type",
            "lines",
            "facts",
        )
        .order_by("occurred_at", "id")
    )
    for transaction in history.iterator(chunk_size=ROWS_AT_ONCE):
        basket, net = basket_of(transaction, book=book)
        applied = set(transaction.facts.get("applied", ()))
        for promotion in promotions:
            if promotion.counts(basket):
                progress[promotion.id] = progress[promotion.id].with_transaction(
                    promotion.application_rules,
                    [rule.measured(basket, net) for rule in promotion.application_rules],
                    day=transaction.local_day,
                    applied=promotion.id in applied,
                )
    return progress
