"""``manage.py sales_replay FILE --account CODE``: a file's sales go through the till's own commit."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from loyalty.management.sales_files import arguments_add, bar, file_open, refusals_as_errors, report, stopwatch
from loyalty.services.sales_import.replay import sales_replay
from loyalty.services.sales_import.sales_file import rejects_file


class Command(BaseCommand):
    help = (
        "Posts the sales of a file to known consumers, in order of time, as tills would have. Can be run again: it "
        "goes on where it was. The digest printed at the end is the same wherever the same was decided."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments_add(parser)
        parser.add_argument("--limit", type=int, metavar="N", help="stop after this number of sales")
        parser.add_argument("--rejects", type=Path, metavar="FILE", help="of rejected rows (default: in var/rejects)")

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals_as_errors():
            account, file = file_open(options)
            with bar("reading", unit=" rows") as progress:
                index = file.index(progress=progress)
            rejects = options["rejects"] or settings.VAR_DIR / "rejects" / f"{account.code}-{file.path.stem}-replay.csv"
            elapsed = stopwatch()
            with (
                rejects_file(rejects, header=file.header) as reject,
                bar("selling", unit=" invoices", total=index.usable) as progress,
            ):
                summary = sales_replay(
                    account=account,
                    file=file,
                    index=index,
                    at=timezone.now(),
                    reject=reject,
                    limit=options["limit"],
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
                "redemptions": dict(sorted(summary.redemptions.items())),
                "rejects_file": str(rejects),
                "seconds": round(seconds, 1),
                "posted_per_second": round(summary.posted / seconds, 1),
            },
        )
