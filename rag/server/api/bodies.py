"""Reads the body of a request whole, within limits of length and time, before anyone makes something of it."""

import asyncio

from rag.server.api.access import App, Message, Receive, Send, answer
from rag.server.api.problems import Refused, refused

LONGEST_BODY = 12_000_000
"""Bytes of a request that adds no documents: as many questions as one may hold, each as long as one may be, fit."""
DISCARDED_BYTES = 64_000_000
"""Of a body that is too long so much is taken in and dropped, so that its sender is there to hear why."""
SECONDS = 30
"""Within which a body must have come; who sends a byte a minute holds a connection, and nothing else."""


class Bodies:
    """ASGI middleware; documents may be as long as what the page takes, all else `LONGEST_BODY`."""

    def __init__(self, app: App, documents_bytes: int, seconds: float = SECONDS) -> None:
        """Limit what reaches `app`."""
        self._app, self._documents_bytes, self._seconds = app, documents_bytes, seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read the body, then pass the request on with it."""
        most = self._documents_bytes if scope["path"] == "/v1/documents" else LONGEST_BODY
        try:
            body = await asyncio.wait_for(_body(scope, receive, most), self._seconds)
        except Refused as refusal:
            await answer(refusal.problem, send)
        except TimeoutError:
            slow = refused(408, f"The request took more than {self._seconds:g} s to come.", "Send it again.")
            await answer(slow.problem, send)
        else:
            if body is not None:
                await self._app(scope, _replayed(body, receive), send)


async def _body(scope: Message, receive: Receive, most: int) -> bytes | None:
    """Return the body, None where the client went away before it was whole."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > most + DISCARDED_BYTES:
        raise _too_long(most)
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        length += len(message.get("body", b""))
        if length > most + DISCARDED_BYTES:
            raise _too_long(most)
        if length <= most:
            parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    if length > most:
        raise _too_long(most)
    return b"".join(parts)


def _too_long(most: int) -> Refused:
    return refused(413, f"The request is longer than {most:,} bytes.", "Send less at once.", {"connection": "close"})


def _replayed(body: bytes, receive: Receive) -> Receive:
    held: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return held.pop() if held else await receive()

    return next_message
