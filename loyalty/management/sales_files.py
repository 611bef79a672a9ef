"""What the commands for files of past sales share: options, progress bar, report."""

import json
import resource
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError, OutputWrapper
from tqdm import tqdm

from consumers.exceptions import Refused
from consumers.models import Account
from consumers.types import JsonMapping
from loyalty.services.sales_import.sales_file import Layout, SalesFile, layout_read


def arguments_add(parser: ArgumentParser) -> None:
    """Add FILE, --account, --mapping and an option for each field of the layout."""
    parser.add_argument("file", type=Path, help="a CSV of past sales, one row per line of an invoice; may be gzipped")
    parser.add_argument("--account", required=True, metavar="CODE", help="the account that gets them")
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="a JSON or TOML file with the options below")
    parser.add_argument(
        "--only",
        action="append",
        metavar="COLUMN=VALUE",
        help="read only rows with this value; repeated for one column: with any of them",
    )
    for name, help_text in _OPTIONS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", metavar="COLUMN" if name in _COLUMNS else "TEXT", help=help_text
        )


def only_read(named: Sequence[str]) -> dict[str, list[str]]:
    """Return the values that rows must have, by column, of texts such as ``status=Shipped``.

    Raises:
        CommandError: a text has no column.
    """
    only: dict[str, list[str]] = {}
    for text in named:
        column, sign, value = text.partition("=")
        if not sign or not column.strip():
            raise CommandError(f"--only takes COLUMN=VALUE, such as status=Shipped, and not {text}.")
        only.setdefault(column.strip(), []).append(value.strip())
    return only


_COLUMNS = {
    "reference": "column of the invoice's number",
    "sku": "column of the product's SKU",
    "quantity": "column of the number of units; below zero in a return",
    "moment": "column of the date and time",
    "date": "column of the date, where the time has a column of its own",
    "time": "column of the time",
    "unit_price": "column of the price of one unit, tax included unless --prices says otherwise",
    "line_total": "column of the price of all units; with a unit price, both must agree",
    "unit_price_ex_tax": "column of the price of one unit without tax (default: tax included)",
    "tax": "column of the row's tax, an amount",
    "description": "column of the product's name",
    "category": "column of the product's category (default: the last word of its name)",
    "brand": "column of the product's brand",
    "consumer": "column of the consumer's id; an empty one is an anonymous sale",
    "site": "column of the site's number",
}
_OPTIONS = {
    **_COLUMNS,
    "prices": "inc_tax or ex_tax: whether prices have their tax in them (default: inc_tax)",
    "tax_rate": "the rate of the tax in percent, or the column of it",
    "time_zone": "zone of moments without an offset (default: the account's)",
    "date_format": "how moments are written, as strptime reads it (default: ISO 8601)",
    "decimal": "the decimal mark, a point or a comma",
    "delimiter": "what stands between two fields",
    "encoding": "the file's encoding",
    "return_prefix": "how the number of a return begins",
    "default_site": "number of the site of rows that name none",
}


def file_open(options: JsonMapping) -> tuple[Account, SalesFile]:
    """Return the account and the file that the options name.

    Raises:
        CommandError: there is no such account.
        Refused: the file or the mapping cannot be read.
    """
    account = Account.objects.filter(code=options["account"]).first()
    if account is None:
        raise CommandError(f"There is no account {options['account']}.")
    named = {name: options[name] for name in Layout.__struct_fields__ if options[name]}
    if named.get("only"):
        named["only"] = only_read(named["only"])
    layout = layout_read(named=named, mapping=options["mapping"])
    return account, SalesFile(path=options["file"], layout=layout, zone=account.zone, currency=account.currency)


@contextmanager
def refusals_as_errors() -> Iterator[None]:
    """End the command with the text of a service's refusal."""
    try:
        yield
    except Refused as refused:
        raise CommandError(refused.detail) from refused


@contextmanager
def bar(label: str, *, unit: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """Show a progress bar on standard error, drawn seldom if that is a log; yield the function that advances it."""
    pause = 0.5 if sys.stderr.isatty() else 15.0
    with tqdm(desc=label, unit=unit, total=total, file=sys.stderr, mininterval=pause) as drawn:
        yield drawn.update


def stopwatch() -> Callable[[], float]:
    """Return a function that returns the seconds since now."""
    started = time.perf_counter()
    return lambda: time.perf_counter() - started


def report(out: OutputWrapper, notes: OutputWrapper, summary: Mapping[str, object]) -> None:
    """Write the summary as text for people to ``notes``, and as one JSON object to ``out``."""
    complete = {**summary, "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    for line in _lines(complete):
        notes.write(line, style_func=str)
    out.write(json.dumps(complete, indent=2))


def _lines(values: Mapping[str, object], indent: str = "") -> Iterator[str]:
    for name, value in values.items():
        label = f"{indent}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield f"{label}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{label:<34} {value:,}" if isinstance(value, int | float) else f"{label:<34} {value}"
