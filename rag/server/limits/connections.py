"""Bounds the connections to the server: how many there are, and how long one may take to send its request."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 400
"""Connections held at once. When they are all in use, the one that has been idle longest is closed for the next, or if
none is idle, the one that has sent nothing of its body for the longest time."""
SHARE_OF_DESCRIPTORS = 0.5
"""The rest of the process's file descriptors is left to the index and to files that are being read."""
HEAD_SECONDS = 10
"""A connection that has not sent the head of a request after this time is closed."""
KEEP_ALIVE_SECONDS = 75
"""An idle connection is closed after this time, which is longer than clients and proxies usually keep one (60 s). If
the server closed first, a request that is on its way would be lost."""
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 5\r\nconnection: close\r\n"
    b"content-length: 55\r\n\r\nThe server has too many connections. Try again shortly."
)


def max_connections() -> int:
    """Return how many connections this process may hold."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MAX_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, int(soft * SHARE_OF_DESCRIPTORS))


class BoundedConnection(H11Protocol):
    """A connection of uvicorn that is closed when it is slow, and refused when there are too many."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Set no clock yet."""
        super().__init__(*arguments, **named)
        self._head_timer: asyncio.TimerHandle | None = None
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection if it can be held."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        if len(self.connections) > max_connections() and not self._close_idlest():
            transport.write(BUSY)
            transport.close()
            return
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Take in data; the clock runs as long as no request is being answered."""
        self.idle_since = self.loop.time()
        super().data_received(data)
        if self.busy():
            self._stop_clock()
        elif self._head_timer is None:
            self._expect_head()

    def on_response_complete(self) -> None:
        """Be idle from now on."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_clock()
        super().connection_lost(exc)

    def busy(self) -> bool:
        """Tell whether a request of this connection is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def waits_for_client(self) -> bool:
        """Tell whether the server cannot go on before the client sends more."""
        return not self.busy() or (self.cycle.more_body and not self.cycle.response_started)

    def _close_idlest(self) -> bool:
        others = [other for other in self.connections if isinstance(other, BoundedConnection) and other is not self]
        waiting = [other for other in others if other.waits_for_client() and not other.transport.is_closing()]
        if not waiting:
            return False
        # Not `close`: a client that reads nothing would keep the connection open until its buffer is empty.
        min(waiting, key=lambda other: (other.busy(), other.idle_since)).transport.abort()
        return True

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_slow)

    def _stop_clock(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_slow(self) -> None:
        self._head_timer = None
        if not self.busy() and not self.transport.is_closing():
            self.transport.close()
