"""How many connections the server holds at once, and how long it waits for a request."""

import http.client
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from rag.server.limits import connections as limits
from rag.server.limits.connections import (
    HEAD_SECONDS,
    KEEP_ALIVE_SECONDS,
    MAX_CONNECTIONS,
    BoundedConnection,
    max_connections,
)
from tests.server.running_service import Served


@contextmanager
def small_server() -> Iterator[tuple[str, int]]:
    """Give the host and port of a server in this process that says `yes`."""

    async def yes(request: Request) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse("yes")

    app = Starlette(routes=[Route("/", yes, methods=["GET", "POST"])])
    config = uvicorn.Config(
        app, http=BoundedConnection, ws="none", log_level="error", timeout_keep_alive=KEEP_ALIVE_SECONDS
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join(60)


def is_closed(opened: socket.socket) -> bool:
    """Tell whether the server has closed a connection on which it owes no answer."""
    opened.setblocking(False)
    try:
        return opened.recv(1_000) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def connections(running: Served, count: int) -> list[socket.socket]:
    address = urlsplit(running.address)
    return [socket.create_connection((str(address.hostname), address.port), 10) for _ in range(count)]


def test_more_idle_connections_than_the_server_holds_keep_nobody_out(running: Served) -> None:
    idle = connections(running, MAX_CONNECTIONS + 200)
    for _ in range(20):
        assert httpx.get(f"{running.address}/healthz", timeout=120).status_code == 200
    assert sum(map(is_closed, idle)) >= 200
    log = running.log.read_text(encoding="utf-8")
    assert "Traceback" not in log and len(log) < 100_000
    for opened in idle:
        opened.close()


def test_a_connection_that_sends_no_whole_head_is_closed(running: Served) -> None:
    slow = connections(running, 2)
    slow[1].sendall(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-")
    for opened in slow:
        opened.settimeout(HEAD_SECONDS + 60)
        assert opened.recv(1_000) == b"" or opened.recv(1_000) == b""
        opened.close()


def test_no_more_connections_are_held_than_half_of_the_descriptors() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 0 < max_connections() <= min(MAX_CONNECTIONS, soft // 2)


def test_a_client_that_pauses_goes_on_with_its_connection(running: Served) -> None:
    address = urlsplit(running.address)
    client = http.client.HTTPConnection(str(address.hostname), address.port, timeout=120)
    client.request("GET", "/healthz")
    assert client.getresponse().read() and client.sock is not None
    own_port = client.sock.getsockname()
    time.sleep(HEAD_SECONDS + 2)
    client.request("GET", "/healthz")
    assert client.getresponse().status == 200 and client.sock.getsockname() == own_port
    client.close()


@pytest.mark.parametrize("path", ["/v1/ask", "/pincite/files", "/gradio_api/component_server"])
def test_more_slow_bodies_than_the_server_holds_connections_keep_nobody_out(running: Served, path: str) -> None:
    slow = connections(running, MAX_CONNECTIONS + 50)
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n{{"
    for opened in slow:
        try:
            opened.sendall(head.encode())
        except ConnectionError:  # closed already for a later one
            continue
    for _ in range(20):
        assert httpx.get(f"{running.address}/healthz", timeout=120).status_code == 200
    for opened in slow:
        opened.close()


def asked(client: http.client.HTTPConnection) -> bytes:
    client.request("GET", "/")
    return client.getresponse().read()


def test_the_connection_that_has_been_idle_longest_is_closed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 3)
    with small_server() as (host, port):
        first, second, third, fourth = (http.client.HTTPConnection(host, port, timeout=120) for _ in range(4))
        for client in (first, second, third, first, fourth):
            assert asked(client) == b"yes"
        assert second.sock is not None and second.sock.recv(1) == b""
        ports = [client.sock.getsockname() for client in (first, third) if client.sock]
        assert asked(first) == asked(third) == b"yes"
        assert [client.sock.getsockname() for client in (first, third) if client.sock] == ports
        for client in (first, second, third, fourth):
            client.close()


def test_an_idle_connection_is_closed_before_one_that_sends_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 2)
    with small_server() as (host, port):
        idle, last = (http.client.HTTPConnection(host, port, timeout=120) for _ in range(2))
        sending = socket.create_connection((host, port), 120)
        sending.sendall(b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\na")
        assert asked(idle) == asked(last) == b"yes"
        sending.sendall(b"b")
        assert sending.recv(12) == b"HTTP/1.1 200"
        assert idle.sock is not None and idle.sock.recv(1) == b""
        for opened in (sending, idle, last):
            opened.close()


def wakings(running: Served) -> int:
    """Return how often the threads of a server have slept and woken."""
    states = (task / "status" for task in Path(f"/proc/{running.process.pid}/task").iterdir())
    lines = (line for state in states for line in state.read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts by /proc how often threads wake")
def test_a_server_that_nobody_asks_sleeps(running: Served) -> None:
    before = wakings(running)
    time.sleep(2)
    # Gradio and uvicorn by themselves wake it 2,020 times. A busy machine wakes it less often, not more.
    assert wakings(running) - before < 40
