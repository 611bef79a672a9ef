"""Past transactions as the engine sees them, with their products as they were."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from loyalty.choices import TransactionKind, TransactionStatus
from loyalty.models import Transaction
from loyalty.services.till.records import StoredLine, TransactionFacts, lines_from_json
from loyalty.services.till.snapshot import AccountSnapshot
from promotions.engine.facts.basket import Basket, SiteFacts, TransactionTexts, make_basket
from promotions.engine.facts.progress import Progress
from promotions.engine.money import to_minor
from promotions.engine.rulebook.promotion import Promotion

ROWS_PER_FETCH = 500


def basket_left(
    transaction: Transaction, *, snapshot: AccountSnapshot, returned: Mapping[str, Decimal] | None = None
) -> Basket:
    """Return a past transaction's basket without what was returned before, and now by line id ``returned`` too."""
    return _basket(transaction, lines_from_json(transaction.lines), snapshot=snapshot, returned=returned or {})


def basket_with_nets(transaction: Transaction, *, snapshot: AccountSnapshot) -> tuple[Basket, tuple[int, ...]]:
    """Return what is left of a past transaction as a basket, and the net value of each of its runs in minor units."""
    lines = lines_from_json(transaction.lines)
    basket = _basket(transaction, lines, snapshot=snapshot, returned={})
    # A line of which a part of a unit came back is in two runs of one item: its net value counts in the first.
    nets = {line.line_id: to_minor(Decimal(line.net), transaction.currency) for line in lines}
    return basket, tuple(
        sum(nets.pop(basket.lines[position].line_id, 0) for position in unit_group.lines)
        for unit_group in basket.unit_groups
    )


def _basket(
    transaction: Transaction, lines: Sequence[StoredLine], *, snapshot: AccountSnapshot, returned: Mapping[str, Decimal]
) -> Basket:
    site = snapshot.sites_by_id.get(transaction.site_id)
    currency = transaction.currency
    quantities = [(line, line.quantity_left - returned.get(line.line_id, 0)) for line in lines]
    return make_basket(
        at=transaction.occurred_at,
        local=transaction.occurred_at.astimezone(site.zone) if site else transaction.occurred_at,
        site=site.facts if site else SiteFacts(site_number=""),
        currency=currency,
        lines=[line.engine_line(quantity, currency) for line, quantity in quantities if quantity > 0],
        products={line.sku: line.product.facts for line in lines if line.product is not None},
        texts=TransactionTexts(
            payment_card_type=transaction.payment_card_type,
            source=transaction.source,
            loyalty_card_type=transaction.loyalty_card_type,
        ),
    )


def progress_from_history(
    *, consumer_pk: int, promotions: Sequence[Promotion], until: datetime, snapshot: AccountSnapshot
) -> dict[int, Progress]:
    """Add up a consumer's transactions towards promotions' application rules, by promotion id.

    Everything up to and including ``until`` counts, in the order in which it happened, back to where the longest period
    began. One SQL statement; memory does not grow with the history.
    """
    since = min(rule.first_moment(until.date()) for promotion in promotions for rule in promotion.application_rules)
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
    for transaction in history.iterator(chunk_size=ROWS_PER_FETCH):
        basket, net = basket_with_nets(transaction, snapshot=snapshot)
        applied = TransactionFacts.from_json(transaction.facts).applied
        for promotion in promotions:
            if promotion.counts(basket):
                progress[promotion.id] = progress[promotion.id].with_transaction(
                    promotion.application_rules,
                    [rule.totals_of(basket, net) for rule in promotion.application_rules],
                    day=transaction.local_day,
                    applied=promotion.id in applied,
                )
    return progress
