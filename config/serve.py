"""Everything on one port: the web server, and the worker with its schedule.

    python -m config.serve            sets up what is missing and serves what is there
    python -m config.serve --demo     the same with demo data; with DEMO_EXIT=1 all of it but serving

A service that dies is started again; Ctrl-C or TERM ends them together. Without SECRET_KEY in the environment it is an
installation on one's own machine: a secret is made once, and served is plain HTTP on this machine alone.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
# A service that lived this long had started well, so that its next death is no failure to start.
SOUND_AFTER_SECONDS = 10.0
PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
GRACE_SECONDS = 20.0


def say(text: str) -> None:
    """One line for who watches the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass(kw_only=True)
class Service:
    """One process that is kept running, with a process group of its own."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0

    def start(self, *, now: float) -> None:
        # Its own group: Ctrl-C reaches only the supervisor, which ends the services in order.
        self.process = subprocess.Popen(self.command, cwd=BASE_DIR, env=dict(self.environment), start_new_session=True)
        self.started_at = now

    def look(self, *, now: float) -> None:
        """Start it if it is not running and its pause is over."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.kill_leftovers(self.process)
            self.process = None
            self.failures = 0 if now - self.started_at >= SOUND_AFTER_SECONDS else self.failures + 1
            pause = PAUSES_SECONDS[min(self.failures, len(PAUSES_SECONDS) - 1)]
            self.restart_at = now + pause
            say(f"{self.name} ended with {code}; it is started again in {pause:g} s")
        if now >= self.restart_at:
            self.start(now=now)

    def stop(self) -> None:
        """Ask it to finish what it does: TERM to its main process only, which ends its own children."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, *, until: float) -> None:
        """Wait for its end, and make an end of it after ``until``."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not end in time and is killed")
        self.kill_leftovers(self.process)
        self.process.wait()

    @staticmethod
    def kill_leftovers(process: subprocess.Popen[bytes]) -> None:
        """What a dead main process leaves: an embedded schedule that goes on queueing, a web process on the port."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def supervise(services: Sequence[Service], *, stop: threading.Event) -> None:
    """Keep all of ``services`` running until ``stop`` is set, then end them together."""
    try:
        while not stop.is_set():
            for service in services:
                service.look(now=time.monotonic())
            stop.wait(0.2)
    finally:
        for service in services:
            service.stop()
        until = time.monotonic() + GRACE_SECONDS
        for service in services:
            service.wait(until=until)


def own_secret() -> str:
    """The secret of an installation on one's own machine, made on first use."""
    file = VAR_DIR / "secret_key"
    if not file.exists():
        VAR_DIR.mkdir(exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50))
    return file.read_text()


def local_environment(given: Mapping[str, str]) -> dict[str, str]:
    """``given``, completed for one's own machine where no secret was set."""
    environment = {"PORT": "8000", "HOST": "127.0.0.1", "DJANGO_SETTINGS_MODULE": "config.settings", **given}
    if not given.get("SECRET_KEY"):
        environment["SECRET_KEY"] = own_secret()
        environment.setdefault("DEBUG", "false")
        environment.setdefault("HTTPS", "false")
    return environment


def services_of(environment: Mapping[str, str]) -> list[Service]:
    """The processes that make one installation."""
    metrics = VAR_DIR / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    web = (
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
        *("--host", environment["HOST"], "--port", environment["PORT"]),
        *("--workers", environment.get("WEB_WORKERS", "2"), "--blocking-threads", environment.get("WEB_THREADS", "2")),
        *("--respawn-failed-workers", "--workers-kill-timeout", "10", "--log-level", "error"),
        "config.wsgi:application",
    )
    # Threads: a task only says "look now", and a thread needs no database connection carried over a fork.
    worker = (
        *(sys.executable, "-m", "celery", "--quiet", "-A", "config.celery", "worker", "--beat", "--pool", "threads"),
        *("--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
    )
    return [
        Service(name="web", command=web, environment={**environment, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}),
        Service(name="worker", command=worker, environment=environment),
    ]


def manage(environment: Mapping[str, str], *arguments: str) -> None:
    """Run one of the project's commands; its failure ends this process with the same code."""
    done = subprocess.run((sys.executable, "manage.py", *arguments), cwd=BASE_DIR, env=dict(environment), check=False)
    if done.returncode:
        sys.exit(done.returncode)


def port_is_free(environment: Mapping[str, str]) -> bool:
    """Whether the web server will get its address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((environment["HOST"], int(environment["PORT"])))
        except OSError:
            return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up and serve; 0 after a wanted stop."""
    parser = argparse.ArgumentParser(prog="python -m config.serve")
    parser.add_argument("--demo", action="store_true", help="fill the demo account first")
    options = parser.parse_args(arguments)
    environment = local_environment(os.environ)
    serving = not (options.demo and environment.get("DEMO_EXIT") == "1")
    if serving and not port_is_free(environment):
        say(f"Port {environment['PORT']} is in use: stop what uses it, or choose another with PORT=…")
        return 1
    manage(environment, "migrate", "--noinput", "--verbosity", "0")
    manage(environment, "collectstatic", "--noinput", "--verbosity", "0")
    if options.demo:
        manage(environment, "demo")
    if not serving:
        return 0
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    say(f"Serving on http://{environment['HOST']}:{environment['PORT']}/ (Ctrl-C stops it)")
    supervise(services_of(environment), stop=stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
