"""The supervisor of a one-machine installation, with processes that stand in for the real ones."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from config import serve
from config.serve import Service, StopRequest, local_environment, port_is_free, supervise
from tests.servers import ROOT, free_port

SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")
IGNORES_TERM = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
)
LEAVES_A_CHILD = (
    sys.executable,
    "-c",
    (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    ),
)


def wait_for(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


class Running:
    """A supervisor in a thread, for as long as the ``with`` block."""

    def __init__(self, *services: Service) -> None:
        self.stop = StopRequest()
        self.thread = threading.Thread(target=supervise, args=(services,), kwargs={"stop": self.stop})

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGTERM, None)
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()


def pid_of(service: Service) -> int:
    wait_for(lambda: service.process is not None and service.process.poll() is None)
    assert service.process is not None
    return service.process.pid


def test_a_dead_process_is_started_again() -> None:
    service = Service(name="web", command=SLEEPS, environment=os.environ)
    with Running(service):
        first = pid_of(service)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: service.process is not None and service.process.pid != first)


def test_a_dead_process_does_not_affect_the_others() -> None:
    web = Service(name="web", command=SLEEPS, environment=os.environ)
    worker = Service(name="worker", command=SLEEPS, environment=os.environ)
    with Running(web, worker):
        web_pid, worker_pid = pid_of(web), pid_of(worker)
        os.kill(worker_pid, signal.SIGKILL)
        wait_for(lambda: worker.process is not None and worker.process.pid != worker_pid)
        assert is_alive(web_pid)


def test_a_dead_process_leaves_no_children_behind(tmp_path: Path) -> None:
    note = tmp_path / "child"
    service = Service(name="worker", command=(*LEAVES_A_CHILD, str(note)), environment=os.environ)
    with Running(service):
        main = pid_of(service)
        wait_for(lambda: note.exists() and note.read_text() != "")
        child = int(note.read_text())
        os.kill(main, signal.SIGKILL)
        wait_for(lambda: not is_alive(child))


def test_all_processes_end_together() -> None:
    services = [Service(name=name, command=SLEEPS, environment=os.environ) for name in ("web", "worker")]
    with Running(*services):
        pids = [pid_of(service) for service in services]
    assert not any(is_alive(pid) for pid in pids)


def test_a_process_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "STOP_GRACE_SECONDS", 0.5)
    service = Service(name="worker", command=IGNORES_TERM, environment=os.environ)
    with Running(service):
        pid = pid_of(service)
        time.sleep(0.5)
    assert not is_alive(pid)


def test_a_service_that_cannot_start_is_retried_with_growing_delays() -> None:
    service = Service(name="web", command=(sys.executable, "-c", "raise SystemExit(3)"), environment=os.environ)
    pauses = []
    now = 0.0
    for _ in range(6):
        service.keep_running(now=now)
        assert service.process is not None
        service.process.wait()
        service.keep_running(now=now)
        pauses.append(service.restart_at - now)
        now = service.restart_at
    assert pauses == [1.0, 2.0, 5.0, 10.0, 10.0, 10.0]


def test_a_local_installation_gets_one_generated_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "VAR_DIR", tmp_path / "var")
    first, second = local_environment({}), local_environment({})
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert len(first["SECRET_KEY"]) >= 50
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert (first["DEBUG"], first["HTTPS"], first["HOST"]) == ("false", "false", "127.0.0.1")


def test_settings_from_the_environment_are_kept() -> None:
    environment = local_environment({"SECRET_KEY": "given", "PORT": "9000"})
    assert (environment["SECRET_KEY"], environment["PORT"]) == ("given", "9000")
    assert "HTTPS" not in environment


def test_a_port_in_use_is_reported() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        environment = {"HOST": "127.0.0.1", "PORT": str(listener.getsockname()[1])}
        assert not port_is_free(environment)
    assert port_is_free(environment)


# --- stopping ---------------------------------------------------------------------------------------------------------

SIGNALS = (signal.SIGTERM, signal.SIGINT) * 5
SUPERVISOR = """
import os, signal, sys
from pathlib import Path
from config import serve
serve.BASE_DIR = Path(sys.argv[1])
sleeper = (sys.executable, "service.py")
# A test run under nohup ignores HUP, and what it starts would too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
serve.services_of = lambda environment: [
    serve.Service(name=name, command=(*sleeper, name), environment=environment) for name in ("web", "worker")
]
sys.exit(serve.main(sys.argv[2:]))
"""
WITH_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
"""
NOTES_PIDS = """
import os, pathlib
pathlib.Path(sys.argv[1] + ".new").write_text(f"{os.getpid()} {child.pid}")
pathlib.Path(sys.argv[1] + ".new").rename(sys.argv[1] + ".pids")
time.sleep(60)
"""


class Supervisor:
    """``python -m config.serve`` as a process, with stand-ins for its commands and services."""

    def __init__(self, folder: Path, *, slow_command: str = "", prelude: str = "") -> None:
        self.folder = folder
        (folder / "service.py").write_text(WITH_A_CHILD + NOTES_PIDS)
        (folder / "manage.py").write_text(
            f"import sys\nif sys.argv[1] != {slow_command!r}:\n    sys.exit()\n{WITH_A_CHILD}{NOTES_PIDS}"
        )
        self.process = subprocess.Popen(
            (sys.executable, "-c", prelude + SUPERVISOR, str(folder), "--demo"),
            cwd=ROOT,
            env={**os.environ, "SECRET_KEY": "given", "PORT": str(free_port()), "HOST": "127.0.0.1"},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def pids(self, *names: str) -> list[int]:
        """Wait until the named stand-ins run; return their process ids and those of their children."""
        files = [self.folder / f"{name}.pids" for name in names]
        wait_for(lambda: all(file.exists() for file in files))
        return [int(pid) for file in files for pid in file.read_text().split()]

    def send(self, numbers: Iterable[signal.Signals]) -> None:
        """Send the signals within 50 milliseconds."""
        for number in numbers:
            os.kill(self.process.pid, number)
            time.sleep(0.004)

    def ended(self) -> int:
        """Return the exit code, once it has ended."""
        try:
            return self.process.wait(timeout=60)
        finally:
            self.process.kill()


def stopped(supervisor: Supervisor, *names: str) -> int:
    """Send ten signals to a supervisor, look that all processes are gone, and return its exit code."""
    pids = supervisor.pids(*names)
    try:
        supervisor.send(SIGNALS)
        code = supervisor.ended()
        assert not any(is_alive(pid) for pid in pids)
    finally:
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)
    return code


@pytest.mark.parametrize("attempt", range(4))
def test_ten_signals_at_once_end_it_as_one_does(tmp_path: Path, attempt: int) -> None:
    assert stopped(Supervisor(tmp_path), "web", "worker") == 0


@pytest.mark.parametrize("command", ["migrate", "collectstatic", "demo"])
def test_ten_signals_while_it_sets_up_leave_no_command_behind(tmp_path: Path, command: str) -> None:
    assert stopped(Supervisor(tmp_path, slow_command=command), command) in (
        128 + signal.SIGTERM,
        128 + signal.SIGINT,
    )


SIGNAL_IN_EVERY_HANDLER = """
import signal, sys

signals = 0

def at_each_step(frame, event, argument):
    global signals
    frame.f_trace_opcodes = True
    if event == "opcode" and signals < 50:
        signals += 1
        signal.raise_signal(signal.SIGINT)
    return at_each_step

install = signal.signal

def install_traced(number, handler):
    def traced(*arguments):
        if sys.gettrace() is not None:  # in the middle of another one's handler
            return handler(*arguments)
        sys.settrace(at_each_step)
        try:
            handler(*arguments)
        finally:
            sys.settrace(None)
    return install(number, traced if callable(handler) else handler)

signal.signal = install_traced
"""


def test_a_signal_in_the_middle_of_another_ones_handler_blocks_nothing(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, prelude=SIGNAL_IN_EVERY_HANDLER)
    pids = supervisor.pids("web", "worker")
    try:
        supervisor.send([signal.SIGTERM])
        assert supervisor.ended() == 0
        assert not any(is_alive(pid) for pid in pids)
    finally:
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)


def test_a_closed_terminal_ends_it(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    pids = supervisor.pids("web", "worker")
    supervisor.send([signal.SIGHUP])
    assert supervisor.ended() == 0
    assert not any(is_alive(pid) for pid in pids)
