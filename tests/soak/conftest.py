"""Run the crash tests only with PostgreSQL, where its server programs and Redis must be installed.

With ``SOAK=full`` the run ends with a table of its results; docs/soak.md keeps the last one.
"""

import os
import platform

import pytest
from django.db import connection
from django.utils import timezone

from tests.servers import postgres_programs, redis_program

if connection.vendor == "postgresql":
    assert postgres_programs(), "The tests of crashes start a PostgreSQL of their own: install its server."
    assert redis_program(), "The tests of crashes start a Redis of their own: install redis-server."
else:
    collect_ignore = ["test_crashes.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the results of a full run as a table in Markdown."""
    if os.environ.get("SOAK") != "full":
        return
    write = terminalreporter.write_line
    write(f"{timezone.now():%Y-%m-%d}, {connection.vendor}, {os.cpu_count()} cores, Python {platform.python_version()}")
    write("")
    write("| what | outcome | seconds | noted |")
    write("|---|---|---|---|")
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            if report.when == "call" or outcome == "error":
                what = report.nodeid.split("::")[-1].removeprefix("test_").replace("_", " ")
                noted = "; ".join(f"{name}: {value}" for name, value in report.user_properties)
                write(f"| {what} | {outcome} | {report.duration:.0f} | {noted} |")
