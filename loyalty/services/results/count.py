"""Count what was committed and returned into the results, once each: the task's work.

A batch takes the sales (or returns) above the mark and those that came into gaps below it, adds them up and moves the
mark, in one transaction under the lock on the sales' mark. So a run that dies leaves nothing or all of a batch, and two
runs at once count nothing twice. Tills are not held up: a batch reads their rows without locks.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from loyalty.choices import ResultsSource
from loyalty.models import ResultsMark, Reversal, Transaction
from loyalty.result_periods import next_month
from loyalty.services.results.consumers import (
    MERGED_AFTER,
    consumers_add,
    consumers_merge,
    consumers_merge_from,
    consumers_unmerge,
)
from loyalty.services.results.expected_redemption import expected_redemptions, expected_redemptions_restate
from loyalty.services.results.figures import (
    basket_figures,
    issued_figures,
    less,
    no_figures,
    voucher_figures,
    vouchers_of,
    without_issued,
)
from loyalty.services.results.gaps import gap_ids, gaps_add, gaps_close, gaps_forget, gaps_horizon, missing_ranges
from loyalty.services.results.months import month_totals_rebuild
from loyalty.services.results.named import Names, Vouchers
from loyalty.services.results.readers import CountedBatch, CountedReturn, CountedSale, SaleRow, readers_call
from loyalty.services.results.reading import returns_read, sales_after, sales_read
from loyalty.services.results.totals import DayKey, ResultKey, Totals, totals_add

MAX_BATCH = 20_000
"""Sales that one transaction counts. The more, the fewer times a row of results is written; at this size a transaction
is open for some two seconds."""

MAX_SLICE = 1_000
"""Sales of a batch that are in memory at once; returns of a batch."""


@dataclass(slots=True)
class _Batch:
    """What a batch read: the ids that came into gaps and those above the mark, and whether there may be more."""

    from_gaps: Sequence[int]
    ids: list[int] = field(default_factory=list)
    is_full: bool = False


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
            if _is_over(began, for_at_most):
                return counted
            if not progress.is_more:
                break
    while _consumers_merge(clock) and not _is_over(began, for_at_most):
        pass
    return counted


def _is_over(began: float, for_at_most: timedelta | None) -> bool:
    return for_at_most is not None and time.monotonic() - began > for_at_most.total_seconds()


@dataclass(frozen=True, slots=True)
class _Progress:
    """How many a batch counted, and whether there may be more."""

    counted: int
    is_more: bool


def _marks_make() -> None:
    if ResultsMark.objects.count() < len(ResultsSource):
        ResultsMark.objects.bulk_create(
            [ResultsMark(source=source, summed_to=0) for source in ResultsSource], ignore_conflicts=True
        )


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
        _months_catch_up(marks)
        expected_redemptions_restate(at=began)
        batch = _Batch(gap_ids(source=ResultsSource.SALES, table=Transaction._meta.db_table, limit=batch_size))
        totals, names, counted = Totals(), Names(), 0
        for sales in _sales_sliced(mark, batch, batch_size):
            names.read((sale.row.account_id, sale.basket.answer) for sale in sales)
            vouchers = Vouchers.read(code for sale in sales for code, _ in vouchers_of(sale.basket.answer))
            for sale in sales:
                _sale_add(totals, sale, names, vouchers)
            readers_call(CountedBatch(sales=sales))
            counted += len(sales)
        _totals_write(totals, merged_to=mark.merged_to)
        _mark_move(mark, batch, held=(), horizon=horizon, clock=clock)
        if not batch.is_full:
            ResultsMark.objects.filter(pk=mark.pk).update(as_of=began)
        return _Progress(counted, batch.is_full)


def _returns_count(clock: Callable[[], datetime], batch_size: int) -> _Progress | None:
    # Closes the same races. A return whose sale is not counted yet waits in a gap, so that no row ever shows more
    # returned than sold.
    with transaction.atomic():
        marks = _marks_lock()
        if marks is None:
            return None
        mark, began, horizon = marks[ResultsSource.RETURNS], clock(), gaps_horizon()
        batch = _returns_batch(mark, min(batch_size, MAX_SLICE))
        ids = [*batch.from_gaps, *batch.ids]
        returns, held = returns_read(ids, counted_to=marks[ResultsSource.SALES].counted_to)
        totals, names = Totals(), Names()
        names.read((counted.sale.account_id, counted.before.answer) for counted in returns)
        vouchers = Vouchers.read(code for counted in returns for code in _codes_back(counted))
        for counted in returns:
            _return_add(totals, counted, names, vouchers)
        _totals_write(totals, merged_to=None)
        readers_call(CountedBatch(returns=returns))
        _mark_move(mark, batch, held=held, horizon=horizon, clock=clock)
        if not batch.is_full:
            ResultsMark.objects.filter(pk=mark.pk).update(as_of=began)
        return _Progress(len(returns), batch.is_full and bool(returns))


def _totals_write(totals: Totals, *, merged_to: date | None) -> None:
    totals_add(totals, expected_redemptions=expected_redemptions(totals.account_days))
    consumers_add(totals.consumers, merged_to=merged_to)


def _months_catch_up(marks: Mapping[str, ResultsMark]) -> None:
    """Add months up from their days where a version that had no sums of months counted: before an upgrade, or in it."""
    behind = [mark for mark in marks.values() if mark.summed_to != mark.counted_to]
    if not behind:
        return
    month_totals_rebuild()
    consumers_unmerge()
    ResultsMark.objects.update(summed_to=F("counted_to"), merged_to=None)
    marks[ResultsSource.SALES].merged_to = None


def _consumers_merge(clock: Callable[[], datetime]) -> bool:
    """Merge consumers of weeks and months that are over, at most a month of days; return whether there are more."""
    with transaction.atomic():
        # Closes the race with a run that counts a late sale into one of them.
        marks = _marks_lock()
        if marks is None:
            return False
        mark, end = marks[ResultsSource.SALES], clock().date() - MERGED_AFTER
        first = consumers_merge_from(mark.merged_to)
        if first is None or first > end:
            return False
        last = min(end, next_month(first) - timedelta(days=1))
        consumers_merge(first=first, last=last)
        ResultsMark.objects.filter(pk=mark.pk).update(merged_to=last)
        return last < end


# --- the mark ---------------------------------------------------------------------------------------------------------


def _sales_sliced(mark: ResultsMark, batch: _Batch, batch_size: int) -> Iterator[list[CountedSale]]:
    """Yield the sales of a batch a slice at a time, and note the ids: those in gaps, then those above the mark.

    A sale that is committed between two slices below what was read has an id that is missing: it is kept as a gap.
    """
    for start in range(0, len(batch.from_gaps), MAX_SLICE):
        yield sales_read(batch.from_gaps[start : start + MAX_SLICE])
    last = mark.counted_to
    while wanted := min(MAX_SLICE, batch_size - len(batch.ids)):
        sales = sales_after(last, limit=wanted)
        if sales:
            yield sales
            batch.ids += [sale.row.id for sale in sales]
            last = batch.ids[-1]
        if len(sales) < wanted:
            break
    batch.is_full = batch_size in (len(batch.ids), len(batch.from_gaps))


def _returns_batch(mark: ResultsMark, batch_size: int) -> _Batch:
    table = Reversal._meta.db_table
    from_gaps = gap_ids(source=ResultsSource.RETURNS, table=table, limit=batch_size)
    ids = list(Reversal.objects.filter(pk__gt=mark.counted_to).order_by("pk").values_list("pk", flat=True)[:batch_size])
    return _Batch(from_gaps, ids, is_full=batch_size in (len(ids), len(from_gaps)))


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
        ResultsMark.objects.filter(pk=mark.pk).update(counted_to=batch.ids[-1], summed_to=batch.ids[-1])


# --- adding up --------------------------------------------------------------------------------------------------------


def _sale_add(totals: Totals, sale: CountedSale, names: Names, vouchers: Vouchers) -> None:
    row = sale.row
    for applied, figures in basket_figures(sale.basket):
        promotion_id, version_id = names.ids(row.account_id, applied.family, applied.promotion, applied.version)
        totals.add(ResultKey(row.account_id, promotion_id, version_id, row.site_id, row.local_day), figures)
        if row.consumer_id is not None:
            totals.consumers[DayKey(promotion_id, row.local_day)].add(row.consumer_id)
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


def _return_add(totals: Totals, counted: CountedReturn, names: Names, vouchers: Vouchers) -> None:
    row = counted.sale
    left = {(applied.family, applied.promotion): figures for applied, figures in basket_figures(counted.after)}
    for applied, before in basket_figures(counted.before):
        ids = names.ids(row.account_id, applied.family, applied.promotion, applied.version)
        figures = less(before, left.get((applied.family, applied.promotion)) or no_figures())
        key = ResultKey(row.account_id, *ids, row.site_id, row.local_day)
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
