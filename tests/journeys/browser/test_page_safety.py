import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import ROOT
from tests.journeys.browser.articles import BELL, RECALL
from tests.journeys.browser.served import served
from tests.journeys.browser.watching import Watched, watching


@pytest.fixture(scope="module")
def guarded(browser: Browser, index: Path) -> Iterator[str]:
    """Give the address of a page for reading only, with a login and three questions a minute."""
    with served(index, "--auth", "ann:secret", "--readonly", "--rate-limit", "3") as found:
        yield found


def status(url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=120) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_no_file_of_the_index_is_served(address: str, index: Path) -> None:
    for path in (index / "manifest.json", *index.glob("v*/documents.sqlite")):
        assert path.is_file()
        assert status(f"{address}gradio_api/file={path}") == 404
    assert status(f"{address}pincite/../../pyproject.toml") == 404


def test_a_page_elsewhere_can_neither_point_its_name_here_nor_send_a_form(address: str) -> None:
    assert status(address, {"host": "attacker.example"}) == 400
    sent = {"content-type": "text/plain", "origin": "https://attacker.example"}
    for path in ("gradio_api/queue/join", "gradio_api/component_server", "pincite/files", "login"):
        assert status(f"{address}{path}", sent, b"{}") == 403
    assert status(f"{address}pincite/files", {**sent, "origin": "null"}, b"{}") == 403


def test_the_policy_of_the_page_lets_nothing_in_from_elsewhere(address: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(address, headers={"accept": "text/html"}), timeout=120) as page:
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
    assert status(f"{guarded}gradio_api/queue/join", {"content-type": "application/json"}, b'{"data": ["x"]}') == 401
    assert status(f"{guarded}pincite/files", {"x-file-name": "a.txt"}, b"It rained.") == 401
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
        assert page.get_by_role("button", name="Refresh changed files").count() == 0
        seen.turn_to("Ask")
        # Each 20 seconds allow one question more, so a slow machine may answer a few before the first is refused.
        for number in range(12):
            question = f"{BELL} {number}"
            page.get_by_label("Your question").fill(question)
            page.keyboard.press("Enter")
            page.wait_for_function(
                "question => document.querySelector('#pc-answers .pc-error')"
                " || document.querySelector('#pc-answers [data-question]')?.dataset.question === question",
                arg=question,
            )
            if page.locator("#pc-answers .pc-error").count():
                break
        expect(page.locator(".pc-error h2")).to_contain_text("more than the 3 a minute")
        expect(page.locator(".pc-error p")).to_contain_text("Wait ")


def test_a_page_for_reading_refuses_to_change_anything_whatever_is_sent(
    browser: Browser, guarded: str, index: Path
) -> None:
    context = browser.new_context()
    context.request.post(f"{guarded}login", form={"username": "ann", "password": "secret"})
    config = context.request.get(f"{guarded}config").json()
    before = sorted(path.name for path in index.iterdir())
    for part in config["components"]:
        for name in ("add", "remove", "refresh", "repair", "judge"):
            sent = {"data": {"remove": "bells-1"}, "component_id": part["id"], "fn_name": name, "session_hash": "x"}
            answer = context.request.post(f"{guarded}gradio_api/component_server", data=sent)
            assert answer.status == 404, (part, name)
    refused = context.request.post(f"{guarded}pincite/files", headers={"x-file-name": "a.txt"}, data="It rained.")
    assert refused.status == 403 and "for reading only" in refused.text()
    assert sorted(path.name for path in index.iterdir()) == before
    context.close()


def test_wrong_passwords_are_slowed_down(browser: Browser, guarded: str) -> None:
    wrong = b"username=ann&password=wrong"
    form = {"content-type": "application/x-www-form-urlencoded"}
    right = b"username=ann&password=secret"
    # Each 6 seconds allow one guess more, so a slow machine may make a few before the first is refused.
    for _ in range(40):
        if status(f"{guarded}login", form, wrong) == 429 and status(f"{guarded}login", form, right) == 429:
            return
    raise AssertionError("40 wrong passwords were looked at")
