"""Reads the body of a request whole, within limits of length and time, before a handler sees any of it."""

import asyncio
from collections.abc import Callable

from rag.server.asgi import App, Message, Receive, Send, send_problem
from rag.server.problems import Refused, refused

MAX_BODY_BYTES = 12_000_000
"""Of a request that adds no documents. The most questions that one may hold fit, each as long as allowed."""
DISCARDED_BYTES = 64_000_000
"""So much of a body that is too long is read and dropped, so that its sender is still there to hear why."""
BODY_SECONDS = 30
"""A client that sends a byte a minute must not hold more than its connection."""


class BodyLimit:
    """ASGI middleware that limits the body of each request."""

    def __init__(self, app: App, max_bytes: Callable[[Message], int | None], seconds: float = BODY_SECONDS) -> None:
        """Limit what reaches `app`; `max_bytes` returns the limit of a request by its scope.

        If it returns None, `app` reads the body itself, within limits of its own.
        """
        self._app, self._max_bytes, self._seconds = app, max_bytes, seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read the body, then pass the request on with it."""
        max_bytes = self._max_bytes(scope)
        if max_bytes is None:
            await self._app(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(_body(scope, receive, max_bytes), self._seconds)
        except Refused as refusal:
            await send_problem(refusal.problem, send)
        except TimeoutError:
            slow = refused(408, f"The request took more than {self._seconds:g} s to come.", "Send it again.")
            await send_problem(slow.problem, send)
        else:
            if body is not None:
                await self._app(scope, _replayed(body, receive), send)


def announced_bytes(scope: Message) -> int:
    """Return the length of the body that the head of a request announces, 0 if it announces none."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    return int(announced) if announced.isdigit() else 0


def too_long(max_bytes: int) -> Refused:
    """Return the refusal of a body that is too long."""
    closing = {"connection": "close"}
    return refused(413, f"The request is longer than {max_bytes:,} bytes.", "Send less at once.", closing)


async def _body(scope: Message, receive: Receive, max_bytes: int) -> bytes | None:
    """Return the body, None if the client went away before it was whole."""
    if announced_bytes(scope) > max_bytes + DISCARDED_BYTES:
        raise too_long(max_bytes)
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        length += len(message.get("body", b""))
        if length > max_bytes + DISCARDED_BYTES:
            raise too_long(max_bytes)
        if length <= max_bytes:
            parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    if length > max_bytes:
        raise too_long(max_bytes)
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return pending.pop() if pending else await receive()

    return next_message
