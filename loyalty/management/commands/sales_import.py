"""``manage.py sales_import FILE --account CODE``: past sales of any CSV become history."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from loyalty.management.sales_files import arguments_add, bar, file_open, refusals_as_errors, report, stopwatch
from loyalty.services.sales_import.past_sales import past_sales_import
from loyalty.services.sales_import.sales_file import rejects_file


class Command(BaseCommand):
    help = (
        "Brings past sales in as history, without points or promotions. Can be run again: what is there stays. "
        "Rows that cannot be used go to a rejects file with their line number and reason."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments_add(parser)
        parser.add_argument("--members", action="store_true", help="consumers become members from their first sale")
        parser.add_argument("--rejects", type=Path, metavar="FILE", help="of rejected rows (default: in var/rejects)")

    def handle(self, *args: Any, **options: Any) -> None:
        elapsed = stopwatch()
        with refusals_as_errors():
            account, file = file_open(options)
            with bar("reading", unit=" rows") as progress:
                index = file.index(progress=progress)
            rejects = options["rejects"] or settings.VAR_DIR / "rejects" / f"{account.code}-{file.path.stem}.csv"
            with (
                rejects_file(rejects, header=file.header) as reject,
                bar("importing", unit=" rows", total=index.rows) as progress,
            ):
                summary = past_sales_import(
                    account=account,
                    file=file,
                    index=index,
                    at=timezone.now(),
                    members=options["members"],
                    reject=reject,
                    progress=progress,
                )
        seconds = elapsed()
        report(
            self.stdout,
            self.stderr,
            {
                "file": file.path.name,
                "account": account.code,
                **vars(summary),
                "rejects_file": str(rejects),
                "seconds": round(seconds, 1),
                "rows_per_second": round(summary.rows / seconds),
            },
        )
