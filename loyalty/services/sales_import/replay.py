"""Replay past sales: the sales of a file go through the till's own commit, in order of time."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import islice

import msgspec
from django.db import connection, reset_queries, transaction

from consumers.models import Account
from consumers.services.account import account_lock
from loyalty.exceptions import LoyaltyError, ReplayTooLate
from loyalty.models import Transaction
from loyalty.services.sales_import.past_sales import batches_analyzed, parties_ensure
from loyalty.services.sales_import.sales_file import Invoice, Reason, RejectedRow, SalesFile, SalesIndex, SoldRow
from loyalty.services.till.commit import Committed, sale_fingerprint, transaction_commit
from loyalty.services.till.reads import StoredDecision
from loyalty.services.till.records import Document
from loyalty.services.till.sale import Sale, SaleLine
from promotions.engine.money import round_half_up, to_minor, to_minor_fraction

BATCH_SIZE = 200
SOURCE = "replay"


class _Points(msgspec.Struct):
    base: int
    promotion: int
    balance: int | None


class _Applied(msgspec.Struct):
    promotion: str
    version: int
    redemptions: int
    points: int
    saving: str
    lines: list[Document]


class _Issued(msgspec.Struct):
    offer: str


class _Answer(msgspec.Struct):
    """The decision in a till's answer; voucher codes are random and are left out."""

    reference: str
    occurred_at: str
    net_total_inc_tax: str
    points: _Points
    applied: list[_Applied]
    vouchers_issued: list[_Issued]


_answer = msgspec.json.Decoder(_Answer)
_canonical = msgspec.json.Encoder(order="deterministic")


@dataclass(kw_only=True)
class ReplaySummary:
    """What a replay did; the figures of decisions include those that were there already.

    ``left_out`` counts invoices that are no sale to a known consumer, ``refused`` those that the commit refused, by
    code, and ``rejected_rows`` rows by reason. ``digest`` is a SHA-256 of every decision in order: what was applied to
    which units, every amount, and why others did not apply. Two databases with the same digest decided the same.
    """

    sales: int = 0
    posted: int = 0
    already_there: int = 0
    base_points: int = 0
    promotion_points: int = 0
    vouchers_issued: int = 0
    redemptions: Counter[str] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    rejected_rows: Counter[str] = field(default_factory=Counter)
    left_out_rows: int = 0
    digest: str = ""


def sales_replay(
    *,
    account: Account,
    file: SalesFile,
    index: SalesIndex,
    at: datetime,
    reject: Callable[[RejectedRow], object],
    limit: int | None = None,
    progress: Callable[[int], object] = lambda _invoices: None,
) -> ReplaySummary:
    """Commit a file's sales to known consumers, who become members with their first; each reference once.

    Sites, products and consumers that the account lacks are created. A replay that was cut off continues where it was.

    Args:
        account: receives the sales; its ``late_transaction_days`` must reach back to the first.
        file: where they are.
        index: of the same file.
        at: now.
        reject: is called with every row that was not imported, those of refused sales among them.
        limit: the number of sales after which to stop.
        progress: is called with the number of invoices read since the call before.

    Raises:
        ReplayTooLate: the account does not take transactions that old.
    """
    summary = ReplaySummary(left_out_rows=index.left_out)
    decisions = _Decisions(summary)
    _commits_unawaited()

    def rejected(row: RejectedRow) -> None:
        summary.rejected_rows[row.reason] += 1
        reject(row)

    sales = _sales(file.invoices(index, reject=rejected), account, summary, progress, rejected)
    for batch in batches_analyzed(islice(sales, limit), BATCH_SIZE):
        _check_age(account, batch[0][1], at)
        account = _create_parties(account, [invoice for invoice, _ in batch], index, summary)
        stored = _stored_decisions(account, [sale for _, sale in batch])
        for invoice, sale in batch:
            try:
                decisions.add(_decision(account, sale, at, stored.get(sale.reference), summary))
            except LoyaltyError as refused:
                summary.refused[refused.code] += 1
                for row in invoice.rows:
                    rejected(RejectedRow(number=row.number, reason=Reason.REFUSED, raw=row.raw))
        # With DEBUG every statement is kept.
        reset_queries()
    summary.digest = decisions.digest()
    return summary


class _Decisions:
    """Adds decisions to the sums of a summary and to a digest."""

    def __init__(self, summary: ReplaySummary) -> None:
        self._summary = summary
        self._hash = hashlib.sha256()

    def add(self, decision: StoredDecision | Committed) -> None:
        answer = _answer.decode(decision.answer)
        self._summary.base_points += answer.points.base
        self._summary.promotion_points += answer.points.promotion
        self._summary.vouchers_issued += len(answer.vouchers_issued)
        for applied in answer.applied:
            self._summary.redemptions[applied.promotion] += applied.redemptions
        self._hash.update(_canonical.encode((answer, decision.explanation)))

    def digest(self) -> str:
        return self._hash.hexdigest()


def _decision(
    account: Account, sale: Sale, at: datetime, stored: StoredDecision | None, summary: ReplaySummary
) -> StoredDecision | Committed:
    """Return the decision of a sale that was committed before, or commit it.

    Raises:
        LoyaltyError: the commit was refused.
    """
    summary.sales += 1
    fingerprint = sale_fingerprint(sale)
    if stored is not None and stored.fingerprint == fingerprint:
        summary.already_there += 1
        return stored
    committed = transaction_commit(account=account, sale=sale, at=at, fingerprint=fingerprint)
    summary.posted += 1
    return committed


def _stored_decisions(account: Account, sales: Sequence[Sale]) -> dict[str, StoredDecision]:
    """Return the decisions that were committed before, by reference."""
    rows = Transaction.objects.filter(account=account, reference__in=[sale.reference for sale in sales])
    return {
        reference: StoredDecision(fingerprint=fingerprint, answer=answer, explanation=explanation)
        for reference, fingerprint, answer, explanation in rows.values_list(
            "reference", "fingerprint", "answer", "explanation"
        )
    }


def _commits_unawaited() -> None:
    """Do not wait for PostgreSQL to write the commits of this connection to disk.

    What a crash of the server loses is the last sales, whole; the next run commits them again. Tills have no next run.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit TO off")


def _sales(
    invoices: Iterable[Invoice],
    account: Account,
    summary: ReplaySummary,
    progress: Callable[[int], object],
    reject: Callable[[RejectedRow], object],
) -> Iterator[tuple[Invoice, Sale]]:
    """Yield the invoices that a till could have sent, each with the sale that it would have sent.

    A till sends unit prices: an invoice with a line total that no unit price gives is rejected.
    """
    for invoice in invoices:
        progress(1)
        if invoice.is_return:
            summary.left_out["returns"] += 1
            continue
        if not invoice.consumer:
            summary.left_out["anonymous"] += 1
            continue
        if any(_has_no_unit_price(row, account.currency) for row in invoice.rows):
            summary.left_out["total_without_unit_price"] += 1
            for row in invoice.rows:
                reject(RejectedRow(number=row.number, reason=Reason.TOTAL_WITHOUT_UNIT_PRICE, raw=row.raw))
            continue
        yield invoice, _sale(invoice, currency=account.currency)


def _has_no_unit_price(row: SoldRow, currency: str) -> bool:
    if row.total_inc_tax is None:
        return False
    worth = to_minor_fraction(row.unit_price_inc_tax, currency) * Fraction(row.quantity)
    return round_half_up(worth) != to_minor(row.total_inc_tax, currency)


def _sale(invoice: Invoice, *, currency: str) -> Sale:
    return Sale(
        reference=invoice.reference,
        occurred_at=invoice.occurred_at,
        site=invoice.site,
        currency=currency,
        consumer=invoice.consumer,
        source=SOURCE,
        lines=tuple(
            SaleLine(
                line_id=str(number),
                sku=row.sku,
                quantity=row.quantity,
                unit_price_inc_tax=row.unit_price_inc_tax,
                unit_price_ex_tax=row.unit_price_ex_tax,
                category=row.category,
                brand=row.brand,
            )
            for number, row in enumerate(invoice.rows, start=1)
        ),
    )


def _check_age(account: Account, first: Sale, at: datetime) -> None:
    age = at - first.occurred_at
    if age > timedelta(days=account.late_transaction_days):
        raise ReplayTooLate(
            f"Sale {first.reference} is {age.days + 1} days old: raise the account's late_transaction_days, "
            f"now {account.late_transaction_days}."
        )


def _create_parties(
    account: Account, invoices: Sequence[Invoice], index: SalesIndex, summary: ReplaySummary
) -> Account:
    """Create what the sales name and the account lacks; return the account as it is afterwards."""
    # One transaction under the account's lock, so that two replays do not both find a row missing.
    with transaction.atomic():
        current = account_lock(account_id=account.pk)
        parties = parties_ensure(account=current, invoices=invoices, names=index.names, members=True)
        current.refresh_from_db()
    summary.created += parties.created
    return current
