"""Serve everything on one port: the web server, and the worker with its schedule.

    python -m config.serve            sets up what is missing, then serves
    python -m config.serve --demo     fills the demo accounts first; with DEMO_EXIT=1 it does not serve

A service that dies is restarted; Ctrl-C, TERM or a closed terminal stops all of them, at any moment and however often
it is sent. The exit code is then 0 if it served, and 128 plus the signal's number if it was still setting up. Without
SECRET_KEY in the environment this is a local installation: a secret is created once, and plain HTTP is served to this
machine alone.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
# A service that ran this long started successfully: its next end does not count as a failed start.
HEALTHY_AFTER_SECONDS = 10.0
RESTART_DELAYS_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
STOP_GRACE_SECONDS = 20.0
CHECK_EVERY_SECONDS = 0.2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text: str) -> None:
    """Print a line to the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass(kw_only=True)
class StopRequest:
    """Whether something asked this process to stop, and with which signal.

    A plain flag: make, Docker and people send several signals at once, and the handler of the second may run in the
    middle of the first's. It must need no lock, and neither print nor raise: an exception between the start of a
    process and its assignment to a variable would leave the process running.
    """

    signal_number: int | None = None

    def __call__(self, signal_number: int, frame: FrameType | None) -> None:
        self.signal_number = self.signal_number or signal_number

    def listen(self) -> None:
        """Handle the signals that ask to stop, except one that the caller ignores, as ``nohup`` does with HUP."""
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self)

    def is_made(self) -> bool:
        """Return whether a signal has come."""
        return self.signal_number is not None

    @staticmethod
    def listen_no_more() -> None:
        """Ignore the signals from now on: one that comes while Python ends must not change the exit code."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    @property
    def exit_code(self) -> int:
        """The exit code of work that was stopped before its end."""
        return 128 + (self.signal_number or 0)


@dataclass(kw_only=True)
class Service:
    """A process that is kept running, in its own process group."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0

    def start(self, *, now: float) -> None:
        # In its own group: Ctrl-C reaches only the supervisor, which stops the services in order.
        self.process = subprocess.Popen(self.command, cwd=BASE_DIR, env=dict(self.environment), start_new_session=True)
        self.started_at = now

    def keep_running(self, *, now: float) -> None:
        """Start the process if it is not running and its restart delay is over."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.kill_leftovers(self.process)
            self.process = None
            self.failures = 0 if now - self.started_at >= HEALTHY_AFTER_SECONDS else self.failures + 1
            delay = RESTART_DELAYS_SECONDS[min(self.failures, len(RESTART_DELAYS_SECONDS) - 1)]
            self.restart_at = now + delay
            say(f"{self.name} ended with {code}; it is started again in {delay:g} s")
        if now >= self.restart_at:
            self.start(now=now)

    def stop(self) -> None:
        """Send TERM to the main process only, which finishes its work and stops its children."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, *, until: float) -> None:
        """Wait for the process to end, and kill it after ``until``."""
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
        """Kill what a dead main process leaves: a scheduler that keeps queueing, a web process on the port."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def supervise(services: Sequence[Service], *, stop: StopRequest) -> None:
    """Keep all services running until ``stop`` is requested, then stop them together."""
    try:
        while not stop.is_made():
            for service in services:
                service.keep_running(now=time.monotonic())
            time.sleep(CHECK_EVERY_SECONDS)
    finally:
        stop_together(services)


def stop_together(services: Sequence[Service]) -> None:
    """Ask all services to end, and kill those that have not after the grace."""
    for service in services:
        service.stop()
    until = time.monotonic() + STOP_GRACE_SECONDS
    for service in services:
        service.wait(until=until)


def local_secret() -> str:
    """Return the secret key of a local installation, created on first use."""
    file = VAR_DIR / "secret_key"
    if not file.exists():
        VAR_DIR.mkdir(exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50))
    return file.read_text()


def local_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment, completed for a local installation if it has no secret."""
    environment = {"PORT": "8000", "HOST": "127.0.0.1", "DJANGO_SETTINGS_MODULE": "config.settings", **environ}
    if not environ.get("SECRET_KEY"):
        environment["SECRET_KEY"] = local_secret()
        environment.setdefault("DEBUG", "false")
        environment.setdefault("HTTPS", "false")
    return environment


def services_of(environment: Mapping[str, str]) -> list[Service]:
    """Return the processes of an installation."""
    metrics = VAR_DIR / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    web = (
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
        *("--host", environment["HOST"], "--port", environment["PORT"]),
        *("--workers", environment.get("WEB_WORKERS", "2"), "--blocking-threads", environment.get("WEB_THREADS", "2")),
        # Seconds between the start of a process and the end of the one that it replaces: enough on a busy machine.
        *("--respawn-failed-workers", "--respawn-interval", "15", "--workers-kill-timeout", "10"),
        *("--workers-max-rss", environment.get("WEB_MAX_RSS", "1024")),
        *("--log-level", "info", "--log-config", "config/web_log.json"),
        "config.wsgi:application",
    )
    # Threads: tasks are short, and threads share no database connection over a fork.
    worker = (
        *(sys.executable, "-m", "celery", "--quiet", "-A", "config.celery", "worker", "--beat", "--pool", "threads"),
        *("--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
    )
    return [
        Service(name="web", command=web, environment={**environment, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}),
        Service(name="worker", command=worker, environment=environment),
    ]


def manage(environment: Mapping[str, str], *arguments: str, stop: StopRequest) -> int:
    """Run a management command to its end, or until ``stop`` is requested; return the exit code, 0 for success."""
    if stop.is_made():
        return stop.exit_code
    command = Service(name=arguments[0], command=(sys.executable, "manage.py", *arguments), environment=environment)
    command.start(now=time.monotonic())
    assert command.process is not None  # noqa: S101 - it was started
    try:
        while command.process.poll() is None:
            if stop.is_made():
                return stop.exit_code
            time.sleep(CHECK_EVERY_SECONDS / 4)
        return command.process.returncode
    finally:
        stop_together([command])


def port_is_free(environment: Mapping[str, str]) -> bool:
    """Whether the web server will get its address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((environment["HOST"], int(environment["PORT"])))
        except OSError:
            return False
    return True


def set_up(environment: Mapping[str, str], *, demo: bool, stop: StopRequest) -> int:
    """Migrate, collect static files and fill the demo; return the exit code of the first command that fails, or 0."""
    commands = [("migrate", "--noinput", "--verbosity", "0"), ("collectstatic", "--noinput", "--verbosity", "0")]
    for command in [*commands, ("demo",)] if demo else commands:
        if code := manage(environment, *command, stop=stop):
            return code
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up and serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m config.serve")
    parser.add_argument("--demo", action="store_true", help="fill the demo account first")
    options = parser.parse_args(arguments)
    stop = StopRequest()
    stop.listen()
    try:
        return set_up_and_serve(local_environment(os.environ), demo=options.demo, stop=stop)
    finally:
        stop.listen_no_more()


def set_up_and_serve(environment: Mapping[str, str], *, demo: bool, stop: StopRequest) -> int:
    """Do the work of ``main``; return the exit code."""
    serves = not (demo and environment.get("DEMO_EXIT") == "1")
    if serves and not port_is_free(environment):
        say(f"Port {environment['PORT']} is in use: stop what uses it, or choose another with PORT=…")
        return 1
    code = set_up(environment, demo=demo, stop=stop)
    if code or not serves:
        return code
    say(f"Serving on http://{environment['HOST']}:{environment['PORT']}/ (Ctrl-C stops it)")
    supervise(services_of(environment), stop=stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
