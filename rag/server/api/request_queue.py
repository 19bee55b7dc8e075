"""Gives each request its turn: a number may wait, for a time; any other is told when to try again."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rag.core.errors import InvalidInput
from rag.server.api.access import Client
from rag.server.limits.rate_limit import RateLimit
from rag.server.problems import AGAIN_AFTER_SECONDS, Refused, refused

Result = TypeVar("Result")
MAX_WAITING_REQUESTS = 64
"""Requests that may wait or be worked on at a time; each holds a thread."""
SECONDS = 60
"""After which a client is told to try again."""


class RequestQueue:
    """The queue before the one assistant, and the minute's questions of each client."""

    def __init__(self, questions_a_minute: int, waiting: int = MAX_WAITING_REQUESTS, seconds: float = SECONDS) -> None:
        """Begin with nobody waiting."""
        self._limit, self._a_minute = RateLimit(questions_a_minute), questions_a_minute
        self._most, self._seconds, self.waiting = waiting, seconds, 0
        # Threads of its own: who waits here must not keep others from those of the page.
        self._threads = ThreadPoolExecutor(waiting, "pincite-service")

    def take(self, client: Client, count: int = 1) -> None:
        """Take `count` questions out of a client's share of a minute. Raises Refused with status 429."""
        try:
            self._limit.take(client.name, count)
        except InvalidInput as error:
            # What is missing has come after this time at the latest.
            after = max(1, -(-min(count, self._a_minute) * 60 // self._a_minute))
            raise _too_many(error.message, error.remedy, after) from None

    async def run(self, work: Callable[[], Result], seconds: float | None = None) -> Result:
        """Return what `work` does in a thread. Raises Refused where too many wait (429) or it takes too long (503).

        What takes too long is not broken off: a write is carried out whole.
        """
        if self.waiting >= self._most:
            raise _too_many(f"{self.waiting} requests wait already.", "Try again in a moment.", AGAIN_AFTER_SECONDS)
        self.waiting += 1
        # In the context of the request, so that a span opened there belongs to the request's.
        within = contextvars.copy_context()
        begun = asyncio.get_running_loop().run_in_executor(self._threads, within.run, work)
        begun.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.shield(begun), seconds or self._seconds)
        except TimeoutError:
            again = {"retry-after": str(AGAIN_AFTER_SECONDS)}
            raise refused(503, "It took too long.", "Try again, or ask for less at once.", again) from None

    def _ended(self, begun: "asyncio.Future[Any]") -> None:
        self.waiting -= 1
        if not begun.cancelled():
            begun.exception()  # looked at here, for who waited for it may have gone


def _too_many(detail: str, remedy: str, after: int) -> Refused:
    return refused(429, detail, remedy, {"retry-after": str(after)})
