"""The register of whoever wants to hear of each counted sale and return, exactly once.

A reader is called in the transaction that counts a batch: what it writes is committed with the batch or not at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from loyalty.services.results.figures import Basket


class SaleRow(NamedTuple):
    """What is read of a transaction: the columns that no return changes.

    ``answer`` and ``lines`` are JSON text; ``point_value`` is None for past sales from elsewhere.
    """

    id: int
    account_id: int
    account_currency: str
    site_id: int
    consumer_id: int | None
    local_day: date
    occurred_at: datetime
    currency: str
    kind: str
    point_value: str | None
    answer: str
    lines: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedSale:
    """A sale, and its basket as sold."""

    row: SaleRow
    basket: Basket


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedReturn:
    """A return or void: its id, the sale that it is of, and what was left of it before and after."""

    id: int
    sale: SaleRow
    before: Basket
    after: Basket


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedBatch:
    """What a batch counts: sales or returns, in the order of their ids. A return's sale was counted in or before it."""

    sales: Sequence[CountedSale] = ()
    returns: Sequence[CountedReturn] = ()


Reader = Callable[[CountedBatch], None]

_readers: list[Reader] = []


def results_reader_register(reader: Reader) -> None:
    """Register a reader, in an app's ``ready``."""
    if reader not in _readers:
        _readers.append(reader)


def readers_call(batch: CountedBatch) -> None:
    """Give every reader a batch, inside the transaction that counts it."""
    for reader in _readers:
        reader(batch)
