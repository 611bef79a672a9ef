"""Start, measure and stop the project's web server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "benchmarks"
WORKERS, THREADS = 2, 2
"""As the Procfile has them."""
_TICKS = os.sysconf("SC_CLK_TCK")


def granian(port: int, *, workers: int = WORKERS, threads: int = THREADS) -> Sequence[str]:
    """Return the command that starts the web server, as in the Procfile."""
    return (
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", str(workers), "--blocking-threads", str(threads)),
        *("--respawn-failed-workers", "--workers-kill-timeout", "10", "--log-level", "error"),
        "config.wsgi:application",
    )


def free_port() -> int:
    """Return a port at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Server:
    """A running server: its port and its processes."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port, self.process = port, process

    def cpu(self) -> float:
        """CPU seconds that its processes have used so far."""
        return sum(process_cpu(pid) for pid in self._pids())

    def memory(self) -> float:
        """Megabytes that its processes hold; a page that several share is divided between them."""
        return sum(_pss(pid) for pid in self._pids()) / 1024

    def _pids(self) -> list[int]:
        pids = [self.process.pid]
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(FileNotFoundError):
                    pids += [int(child) for child in task.read_text().split()]
        return pids


def process_cpu(pid: int) -> float:
    """CPU seconds that a process has used so far; 0 for a process that is gone or on another machine."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _pss(pid: int) -> int:
    with suppress(FileNotFoundError, PermissionError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


@contextmanager
def served(command: Sequence[str], port: int, *, more: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server that answers, until the end of the block.

    Raises:
        ChildProcessError: it does not start; with its last words.
    """
    metrics = FOLDER / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "benchmarks.server_settings",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        **(more or {}),
    }
    log = FOLDER / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=written, stderr=written, start_new_session=True
        )
    try:
        _await(port, process, log)
        yield Server(port, process)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.settimeout(30)
            probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if probe.recv(64).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.2)
    lines = log.read_text(errors="replace").strip().splitlines() or ["nothing in its log"]
    raise ChildProcessError(f"The server did not start: {lines[-1][:200]}")
