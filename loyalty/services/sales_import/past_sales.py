"""Import past sales as history: they count as what a consumer bought, and give and take nothing.

A sale becomes a transaction of kind ``past_sale``; a return, whose sale the file does not name, one of kind
``unlinked_return`` with quantities and totals below zero.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TypeVar

import msgspec
from django.db import connection, reset_queries, transaction
from msgspec import UNSET

from consumers.models import Account, Consumer, Membership, Site
from consumers.services.account import account_lock, rulebook_version_bump
from loyalty.choices import TransactionKind
from loyalty.models import AppliedPromotion, LedgerEntry, PromotionUsage, Transaction, Voucher
from loyalty.services.sales_import.sales_file import Invoice, Reason, RejectedRow, SalesFile, SalesIndex, SoldRow
from loyalty.services.till.reads import products_read
from loyalty.services.till.records import StoredLine, StoredProduct, lines_to_json
from promotions.engine.facts.basket import (
    Line,
    LineValues,
    ProductFacts,
    UnitPrice,
    line_traits,
    make_line,
    value_lines,
)
from promotions.engine.money import from_minor, money_text, price_text, to_minor, to_minor_price
from promotions.models import Product

BATCH_SIZE = 500
SOURCE = "import"
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_ZERO = Decimal(0)
_ANALYZED_MODELS = (
    Consumer,
    Membership,
    Product,
    Transaction,
    AppliedPromotion,
    LedgerEntry,
    PromotionUsage,
    Voucher,
)
T = TypeVar("T")


@dataclass(kw_only=True)
class ImportSummary:
    """What an import did. Every invoice of the file is under exactly one of the first four counts.

    ``rejected_rows`` counts rows by reason; the rows of an invoice that was imported in part are among them.
    ``left_out_rows`` counts rows that the layout leaves out by value; they are in no other count.
    """

    past_sales: int = 0
    unlinked_returns: int = 0
    already_there: int = 0
    wholly_rejected_invoices: int = 0
    invoices: int = 0
    rows: int = 0
    left_out_rows: int = 0
    imported_rows: int = 0
    already_there_rows: int = 0
    partly_rejected_invoices: int = 0
    rejected_rows: Counter[str] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parties:
    """The rows that a batch of invoices names, by their keys in the file; ``created`` counts the new ones."""

    sites: Mapping[str, Site]
    products: Mapping[str, ProductFacts]
    consumers: Mapping[str, Consumer]
    created: Counter[str]


def past_sales_import(
    *,
    account: Account,
    file: SalesFile,
    index: SalesIndex,
    at: datetime,
    members: bool,
    reject: Callable[[RejectedRow], object],
    progress: Callable[[int], object] = lambda _rows: None,
) -> ImportSummary:
    """Import the invoices of a file that the account does not have yet, in order of time and in batches.

    What was imported before is left as it is, so that an import that was cut off can be started again.

    Args:
        account: receives the sales; their prices are in its currency.
        file: where they are.
        index: of the same file.
        at: now; becomes ``recorded_at``.
        members: whether consumers without a membership become members from the day of their first sale.
        reject: is called with every row that was not imported.
        progress: is called with the number of the file's rows done since the call before.
    """
    summary = ImportSummary(rows=index.rows, left_out_rows=index.left_out, invoices=len(index.invoices))

    def rejected(row: RejectedRow) -> None:
        summary.rejected_rows[row.reason] += 1
        progress(1)
        reject(row)

    usable_invoices = 0
    for batch in batches_analyzed(file.invoices(index, reject=rejected), BATCH_SIZE):
        usable_invoices += len(batch)
        summary.partly_rejected_invoices += sum(len(invoice.rows) < invoice.rows_in_file for invoice in batch)
        before = summary.imported_rows + summary.already_there_rows
        _batch_import(
            account=account, batch=batch, names=index.names, at=at, members=members, summary=summary, reject=rejected
        )
        progress(summary.imported_rows + summary.already_there_rows - before)
        # With DEBUG every statement is kept.
        reset_queries()
    summary.wholly_rejected_invoices += summary.invoices - usable_invoices
    return summary


def _batch_import(
    *,
    account: Account,
    batch: Sequence[Invoice],
    names: Mapping[str, str],
    at: datetime,
    members: bool,
    summary: ImportSummary,
    reject: Callable[[RejectedRow], object],
) -> None:
    # One import of the account at a time: two would both find a reference free. The batch and what it creates are
    # written together, so that a batch that was cut off leaves nothing.
    with transaction.atomic():
        account_lock(account_id=account.pk)
        stored = dict(
            Transaction.objects.filter(
                account=account, reference__in=[invoice.reference for invoice in batch]
            ).values_list("reference", "fingerprint")
        )
        new = [invoice for invoice in batch if invoice.reference not in stored]
        parties = parties_ensure(account=account, invoices=new, names=names, members=members)
        rows = [_transaction(account=account, invoice=invoice, parties=parties, at=at) for invoice in new]
        Transaction.objects.bulk_create(rows)
        _consumers_update(rows)
    for invoice in batch:
        if invoice.reference not in stored:
            if invoice.is_return:
                summary.unlinked_returns += 1
            else:
                summary.past_sales += 1
            summary.imported_rows += len(invoice.rows)
        elif stored[invoice.reference] == invoice_fingerprint(invoice):
            summary.already_there += 1
            summary.already_there_rows += len(invoice.rows)
        else:
            summary.wholly_rejected_invoices += 1
            for row in invoice.rows:
                reject(RejectedRow(number=row.number, reason=Reason.REFERENCE_IN_USE, raw=row.raw))
    summary.created += parties.created


def parties_ensure(
    *, account: Account, invoices: Sequence[Invoice], names: Mapping[str, str], members: bool
) -> Parties:
    """Return the sites, products and consumers that invoices name; create those that the account lacks.

    A product gets its name from the file and, where the file has no categories, its category from its name. With
    ``members`` each consumer of a sale has a membership afterwards; one that exists stays as it is, whatever its state.
    Must be called inside ``transaction.atomic()`` under the account's lock, with invoices in order of time.
    """
    created: Counter[str] = Counter()
    sites = _sites_ensure(account, invoices, created)
    skus = _products_ensure(account, invoices, names, created)
    consumers = _consumers_ensure(account, invoices, created)
    if created["products"] or created["sites"]:
        rulebook_version_bump(account_id=account.pk)
    if members:
        created["members"] = _memberships_ensure(account=account, invoices=invoices, sites=sites, consumers=consumers)
    return Parties(
        sites=sites, products=products_read(account=account, skus=skus), consumers=consumers, created=created
    )


# Another writer may create the same row meanwhile: theirs is kept, and read again.


def _sites_ensure(account: Account, invoices: Sequence[Invoice], created: Counter[str]) -> dict[str, Site]:
    def sites_by_number(numbers: Iterable[str]) -> dict[str, Site]:
        return {site.number: site for site in Site.objects.filter(account=account, number__in=numbers)}

    numbers = _in_order(invoice.site for invoice in invoices)
    sites = sites_by_number(numbers)
    if missing := [number for number in numbers if number not in sites]:
        Site.objects.bulk_create(
            [Site(account=account, number=number, name=number) for number in missing], ignore_conflicts=True
        )
        sites = sites_by_number(numbers)
        created["sites"] = len(missing)
    return sites


def _products_ensure(
    account: Account, invoices: Sequence[Invoice], names: Mapping[str, str], created: Counter[str]
) -> list[str]:
    """Create the products that the account lacks; return all SKUs of the invoices."""
    categories = {row.sku: row.category for invoice in invoices for row in invoice.rows if row.category}
    brands = {row.sku: row.brand for invoice in invoices for row in invoice.rows if row.brand}

    def product(sku: str) -> Product:
        name = names.get(sku, "")
        category = categories.get(sku) or category_of(name)
        return Product(account=account, sku=sku, name=name, category=category, product_brand=brands.get(sku, ""))

    skus = _in_order(row.sku for invoice in invoices for row in invoice.rows)
    known = set(Product.objects.filter(account=account, sku__in=skus).values_list("sku", flat=True))
    if missing := [sku for sku in skus if sku not in known]:
        Product.objects.bulk_create([product(sku) for sku in missing], ignore_conflicts=True)
        created["products"] = len(missing)
    return skus


def _consumers_ensure(account: Account, invoices: Sequence[Invoice], created: Counter[str]) -> dict[str, Consumer]:
    def consumers_by_id(consumer_ids: Iterable[str]) -> dict[str, Consumer]:
        rows = Consumer.objects.filter(account=account, consumer_id__in=consumer_ids)
        return {consumer.consumer_id: consumer for consumer in rows}

    consumer_ids = _in_order(invoice.consumer for invoice in invoices if invoice.consumer)
    consumers = consumers_by_id(consumer_ids)
    if missing := [consumer_id for consumer_id in consumer_ids if consumer_id not in consumers]:
        Consumer.objects.bulk_create(
            [Consumer(account=account, consumer_id=consumer_id) for consumer_id in missing], ignore_conflicts=True
        )
        consumers = consumers_by_id(consumer_ids)
        created["consumers"] = len(missing)
    return consumers


def _memberships_ensure(
    *,
    account: Account,
    invoices: Sequence[Invoice],
    sites: Mapping[str, Site],
    consumers: Mapping[str, Consumer],
) -> int:
    """Make those who bought and are no members members from the local day of their first sale; return how many."""
    first_sales: dict[str, Invoice] = {}
    for invoice in invoices:
        if invoice.consumer and not invoice.is_return:
            first_sales.setdefault(invoice.consumer, invoice)
    buyers = [consumers[consumer_id].pk for consumer_id in first_sales]
    members = set(Membership.objects.filter(consumer__in=buyers).values_list("consumer_id", flat=True))
    new = [
        Membership(
            consumer=consumers[consumer_id],
            enrolled_on=invoice.occurred_at.astimezone(sites[invoice.site].zone_in(account)).date(),
        )
        for consumer_id, invoice in first_sales.items()
        if consumers[consumer_id].pk not in members
    ]
    Membership.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def _transaction(*, account: Account, invoice: Invoice, parties: Parties, at: datetime) -> Transaction:
    site, currency = parties.sites[invoice.site], account.currency
    # A return is worth what its sale was, below zero.
    sign = -1 if invoice.is_return else 1
    sold = [_sold(row, product=parties.products.get(row.sku), currency=currency) for row in invoice.rows]
    values = _values(invoice.rows, value_lines(sold), currency)
    lines = [
        _line(
            row,
            line_id=str(number),
            product=parties.products.get(row.sku),
            line=line,
            total=money_text(sign * total, currency),
            currency=currency,
        )
        for number, (row, line, total) in enumerate(zip(invoice.rows, sold, values.line_totals, strict=True), start=1)
    ]
    total_inc_tax = from_minor(sign * values.total_inc_tax, currency)
    total_ex_tax = from_minor(sign * values.total_ex_tax, currency)
    return Transaction(
        account=account,
        reference=invoice.reference,
        fingerprint=invoice_fingerprint(invoice),
        kind=TransactionKind.UNLINKED_RETURN if invoice.is_return else TransactionKind.PAST_SALE,
        occurred_at=invoice.occurred_at,
        local_day=invoice.occurred_at.astimezone(site.zone_in(account)).date(),
        recorded_at=at,
        site=site,
        consumer=parties.consumers[invoice.consumer] if invoice.consumer else None,
        source=SOURCE,
        currency=account.currency,
        total_inc_tax=total_inc_tax,
        total_ex_tax=total_ex_tax,
        discount_total=_ZERO,
        net_total_inc_tax=total_inc_tax,
        paid=total_inc_tax,
        lines=lines_to_json(lines),
    )


def _values(rows: Sequence[SoldRow], values: LineValues, currency: str) -> LineValues:
    """Return what lines are worth: their totals in the file, where it has them, to the last decimal."""
    stated = [
        (to_minor(row.total_inc_tax, currency), to_minor(row.total_ex_tax, currency))
        for row in rows
        if row.total_inc_tax is not None and row.total_ex_tax is not None
    ]
    if len(stated) < len(rows):
        return values
    line_totals = tuple(inc_tax for inc_tax, _ in stated)
    return LineValues(line_totals, sum(line_totals), sum(ex_tax for _, ex_tax in stated))


def _sold(row: SoldRow, *, product: ProductFacts | None, currency: str) -> Line:
    """Return a row as the engine's line. What came back is priced as it was sold."""
    return make_line(
        line_id="",
        sku=row.sku,
        quantity=abs(row.quantity),
        unit_price=UnitPrice(
            to_minor_price(row.unit_price_inc_tax, currency), to_minor_price(row.unit_price_ex_tax, currency)
        ),
        category=row.category,
        brand=row.brand,
        traits=line_traits(quantity=row.quantity, product=product),
    )


def _line(
    row: SoldRow, *, line_id: str, product: ProductFacts | None, line: Line, total: str, currency: str
) -> StoredLine:
    """Return a line as a transaction stores it, with its product as it is now."""
    return StoredLine(
        line_id=line_id,
        sku=row.sku,
        quantity=str(row.quantity),
        unit_price_inc_tax=price_text(row.unit_price_inc_tax, currency),
        unit_price_ex_tax=price_text(row.unit_price_ex_tax, currency),
        category=row.category,
        brand=row.brand,
        product=None if product is None else StoredProduct.of(product),
        total=total,
        net=total,
        discount=money_text(0, currency),
        base_points=0,
        weighed=line.weight is not None or UNSET,
        no_discount=line.no_discount or UNSET,
        no_points=line.no_points or UNSET,
    )


def _consumers_update(rows: Sequence[Transaction]) -> None:
    """Write the days of consumers' last transactions after an import; returns change nothing. Its rows are written."""
    newest: dict[int, Transaction] = {}
    for row in rows:
        if row.consumer_id is not None and row.kind == TransactionKind.PAST_SALE:
            newest[row.consumer_id] = row
    # Tills write the same columns: the rows are held, in one order, from reading to writing.
    consumers = Consumer.objects.select_for_update(no_key=True).filter(pk__in=newest).order_by("pk")
    changed = []
    for consumer in consumers:
        row = newest[consumer.pk]
        if consumer.last_transaction_at is None or consumer.last_transaction_at < row.occurred_at:
            consumer.last_transaction_at, consumer.last_transaction_on = row.occurred_at, row.local_day
            changed.append(consumer)
    Consumer.objects.bulk_update(changed, ["last_transaction_at", "last_transaction_on"])
    # Progress towards application rules is a summary of history, which has grown: it is added up again when needed.
    PromotionUsage.objects.filter(consumer__in=newest).exclude(progress_signature="").update(progress_signature="")


def invoice_fingerprint(invoice: Invoice) -> str:
    """Return a hash of what was sold: the same reference with another fingerprint is another sale."""
    content = (
        invoice.is_return,
        invoice.occurred_at.isoformat(),
        invoice.site,
        invoice.consumer,
        [
            (
                row.sku,
                *map(str, (row.quantity, row.unit_price_inc_tax, row.unit_price_ex_tax)),
                row.category,
                row.brand,
                # Not of rows that have none: their sales are known by the shorter list.
                *(() if row.total_inc_tax is None else (str(row.total_inc_tax), str(row.total_ex_tax))),
            )
            for row in invoice.rows
        ],
    )
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def category_of(name: str) -> str:
    """Return the category of a product without one: the last word of its name (``WHITE METAL LANTERN``: Lantern)."""
    words = _WORD.findall(name)
    return words[-1].capitalize()[:200] if words else ""


def batched(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of up to ``size`` in the order given."""
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch


def batches_analyzed(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield batches, and let PostgreSQL analyze the tables that they fill whenever the number of batches has doubled.

    It does so by itself, but not as soon, and plans made for empty tables read the full ones from end to end.
    """
    for number, batch in enumerate(batched(rows, size)):
        if number.bit_count() == 1 and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"ANALYZE {', '.join(model._meta.db_table for model in _ANALYZED_MODELS)}")
        yield batch


def _in_order(keys: Iterable[str]) -> list[str]:
    """Return each key once, in order of first appearance, so that rows are created in the same order everywhere."""
    return list(dict.fromkeys(keys))
