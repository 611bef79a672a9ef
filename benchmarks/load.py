"""A client that keeps a server busy: raw sockets, persistent connections, one request at a time on each.

One process with one selector loop and no HTTP library, so that it takes little of the machine that it shares with the
server; what it takes for a request is said in the table.
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
    """What a server did: requests answered in so many seconds, their times, and the client's own CPU time."""

    seconds: float
    times: Times
    client_cpu: float

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return len(self.times.seconds) / self.seconds


def request(path: str, body: bytes, *, key: str = "") -> bytes:
    """A POST as it goes over the wire."""
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
        self.begun = perf_counter()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""
        self.socket.sendall(next(self.requests))

    def send(self) -> None:
        self.got = b""
        self.begun = perf_counter()
        self.socket.sendall(next(self.requests))

    def answered(self) -> bool:
        """Read what there is; True once the answer is whole.

        Raises:
            ConnectionError: the answer is no success, or the server hung up.
        """
        more = self.socket.recv(262_144)
        if not more:
            raise ConnectionError("The server hung up.")
        self.got += more
        head, found, rest = self.got.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise ConnectionError(self.got[:500].decode(errors="replace"))
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            return rest.endswith(b"0\r\n\r\n")
        return len(rest) >= int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0])


def busied(port: int, requests: Sequence[Iterator[bytes]], *, seconds: float, hang_up: bool = False) -> Load:
    """Keep a server busy with as many connections as there are iterators of requests.

    Args:
        port: of 127.0.0.1.
        requests: what each connection sends, one after the other's answer.
        seconds: for how long.
        hang_up: a new connection for every request, for servers that keep none.

    Raises:
        ConnectionError: an answer was no success.
    """
    taken: list[float] = []
    used_before = resource.getrusage(resource.RUSAGE_SELF)
    begun = perf_counter()
    until = begun + seconds
    with selectors.DefaultSelector() as selector:
        for one in requests:
            _start(selector, _Connection(port, one))
        while selector.get_map():
            for key, _ in selector.select():
                connection: _Connection = key.data
                if not connection.answered():
                    continue
                now = perf_counter()
                taken.append(now - connection.begun)
                if now < until and not hang_up:
                    connection.send()
                    continue
                selector.unregister(connection.socket)
                connection.socket.close()
                if now < until:
                    _start(selector, _Connection(port, connection.requests))
    elapsed = perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - used_before.ru_utime - used_before.ru_stime
    return Load(seconds=elapsed, times=Times(seconds=tuple(sorted(taken))), client_cpu=cpu)


def _start(selector: selectors.BaseSelector, connection: _Connection) -> None:
    selector.register(connection.socket, selectors.EVENT_READ, connection)
