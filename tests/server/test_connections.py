"""How many connections the server holds at once, and how long it waits for a request."""

import http.client
import resource
import socket
import time
from urllib.parse import urlsplit

import httpx

from rag.server.connections import HEAD_SECONDS, MAX_CONNECTIONS, max_connections
from tests.server.running_service import Served


def connections(running: Served, count: int) -> list[socket.socket]:
    address = urlsplit(running.address)
    return [socket.create_connection((str(address.hostname), address.port), 10) for _ in range(count)]


def test_more_idle_connections_than_the_server_holds_keep_nobody_out(running: Served) -> None:
    idle = connections(running, MAX_CONNECTIONS + 200)
    for _ in range(20):
        assert httpx.get(f"{running.address}/healthz", timeout=120).status_code == 200
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
    time.sleep(8)
    client.request("GET", "/healthz")
    assert client.getresponse().status == 200 and client.sock.getsockname() == own_port
    client.close()
