"""Web addresses: read from a real server, within limits, and never from an address that is not public."""

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rag.core.errors import InvalidInput, SourceNotFound, UnreadableSource
from rag.core.types import Document
from rag.loading import discover, load
from rag.loading.formats.markup import web as loading_web
from rag.loading.formats.markup.web import IpAddress, is_public, load_url, with_web_addresses
from tests.loading.formats.made_files import MAKERS, article, html

ARTICLE = article(4)


class Handler(BaseHTTPRequestHandler):
    seen: list[str] = []  # noqa: RUF012
    folder: Path

    def do_GET(self) -> None:
        Handler.seen.append(self.path)
        if self.path == "/page":
            self._answer("text/html; charset=utf-8", html(ARTICLE).encode())
        elif self.path == "/a.pdf":
            MAKERS["pdf"](self.folder / "a.pdf", ARTICLE)
            self._answer("application/pdf", (self.folder / "a.pdf").read_bytes())
        elif self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 1_000_000)
        elif self.path == "/silent":
            time.sleep(3)
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
        else:
            self.send_error(404)

    def _answer(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    Handler.seen, Handler.folder = [], tmp_path
    running = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def only_this_machine(address: IpAddress) -> bool:
    return str(address) == "127.0.0.1"


def failure(url: str) -> UnreadableSource:
    (error,) = load_url(url, load, only_this_machine)
    assert isinstance(error, UnreadableSource) and error.remedy
    return error


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
     "2002:7f00:1::", "64:ff9b:1::1", "64:ff9b::a00:1", "::7f00:1", "192.0.2.1", "198.18.0.1"],
)  # fmt: skip
def test_what_is_not_public_is_barred(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1"])
def test_a_private_address_is_never_connected_to_however_it_is_written(server: str, host: str) -> None:
    (error,) = load_url(f"{server.replace('127.0.0.1', host)}/page", load)
    assert isinstance(error, UnreadableSource)
    assert not Handler.seen


def test_a_name_that_changes_its_address_after_the_check_leads_nowhere_else(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved, asked = socket.getaddrinfo, list[str]()
    port = server.rpartition(":")[2]

    def resolve(host: str, *more: Any, **named: Any) -> Any:
        if host != "rebound.example":
            return resolved(host, *more, **named)
        asked.append(host)
        # What is allowed when it is checked, and another address for whoever asks again.
        return resolved("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    (found,) = load_url(f"http://rebound.example:{port}/page", load, only_this_machine)
    assert isinstance(found, Document) and len(asked) == 1, "it is resolved once, and the checked address connected to"
    # A redirect to the same name begins anew, and is barred.
    (barred,) = load_url(
        f"http://rebound.example:{port}/to/http://rebound.example:{port}/page", load, only_this_machine
    )
    assert isinstance(barred, UnreadableSource)


def test_a_name_with_one_private_address_among_public_ones_is_barred(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 80)) for host in ("93.184.216.34", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: places)
    (error,) = load_url(f"{server}/page", load)
    assert isinstance(error, UnreadableSource) and "127.0.0.1" in str(error) and not Handler.seen


def test_a_page_is_a_document_known_by_its_address(server: str) -> None:
    (document,) = load_url(f"{server}/page", load, only_this_machine)
    assert isinstance(document, Document)
    assert document.id == document.metadata["uri"] == f"{server}/page"
    assert ARTICLE.planted in document.text and document.source_path is None
    assert not document.layout.own_lines


def test_the_kind_of_content_chooses_the_loader(server: str) -> None:
    (document,) = load_url(f"{server}/a.pdf", load, only_this_machine)
    assert isinstance(document, Document) and len(document.layout.pages) == 2


def test_a_redirect_is_followed_and_the_last_address_is_the_documents(server: str) -> None:
    (document,) = load_url(f"{server}/to//page", load, only_this_machine)
    assert isinstance(document, Document) and document.metadata["uri"] == f"{server}/page"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2/x",
        "http://[::1]/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://user:pw@127.0.0.1/x",
    ],
)
def test_a_redirect_to_an_address_that_is_barred_is_not_followed(server: str, target: str) -> None:
    assert failure(f"{server}/to/{target}").message


def test_redirects_end(server: str) -> None:
    assert "redirects more than" in failure(f"{server}/to/" + "/to/" * 8 + "/page").message


def test_an_endless_answer_is_cut_off(server: str) -> None:
    assert "more than 20000000 bytes" in failure(f"{server}/endless").message


@pytest.mark.parametrize("page", ["slow", "silent"])
def test_an_answer_that_drips_or_does_not_come_ends_at_the_deadline(
    page: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading_web, "MAX_WEB_SECONDS", 1.0)
    began = time.monotonic()
    assert "1 seconds" in failure(f"{server}/{page}").message
    assert time.monotonic() - began < 60  # without a deadline it would never end


def test_half_an_answer_is_none(server: str) -> None:
    assert failure(f"{server}/short").message


def test_an_error_is_told(server: str) -> None:
    assert "404" in failure(f"{server}/nothing").message
    assert failure("http://127.0.0.1:1/refused").message
    assert failure("http://").message


def test_without_leave_nothing_is_asked(server: str) -> None:
    with pytest.raises(InvalidInput, match="allow-network"):
        with_web_addresses(["seeds", f"{server}/page"], load, allow_network=False)
    with pytest.raises(SourceNotFound, match="web address"):
        discover([f"{server}/page"])
    assert not Handler.seen


def test_paths_stay_paths_and_failures_are_listed_beside_them(server: str) -> None:
    sources, failed = with_web_addresses(["seeds", f"{server}/page"], load, allow_network=True)
    assert sources == [Path("seeds")]
    assert [url for url, _ in failed] == [f"{server}/page"]
    with pytest.raises(InvalidInput, match="not a public address"):
        with_web_addresses([f"{server}/page"], load, allow_network=True)
