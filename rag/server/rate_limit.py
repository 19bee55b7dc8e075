"""Limits what one client may ask in a minute."""

import threading
import time
from collections.abc import Callable

from rag.core.errors import InvalidInput

FORGOTTEN_AFTER = 10_000
"""Clients that are remembered; then those that have been idle for a minute are dropped."""


class RateLimit:
    """A bucket for each client that holds a minute's questions and fills evenly."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with full buckets."""
        self._a_minute, self._clock = a_minute, clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, client: str, count: int = 1) -> None:
        """Take `count` questions out of a client's bucket. Raises InvalidInput where it does not hold them."""
        with self._lock:
            now = self._clock()
            left, since = self._buckets.get(client, (float(self._a_minute), now))
            left = min(self._a_minute, left + (now - since) * self._a_minute / 60)
            if left < count:
                raise InvalidInput(self._refusal(count), self._remedy(count, left))
            self._buckets[client] = (left - count, now)
            if len(self._buckets) > FORGOTTEN_AFTER:
                self._buckets = {key: held for key, held in self._buckets.items() if now - held[1] < 60}

    def _refusal(self, count: int) -> str:
        what = f"{count:,} questions at once are" if count > 1 else "That is"
        return f"{what} more than the {self._a_minute:,} a minute that each visitor has here."

    def _remedy(self, count: int, left: float) -> str:
        if count > self._a_minute:
            return f"Give at most {self._a_minute:,}, or serve the page with a larger --rate-limit."
        return f"Wait {int((count - left) * 60 / self._a_minute) + 1} s and ask again."
