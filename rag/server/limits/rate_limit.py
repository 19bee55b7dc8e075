"""Limits how often one client may ask in a minute."""

import ipaddress
import threading
import time
from collections.abc import Callable

from rag.core.errors import InvalidInput

MAX_CLIENTS = 10_000
"""Clients that are remembered; beyond, those that have been idle for a minute are dropped."""
THIS_MACHINE = "127.0.0.1"


def client_key(address: str) -> str:
    """Return the name under which a client's requests are counted.

    All addresses of this machine are one client, and so are those of one IPv6 network: a host has 2^64 of them.

    >>> client_key("::1"), client_key("localhost"), client_key("::ffff:10.0.0.7"), client_key("2001:db8::5")
    ('127.0.0.1', '127.0.0.1', '10.0.0.7', '2001:db8::/64')
    """
    if address == "localhost":
        return THIS_MACHINE
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return THIS_MACHINE
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class RateLimit:
    """A bucket for each client that holds a minute's requests and fills evenly."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with full buckets."""
        self._a_minute, self._clock = a_minute, clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, client: str, count: int = 1) -> None:
        """Take `count` requests out of a client's bucket. Raises InvalidInput if it holds fewer."""
        with self._lock:
            now, client = self._clock(), client_key(client)
            level = self._level(client, now)
            if level < count:
                raise InvalidInput(self._refusal(count), self._remedy(count, level))
            self._buckets[client] = (level - count, now)
            if len(self._buckets) > MAX_CLIENTS:
                self._buckets = {key: bucket for key, bucket in self._buckets.items() if now - bucket[1] < 60}

    def give_back(self, client: str) -> None:
        """Put one request back into a client's bucket."""
        with self._lock:
            now, client = self._clock(), client_key(client)
            self._buckets[client] = (min(self._a_minute, self._level(client, now) + 1), now)

    def _level(self, client: str, now: float) -> float:
        level, since = self._buckets.get(client, (float(self._a_minute), now))
        return min(self._a_minute, level + (now - since) * self._a_minute / 60)

    def _refusal(self, count: int) -> str:
        what = f"{count:,} questions at once are" if count > 1 else "That is"
        return f"{what} more than the {self._a_minute:,} a minute that each visitor has here."

    def _remedy(self, count: int, level: float) -> str:
        if count > self._a_minute:
            return f"Give at most {self._a_minute:,}, or serve the page with a larger --rate-limit."
        return f"Wait {int((count - level) * 60 / self._a_minute) + 1} s and ask again."
