import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from rag.answering.assistant import Assistant
from tests import ROOT
from tests.journeys.browser.articles import ABSURD, BELL, RECALL
from tests.journeys.browser.served import served
from tests.journeys.browser.watching import Watched, watching


@pytest.fixture(scope="module")
def guarded(browser: Browser, index: Path) -> Iterator[str]:
    """Give the address of a page for reading only, with a login and three questions a minute."""
    with served(index, "--auth", "ann:secret", "--readonly", "--rate-limit", "3") as found:
        yield found


def status(url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def called(address: str, question: str) -> Any:
    """Return what the named endpoint `ask` gives."""
    body = json.dumps({"data": [question]}).encode()
    headers = {"content-type": "application/json"}
    endpoint = f"{address}gradio_api/call/ask"
    with urllib.request.urlopen(urllib.request.Request(endpoint, body, headers), timeout=60) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{endpoint}/{event}", timeout=60) as response:
        lines = response.read().decode().splitlines()
    (data,) = [line for line, event in zip(lines[1:], lines, strict=False) if event == "event: complete"]
    return json.loads(data.removeprefix("data: "))[0]


def test_the_endpoint_gives_the_response_that_python_gives(address: str, assistant: Assistant) -> None:
    found = called(address, RECALL)
    expected = assistant.ask(RECALL).to_dict()
    found["timings_ms"] = expected["timings_ms"]
    assert found == expected


def test_only_the_endpoint_is_public(address: str) -> None:
    with urllib.request.urlopen(f"{address}gradio_api/info", timeout=60) as response:
        info = json.load(response)
    assert (list(info["named_endpoints"]), info["unnamed_endpoints"]) == (["/ask"], {})


def test_no_file_of_the_index_is_served(address: str, index: Path) -> None:
    for path in (index / "manifest.json", *index.glob("v*/documents.sqlite")):
        assert path.is_file()
        assert status(f"{address}gradio_api/file={path}") in (403, 404)
    assert status(f"{address}pincite/../../pyproject.toml") == 404


def test_a_page_elsewhere_can_neither_point_its_name_here_nor_send_a_form(address: str) -> None:
    assert status(address, {"host": "attacker.example"}) == 400
    sent = {"content-type": "text/plain", "origin": "https://attacker.example"}
    for path in ("gradio_api/queue/join", "gradio_api/component_server", "gradio_api/upload", "gradio_api/call/ask"):
        assert status(f"{address}{path}", sent, b"{}") == 403
    assert status(f"{address}gradio_api/call/ask", {**sent, "origin": "null"}, b"{}") == 403


def test_the_policy_of_the_page_lets_nothing_in_from_elsewhere(address: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(address, headers={"accept": "text/html"}), timeout=60) as page:
        policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "connect-src 'self'" in policy
    assert not re.search(r"https?:|\*|script-src[^;]*'unsafe-inline'", policy)


def test_names_and_addresses_elsewhere_cannot_be_reached_by_these_tests(watched: Watched) -> None:
    # So that every journey here is one without a network; the list of requests is looked at after each test.
    for elsewhere in ("http://example.com/", "http://192.0.2.1/"):
        failed = f"fetch({elsewhere!r}, {{mode: 'no-cors'}}).then(() => false, () => true)"
        assert watched.page.evaluate(failed)
    watched.requests = [url for url in watched.requests if "example.com" not in url and "192.0.2.1" not in url]
    watched.troubles.clear()


def test_a_port_in_use_is_said_with_its_remedy(address: str, index: Path) -> None:
    port = address.rstrip("/").rpartition(":")[2]
    command = [sys.executable, "-m", "rag.cli", "serve", "--index", str(index), "--port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1, port {port}" in ended.stderr
    assert "0 takes a free one" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_the_login_nothing_is_given_and_with_it_one_may_only_ask(browser: Browser, guarded: str) -> None:
    for path in ("gradio_api/info", "config"):
        assert status(f"{guarded}{path}") == 401
    assert status(f"{guarded}gradio_api/call/ask", {"content-type": "application/json"}, b'{"data": ["x"]}') == 401
    with watching(browser.new_context(reduced_motion="reduce"), guarded) as seen:
        page = seen.page
        page.get_by_label("username").fill("ann")
        page.get_by_label("password").fill("secret")
        page.get_by_role("button", name="Login").click()
        seen.ready()
        # Before the login, the page is refused its own configuration, and the browser says so.
        seen.troubles = [trouble for trouble in seen.troubles if "401" not in trouble]
        seen.ask(RECALL)
        expect(page.locator(".pc-answers mark").first).to_be_visible()
        assert page.locator(".pc-feedback").count() == 0
        seen.turn_to("Documents")
        expect(page.locator("#pc-list tbody tr")).not_to_have_count(0)
        assert page.locator("#pc-upload, .pc-remove").count() == 0
        assert page.get_by_role("button", name="Read changed files again").count() == 0
        seen.turn_to("Ask")
        for question in (BELL, ABSURD, RECALL):
            page.get_by_label("Your question").fill(question)
            page.keyboard.press("Enter")
            page.wait_for_timeout(1500)
        expect(page.locator(".pc-error h2")).to_contain_text("more than the 3 a minute")
        expect(page.locator(".pc-error p")).to_contain_text("Wait ")


def test_a_page_for_reading_refuses_to_remove_whatever_is_sent(browser: Browser, guarded: str, index: Path) -> None:
    context = browser.new_context()
    context.request.post(f"{guarded}login", form={"username": "ann", "password": "secret"})
    config = context.request.get(f"{guarded}config").json()
    part = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "pc-list")
    number = next(one["id"] for one in config["dependencies"] if [part, "select"] in one["targets"])
    before = sorted(path.name for path in index.iterdir())
    sent = {"data": [None], "fn_index": number, "session_hash": "x", "event_data": {"remove": "bells-1"}}
    assert context.request.post(f"{guarded}gradio_api/queue/join", data=sent).ok
    answer = context.request.get(f"{guarded}gradio_api/queue/data?session_hash=x").text()
    assert "This page is for reading only." in answer
    assert sorted(path.name for path in index.iterdir()) == before
    context.close()
