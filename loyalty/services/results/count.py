"""Count what was committed and returned into the results, once each: the task's work.

A batch takes the sales (or returns) above the mark and those that came into gaps below it, adds them up and moves the
mark, in one transaction under the lock on the sales' mark. So a run that dies leaves nothing or all of a batch, and two
runs at once count nothing twice. Tills are not held up: a batch reads their rows without locks.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import F, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from consumers.normal_form import normalized
from loyalty.choices import ResultsSource
from loyalty.models import ResultsMark, Reversal, Transaction, Voucher
from loyalty.services.results.expected_redemption import expected_redemptions, expected_redemptions_restate
from loyalty.services.results.figures import (
    Basket,
    StoredAnswer,
    answer_read,
    issued_figures,
    less,
    lines_read,
    no_figures,
    promotion_figures,
    promotions_of,
    returned_read,
    voucher_figures,
    vouchers_of,
    without_issued,
)
from loyalty.services.results.gaps import gap_ids, gaps_add, gaps_close, gaps_forget, gaps_horizon, missing_ranges
from loyalty.services.results.readers import CountedBatch, CountedReturn, CountedSale, SaleRow, readers_call
from loyalty.services.results.totals import DayKey, ResultKey, Totals, totals_add
from promotions.engine.benefits.vouchers import voucher_key
from promotions.models import Promotion, PromotionVersion

MAX_BATCH = 5_000
"""Sales or returns that one transaction counts."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a batch read: the ids found above the mark and in gaps, and whether there may be more."""

    ids: Sequence[int]
    from_gaps: Sequence[int]
    is_full: bool

    @property
    def all_ids(self) -> list[int]:
        return [*self.from_gaps, *self.ids]


def results_count(
    *, clock: Callable[[], datetime], for_at_most: timedelta | None = None, batch_size: int = MAX_BATCH
) -> int:
    """Count sales, then returns, until nothing is left or the time is over; return how many of both.

    Args:
        clock: the database's.
        for_at_most: after this time it stops with the batch at hand; None: it goes on.
        batch_size: sales or returns of one transaction.
    """
    _marks_make()
    began, counted = time.monotonic(), 0
    for count_batch in (_sales_count, _returns_count):
        while True:
            progress = count_batch(clock, batch_size)
            if progress is None:
                return counted  # Another run is at work.
            counted += progress.counted
            if for_at_most is not None and time.monotonic() - began > for_at_most.total_seconds():
                return counted
            if not progress.is_more:
                break
    return counted


@dataclass(frozen=True, slots=True)
class _Progress:
    """How many a batch counted, and whether there may be more."""

    counted: int
    is_more: bool


def _marks_make() -> None:
    if ResultsMark.objects.count() < len(ResultsSource):
        ResultsMark.objects.bulk_create([ResultsMark(source=source) for source in ResultsSource], ignore_conflicts=True)


def _marks_lock() -> Mapping[str, ResultsMark] | None:
    """Lock the sales' mark until the transaction ends, and return both; None while another run holds it."""
    marks = ResultsMark.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    if marks.filter(pk=ResultsSource.SALES).first() is None:
        return None
    return {mark.source: mark for mark in ResultsMark.objects.all()}


def _sales_count(clock: Callable[[], datetime], batch_size: int) -> _Progress | None:
    # Closes the races of two runs (the mark's lock) and of a run that dies: sums and mark are committed together.
    with transaction.atomic():
        marks = _marks_lock()
        if marks is None:
            return None
        mark, began, horizon = marks[ResultsSource.SALES], clock(), gaps_horizon()
        expected_redemptions_restate(at=began)
        batch = _batch_read(mark, Transaction._meta.db_table, batch_size)
        sales = [_counted_sale(row) for row in _sales_read(batch.all_ids)]
        totals = Totals()
        names = _Names.read(sale.basket.answer for sale in sales)
        vouchers = _Vouchers.read(code for sale in sales for code, _ in vouchers_of(sale.basket.answer))
        for sale in sales:
            _sale_add(totals, sale, names, vouchers)
        _finish(totals, CountedBatch(sales=sales))
        _mark_move(mark, batch, held=(), horizon=horizon, clock=clock)
        if not batch.is_full:
            ResultsMark.objects.filter(pk=mark.pk).update(as_of=began)
        return _Progress(len(sales), batch.is_full)


def _returns_count(clock: Callable[[], datetime], batch_size: int) -> _Progress | None:
    # Closes the same races. A return whose sale is not counted yet waits in a gap, so that no row ever shows more
    # returned than sold.
    with transaction.atomic():
        marks = _marks_lock()
        if marks is None:
            return None
        mark, began, horizon = marks[ResultsSource.RETURNS], clock(), gaps_horizon()
        batch = _batch_read(mark, Reversal._meta.db_table, batch_size)
        returns, held = _returns_read(batch.all_ids, counted_to=marks[ResultsSource.SALES].counted_to)
        totals = Totals()
        names = _Names.read(counted.before.answer for counted in returns)
        vouchers = _Vouchers.read(code for counted in returns for code in _codes_back(counted))
        for counted in returns:
            _return_add(totals, counted, names, vouchers)
        _finish(totals, CountedBatch(returns=returns))
        _mark_move(mark, batch, held=held, horizon=horizon, clock=clock)
        if not batch.is_full:
            ResultsMark.objects.filter(pk=mark.pk).update(as_of=began)
        return _Progress(len(returns), batch.is_full and bool(returns))


def _finish(totals: Totals, batch: CountedBatch) -> None:
    totals_add(totals, expected_redemptions=_expected(totals))
    readers_call(batch)


def _expected(totals: Totals) -> Mapping[tuple[int, date], Decimal]:
    return expected_redemptions(totals.account_days)


# --- the mark ---------------------------------------------------------------------------------------------------------


def _batch_read(mark: ResultsMark, table: str, batch_size: int) -> _Batch:
    from_gaps = gap_ids(source=ResultsSource(mark.source), table=table, limit=batch_size)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT %s",  # noqa: S608 - the table's name is our own
            [mark.counted_to, batch_size],
        )
        ids = [row_id for (row_id,) in cursor.fetchall()]
    return _Batch(ids, from_gaps, is_full=batch_size in (len(ids), len(from_gaps)))


def _mark_move(
    mark: ResultsMark, batch: _Batch, *, held: Sequence[int], horizon: datetime | None, clock: Callable[[], datetime]
) -> None:
    """Move the mark over a batch, and keep what it misses: ids that may still come, and those that are held back."""
    source = ResultsSource(mark.source)
    table = (Transaction if source == ResultsSource.SALES else Reversal)._meta.db_table
    waiting = set(held)
    gaps_close(source=source, counted=[row_id for row_id in batch.from_gaps if row_id not in waiting])
    if horizon is not None:
        gaps_add(source=source, ranges=missing_ranges(batch.ids, after=mark.counted_to), at=clock())
        gaps_forget(source=source, table=table, horizon=horizon)
    gaps_add(source=source, ranges=[(row_id, row_id) for row_id in batch.ids if row_id in waiting], at=clock())
    if batch.ids:
        ResultsMark.objects.filter(pk=mark.pk).update(counted_to=batch.ids[-1])


# --- reading ----------------------------------------------------------------------------------------------------------


def _sales_read(ids: Sequence[int]) -> list[SaleRow]:
    """Read transactions in the order of their ids: only columns that no return changes."""
    rows = (
        Transaction.objects.filter(pk__in=ids)
        .annotate(point_value=KT("facts__point_value"), lines_text=Cast("lines", TextField()))
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
    return [SaleRow(*row) for row in rows]


def _counted_sale(row: SaleRow) -> CountedSale:
    return CountedSale(row=row, basket=_basket(row, row.answer, {}))


def _basket(row: SaleRow, answer: str, returned: Mapping[str, Decimal]) -> Basket:
    read = answer_read(answer)
    return Basket(
        answer=read,
        lines=lines_read(row.lines) if read.applied else {},
        point_value=row.point_value or "0",
        has_costs=row.currency == row.account_currency,
        returned=returned,
    )


def _returns_read(ids: Sequence[int], *, counted_to: int) -> tuple[list[CountedReturn], list[int]]:
    """Read returns in the order of their ids, and the ids of those whose sale is not counted yet.

    What was left before a return is what the sale's return before it answered: the returns of a sale follow each other
    under the sale's lock, so those of before are there.
    """
    wanted = set(ids)
    sale_ids = set(Reversal.objects.filter(pk__in=ids).values_list("transaction_id", flat=True))
    uncounted = {sale_id for sale_id in sale_ids if sale_id > counted_to}
    uncounted |= set(gap_ids(source=ResultsSource.SALES, table=Transaction._meta.db_table, limit=MAX_BATCH)) & sale_ids
    sales = {row.id: row for row in _sales_read(list(sale_ids - uncounted))}
    baskets = {row.id: _basket(row, row.answer, {}) for row in sales.values()}
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
        before = baskets[sale_id]
        after = _basket(sales[sale_id], answer, _returned_after(before, lines))
        baskets[sale_id] = after
        if return_id in wanted:
            returns.append(CountedReturn(id=return_id, sale=sales[sale_id], before=before, after=after))
    return returns, held


def _returned_after(before: Basket, lines: str) -> Mapping[str, Decimal]:
    returned = dict(before.returned)
    for line in returned_read(lines):
        returned[line.line_id] = returned.get(line.line_id, Decimal(0)) + Decimal(line.quantity)
    return returned


class _Names:
    """Promotions and versions by what answers call them. Codes of published promotions never change."""

    def __init__(self, versions: Iterable[tuple[int, str, str, int, int, int]]) -> None:
        self._ids = {
            (account_id, family, code, number): (promotion_id, version_id)
            for account_id, family, code, number, promotion_id, version_id in versions
        }

    @classmethod
    def read(cls, answers: Iterable[StoredAnswer]) -> "_Names":
        """Read what some answers name."""
        named = {(normalized(row.promotion), row.version) for answer in answers for row in promotions_of(answer)}
        versions = PromotionVersion.objects.filter(
            promotion_id__in=Promotion.objects.filter(code__in={code for code, _ in named}).values("pk"),
            number__in={number for _, number in named},
        )
        return cls(
            versions.values_list(
                "promotion__account_id", "promotion__family", "promotion__code", "number", "promotion_id", "pk"
            )
        )

    def ids(self, account_id: int, family: str, code: str, number: int | None) -> tuple[int, int]:
        """Return the ids of a promotion and its version."""
        return self._ids[account_id, family, normalized(code), number or 0]


class _Vouchers:
    """Vouchers by code, with the sale and promotion that issued them. Claimed and adopted ones are of none."""

    def __init__(self, keys: Mapping[tuple[int, str], ResultKey]) -> None:
        self._keys = keys

    @classmethod
    def read(cls, codes: Iterable[str]) -> "_Vouchers":
        """Read the vouchers of some codes, as tills sent them."""
        rows = (
            Voucher.objects.filter(code__in={voucher_key(code) for code in codes}, issued_by__isnull=False)
            .annotate(site=F("issued_by__transaction__site_id"), day=F("issued_by__transaction__local_day"))
            .values_list("account_id", "code", "issued_by__promotion_id", "issued_by__version_id", "site", "day")
        )
        return cls(
            {
                (account_id, code): ResultKey(account_id, promotion_id, version_id, site_id, day)
                for account_id, code, promotion_id, version_id, site_id, day in rows
            }
        )

    def issuing(self, account_id: int, code: str) -> ResultKey | None:
        """Return the row of the sale that issued a voucher; None for one that no sale issued."""
        return self._keys.get((account_id, voucher_key(code)))


# --- adding up --------------------------------------------------------------------------------------------------------


def _sale_add(totals: Totals, sale: CountedSale, names: _Names, vouchers: _Vouchers) -> None:
    row = sale.row
    for applied in promotions_of(sale.basket.answer):
        ids = names.ids(row.account_id, applied.family, applied.promotion, applied.version)
        key = ResultKey(row.account_id, *ids, row.site_id, row.local_day)
        totals.add(key, promotion_figures(applied, sale.basket))
        if row.consumer_id is not None:
            totals.consumers[DayKey(key.promotion_id, key.day)].add(row.consumer_id)
    for code, discount in vouchers_of(sale.basket.answer):
        _voucher_add(totals, row, vouchers.issuing(row.account_id, code), discount)


def _voucher_add(
    totals: Totals, row: SaleRow, issuing: ResultKey | None, discount: int, *, returned: bool = False
) -> None:
    """Add a voucher that paid on the day and at the site of the paying sale, under what issued it."""
    if issuing is not None:
        key = issuing._replace(site_id=row.site_id, day=row.local_day)
        totals.add(key, voucher_figures(discount), returned=returned)


def _codes_back(counted: CountedReturn) -> list[str]:
    """Return the codes of the vouchers that a return may take back or release."""
    return [
        *(code for code, _ in vouchers_of(counted.before.answer)),
        *counted.after.answer.reversed.vouchers_cancelled,
    ]


def _return_add(totals: Totals, counted: CountedReturn, names: _Names, vouchers: _Vouchers) -> None:
    row = counted.sale
    left = {(applied.family, applied.promotion): applied for applied in promotions_of(counted.after.answer)}
    for applied in promotions_of(counted.before.answer):
        ids = names.ids(row.account_id, applied.family, applied.promotion, applied.version)
        key = ResultKey(row.account_id, *ids, row.site_id, row.local_day)
        after = left.get((applied.family, applied.promotion))
        figures = less(
            promotion_figures(applied, counted.before),
            promotion_figures(after, counted.after) if after is not None else no_figures(),
        )
        totals.add(key, without_issued(figures), returned=True)
    # By what the return says it cancelled, on the day of the sale that issued: vouchers that were spent stay issued.
    for code in counted.after.answer.reversed.vouchers_cancelled:
        issuing = vouchers.issuing(row.account_id, code)
        if issuing is not None:
            totals.add(issuing, issued_figures(1), returned=True)
    still_paying = dict(vouchers_of(counted.after.answer))
    for code, discount in vouchers_of(counted.before.answer):
        issuing = vouchers.issuing(row.account_id, code)
        if code not in still_paying:
            _voucher_add(totals, row, issuing, discount, returned=True)
        elif issuing is not None and still_paying[code] != discount:
            figures = less(voucher_figures(discount), voucher_figures(still_paying[code]))
            totals.add(issuing._replace(site_id=row.site_id, day=row.local_day), figures, returned=True)
