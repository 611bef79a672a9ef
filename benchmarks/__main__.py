"""``python -m benchmarks [group …] [--quick] [--markdown FILE]``: every figure of one run next to its target."""

import argparse
import importlib
import os
import sys
from pathlib import Path

import django

from benchmarks.database import database_drop, database_name, database_url
from benchmarks.report import Report, machine

GROUPS = ("decision", "rulebook", "peers", "web", "servers", "sales", "pages", "results")
"""The groups that run when none is named; ``history`` runs only when it is named."""
ALL = (*GROUPS, "history")


def main() -> int:
    """Run the groups that are named; return 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="group", help=f"of {', '.join(ALL)}; default: all but history")
    parser.add_argument("--quick", action="store_true", help="small sizes and short times: figures to look at, no more")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, with the machine named")
    parser.add_argument("--sales", metavar="FILE", help="past sales to replay; also by BENCHMARK_SALES")
    options = parser.parse_args()
    groups = options.groups or GROUPS
    if unknown := sorted(set(groups) - set(ALL)):
        parser.error(f"no such group: {', '.join(unknown)}; there are {', '.join(ALL)}")
    os.environ.update(_environment())
    if options.sales:
        os.environ["BENCHMARK_SALES"] = options.sales
    django.setup()
    report = Report()
    print(machine())
    if options.quick:
        print("Quick: small sizes, short times, other machines' noise.")
    try:
        for group in groups:
            importlib.import_module(f"benchmarks.{group}").run(report, quick=options.quick)
    finally:
        database_drop()
    print(f"\n{report.summary()}")
    if options.markdown:
        options.markdown.write_text(report.markdown(called=" ".join(["python -m benchmarks", *sys.argv[1:]])))
    return 0


def _environment() -> dict[str, str]:
    """Return the environment of an installation that serves: no debugging, and a database of the benchmarks' own."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": os.environ.get("SECRET_KEY") or "0123456789-abcdefghij-of-a-benchmark",
        "DEBUG": "false",
        "HTTPS": "false",
        "REDIS_URL": "",
        "EMAIL_URL": "dummymail://",
        "API_REQUESTS_PER_MINUTE": "100000000",
    }
    if url := database_url():
        return environment | {"POSTGRES_URL": url, "DATABASE_URL": database_name(url)}
    return environment


if __name__ == "__main__":
    sys.exit(main())
