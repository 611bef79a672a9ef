"""The choice of web server: the till's calls on several servers and settings, on the same database and run.

Servers that the project does not have are installed next to it, in ``var/benchmarks/servers``, and put on the path.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from django.db import connections

from benchmarks.database import NO_DATABASE, database_create
from benchmarks.decision import CONSTANT
from benchmarks.report import Report
from benchmarks.serving import FOLDER, free_port, granian, served
from benchmarks.shop import first_sales, shop_create
from benchmarks.web import CONNECTIONS, Call, commits, evaluations, rounds
from benchmarks.workload import workload

GROUP = f"The choice of server: evaluate and commit, 100 promotions, {CONNECTIONS} connections"
PACKAGES = ("gunicorn==23.0.0", "uvicorn==0.35.0", "httptools==0.6.4", "uvloop==0.21.0", "waitress==3.0.2")
TARGET = FOLDER / "servers"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A server with its settings; ``hang_up``: it keeps no connection, so that each request opens one."""

    name: str
    package: str
    command: Sequence[str]
    hang_up: bool = False


def choices(port: int) -> list[Choice]:
    """Return the servers and settings to measure."""
    python = sys.executable
    gunicorn = (python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--log-level", "error")
    wsgi = "config.wsgi:application"
    uvicorn = (python, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error")
    return [
        *(
            Choice(
                name=f"granian, {workers} × {threads} threads",
                package="granian",
                command=granian(port, workers=workers, threads=threads),
            )
            for workers, threads in ((2, 4), (2, 1), (2, 2), (2, 8), (1, 4), (4, 1))
        ),
        Choice(
            name="gunicorn threads, 2 × 4",
            package="gunicorn",
            command=(*gunicorn, "--workers", "2", "--threads", "4", "--worker-class", "gthread", wsgi),
        ),
        Choice(
            name="gunicorn sync, 2 workers, a connection for each request",
            package="gunicorn",
            command=(*gunicorn, "--workers", "2", wsgi),
            hang_up=True,
        ),
        Choice(
            name="gunicorn sync, 4 workers, a connection for each request",
            package="gunicorn",
            command=(*gunicorn, "--workers", "4", wsgi),
            hang_up=True,
        ),
        Choice(
            name="uvicorn (ASGI, uvloop, httptools), 2 workers",
            package="uvicorn",
            command=(*uvicorn, "--workers", "2", "--lifespan", "off", "config.asgi:application"),
        ),
        Choice(
            name="waitress, 1 × 8 threads",
            package="waitress",
            command=(python, "-m", "waitress", f"--listen=127.0.0.1:{port}", "--threads=8", wsgi),
        ),
    ]


def _installed() -> str:
    """Install the servers that the project does not have; return why that failed, or nothing."""
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade")
    done = subprocess.run((*command, "--target", str(TARGET), *PACKAGES), capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip() or "no reason given").splitlines()[-1][:100]


def run(report: Report, *, quick: bool) -> None:
    """Measure every server with the same calls."""
    if not database_create():
        report.skip(GROUP, "all of it", NO_DATABASE)
        return
    failure = _installed()
    shop = shop_create("servers", workload(100, matching=CONSTANT), consumers=40 * CONNECTIONS)
    first_sales([shop])
    connections.close_all()
    port = free_port()
    path = os.pathsep.join(filter(None, [str(TARGET), os.environ.get("PYTHONPATH", "")]))
    measured = choices(port)
    for choice in measured[::3] if quick else measured:
        if failure and choice.package != "granian":
            report.skip(GROUP, choice.name, f"could not be installed: {failure}")
            continue
        calls = [Call(name="evaluate", requests=evaluations(shop)), Call(name="commit", requests=commits(shop))]
        try:
            with served(choice.command, port, more={"PYTHONPATH": path}) as server:
                seconds = 1.0 if quick else 2.5
                results = rounds(server, calls, seconds=seconds, times=1 if quick else 3, hang_up=choice.hang_up)
                memory = server.memory()
        except (ChildProcessError, ConnectionError) as error:
            report.skip(GROUP, choice.name, str(error)[:120])
            continue
        for name, result in results.items():
            report.add(GROUP, f"{choice.name} ({_version(choice.package)}): {name}", f"{result}, {memory:.0f} MB")


def _version(name: str) -> str:
    if name == "granian":
        return version(name)
    return next((package.partition("==")[2] for package in PACKAGES if package.startswith(f"{name}==")), "")
