"""Which routes of Gradio the page leaves open, and what those give to who is not meant to have it."""

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import httpx
import pytest

from rag.index.index import Index
from rag.server.page_routes import page_route
from tests import ROOT
from tests.server.running_service import served

ROUTES = Path(__file__).parent / "gradio_routes.txt"
FOREIGN = "foreign.example"
HOOK = """
import sys

def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        with open({log!r}, "a", encoding="utf-8") as log:
            log.write(f"{{event}} {{arguments!r}}\\n")

sys.addaudithook(note)
"""
EVENTS = ("ask", "show", "add", "opened", "start", "news", "preprocess", "postprocess", "__class__", "read_from_flag")


@dataclass
class Page:
    """A served page, and the file in which its process notes each name and address that it asks for."""

    client: httpx.Client
    index: Path
    log: Path

    @contextmanager
    def without_outbound_requests(self) -> Iterator[None]:
        before = self._attempts()
        yield
        assert self._attempts() == before

    def _attempts(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


@contextmanager
def watched_page(folder: Path, source: Path, *options: str) -> Iterator[Page]:
    index, log = Path(copytree(source, folder / "index")), folder / "attempts.txt"
    (folder / "sitecustomize.py").write_text(HOOK.format(log=str(log)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        with served(index, *options) as running, httpx.Client(base_url=running.address, timeout=120) as client:
            yield Page(client, index, log)


@pytest.fixture(scope="module")
def page(seeds_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Give a page without login."""
    with watched_page(tmp_path_factory.mktemp("page"), seeds_index.path, "--rate-limit", "100000") as found:
        yield found


@pytest.fixture(scope="module")
def guarded(seeds_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Give a page with a login."""
    with watched_page(tmp_path_factory.mktemp("guarded"), seeds_index.path, "--auth", "ann:secret") as found:
        yield found


def listed(state: str) -> list[tuple[str, str]]:
    """Return the method and an address of each route of the list that is `open` or `closed`."""
    lines = [line.split() for line in ROUTES.read_text(encoding="utf-8").splitlines()]
    return [(method, re.sub(r"\{[^}]*\}", "x", path)) for kind, method, path in lines if kind == state]


def test_the_list_names_every_route_of_gradio() -> None:
    command = [sys.executable, "-m", "tests.server.gradio_routes"]
    installed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    lines = ROUTES.read_text(encoding="utf-8").splitlines()
    assert sorted(installed) == sorted(line.partition(" ")[2] for line in lines), (
        "Gradio has other routes now: look at each new one, then add it to the list as closed."
    )


def test_only_the_routes_that_the_list_calls_open_are_open() -> None:
    assert all(page_route(method, path) for method, path in listed("open"))
    assert not any(page_route(method, path) for method, path in listed("closed"))


def test_a_closed_route_answers_404_whoever_asks(page: Page, guarded: Page) -> None:
    for method, path in listed("closed"):
        for client in (page.client, guarded.client):
            assert client.request(method, path, json={}).status_code == 404, (method, path)


@pytest.mark.parametrize("form", ["/gradio_api/file={}", "/gradio_api/proxy={}", "/gradio_api/file/{}"])
def test_no_file_and_no_address_is_fetched_by_path(page: Page, form: str) -> None:
    with page.without_outbound_requests():
        for place in (f"http://{FOREIGN}/a.txt", "http://127.0.0.1:9/", page.index / "manifest.json", "/etc/passwd"):
            assert page.client.get(form.format(place)).status_code == 404


def test_no_field_of_an_event_makes_the_server_fetch_or_read(page: Page) -> None:
    parts = page.client.get("/config").json()["components"]
    secret = (page.index / "manifest.json").read_text(encoding="utf-8")[:40]
    with page.without_outbound_requests():
        for place in (f"http://{FOREIGN}/secret.txt", str(page.index / "manifest.json")):
            file = {"path": place, "url": place, "orig_name": "a.txt", "meta": {"_type": "gradio.FileData"}}
            for part in parts:
                for name in EVENTS:
                    body = {"data": [file], "component_id": part["id"], "fn_name": name, "session_hash": "x"}
                    assert secret not in page.client.post("/gradio_api/component_server/", json=body).text
            for number in range(12):
                body = {"data": [file, file], "fn_index": number, "session_hash": "x", "event_data": file}
                assert page.client.post("/gradio_api/queue/join", json=body).status_code == 422
                body = {"data": [place], "fn_index": number, "session_hash": "x", "event_data": file, "request": file}
                # 500 stands for an event that the page does not have; the next request is answered all the same
                assert page.client.post("/gradio_api/queue/join", json=body).status_code in (200, 500)
    assert not (page.index / "uploads").exists()


def test_an_event_takes_texts_alone(page: Page) -> None:
    sound = {"data": ["Why?"], "fn_index": 0, "session_hash": "x"}
    assert page.client.post("/gradio_api/queue/join", json=sound).status_code == 200
    for name, value in (("data", [["Why?"]]), ("data", "Why?"), ("data", [{}]), ("fn_index", "0"), ("fn_index", True)):
        assert page.client.post("/gradio_api/queue/join", json={**sound, name: value}).status_code == 422
    for body in (b"[]", b"\xff", b"[" * 100_000):
        assert page.client.post("/gradio_api/queue/join", content=body).status_code == 422


def test_without_login_no_route_gives_or_changes_anything(guarded: Page) -> None:
    for method, path in listed("open"):
        if method == "POST" and not path.startswith("/login"):
            assert guarded.client.request(method, path, json={"data": ["x"]}).status_code == 401, path
    sent = guarded.client.post("/pincite/files", headers={"x-file-name": "a.txt"}, content=b"It rained.")
    assert sent.status_code == 401
    for path in ("/config", "/gradio_api/info"):
        assert guarded.client.get(path).status_code == 401, path
    assert not (guarded.index / "uploads").exists()


def test_a_long_body_is_refused_before_it_is_read(page: Page, guarded: Page) -> None:
    for client, status in ((guarded.client, 401), (page.client, 413)):
        for path in ("/gradio_api/queue/join", "/gradio_api/component_server"):
            connection = http.client.HTTPConnection(str(client.base_url.netloc, "ascii"), timeout=120)
            connection.putrequest("POST", path)
            connection.putheader("content-type", "application/json")
            connection.putheader("content-length", "1000000000")
            connection.endheaders()  # and no byte of the body
            assert connection.getresponse().status == status, path
            connection.close()
        assert client.post("/login", data={"username": "a" * 20_000, "password": "b"}).status_code == 413


def test_a_forwarded_address_that_no_named_proxy_sent_gives_no_new_guesses(guarded: Page) -> None:
    wrong = {"username": "ann", "password": "wrong"}
    # Each 6 seconds allow one guess more, so a slow machine may make a few before the first is refused.
    for number in range(40):
        forwarded = {"x-forwarded-for": f"203.0.113.{number}"}
        answer = guarded.client.post("/login", data=wrong, headers=forwarded)
        if answer.status_code == 429:
            return
        assert answer.status_code == 400
    raise AssertionError("40 wrong passwords were looked at")
