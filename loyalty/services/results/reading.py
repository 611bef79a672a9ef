"""Read sales and returns for a batch: columns that never change, without locks."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from loyalty.choices import ResultsSource
from loyalty.models import ResultsGap, Reversal, Transaction
from loyalty.services.results.figures import Basket, SoldLine, answer_read, lines_read, returned_read
from loyalty.services.results.readers import CountedReturn, CountedSale, SaleRow


def sales_read(ids: Sequence[int]) -> list[CountedSale]:
    """Return the sales of some ids, in their order."""
    return [_counted_sale(row) for row in _sale_rows(Transaction.objects.filter(pk__in=ids))]


def sales_after(last: int, *, limit: int) -> list[CountedSale]:
    """Return the first sales of ids above ``last``, in their order: the statement that finds them also reads them."""
    return [_counted_sale(row) for row in _sale_rows(Transaction.objects.filter(pk__gt=last), limit=limit)]


def _sale_rows(sales: "QuerySet[Transaction]", *, limit: int | None = None) -> list[SaleRow]:
    rows: QuerySet[Any] = (
        sales.annotate(point_value=KT("facts__point_value"), lines_text=Cast("lines", TextField()))
        .order_by("pk")
        .values_list(
            "pk",
            "account_id",
            "account__currency",
            "site_id",
            "consumer_id",
            "local_day",
            "occurred_at",
            "currency",
            "kind",
            "point_value",
            "answer",
            "lines_text",
        )
    )
    return [SaleRow(*row) for row in rows[:limit]]


def _counted_sale(row: SaleRow) -> CountedSale:
    return CountedSale(row=row, basket=_basket(row, row.answer, returned={}))


def _basket(
    row: SaleRow, answer: str, *, returned: Mapping[str, Decimal], lines: Mapping[str, SoldLine] | None = None
) -> Basket:
    """Return a basket; without ``lines`` they are read, where there is anything to count by them."""
    read = answer_read(answer)
    if not lines:
        lines = lines_read(row.lines) if read.applied else {}
    return Basket(
        answer=read,
        lines=lines,
        point_value=row.point_value or "0",
        has_costs=row.currency == row.account_currency,
        returned=returned,
    )


def returns_read(ids: Sequence[int], *, counted_to: int) -> tuple[list[CountedReturn], list[int]]:
    """Return the returns of some ids in their order, and the ids of those whose sale is not counted yet.

    What was left before a return is what the sale's return before it answered: the returns of a sale follow each other
    under the sale's lock, so those of before are there.

    Args:
        ids: of returns.
        counted_to: the sales' mark.
    """
    wanted = set(ids)
    sale_ids = set(Reversal.objects.filter(pk__in=ids).values_list("transaction_id", flat=True))
    in_gap = ResultsGap.objects.filter(source=ResultsSource.SALES, first__lte=OuterRef("pk"), last__gte=OuterRef("pk"))
    uncounted = {sale_id for sale_id in sale_ids if sale_id > counted_to}
    uncounted |= set(Transaction.objects.filter(Exists(in_gap), pk__in=sale_ids).values_list("pk", flat=True))
    sales = {sale.row.id: sale.row for sale in sales_read(list(sale_ids - uncounted))}
    baskets = {row.id: _basket(row, row.answer, returned={}) for row in sales.values()}
    returns, held = [], []
    rows = (
        Reversal.objects.filter(transaction_id__in=sale_ids)
        .annotate(lines_text=Cast("lines", TextField()))
        .order_by("pk")
        .values_list("pk", "transaction_id", "answer", "lines_text")
    )
    for return_id, sale_id, answer, lines in rows:
        if sale_id in uncounted:
            held += [return_id] if return_id in wanted else []
            continue
        before, sale = baskets[sale_id], sales[sale_id]
        after = _basket(sale, answer, returned=_returned_after(before, lines), lines=before.lines)
        baskets[sale_id] = after
        if return_id in wanted:
            returns.append(CountedReturn(id=return_id, sale=sale, before=before, after=after))
    return returns, held


def _returned_after(before: Basket, lines: str) -> Mapping[str, Decimal]:
    returned = dict(before.returned)
    for line in returned_read(lines):
        returned[line.line_id] = returned.get(line.line_id, Decimal(0)) + Decimal(line.quantity)
    return returned
