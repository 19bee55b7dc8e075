import asyncio
from typing import Any

from rag.server.limits.body_limit import BodyLimit


def sent_slowly(parts: list[bytes], pause: float, seconds: float = 60.0) -> tuple[int, bytes]:
    """Return the status that a client gets who sends `parts` with a pause before each, and what the app has had."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False
    given: list[Any] = []
    had = bytearray()

    async def receive() -> Any:
        await asyncio.sleep(pause)
        return messages.pop(0)

    async def send(message: Any) -> None:
        given.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        had.extend((await receive())["body"])
        await send({"type": "http.response.start", "status": 200})

    asyncio.run(BodyLimit(app, lambda scope: 10, seconds=seconds)({"path": "/v1/ask", "headers": []}, receive, send))
    return given[0]["status"], bytes(had)


def test_a_body_comes_through_whole() -> None:
    assert sent_slowly([b"ab", b"", b"c"], 0.0) == (200, b"abc")


def test_a_body_that_dribbles_is_given_up() -> None:
    assert sent_slowly([b"a"] * 10, 0.1, seconds=0.2) == (408, b"")


def test_a_body_that_is_too_long_is_refused_and_reaches_nobody() -> None:
    assert sent_slowly([b"123456", b"1234"], 0.0) == (200, b"1234561234")
    assert sent_slowly([b"123456", b"12345"], 0.0) == (413, b"")
