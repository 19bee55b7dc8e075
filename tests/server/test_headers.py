import asyncio
from typing import Any

from rag.server.limits.headers import SecurityHeaders, content_security_policy

# sha256 of `alert('Hello, world.');`, the example of the specification: https://www.w3.org/TR/CSP3/#framework-directives
HELLO = "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"


def script_sources(page: bytes) -> list[str]:
    directives = dict(part.split(" ", 1) for part in content_security_policy(page).split("; "))
    return directives["script-src"].split()


def test_a_script_in_the_page_is_allowed_by_its_hash() -> None:
    assert script_sources(b"<p><script>alert('Hello, world.');</script>") == ["'self'", "'unsafe-eval'", HELLO]


def test_scripts_in_general_and_event_handlers_are_not_allowed() -> None:
    assert script_sources(b"<img onerror=alert(1)><script src='/a.js'></script>") == ["'self'", "'unsafe-eval'"]


def test_nothing_may_be_fetched_from_elsewhere() -> None:
    allowed = {source for part in content_security_policy(b"").split("; ") for source in part.split()[1:]}
    assert allowed == {"'self'", "'unsafe-eval'", "'unsafe-inline'", "'none'", "data:", "blob:"}


def answered_by(content_type: bytes, parts: list[bytes]) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return what is sent for a response of these parts, and the headers that the app was asked with."""
    sent: list[dict[str, Any]] = []
    asked: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.extend(scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})
        for number, part in enumerate(parts, start=1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    headers = [(b"accept", b"text/html,*/*"), (b"accept-encoding", b"br")]
    asyncio.run(SecurityHeaders(app)({"type": "http", "method": "GET", "headers": headers}, receive, send))
    return sent, asked


def test_a_page_sent_in_parts_arrives_whole_with_the_hash_of_its_script() -> None:
    sent, asked = answered_by(b"text/html; charset=utf-8", [b"<script>alert('Hello, ", b"world.');</script>", b"<p>"])
    assert b"".join(message.get("body", b"") for message in sent) == b"<script>alert('Hello, world.');</script><p>"
    headers = dict(sent[0]["headers"])
    assert HELLO in headers[b"content-security-policy"].decode()
    assert (headers[b"x-content-type-options"], headers[b"referrer-policy"]) == (b"nosniff", b"no-referrer")
    # A compressed page could not be hashed.
    assert dict(asked) == {b"accept": b"text/html,*/*"}


def test_a_stream_is_passed_on_part_by_part() -> None:
    sent, _ = answered_by(b"text/event-stream", [b"data: 1\n\n", b"data: 2\n\n"])
    assert [message.get("body") for message in sent[1:]] == [b"data: 1\n\n", b"data: 2\n\n"]
    assert b"content-security-policy" in dict(sent[0]["headers"])
