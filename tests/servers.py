"""Start and stop servers for a test on free ports: PostgreSQL, Redis, and the project's processes."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
SECRET = "0123456789-abcdefghij-klmnopqrst-uvwxyz"
T = TypeVar("T")


def postgres_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's server programs; None where none is installed."""
    programs_found = [
        *Path("/usr/lib/postgresql").glob("*/bin/postgres"),
        *map(Path, filter(None, [shutil.which("postgres")])),
    ]
    return max(programs_found, key=str).parent if programs_found else None


def redis_program() -> str | None:
    """Return the path of the Redis server; None where it is not installed."""
    return shutil.which("redis-server")


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(probe: Callable[[], T], *, seconds: float = 60.0, what: str = "it") -> T:
    """Call ``probe`` until it returns a true value, and return that. Raise AssertionError after ``seconds``."""
    until = time.monotonic() + seconds
    error: Exception | None = None
    while time.monotonic() < until:
        try:
            if value := probe():
                return value
        except Exception as caught:  # noqa: BLE001 - servers that start or stop answer anything
            error = caught
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:g} s in vain for {what}") from error


class Process:
    """A program that is started, ended and started again."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], log: Path, user: str = "") -> None:
        self.command, self.environment, self.log, self.user = command, environment, log, user
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                cwd=ROOT if not self.user else "/",
                env=dict(self.environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self.user or None,
            )

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to the program, wait for its end, and kill what it leaves behind."""
        if self.running is None:
            return
        self.running.send_signal(how)
        try:
            self.running.wait(timeout=20)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()
            self.running = None

    def kill(self) -> None:
        """Kill it with all of its children, without warning."""
        if self.running is not None:
            os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()
            self.running = None


class Postgres(Process):
    """A PostgreSQL cluster in a folder."""

    def __init__(self) -> None:
        programs = postgres_programs()
        assert programs is not None
        # Its programs refuse to be run by root.
        user = "postgres" if os.geteuid() == 0 else ""
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="promotions-postgres-"))
        data = self.folder / "data"
        if user:
            shutil.chown(self.folder, user)
        subprocess.run(
            (str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"),
            check=True,
            capture_output=True,
            cwd="/",
            user=user or None,
        )
        command = (
            *(str(programs / "postgres"), "-D", str(data), "-p", str(self.port), "-k", str(self.folder)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"),
            # The statements of a killed client end with it.
            *("-c", "client_connection_check_interval=200ms"),
        )
        super().__init__(command, environment={**os.environ, "LC_ALL": "C"}, log=self.folder / "log", user=user)

    def remove(self) -> None:
        """Kill it and delete its data."""
        self.kill()
        shutil.rmtree(self.folder)

    def url(self, name: str = "postgres") -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        super().start()
        wait_for(lambda: self.ask("SELECT 1"), what="PostgreSQL")

    def stop(self) -> None:
        """Stop it as a restart does: open connections are closed."""
        self.end(signal.SIGINT)

    def ask(self, statement: str, *values: Any, name: str = "postgres") -> list[Any]:
        """Run a statement; return its rows as tuples, and no rows where it returns none."""
        with psycopg.connect(self.url(name), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


class Redis(Process):
    """A Redis server that forgets everything when it ends."""

    def __init__(self, folder: Path) -> None:
        program = redis_program()
        assert program is not None
        self.port = free_port()
        command = (program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
        super().__init__(command, environment=os.environ, log=folder / "redis.log")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        super().start()
        wait_for(lambda: redis.Redis.from_url(self.url).ping(), what="Redis")

    def pause(self) -> None:
        """Let it accept connections, and answer nothing."""
        assert self.running is not None
        self.running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        assert self.running is not None
        self.running.send_signal(signal.SIGCONT)


class DeafServer:
    """Accepts every connection and never answers, for as long as the ``with`` block; counts the connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def waits(self) -> int:
        """How many clients waited for an answer: each connects again after it gave up."""
        return len(self._connections)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._connections.append(self._listener.accept()[0])

    def __enter__(self) -> "DeafServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake a thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._connections:
            connection.close()


def project_environment(*, database: str, redis: str = "", folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of the project's processes in an installation without TLS."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    return {
        **inherited,
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "SECRET_KEY": SECRET,
        "DEBUG": "false",
        "HTTPS": "false",
        "EMAIL_URL": f"filemail:///{folder / 'mail'}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **more,
    }


def web_command(port: int, *, workers: int = 1, max_rss: int = 1024) -> Sequence[str]:
    """Return the command that ``config.serve`` starts the web server with."""
    return (
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", str(workers), "--blocking-threads", "2", "--respawn-failed-workers"),
        *("--respawn-interval", "15", "--workers-kill-timeout", "5", "--workers-max-rss", str(max_rss)),
        *("--rss-sample-interval", "5", "--log-level", "info", "--log-config", "config/web_log.json"),
        "config.wsgi:application",
    )


def worker_command(*more: str) -> Sequence[str]:
    """Return the command of a worker that serves every queue."""
    start = (sys.executable, "-m", "celery", "--quiet", "-A", "config.celery", "worker", "--pool", "threads")
    return (*start, "--concurrency", "4", "--without-gossip", "--without-mingle", "--loglevel", "WARNING", *more)


def beat_command() -> Sequence[str]:
    """Return the command of the scheduler."""
    return (sys.executable, "-m", "celery", "--quiet", "-A", "config.celery", "beat", "--pidfile=", "-l", "WARNING")


def manage(*arguments: str, environment: Mapping[str, str]) -> str:
    """Run one of the project's commands and return what it prints."""
    done = subprocess.run(
        (sys.executable, "manage.py", *arguments),
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
