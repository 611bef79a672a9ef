"""Read past sales from any CSV: rows in, invoices out in order of time, unusable rows rejected with their reason.

The file is read twice and never held in memory: once to learn which rows belong together and when each invoice was,
and once to yield the invoices. An invoice's rows may lie anywhere in the file. Only invoices that are not complete yet,
or whose turn has not come, are kept, so that a file in order of time needs the memory of a few of them.
"""

import csv
import gzip
import heapq
import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal
from zoneinfo import ZoneInfo

import msgspec

from consumers.lengths import MAX_CONSUMER_ID_LENGTH, MAX_KEY_LENGTH, MAX_REFERENCE_LENGTH
from consumers.normal_form import normalized
from loyalty.exceptions import UnreadableSalesFile
from loyalty.services.sales_import.row_prices import RowPrice, StatedPrice, TotalDiffers, row_price
from promotions.engine.definition.fields import MAX_SKU_LENGTH
from promotions.engine.money import minor_unit

MAX_INVOICE_ROWS = 500
MAX_INVOICE_SPAN = timedelta(days=1)
"""Lines of one reference that lie further apart are two invoices under one number."""

_MAX_LINE_TOTAL = Decimal(10) ** 11
_NUMBER = re.compile(r"[+-]?(\d{1,12}(\.\d{0,8})?|\.\d{1,8})", re.ASCII)
_MAX_QUANTITY_DECIMALS = 3
_MAX_PRICE_DECIMALS = 4
_MAX_TAX_DECIMALS = 8


class Reason(StrEnum):
    """Why a row was rejected: the first reason that holds, in this order."""

    MALFORMED_ROW = "malformed_row"
    NO_REFERENCE = "no_reference"
    UNUSABLE_TEXT = "unusable_text"
    NO_SKU = "no_sku"
    NO_SITE = "no_site"
    UNREADABLE_MOMENT = "unreadable_moment"
    UNREADABLE_QUANTITY = "unreadable_quantity"
    NO_QUANTITY = "no_quantity"
    STOCK_CORRECTION = "stock_correction"
    RETURN_OF_POSITIVE_QUANTITY = "return_of_positive_quantity"
    UNREADABLE_PRICE = "unreadable_price"
    NO_PRICE = "no_price"
    NEGATIVE_PRICE = "negative_price"
    UNREADABLE_TAX = "unreadable_tax"
    TOTAL_DIFFERS = "total_differs"
    TOO_LARGE = "too_large"
    OVER_500_LINES = "over_500_lines"
    CONFLICTING_REPEAT = "conflicting_repeat"
    REFERENCE_IN_USE = "reference_in_use"
    TOTAL_WITHOUT_UNIT_PRICE = "total_without_unit_price"
    REFUSED = "refused"


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a file is laid out: the names of its columns, how its values are written, and which rows are read.

    ``reference`` is the invoice's number; ``moment`` is local to ``time_zone`` (empty: the account's) unless it carries
    an offset, and ISO 8601 unless ``date_format`` (as strptime reads it) says otherwise. A column that is not named has
    the name of its field, if the file has one; ``tax``, and ``line_total`` beside a unit price, must be named. In place
    of ``moment`` there may be ``date`` and ``time``, which are read with a blank between them. In place of
    ``unit_price`` there may be ``line_total``; with both, they must agree.
    ``prices`` says whether they are ``inc_tax`` or ``ex_tax``; ``tax_rate`` is a percentage or the column of one,
    ``tax`` the column of a row's tax. ``only`` has the values that rows must have, by column: others are left out.
    ``return_prefix`` is how the reference of a return begins (empty: the
    file marks none); ``default_site`` is the site of rows that name none.
    """

    reference: str = "reference"
    sku: str = "sku"
    quantity: str = "quantity"
    moment: str = ""
    date: str = ""
    time: str = ""
    unit_price: str = ""
    line_total: str = ""
    unit_price_ex_tax: str = ""
    prices: Literal["inc_tax", "ex_tax"] = "inc_tax"
    tax_rate: str = ""
    tax: str = ""
    description: str = ""
    category: str = ""
    brand: str = ""
    consumer: str = ""
    site: str = ""
    time_zone: str = ""
    date_format: str = ""
    decimal: str = "."
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    return_prefix: str = ""
    default_site: str = ""
    only: dict[str, list[str]] = {}


REQUIRED_COLUMNS = ("reference", "sku", "quantity")
ALTERNATIVE_COLUMNS = (("moment", "date"), ("unit_price", "line_total"))
OPTIONAL_COLUMNS = ("time", "unit_price_ex_tax", "tax", "description", "category", "brand", "consumer", "site")
_MAX_LENGTHS = {
    "reference": MAX_REFERENCE_LENGTH,
    "sku": MAX_SKU_LENGTH,
    "category": 200,
    "brand": 200,
    "consumer": MAX_CONSUMER_ID_LENGTH,
    "site": MAX_KEY_LENGTH,
    "description": 1000,
}
MAX_PRODUCT_NAME = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class SoldRow:
    """One clean row. A return's quantity is below zero, its prices and totals are not.

    Totals are in the decimals of the currency, and None where the unit prices give them.
    """

    number: int
    raw: list[str]
    reference: str
    sku: str
    quantity: Decimal
    unit_price_inc_tax: Decimal
    unit_price_ex_tax: Decimal
    total_inc_tax: Decimal | None
    total_ex_tax: Decimal | None
    description: str
    category: str
    brand: str
    consumer: str
    site: str
    moment: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedRow:
    """One row that was not imported: its line number in the file, why, and its cells."""

    number: int
    reason: Reason
    raw: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoice:
    """The clean rows of one reference. ``occurred_at`` is the earliest of theirs; an empty consumer is anonymous.

    ``rows_in_file`` counts those that were rejected too.
    """

    reference: str
    is_return: bool
    occurred_at: datetime
    site: str
    consumer: str
    rows: tuple[SoldRow, ...]
    rows_in_file: int


@dataclass(kw_only=True, slots=True)
class _InvoiceEntry:
    """What the first reading learnt of one reference: its number of rows, and the earliest moment of a clean one."""

    rows: int = 0
    earliest: datetime | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it becomes an invoice: it is short enough and has a clean row."""
        return self.earliest is not None and self.rows <= MAX_INVOICE_ROWS


@dataclass(frozen=True, kw_only=True)
class SalesIndex:
    """What a file holds: its number of rows, its invoices by reference, and the name of each SKU.

    ``left_out`` counts rows without the values of the layout's ``only``, which are not among ``rows``.
    """

    rows: int
    left_out: int
    invoices: Mapping[str, _InvoiceEntry]
    names: Mapping[str, str]

    @property
    def usable(self) -> int:
        """The number of usable invoices: of 500 rows at most, one of them clean."""
        return sum(entry.is_usable for entry in self.invoices.values())


def layout_read(*, named: Mapping[str, object], mapping: Path | None = None) -> Layout:
    """Return the layout of a mapping file (JSON or TOML), with the fields in ``named`` instead of its own.

    Raises:
        UnreadableSalesFile: the mapping cannot be read, or has an unknown or unusable field.
    """
    mapped: dict[str, object] = {}
    try:
        if mapping is not None:
            decode = msgspec.toml.decode if mapping.suffix == ".toml" else msgspec.json.decode
            mapped = decode(mapping.read_bytes(), type=dict)
        layout = msgspec.convert({**mapped, **named}, Layout)
    except (OSError, ValueError) as error:
        raise UnreadableSalesFile(f"The mapping of columns cannot be used: {error}") from error
    if len(layout.delimiter) != 1 or layout.decimal not in {".", ","}:
        raise UnreadableSalesFile("A delimiter is one character, and decimals are marked by a point or a comma.")
    if layout.prices == "ex_tax" and not layout.tax_rate and not layout.tax:
        raise UnreadableSalesFile("Prices without tax need --tax-rate (a percentage, or a column of it) or --tax.")
    return layout


@dataclass(kw_only=True)
class SalesFile:
    """A CSV of past sales, plain or gzipped.

    ``zone`` is the zone of moments without an offset where the layout names none; ``currency`` that of its prices.
    """

    path: Path
    layout: Layout
    zone: ZoneInfo
    currency: str
    header: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.layout.time_zone:
            try:
                self.zone = ZoneInfo(self.layout.time_zone)
            except (ValueError, OSError, LookupError) as error:
                raise UnreadableSalesFile(f"{self.layout.time_zone} is no time zone of the IANA database.") from error
        with self._readable(), self._rows() as rows:
            self.header = next(rows, (0, []))[1]
        self._columns = _columns(self.header, self.layout)
        self._only = _only_columns(self.header, self.layout)
        self._minor_unit = minor_unit(self.currency)
        # A column of it otherwise.
        self._rate = _number(self.layout.tax_rate, _MAX_PRICE_DECIMALS)

    def index(self, *, progress: Callable[[int], object] = lambda _rows: None) -> SalesIndex:
        """Read the whole file once; nothing is written before this has succeeded.

        Raises:
            UnreadableSalesFile: it is no CSV in the encoding that the layout says.
        """
        invoices: dict[str, _InvoiceEntry] = {}
        names: dict[str, str] = {}
        row_count = left_out = 0
        with self._readable(), self._rows() as rows:
            next(rows, None)
            for number, raw in rows:
                if self._is_left_out(raw):
                    left_out += 1
                    continue
                row_count += 1
                progress(1)
                row = self._row(number, raw)
                reference = row.reference if isinstance(row, SoldRow) else self._reference(raw)
                if not reference:
                    continue
                entry = invoices.setdefault(reference, _InvoiceEntry())
                entry.rows += 1
                if isinstance(row, SoldRow):
                    if entry.earliest is None or row.moment < entry.earliest:
                        entry.earliest = row.moment
                    if row.description and row.sku not in names:
                        names[row.sku] = row.description[:MAX_PRODUCT_NAME]
        return SalesIndex(rows=row_count, left_out=left_out, invoices=invoices, names=names)

    def invoices(self, index: SalesIndex, *, reject: Callable[[RejectedRow], object]) -> Iterator[Invoice]:
        """Yield every usable invoice, in order of time (then reference); the other rows go to ``reject``."""
        in_time = sorted((entry.earliest, reference) for reference, entry in index.invoices.items() if entry.is_usable)
        rank = {reference: position for position, (_, reference) in enumerate(in_time)}
        unread = {reference: entry.rows for reference, entry in index.invoices.items()}
        gathered: dict[str, list[SoldRow]] = {}
        waiting: list[tuple[int, Invoice]] = []
        turn = 0
        with self._readable(), self._rows() as rows:
            next(rows, None)
            for number, raw in rows:
                if self._is_left_out(raw):
                    continue
                row = self._row(number, raw)
                if isinstance(row, RejectedRow):
                    reject(row)
                    reference = self._reference(raw)
                    if not reference:
                        continue
                elif row.reference in rank:
                    reference = row.reference
                    gathered.setdefault(reference, []).append(row)
                else:
                    reference = row.reference
                    reject(RejectedRow(number=number, reason=Reason.OVER_500_LINES, raw=raw))
                unread[reference] -= 1
                if unread[reference] == 0 and reference in gathered:
                    invoice = self._invoice(gathered.pop(reference), index.invoices[reference].rows, reject)
                    heapq.heappush(waiting, (rank[reference], invoice))
                while waiting and waiting[0][0] == turn:
                    turn += 1
                    yield heapq.heappop(waiting)[1]

    def _invoice(self, rows: list[SoldRow], rows_in_file: int, reject: Callable[[RejectedRow], object]) -> Invoice:
        """Make an invoice of its rows; reject those that contradict the earliest of them."""
        first = min(rows, key=lambda row: (row.moment, row.number))
        consumer = first.consumer or next((row.consumer for row in rows if row.consumer), "")
        accepted = []
        for row in rows:
            is_too_late = row.moment - first.moment > MAX_INVOICE_SPAN
            if is_too_late or row.site != first.site or row.consumer not in {"", consumer}:
                reject(RejectedRow(number=row.number, reason=Reason.CONFLICTING_REPEAT, raw=row.raw))
            else:
                accepted.append(row)
        return Invoice(
            reference=first.reference,
            is_return=self._is_return(first.reference),
            occurred_at=first.moment,
            site=first.site,
            consumer=consumer,
            rows=tuple(accepted),
            rows_in_file=rows_in_file,
        )

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn the errors of a file that cannot be read into a refusal."""
        try:
            yield
        except UnicodeError as error:
            raise UnreadableSalesFile(
                f"{self.path} is not in {self.layout.encoding}: {error}. Name its encoding with --encoding, such as "
                "--encoding cp1252."
            ) from error
        except (OSError, EOFError, LookupError, csv.Error) as error:
            raise UnreadableSalesFile(f"{self.path} cannot be read: {error}") from error

    @contextmanager
    def _rows(self) -> Iterator[Iterator[tuple[int, list[str]]]]:
        """Open the file; yield its rows, header first, without blank lines, each with the number of its last line."""
        with self.path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            plain: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=file) if zipped else file
            with io.TextIOWrapper(plain, encoding=self.layout.encoding, newline="") as text:
                reader = csv.reader(text, delimiter=self.layout.delimiter)
                yield ((reader.line_num, [normalized(cell) for cell in row]) for row in reader if row)

    def _is_left_out(self, raw: list[str]) -> bool:
        # A row that is too short is rejected with its reason.
        return any(position < len(raw) and raw[position].strip() not in values for position, values in self._only)

    def _is_return(self, reference: str) -> bool:
        return bool(self.layout.return_prefix) and reference.startswith(self.layout.return_prefix)

    def _reference(self, raw: list[str]) -> str:
        position = self._columns["reference"]
        return raw[position].strip() if position < len(raw) else ""

    def _row(self, number: int, raw: list[str]) -> SoldRow | RejectedRow:
        row = self._checked(number, raw)
        return RejectedRow(number=number, reason=row, raw=raw) if isinstance(row, Reason) else row

    def _checked(self, number: int, raw: list[str]) -> SoldRow | Reason:
        if len(raw) != len(self.header):
            return Reason.MALFORMED_ROW
        text = {name: raw[position].strip() for name, position in self._columns.items()}
        if not text["reference"]:
            return Reason.NO_REFERENCE
        if _is_unusable(text):
            return Reason.UNUSABLE_TEXT
        if not text["sku"]:
            return Reason.NO_SKU
        site = text.get("site") or self.layout.default_site
        if not site:
            return Reason.NO_SITE
        written = text.get("moment") or f"{text.get('date', '')} {text.get('time', '')}".strip()
        moment = _moment(written, self.layout.date_format, self.zone)
        if moment is None:
            return Reason.UNREADABLE_MOMENT
        quantity = self._quantity(text["quantity"], is_return=self._is_return(text["reference"]))
        if isinstance(quantity, Reason):
            return quantity
        price = self._row_price(text, quantity)
        if isinstance(price, Reason):
            return price
        if abs(quantity) * max(price.unit_inc_tax, price.unit_ex_tax) > _MAX_LINE_TOTAL:
            return Reason.TOO_LARGE
        return SoldRow(
            number=number,
            raw=raw,
            reference=text["reference"],
            sku=text["sku"],
            quantity=quantity,
            unit_price_inc_tax=price.unit_inc_tax,
            unit_price_ex_tax=price.unit_ex_tax,
            total_inc_tax=price.total_inc_tax,
            total_ex_tax=price.total_ex_tax,
            description=text.get("description", ""),
            category=text.get("category", ""),
            brand=text.get("brand", ""),
            consumer=text.get("consumer", ""),
            site=site,
            moment=moment,
        )

    def _number(self, text: str, *, decimals: int) -> Decimal | None:
        return _number(text.replace(",", ".") if self.layout.decimal == "," else text, decimals)

    def _quantity(self, text: str, *, is_return: bool) -> Decimal | Reason:
        if not text:
            return Reason.NO_QUANTITY
        quantity = self._number(text, decimals=_MAX_QUANTITY_DECIMALS)
        if quantity is None:
            return Reason.UNREADABLE_QUANTITY
        if not quantity:
            return Reason.NO_QUANTITY
        if quantity < 0 and not is_return:
            return Reason.STOCK_CORRECTION
        if quantity > 0 and is_return:
            return Reason.RETURN_OF_POSITIVE_QUANTITY
        return quantity

    def _row_price(self, text: Mapping[str, str], quantity: Decimal) -> RowPrice | Reason:
        """Return what a row was sold for, or why that cannot be said."""
        amounts: dict[str, Decimal | None] = {}
        for name in ("unit_price", "line_total", "unit_price_ex_tax"):
            is_needed = name == "unit_price" or (name == "line_total" and "unit_price" not in self._columns)
            if name not in self._columns or not (text[name] or is_needed):
                amounts[name] = None
                continue
            # The total of a return may be below zero, as its quantity is.
            amount = self._price(text[name].removeprefix("-" if quantity < 0 and name == "line_total" else ""))
            if isinstance(amount, Reason):
                return amount
            amounts[name] = amount
        taxes = self._taxes(text, quantity)
        if isinstance(taxes, Reason):
            return taxes
        stated = StatedPrice(
            unit=amounts["unit_price"],
            total=amounts["line_total"],
            unit_ex_tax=amounts["unit_price_ex_tax"],
            rate=taxes[0],
            tax=taxes[1],
            are_net=self.layout.prices == "ex_tax",
        )
        try:
            price = row_price(stated, quantity=abs(quantity), minor_unit=self._minor_unit)
        except TotalDiffers:
            return Reason.TOTAL_DIFFERS
        return price if price.unit_inc_tax > 0 and price.unit_ex_tax >= 0 else Reason.NO_PRICE

    def _taxes(self, text: Mapping[str, str], quantity: Decimal) -> tuple[Decimal | None, Decimal | None] | Reason:
        """Return the rate of a row's tax, or its amount; both None where the layout names neither."""
        if "tax" in self._columns:
            sign = "-" if quantity < 0 else ""
            tax = self._number(text["tax"].removeprefix(sign) or "0", decimals=_MAX_TAX_DECIMALS)
            return Reason.UNREADABLE_TAX if tax is None or tax < 0 else (None, tax)
        if not self.layout.tax_rate or self._rate is not None:
            return self._rate, None
        rate = self._number(text["tax_rate"].removesuffix("%").strip(), decimals=_MAX_PRICE_DECIMALS)
        return Reason.UNREADABLE_TAX if rate is None or rate < 0 else (rate, None)

    def _price(self, text: str) -> Decimal | Reason:
        if not text:
            return Reason.NO_PRICE
        price = self._number(text, decimals=_MAX_PRICE_DECIMALS)
        if price is None:
            return Reason.UNREADABLE_PRICE
        if not price:
            return Reason.NO_PRICE
        return Reason.NEGATIVE_PRICE if price < 0 else price


@contextmanager
def rejects_file(path: Path, *, header: list[str]) -> Iterator[Callable[[RejectedRow], object]]:
    """Write a CSV of rejected rows: line number, reason, and the row as it was; yield a function that adds one.

    The file gets its name when it is complete. Cells that a spreadsheet would take for a formula are quoted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "reason", *map(_quoted_formula, header)])
        yield lambda row: writer.writerow([row.number, row.reason, *map(_quoted_formula, row.raw)])
    unfinished.replace(path)


def _quoted_formula(cell: str) -> str:
    formula = cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if formula else cell


def _columns(header: list[str], layout: Layout) -> dict[str, int]:
    """Return the position of each column that the file has.

    Raises:
        UnreadableSalesFile: a column is missing that is required or named in the layout.
    """
    positions = {name.strip(): position for position, name in reversed(list(enumerate(header)))}
    columns, missing = {}, []
    alternatives = [name for names in ALTERNATIVE_COLUMNS for name in names]
    is_rate_column = bool(layout.tax_rate) and _number(layout.tax_rate, _MAX_PRICE_DECIMALS) is None
    rate_column = ("tax_rate",) if is_rate_column else ()
    for field_name in (*REQUIRED_COLUMNS, *alternatives, *OPTIONAL_COLUMNS, *rate_column):
        named = getattr(layout, field_name)
        if not named and (field_name == "tax" or (field_name == "line_total" and "unit_price" in columns)):
            continue
        if (named or field_name) in positions:
            columns[field_name] = positions[named or field_name]
        elif named:
            missing.append(f"{named} ({field_name})")
    missing += [" or ".join(names) for names in ALTERNATIVE_COLUMNS if not columns.keys() & set(names)]
    if missing:
        raise UnreadableSalesFile(f"No column {', '.join(missing)}; there are {', '.join(header) or 'none'}.")
    return columns


def _only_columns(header: list[str], layout: Layout) -> list[tuple[int, frozenset[str]]]:
    """Return the positions of the columns that say which rows are read, with their values.

    Raises:
        UnreadableSalesFile: the file has no such column.
    """
    positions = {name.strip(): position for position, name in reversed(list(enumerate(header)))}
    if missing := [name for name in layout.only if name not in positions]:
        raise UnreadableSalesFile(f"No column {', '.join(missing)} (only); there are {', '.join(header) or 'none'}.")
    return [(positions[name], frozenset(values)) for name, values in layout.only.items()]


def _is_unusable(text: Mapping[str, str]) -> bool:
    """Whether a value is longer than its column, or has a character that no database stores."""
    if "\x00" in "".join(text.values()):
        return True
    return any(len(text.get(name, "")) > longest for name, longest in _MAX_LENGTHS.items())


@lru_cache(maxsize=4096)
def _number(text: str, decimals: int) -> Decimal | None:
    """Return the number in its shortest form; None if the text is no plain number or has too many decimals."""
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text).normalize()
    places = -int(number.as_tuple().exponent)
    if places > decimals:
        return None
    return number.quantize(Decimal(1)) if places < 0 else number


@lru_cache(maxsize=4096)
def _moment(text: str, date_format: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment in UTC; None if the text is none."""
    try:
        moment = datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text)  # noqa: DTZ007
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
