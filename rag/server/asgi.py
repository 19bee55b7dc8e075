"""Names the types of ASGI, and sends a problem as a response."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from rag.server.problems import MEDIA_TYPE, Problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
REST_PREFIX_KEY, PAGE_KEY = "pincite.prefix", "pincite.page"
"""Keys of the scope under which a collection finds the addresses of its REST and of its page, if they are not `/v1` and
`/`."""


async def send_problem(problem: Problem, send: Send) -> None:
    """Send a problem as the response."""
    body = problem.to_bytes()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
