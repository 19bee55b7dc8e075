"""Which routes of Gradio the page leaves open, and what those give to who is not meant to have it."""

import base64
import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest

from rag.index.index import Index
from rag.server.page_routes import MAX_EVENT_BYTES, MAX_SESSION_CHARACTERS, WRONG_PASSWORDS_A_MINUTE, page_route
from tests import ROOT
from tests.server.running_service import COLLAPSE, served

ROUTES = Path(__file__).parent / "gradio_routes.txt"
FOREIGN = "foreign.example"
SECRET = "The kestrel nests in the ninth tower."
HOOK = """
import sys

def note(event, arguments):
    network = event in ("socket.connect", "socket.getaddrinfo", "urllib.Request")
    if network or (event == "open" and "canary" in str(arguments[0])):
        with open({log!r}, "a", encoding="utf-8") as log:
            log.write(f"{{event}} {{arguments!r}}\\n")

sys.addaudithook(note)
"""
MANY = ("--rate-limit", "100000")
EVENTS = ("ask", "show", "add", "opened", "start", "news", "preprocess", "postprocess", "__class__", "read_from_flag")


@dataclass
class Page:
    """A served page, and the file in which its process notes what no visitor may make it ask for.

    It notes each name, each address, and each attempt to open `canary`.
    """

    client: httpx.Client
    index: Path
    log: Path

    @property
    def canary(self) -> Path:
        return self.log.parent / "canary.txt"

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
    (folder / "canary.txt").write_text(SECRET, encoding="utf-8")
    log.touch()
    (folder / "sitecustomize.py").write_text(HOOK.format(log=str(log)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        with served(index, *options) as running, httpx.Client(base_url=running.address, timeout=120) as client:
            yield Page(client, index, log)


@pytest.fixture(scope="module")
def page(seeds_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Give a page without login."""
    with watched_page(tmp_path_factory.mktemp("page"), seeds_index.path, *MANY) as found:
        yield found


@pytest.fixture(scope="module")
def guarded(seeds_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Give a page with a login."""
    with watched_page(tmp_path_factory.mktemp("guarded"), seeds_index.path, "--auth", "ann:secret", *MANY) as found:
        yield found


@pytest.fixture(scope="module")
def insider(guarded: Page) -> Iterator[Page]:
    """Give the page with a login to a visitor who has logged in."""
    with httpx.Client(base_url=guarded.client.base_url, timeout=120) as client:
        assert client.post("/login", data={"username": "ann", "password": "secret"}).status_code == 200
        yield Page(client, guarded.index, guarded.log)


@pytest.fixture(params=["page", "insider"])
def visited(request: pytest.FixtureRequest) -> Page:
    """Return a page as each kind of visitor has it who may use it."""
    visited: Page = request.getfixturevalue(request.param)
    return visited


@pytest.fixture(scope="module")
def proxied(seeds_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Give a page with a login behind a proxy on this machine, which may give each visitor any address."""
    options = ("--auth", "ann:secret", "--proxy", "127.0.0.1")
    with watched_page(tmp_path_factory.mktemp("proxied"), seeds_index.path, *options) as found:
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


CALLS: dict[str, dict[str, Any]] = {
    "add": {"keys": [], "refused": []},
    "ask": {"question": COLLAPSE, "least": None, "only": []},
    "download": {"id": "x", "form": "csv"},
    "examples": {},
    "export": {"response": "", "form": "json"},
    "health": {"check": True},
    "judge": {"response": "", "rank": 1, "verdict": "right"},
    "alarms": {},
    "cancel": {},
    "check": {},
    "choices": {"choice": {"kinds": ["text"], "only": ["x"]}, "query": "x", "whole": True},
    "linked": {"link": "document=x&quote=y"},
    "listed": {"query": "", "facet": "", "page": 0},
    "more": {"response": "", "address": "answers/1/0", "side": "after", "start": 0, "end": 10, "target": 20},
    "news": {"job": "x"},
    "opened": {"open": "x"},
    "pages": {"response": "", "address": "answers/1/0"},
    "refresh": {},
    "remove": {"remove": "x"},
    "repair": {},
    "show": {"response": "", "address": "answers/1/0"},
    "slider": {},
    "start": {"name": "a.csv", "content": base64.b64encode(b"question,answer\nWhy?,\n").decode()},
    "state": {},
    "undo": {"undo": "x"},
    "unwatch": {"unwatch": "x"},
    "watch": {"response": ""},
    "widen": {"response": "", "address": "answers/1/0", "by": 1},
}
"""Every call of the page with sound arguments."""


def calls_of(page: Page) -> Iterator[tuple[int, str]]:
    """Give the part and the name of each call that the page offers."""
    for part in page.client.get("/config").json()["components"]:
        for name in part["props"].get("server_fns") or ():
            yield part["id"], name


def called(page: Page, part: int, name: str, arguments: Any) -> httpx.Response:
    body = {"data": arguments, "component_id": part, "fn_name": name, "session_hash": "x"}
    return page.client.post("/gradio_api/component_server", json=body)


def ended(page: Page, part: int, answer: httpx.Response) -> str:
    """Return what a call says, and what its job says once it is done."""
    content = answer.json() if answer.status_code == 200 else {}
    if not isinstance(content, dict) or "job" not in content or not content["job"] or "version" in content:
        return answer.text
    while not (news := called(page, part, "news", {"job": content["job"]}).json())["done"]:
        time.sleep(0.02)
    return str(news["html"])


def test_no_field_of_a_call_makes_the_server_fetch_or_read(visited: Page) -> None:
    calls = list(calls_of(visited))
    assert {name for _, name in calls} == set(CALLS), "each call is to be tried with each of its fields"
    asking, telling = (next(part for part, name in calls if name == wanted) for wanted in ("ask", "news"))
    html = called(visited, asking, "ask", CALLS["ask"]).json()["html"]
    (response,) = set(re.findall(r'data-response="([^"]+)"', html))
    with visited.without_outbound_requests():
        for place in (f"http://{FOREIGN}/secret.txt", str(visited.canary)):
            file = {"path": place, "url": place, "orig_name": "a.txt", "meta": {"_type": "gradio.FileData"}}
            for part, name in calls:
                sound = {**CALLS[name], **({"response": response} if "response" in CALLS[name] else {})}
                values: tuple[Any, ...] = (place, [place], [[place, place]], file)
                sent = [{**sound, field: value} for field in sound for value in values]
                for arguments in (*sent, *values):
                    said = ended(visited, telling, called(visited, part, name, arguments))
                    assert SECRET not in said, (name, arguments)


def test_no_text_of_an_event_makes_the_server_fetch_or_read(visited: Page) -> None:
    with visited.without_outbound_requests():
        for number, place in enumerate((f"http://{FOREIGN}/secret.txt", str(visited.canary))):
            body = {"data": [place], "fn_index": 0, "session_hash": f"session{number}"}
            assert visited.client.post("/gradio_api/queue/join", json=body).status_code == 200
            query = {"session_hash": f"session{number}"}
            with visited.client.stream("GET", "/gradio_api/queue/data", params=query) as events:
                told = "".join(events.iter_text())
            assert "process_completed" in told and SECRET not in told


def test_no_word_of_an_address_makes_the_server_fetch_or_read(page: Page, guarded: Page, insider: Page) -> None:
    words = ("deep_link", "session_hash", "all_endpoints", "file", "url", "path")
    paths = sorted(path for method, path in listed("open") if method == "GET")
    paths.sort(key=lambda path: path == "/logout")  # last: it ends the session
    with page.without_outbound_requests(), guarded.without_outbound_requests():
        for visited in (page, guarded, insider):
            for place in (f"http://{FOREIGN}/secret.txt", str(visited.canary)):
                for path in paths:
                    for query in ({"page": place, "all_session": place}, dict.fromkeys(words, place)):
                        with suppress(httpx.RemoteProtocolError):  # Gradio ends the stream of no session in its midst
                            assert SECRET not in visited.client.get(path, params=query).text
                for prefix in ("/assets/", "/static/"):
                    for form in (place, f"../../{place}", f"..%2f..%2f{place.replace('/', '%2f')}"):
                        assert SECRET not in visited.client.get(prefix + form).text


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


def guess(page: Page, address: str, password: str) -> int:
    sent = {"username": "ann", "password": password}
    return page.client.post("/login", data=sent, headers={"x-forwarded-for": address}).status_code


def test_guesses_whose_last_byte_is_held_back_are_counted_before_it_comes(proxied: Page) -> None:
    url, body, began = proxied.client.base_url, b"username=ann&password=wrong", time.monotonic()
    head = (
        f"POST /login HTTP/1.1\r\nhost: 127.0.0.1\r\nx-forwarded-for: 203.0.113.1\r\nconnection: close\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    guesses = [socket.create_connection((url.host, url.port), 120) for _ in range(60)]
    for opened in guesses:
        opened.sendall(head.encode() + body[:-1])
    looked_at = 0
    for opened in guesses:
        with suppress(ConnectionError):  # refused already
            opened.sendall(body[-1:])
    for opened in guesses:
        with suppress(ConnectionError):
            looked_at += opened.recv(12) == b"HTTP/1.1 400"
        opened.close()
    # Each 6 seconds allow one guess more.
    assert 0 < looked_at <= WRONG_PASSWORDS_A_MINUTE + 1 + (time.monotonic() - began) / 6


def test_the_right_password_costs_no_guess(proxied: Page) -> None:
    assert {guess(proxied, "203.0.113.2", "secret") for _ in range(3 * WRONG_PASSWORDS_A_MINUTE)} == {200}


def test_the_named_proxy_tells_visitors_apart(proxied: Page) -> None:
    assert 429 in (guess(proxied, "203.0.113.3", "wrong") for _ in range(40))
    assert guess(proxied, "203.0.113.4", "wrong") == 400


def test_the_name_of_a_session_and_an_event_are_short(page: Page) -> None:
    parts = page.client.get("/config").json()["components"]
    status = next(part["id"] for part in parts if part["props"].get("elem_id") == "pc-status")
    session = "x" * MAX_SESSION_CHARACTERS
    event = {"data": ["Why?"], "fn_index": 0, "session_hash": session}
    call = {"data": {}, "component_id": status, "fn_name": "state", "session_hash": session}
    for path, body in (("/gradio_api/queue/join", event), ("/gradio_api/component_server", call)):
        assert page.client.post(path, json=body).status_code == 200
        for name in (f"{session}x", 7, None):
            assert page.client.post(path, json={**body, "session_hash": name}).status_code == 422, path
    long = "x" * MAX_EVENT_BYTES
    assert page.client.post("/gradio_api/queue/join", json={**event, "data": [long]}).status_code == 413
    assert page.client.post("/gradio_api/component_server", json={**call, "data": {"a": long}}).status_code == 200


def test_a_call_of_the_page_is_json_with_the_types_of_its_fields(page: Page) -> None:
    call = {"data": {}, "component_id": 1, "fn_name": "state", "session_hash": "x"}
    for name, value in (("component_id", "1"), ("component_id", True), ("fn_name", 1), ("fn_name", None)):
        assert page.client.post("/gradio_api/component_server", json={**call, name: value}).status_code == 422
    form = {"files": ("a.txt", b"It rained.")}
    assert page.client.post("/gradio_api/component_server", data={"session_hash": "x"}, files=form).status_code == 422


def test_the_log_says_where_gradio_failed_and_not_what_was_sent(page: Page) -> None:
    body = {"data": ["secret words"], "fn_index": 99_999, "session_hash": "x"}
    assert page.client.post("/gradio_api/queue/join", json=body).status_code == 500
    log = (page.index.parent / "served.log").read_text(encoding="utf-8")
    assert re.search(r"Gradio failed at /gradio_api/queue/join: \w+ at \w+:\d+ < ", log) and "secret words" not in log
