"""Runs the web server so that it sleeps while nobody asks."""

import asyncio
from contextlib import suppress
from types import FrameType

import uvicorn

SECONDS_BETWEEN_TICKS = 1.0
"""The date in the headers of answers is as old as this at most."""


class QuietServer(uvicorn.Server):
    """A server that wakes once a second, and at once if a signal ends it. uvicorn wakes ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Start nothing yet."""
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Tick until the server is to end."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), SECONDS_BETWEEN_TICKS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the server, and wake it for that."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
