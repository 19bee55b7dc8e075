"""Keeps a page to its own address, whatever a document holds or another page tries: headers, and a look at origins."""

import base64
import hashlib
import re
from collections.abc import Iterable

from rag.server.asgi import App, Message, Receive, Send

INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
POLICY = {
    "default-src": "'self'",
    # Gradio compiles its templates (eval); scripts written into the page are allowed by their hashes only, so that
    # no handler or script of a document could run even if it were not escaped.
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}
FIXED = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
}
READING = ("GET", "HEAD", "OPTIONS")
REFUSAL = b"Another page asked for this. Open Pincite at its own address."


class SecurityHeaders:
    """ASGI middleware around an app."""

    def __init__(self, app: App) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass everything through; hold an HTML page back until its scripts are known."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] not in READING and _comes_from_elsewhere(scope["headers"]):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": REFUSAL})
            return
        # A compressed page could not be read here; pages are small and mostly stay on this machine.
        if any(name == b"accept" and b"text/html" in value for name, value in scope["headers"]):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        await self._app(scope, receive, _Response(send))


class _Response:
    """Sends one response on, with the headers."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if _is_page(message):
                self._start = message
            else:
                await self._send(_with_headers(message, b""))
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send(_with_headers(self._start, self._body))
                await self._send({"type": "http.response.body", "body": self._body})


def content_security_policy(page: bytes) -> str:
    """Return the policy for a page, with the hash of each script that is written into it."""
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in INLINE_SCRIPT.findall(page)]
    allowed = " ".join([POLICY["script-src"], *(f"'sha256-{value}'" for value in dict.fromkeys(hashes))])
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, "script-src": allowed}.items())


def _comes_from_elsewhere(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a browser says that another page than ours sent this: a form elsewhere must not change documents."""
    origin_header = dict(headers)
    origin = origin_header.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != origin_header.get(b"host", b"")


def _is_page(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/html") for name, value in message["headers"])


def _with_headers(message: Message, page: bytes) -> Message:
    added = {**FIXED, b"content-security-policy": content_security_policy(page).encode()}
    others = [pair for pair in message["headers"] if pair[0].lower() not in added]
    return {**message, "headers": [*others, *added.items()]}
