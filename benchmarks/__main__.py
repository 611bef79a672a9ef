"""``python -m benchmarks [GROUP …] [--quick] [--markdown FILE]``: measure, and print a table."""

import argparse
import os
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from benchmarks import decision, rulebook  # noqa: E402 - the apps are there only now
from benchmarks.measure import Figure  # noqa: E402

GROUPS: dict[str, Callable[..., Iterator[Figure]]] = {
    "decision": decision.measured,
    "rulebook": rulebook.measured,
}


def machine() -> str:
    """What the figures were taken on."""
    cpu = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return f"{os.cpu_count()} × {cpu}, Python {platform.python_version()}, {platform.system()}, {datetime.now(UTC):%Y-%m-%d}"


def main() -> None:
    """Measure the groups asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    arguments = parser.parse_args()
    lines = [machine(), "", "| what | figure | target | |", "|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for name in arguments.groups or GROUPS:
        for figure in GROUPS[name](quick=arguments.quick):
            lines.append(f"| {figure.what} | {figure.figure} | {figure.target} | {figure.verdict} |")
            print(lines[-1], flush=True)
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
