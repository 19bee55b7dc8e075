"""Counts requests and writes one JSON line for each: client, route, time; never a question or an answer.

{"at": "2026-11-22T10:00:00.000+00:00", "request_id": "…", "client": "wiki", "method": "POST", "route": "/v1/ask",
 "status": 200, "ms": 61.2}
"""

import asyncio
import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rag.core.response import IndexInfo
from rag.server.asgi import App, Message, Receive, Send, send_problem
from rag.server.problems import places_of, unexpected

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_DRAIN_SECONDS = 30
"""For requests that are being answered when the service is told to stop."""
log = logging.getLogger("pincite.requests")


class Figures:
    """What `/metrics` shows."""

    def __init__(self, info: Callable[[], IndexInfo | None]) -> None:
        """Begin at nothing; `info` tells of the index when the figures are read."""
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._info = info
        self._requests = Counter("pincite_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "pincite_request_seconds", "Time to the end of the answer.", ("route",), buckets=BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.in_flight = Gauge("pincite_requests_in_flight", "Requests being answered.", registry=self.registry)
        self._index = {
            name: Gauge(f"pincite_index_{name}", f"The index: {name}.", registry=self.registry)
            for name in ("version", "documents", "chunks")
        }

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return the figures in the text format of Prometheus."""
        info = self._info()
        for name, gauge in self._index.items():
            gauge.set(getattr(info, name) if info else 0)
        return generate_latest(self.registry)


class AccessLog:
    """ASGI middleware: gives each request an id, a line and a place in the figures, and lets it end."""

    def __init__(self, app: App, figures: Figures, collection: str | None = None) -> None:
        """Watch `app`; its lines name the collection, if it answers for one of several."""
        self._app, self._figures, self._collection = app, figures, collection
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, whatever happens: the server breaks off what runs when it stops, and this goes on until `drain`."""
        task = asyncio.ensure_future(self._answered(scope, receive, send))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                continue

    async def drain(self, seconds: float = MAX_DRAIN_SECONDS) -> None:
        """Wait until all running requests are answered; cancel those that take longer."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in tuple(self._running):
            task.cancel()

    async def _answered(self, scope: Message, receive: Receive, send: Send) -> None:
        began, noted = time.perf_counter(), _Noted(send, request_id(scope["headers"]))
        self._figures.in_flight.inc()
        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            noted.failed = places_of(error)
            if not noted.status:
                await send_problem(unexpected(), noted)
        finally:
            self._figures.in_flight.dec()
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._figures.count(method, _route(scope), noted.status, seconds)
            log.info(_line(scope, method, noted, seconds, self._collection))


class _Noted:
    """Sends a response on, with the id of its request, and notes its status."""

    def __init__(self, send: Send, request: str) -> None:
        self._send, self.request = send, request
        self.status, self.failed = 0, ""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", self.request.encode())]}
        await self._send(message)


def request_id(headers: list[tuple[bytes, bytes]]) -> str:
    """Return the id that a client gave its request, or a new one if it cannot be written in a log."""
    header = dict(headers).get(b"x-request-id", b"")
    return header.decode() if REQUEST_ID.fullmatch(header) else uuid.uuid4().hex


def log_to_stderr() -> None:
    """Write the lines of the journal to standard error; nobody else's."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def _line(scope: Message, method: str, noted: _Noted, seconds: float, collection: str | None) -> str:
    client = scope.get("pincite.client")
    line: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": noted.request,
        "client": client.name if client else None,
        "method": method,
        "route": _route(scope),
        "status": noted.status,
        "ms": round(seconds * 1_000, 1),
    }
    more = {"collection": collection, "failed": noted.failed}
    return json.dumps({**line, **{key: value for key, value in more.items() if value}})


def _route(scope: Message) -> str:
    """Return the form of the address, never the address: ids of documents are nobody's business, and there are many."""
    if scope["path"].startswith("/mcp"):
        return "/mcp"
    return str(getattr(scope.get("route"), "path_format", "other"))
