"""What those try who want more than they may have, and what they get."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from rag.index.index import Index
from rag.server.api import TOKENS, Tokens
from tests.server.running_service import COLLAPSE, Served, served

Serving = Callable[..., TestClient]
QUESTION = {"question": COLLAPSE, "top_k": 1}
FERRY = {"documents": [{"id": "ferry", "text": "The ferry leaves at noon."}]}
TRIED = [
    ("POST", "/v1/ask", QUESTION, "read"),
    ("GET", "/v1/documents", None, "read"),
    ("GET", "/v1/openapi.json", None, "read"),
    ("POST", "/mcp", {}, "read"),
    ("GET", "/v1/jobs/none", None, "read"),
    ("POST", "/v1/documents", FERRY, "write"),
    ("POST", "/v1/files", {}, "write"),
    ("DELETE", "/v1/documents/ferry", None, "write"),
    ("POST", "/v1/feedback", {}, "write"),
    ("GET", "/metrics", None, "admin"),
]


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def status(client: TestClient, method: str, path: str, content: Any, headers: dict[str, str] | None = None) -> int:
    return client.request(method, path, json=content, headers=headers).status_code


def test_each_scope_holds_those_before_it_and_no_more(serving: Serving, index: Path) -> None:
    tokens = Tokens(index / TOKENS)
    scopes = ("read", "write", "admin")
    held = {scope: tokens.add(scope, scope) for scope in scopes}
    client = serving(rate_limit=1_000)
    for method, path, content, needed in TRIED:
        assert status(client, method, path, content) == 401, path
        assert status(client, method, path, content, bearing("pincite_wrong")) == 401, path
        for scope in scopes:
            allowed = scopes.index(scope) >= scopes.index(needed)
            assert (status(client, method, path, content, bearing(held[scope])) not in (401, 403)) == allowed, path
    assert {client.get(path).status_code for path in ("/healthz", "/readyz", "/v1/docs", "/v1/redoc")} == {200}


@pytest.mark.parametrize("options", [{"host": "0.0.0.0"}, {"auth": ("ann", "secret")}])
def test_who_can_reach_it_from_elsewhere_or_past_the_login_needs_a_token(
    serving: Serving, options: dict[str, Any]
) -> None:
    client = serving(**options)
    for method, path, content, _ in TRIED:
        answer = client.request(method, path, json=content)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "rag token add" in answer.json()["remedy"]


def test_for_reading_only_nothing_is_written_whatever_the_token(serving: Serving, index: Path) -> None:
    token = Tokens(index / TOKENS).add("boss", "admin")
    client = serving(readonly=True)
    for method, path, content, needed in TRIED:
        assert (status(client, method, path, content, bearing(token)) == 403) == (needed == "write"), path


def test_damaged_tokens_let_nobody_in(serving: Serving, index: Path) -> None:
    (index / TOKENS).write_text("{")
    client = serving()
    assert [status(client, method, path, content) for method, path, content, _ in TRIED] == [422] * len(TRIED)


def test_guessing_is_slowed_and_the_right_token_is_not(serving: Serving, index: Path) -> None:
    token = Tokens(index / TOKENS).add("a", "read")
    client = serving()
    given = [client.get("/v1/stats", headers=bearing(f"pincite_{n}")).status_code for n in range(40)]
    assert set(given[:30]) == {401} and set(given[31:]) == {429}
    assert client.get("/v1/stats", headers=bearing(token)).status_code == 200


def test_a_minute_holds_so_many_questions_of_a_client(serving: Serving, index: Path) -> None:
    tokens = Tokens(index / TOKENS)
    one, two = tokens.add("one", "read"), tokens.add("two", "read")
    client = serving(rate_limit=3)
    batch = {"questions": ["?"] * 3}
    assert client.post("/v1/ask:batch", json=batch, headers=bearing(one)).status_code == 200
    refused = client.post("/v1/ask", json=QUESTION, headers=bearing(one))
    assert (refused.status_code, refused.json()["error"]) == (429, "TooManyRequests")
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert client.post("/v1/ask", json=QUESTION, headers=bearing(two)).status_code == 200


def test_a_body_that_is_too_long_is_refused_before_it_is_read(serving: Serving) -> None:
    client = serving(upload_limit=1)
    long = {"documents": [{"id": "a", "text": "a " * 600_000}]}
    assert client.post("/v1/documents", json=long).status_code == 413
    assert client.post("/v1/ask", content=b"x" * 12_000_001).status_code == 413
    pieces = (b"x" * 100_000 for _ in range(150))
    assert client.post("/v1/ask", content=pieces).status_code == 413


def test_who_sends_too_much_is_there_to_hear_it(running: Served) -> None:
    answer = httpx.post(f"{running.address}/v1/ask", content=b"x" * 20_000_000, timeout=120)
    assert (answer.status_code, answer.json()["error"]) == (413, "ContentTooLarge")


def connection(running: Served) -> http.client.HTTPConnection:
    address = urlsplit(running.address)
    return http.client.HTTPConnection(str(address.hostname), address.port, timeout=120)


def tried(running: Served, method: str, path: str, body: str | None = None, **headers: str) -> int:
    """Return the status of a request sent as it is: no client mends its path or its headers."""
    opened = connection(running)
    opened.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = opened.getresponse()
    answer.read()
    opened.close()
    return answer.status


def test_no_path_of_a_request_reaches_a_file(running: Served) -> None:
    for path in ("../../../../etc/passwd", "%2e%2e/%2e%2e/manifest.json", "/etc/passwd", "..%5c..%5cmanifest.json",
                 "tokens.json", "file:///etc/passwd", "%00", "a%0d%0aset-cookie:x", "%ff"):  # fmt: skip
        for address in (f"/v1/documents/{path}", f"/v1/documents/{path}/text"):
            assert tried(running, "GET", address) == 404, address


def test_a_page_elsewhere_can_neither_point_its_name_here_nor_send_a_form(running: Served) -> None:
    asked = json.dumps(QUESTION)
    sent = {"content_type": "application/json"}
    for path in ("/v1/ask", "/mcp", "/v1/documents"):
        assert tried(running, "POST", path, asked, **sent, host="attacker.example") == 400
        assert tried(running, "POST", path, asked, **sent, origin="https://attacker.example") == 403
        assert tried(running, "POST", path, asked, **sent, origin="null") == 403
        assert tried(running, "POST", path, asked, content_type="text/plain") in (400, 406, 415, 422)
    assert tried(running, "GET", "/v1/documents", host="attacker.example") == 400
    given = httpx.get(f"{running.address}/v1/stats", headers={"origin": "https://attacker.example"})
    assert not [name for name in given.headers if name.startswith("access-control")]
    preflight = {"origin": "https://attacker.example", "access-control-request-method": "POST"}
    asked_first = httpx.options(f"{running.address}/v1/ask", headers=preflight)
    assert asked_first.status_code == 405 and "access-control-allow-origin" not in asked_first.headers


def test_who_comes_through_a_proxy_of_this_machine_is_not_of_this_machine(running: Served) -> None:
    assert tried(running, "GET", "/v1/stats") == 200
    assert tried(running, "GET", "/v1/stats", x_forwarded_for="203.0.113.5") == 401


def test_nothing_asked_and_no_secret_is_in_the_log(seeds_index: Index, index: Path) -> None:
    token = Tokens(index / TOKENS).add("wiki", "read")
    with served(index) as running:
        headers = {**bearing(token), "x-request-id": "mine-1"}
        found = httpx.post(f"{running.address}/v1/ask", json=QUESTION, headers=headers, timeout=120)
        httpx.get(f"{running.address}/v1/documents/secret-name", headers=bearing("pincite_guess"))
        forged = {"x-request-id": 'a", "status": 200}'}
        other = httpx.get(f"{running.address}/v1/documents/secret-name", headers={**bearing(token), **forged})
        running.process.terminate()
        running.process.wait(120)
        log, lines = running.log.read_text(encoding="utf-8"), running.lines()
    assert found.headers["x-request-id"] == "mine-1" and other.headers["x-request-id"] not in forged.values()
    (asked,) = [line for line in lines if line["request_id"] == "mine-1"]
    assert {key: asked[key] for key in ("client", "method", "route", "status")} == {
        "client": "wiki", "method": "POST", "route": "/v1/ask", "status": 200}  # fmt: skip
    assert asked["ms"] > 0 and lines[-1]["route"] == "/v1/documents/{document_id}"
    for secret in (token, "pincite_guess", "Soviet", "secret-name", "collapse"):
        assert secret not in log


def test_a_question_and_a_write_that_have_begun_end_when_the_server_stops(index: Path) -> None:
    with served(index) as running:
        # Longer than uvicorn waits, 2 s, and on a busy machine not longer than the server does, 30 s.
        text = " ".join(f"Sentence {number} tells of the harbour of Marrowick." for number in range(1_000))
        body = json.dumps({"documents": [{"id": "long", "text": text}]})
        opened = connection(running)
        opened.request("POST", "/v1/documents", body, {"content-type": "application/json"})
        until = time.monotonic() + 60
        while not any(index.glob("*.partial")) and time.monotonic() < until:
            time.sleep(0.02)
        running.process.terminate()
        answer = opened.getresponse()
        assert (answer.status, json.loads(answer.read())["added"]) == (200, ["long"])
        opened.close()
        running.process.wait(120)
    after = Index.open(index)
    document = after.document("long")
    assert document is not None and document.text == text
    after.close()


def test_a_byte_now_and_then_holds_nobody_up(running: Served) -> None:
    address = urlsplit(running.address)
    slow = [socket.create_connection((str(address.hostname), address.port)) for _ in range(100)]
    for opened in slow:
        opened.sendall(b"POST /v1/ask HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n{")
    # Less than the 30 s that the server gives each of them.
    assert httpx.post(f"{running.address}/v1/ask", json=QUESTION, timeout=25).status_code == 200
    for opened in slow:
        opened.close()
