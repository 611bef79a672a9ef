"""Sums of a batch, and the statements that add them to the results."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from loyalty.models import PromotionDayResult, PromotionMonthResult, PromotionMonthTotal, PromotionResult
from loyalty.models.results import COLUMNS, ResultFigures
from loyalty.services.results.figures import Figures, added, no_figures

MAX_ROWS_OF_A_STATEMENT = 2_000


class ResultKey(NamedTuple):
    """What a row of results is of."""

    account_id: int
    promotion_id: int
    version_id: int
    site_id: int
    day: date


class DayKey(NamedTuple):
    """A promotion's local day."""

    promotion_id: int
    day: date


Sums = Mapping[tuple[object, ...], Figures]


@dataclass
class Totals:
    """The sums of a batch by key: figures as sold, figures returned, and who redeemed what."""

    sold: dict[ResultKey, Figures] = field(default_factory=dict)
    returned: dict[ResultKey, Figures] = field(default_factory=dict)
    consumers: defaultdict[DayKey, set[int]] = field(default_factory=lambda: defaultdict(set))

    def add(self, key: ResultKey, figures: Figures, *, returned: bool = False) -> None:
        """Add figures as sold, or as returned."""
        sums = self.returned if returned else self.sold
        before = sums.get(key)
        sums[key] = figures if before is None else added(before, figures)

    @property
    def rows(self) -> Iterator[tuple[ResultKey, Figures]]:
        """Yield each key with its 24 columns: figures as sold before those returned."""
        nothing = no_figures()
        for key in self.sold.keys() | self.returned.keys():
            yield key, [*self.sold.get(key, nothing), *self.returned.get(key, nothing)]

    @property
    def account_days(self) -> set[tuple[int, date]]:
        """The accounts and days that are added to."""
        return {(key.account_id, key.day) for key in self.sold.keys() | self.returned.keys()}


def totals_add(totals: Totals, *, expected_redemptions: Mapping[tuple[int, date], Decimal]) -> None:
    """Add a batch's sums to the results: a statement for each table.

    Must be called under the lock on the mark: nobody else writes these rows.

    Args:
        totals: of the batch.
        expected_redemptions: the percentage in force by account and day.
    """
    days: dict[tuple[object, ...], Figures] = {}
    months: dict[tuple[object, ...], Figures] = {}
    month_totals: dict[tuple[object, ...], Figures] = {}
    sites: dict[tuple[object, ...], Figures] = {}
    for key, figures in totals.rows:
        expected = expected_redemptions[key.account_id, key.day]
        head = (key.account_id, key.promotion_id, key.version_id, f"{expected:f}")
        sites[*head, key.site_id, key.day.isoformat()] = figures
        _sum(days, (*head, key.day.isoformat()), figures)
        month = key.day.replace(day=1).isoformat()
        _sum(months, (*head, key.site_id, month), figures)
        _sum(month_totals, (*head, month), figures)
    _rows_add(PromotionResult, ("site_id", "day"), sites)
    _rows_add(PromotionDayResult, ("day",), days)
    _rows_add(PromotionMonthResult, ("site_id", "month"), months, is_split=True)
    _rows_add(PromotionMonthTotal, ("month",), month_totals, is_split=True)


def _sum(sums: dict[tuple[object, ...], Figures], key: tuple[object, ...], figures: Figures) -> None:
    before = sums.get(key)
    sums[key] = figures if before is None else added(before, figures)


_HEAD = ("account_id", "promotion_id", "version_id", "expected_redemption")


def _rows_add(model: type[ResultFigures], own_keys: Sequence[str], sums: Sums, *, is_split: bool = False) -> None:
    """Add sums to a table's rows, making those that are missing.

    ``is_split``: a row for each expected redemption. Otherwise a row keeps the one that it was made with.
    """
    names = (*_HEAD, *own_keys, *COLUMNS)
    keys = ["promotion_id", *own_keys, "version_id", *(["expected_redemption"] if is_split else [])]
    sql = _rows_add_sql(model, names, keys)
    # Sorted, so that rows that are written after each other are on the same pages.
    rows = [(*key, *sums[key]) for key in sorted(sums)]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), MAX_ROWS_OF_A_STATEMENT):
            cursor.execute(sql, _columns_sent(rows[start : start + MAX_ROWS_OF_A_STATEMENT]))


def _columns_sent(rows: Sequence[tuple[object, ...]]) -> list[str]:
    """Return the parameters for some rows: an array for each column, or all rows as JSON where there are no arrays."""
    if connection.vendor == "postgresql":
        return ["{" + ",".join(map(str, column)) + "}" for column in zip(*rows, strict=True)]
    return [json.dumps(rows)]


def _rows_add_sql(model: type[ResultFigures], names: Sequence[str], keys: Iterable[str]) -> str:
    table, columns = model._meta.db_table, ", ".join(names)
    added_columns = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COLUMNS)
    if connection.vendor == "postgresql":
        types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields}
        arrays = ", ".join(f"%s::{types[name]}[]" for name in names)
        source = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - names are our own
    else:
        values = ", ".join(f"json_extract(value, '$[{position}]')" for position in range(len(names)))
        source = f"SELECT {values} FROM json_each(%s) WHERE true"  # noqa: S608 - names are our own
    return f"INSERT INTO {table} ({columns}) {source} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added_columns}"
