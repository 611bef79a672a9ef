"""Take what is left of a body that an answer has left unread, so that its sender comes to read the answer.

A body that is too large, or whose key is wrong, is refused before it is read. With the answer the web server closes the
connection, and a client that sends all of a body before it reads anything sees a broken pipe in place of the refusal.
"""

import threading
import time
from typing import Any, Final
from wsgiref.types import WSGIEnvironment

from django.conf import settings

CHUNK_BYTES: Final = 64 * 1024
"""Shorter bodies fit into the buffers of the connection: their senders are never kept waiting."""
MAX_SECONDS: Final = 5.0
_slot = threading.Lock()
"""One answer of a process waits at a time: clients that send slowly on purpose must not keep its other threads."""


class CountedBody:
    """The stream of a request's body, which knows how much of it was read."""

    def __init__(self, stream: Any, *, length: int | None) -> None:
        self._stream = stream
        self._length = length
        self._bytes_read = 0
        self._is_at_end = False

    def read(self, size: int = -1) -> bytes:
        return self._counted(self._stream.read(size), size=size)

    def readline(self, size: int = -1) -> bytes:
        return self._counted(self._stream.readline(size), size=size)

    def is_left(self) -> bool:
        """Return whether some of the body has not been read."""
        return not self._is_at_end and (self._length is None or self._bytes_read < self._length)

    def _counted(self, part: bytes, *, size: int) -> bytes:
        self._bytes_read += len(part)
        self._is_at_end = self._is_at_end or (not part and size != 0)
        return part

    def discard(self) -> None:
        """Read the rest and forget it, for at most ``MAX_SECONDS``; do nothing while another answer waits.

        A thread of its own reads, since nothing else ends a read from a client that sends no more. The web server ends
        it with the answer.
        """
        if self.is_left() and _slot.acquire(blocking=False):
            thread = threading.Thread(target=self._discard, daemon=True)
            thread.start()
            thread.join(timeout=MAX_SECONDS)

    def _discard(self) -> None:
        until = time.monotonic() + MAX_SECONDS
        bytes_left = 2 * settings.API_MAX_BODY_BYTES
        try:
            while bytes_left > 0 and self.is_left() and time.monotonic() < until:
                bytes_left -= len(self.read(CHUNK_BYTES))
        except OSError:  # the client has gone
            return
        finally:
            _slot.release()


def counted_body(environ: WSGIEnvironment) -> CountedBody | None:
    """Put a counted body into ``environ`` and return it; None for a body that needs none.

    A client that waits to be asked for its body (``Expect``) is not asked by the refusal, and sends nothing.
    """
    named = environ.get("CONTENT_LENGTH") or ""
    length = int(named[:20]) if named.isdecimal() else None
    is_long = length > CHUNK_BYTES if length is not None else "HTTP_TRANSFER_ENCODING" in environ
    if not is_long or "HTTP_EXPECT" in environ or not environ.get("wsgi.input_terminated", False):
        return None
    body = CountedBody(environ["wsgi.input"], length=length)
    environ["wsgi.input"] = body
    return body
