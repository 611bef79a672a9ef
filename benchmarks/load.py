"""A client that keeps a server busy: raw sockets, persistent connections, one request at a time on each.

One process with one selector loop and no HTTP library, so that it takes little of the machine that it shares with the
server; the table has its CPU time for a request.
"""

import resource
import selectors
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from benchmarks.report import Times


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a server did in a time: the times of the requests that it answered, and the client's own CPU time."""

    seconds: float
    times: Times
    client_cpu: float

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return len(self.times.seconds) / self.seconds


def request(path: str, body: bytes, *, key: str = "") -> bytes:
    """Return a POST as it is sent."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        "Accept: application/json",
        f"Content-Length: {len(body)}",
        *([f"Authorization: Api-Key {key}"] if key else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Connection:
    """One till; it sends its first request at once."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self.requests = requests
        # To open a connection is part of the first request's time.
        self.started = perf_counter()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.socket.sendall(next(self.requests))

    def send(self) -> None:
        self.received = b""
        self.started = perf_counter()
        self.socket.sendall(next(self.requests))

    def answered(self) -> bool:
        """Read what has come; return True once the answer is whole.

        Raises:
            ConnectionError: the answer is no success, or the server hung up.
        """
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("The server hung up.")
        self.received += data
        head, found, rest = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise ConnectionError(self.received[:500].decode(errors="replace"))
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            return rest.endswith(b"0\r\n\r\n")
        return len(rest) >= int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0])


def keep_busy(port: int, requests: Sequence[Iterator[bytes]], *, seconds: float, hang_up: bool = False) -> Load:
    """Keep a server busy with as many connections as there are iterators of requests.

    Args:
        port: of 127.0.0.1.
        requests: what each connection sends, one after the other's answer.
        seconds: for how long.
        hang_up: whether every request opens a new connection, for servers that keep none.

    Raises:
        ConnectionError: an answer was no success.
    """
    durations: list[float] = []
    used_before = resource.getrusage(resource.RUSAGE_SELF)
    started = perf_counter()
    deadline = started + seconds
    with selectors.DefaultSelector() as selector:
        for source in requests:
            _start(selector, _Connection(port, source))
        while selector.get_map():
            for key, _ in selector.select():
                connection: _Connection = key.data
                if not connection.answered():
                    continue
                now = perf_counter()
                durations.append(now - connection.started)
                if now < deadline and not hang_up:
                    connection.send()
                    continue
                selector.unregister(connection.socket)
                connection.socket.close()
                if now < deadline:
                    _start(selector, _Connection(port, connection.requests))
    elapsed = perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - used_before.ru_utime - used_before.ru_stime
    return Load(seconds=elapsed, times=Times(seconds=tuple(sorted(durations))), client_cpu=cpu)


def _start(selector: selectors.BaseSelector, connection: _Connection) -> None:
    selector.register(connection.socket, selectors.EVENT_READ, connection)
