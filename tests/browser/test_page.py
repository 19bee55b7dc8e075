import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect
from served import ROOT, browsing, chromium, served

from rag.assistant import Assistant
from rag.index import Index

MISSING = "no Chromium on this machine: apt-get install chromium"
RECALL = "Why did Armenia recall its ambassador to Israel?"
ABSURD = "What is the melting point of tungsten carbide in Kelvin?"
HARBOUR = "Who built the harbour of Marrowick?"
KEEPER = "Who kept the lighthouse of Marrowick?"
FERRY = "When does the ferry of Marrowick leave?"
HOSTILE_NAME = "<img src=x onerror=alert(1)>.txt"
HOSTILE = (
    '<img src=x onerror="window.broken=1;alert(1)"> The harbours of {{value}} and ${document.title}\r\n'
    "\r\n"
    "The harbour of Marrowick was built in 1907 by <b onmouseover='alert(2)'>Ottoline Ferrars</b> &amp; her"
    " {{#each value}}{{this}}{{/each}} sons \"A\" and 'B', ${window.broken=2}, `C` 😀 & &lt;D&gt;.\r\n"
    "\r\n"
    "The lighthouse of Marrowick was kept by \u202eTobias Quill for forty years, 𝔄nd nobody thanked him.\r\n"
    "\r\n"
    "The ferry of Marrowick leaves at noon on each Sunday.</blockquote></div><script>window.broken=3</script>"
    "<style>body{display:none}</style><link rel=stylesheet href=http://192.0.2.1/x.css>\r\n"
)


@dataclass
class Watched:
    """A page, with everything that went over its network, its console and its dialogs."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        self.page.wait_for_function(
            "question => document.querySelector('.pc-answers, .pc-none, .pc-error')"
            " && document.querySelector('#pc-answers').textContent.includes(question)",
            arg=question,
            timeout=120_000,
        )

    def dismiss(self, dialog: Dialog) -> None:
        self.troubles.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.troubles.append(said.text)

    def dom_text(self, selector: str) -> str:
        return str(self.page.eval_on_selector(selector, "element => element.textContent"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a headless Chromium; without one the tests are skipped, and fail where `CI` is set."""
    if chromium() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the seed articles and one hostile document."""
    folder = tmp_path_factory.mktemp("articles")
    for article in (ROOT / "seeds").glob("*.txt"):
        (folder / article.name).write_bytes(article.read_bytes())
    (folder / HOSTILE_NAME).write_bytes(HOSTILE.encode())
    return folder


@pytest.fixture(scope="module")
def index(articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "index"
    Index.build(articles, path).close()
    return path


@pytest.fixture(scope="module")
def assistant(index: Path) -> Assistant:
    return Assistant.open(index)


@pytest.fixture(scope="module")
def address(browser: Browser, index: Path) -> Iterator[str]:
    with served(index) as found:
        yield found


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address.rstrip("/"))
    page = context.new_page()
    seen = Watched(page, address)
    context.on("request", lambda request: seen.requests.append(request.url))
    page.on("dialog", seen.dismiss)
    page.on("pageerror", lambda error: seen.troubles.append(f"error {error}"))
    page.on("console", seen.hear)
    page.goto(address)
    yield seen
    assert seen.troubles == []
    assert [url for url in seen.requests if not url.startswith((address, "data:", "blob:"))] == []
    assert page.evaluate("window.broken") is None
    context.close()


def test_the_page_is_there_before_the_model_and_a_question_waits_for_it(watched: Watched) -> None:
    page = watched.page
    expect(page.get_by_label("Your question")).to_be_focused(timeout=30_000)
    watched.ask(RECALL)
    expect(page.locator(".pc-answers")).to_be_visible()
    expect(page.locator("#pc-status")).to_contain_text("3 documents")
    expect(page.locator("#pc-status")).to_contain_text("version 1, offline")


def test_the_quotation_is_marked_in_its_card_and_at_its_place_in_the_source(
    watched: Watched, assistant: Assistant
) -> None:
    best = assistant.ask(RECALL).answers[0]
    document = assistant.index.document(best.citation.span.document_id)
    assert document is not None
    watched.ask(RECALL)
    assert watched.dom_text(".pc-answers mark") == best.answer
    assert watched.dom_text(".pc-answers blockquote") == best.context
    expect(watched.page.locator("#pc-live")).to_contain_text(f"best: {best.answer}")


def test_the_source_opens_at_the_quotation_and_escape_gives_the_focus_back(
    watched: Watched, assistant: Assistant
) -> None:
    answers = assistant.ask(RECALL).answers
    watched.ask(RECALL)
    for answer in answers:
        document = assistant.index.document(answer.citation.span.document_id)
        assert document is not None
        button = watched.page.locator(f"[data-show='answers/{answer.rank}/0']")
        button.click()
        expect(watched.page.locator("#pc-live")).to_contain_text(f"line {answer.citation.place.line_start}")
        expect(watched.page.locator(".pc-here")).to_be_in_viewport()
        assert watched.dom_text("mark.pc-here") == answer.answer
        assert watched.dom_text(".pc-text") == document.text
        assert text_before_mark(watched.page) == document.text[: answer.citation.span.start]
        watched.page.keyboard.press("Escape")
        expect(watched.page.locator(".pc-source")).to_have_count(0)
        expect(button).to_be_focused()


def text_before_mark(page: Page) -> str:
    """Return all text of the source view that stands before the quotation."""
    return str(
        page.evaluate(
            """() => {
                const range = document.createRange();
                range.setStart(document.querySelector(".pc-text"), 0);
                range.setEndBefore(document.querySelector(".pc-here"));
                return range.toString();
            }"""
        )
    )


def test_what_is_ignored_in_the_source_is_shown_grey_with_its_reason(watched: Watched, assistant: Assistant) -> None:
    best = assistant.ask(RECALL).answers[0]
    document = assistant.index.document(best.citation.span.document_id)
    assert document is not None
    watched.ask(RECALL)
    watched.page.click("[data-show='answers/1/0']")
    watched.page.wait_for_selector(".pc-ignored[data-label]")
    shown = watched.page.eval_on_selector_all(".pc-text .pc-ignored", "all => all.map(one => one.textContent)")
    assert shown == [document.slice(mask.span) for mask in assistant.index.masks(document.id)]


def test_an_absurd_question_gets_a_no_answer_and_no_quotation(watched: Watched) -> None:
    watched.ask(ABSURD)
    page = watched.page
    expect(page.locator(".pc-none h2")).to_have_text("No answer in these documents")
    expect(page.locator(".pc-missing")).to_contain_text("tungsten")
    assert page.locator("#pc-answers mark").count() == 0
    expect(page.locator(".pc-closest blockquote").first).not_to_be_visible()
    page.locator(".pc-closest summary").click()
    expect(page.locator(".pc-closest blockquote").first).to_be_visible()
    page.locator("[data-show='closest/1/0']").click()
    expect(page.locator("span.pc-here")).to_be_in_viewport()
    assert page.locator("mark.pc-here").count() == 0


@pytest.mark.parametrize("question", [HARBOUR, KEEPER, FERRY])
def test_a_hostile_document_is_only_text(watched: Watched, assistant: Assistant, question: str) -> None:
    best = assistant.ask(question).answers[0]
    assert best.citation.span.document_id == HOSTILE_NAME
    watched.ask(question)
    assert watched.dom_text(".pc-answers mark") == best.answer
    watched.page.click("[data-show='answers/1/0']")
    expect(watched.page.locator("mark.pc-here")).to_be_in_viewport()
    assert watched.dom_text("mark.pc-here") == best.answer
    assert watched.dom_text(".pc-text") == HOSTILE
    assert watched.page.locator(":is(#pc-answers, #pc-source) :is(img, script, style, link, b)").count() == 0


def test_a_right_to_left_override_stays_inside_its_quotation(watched: Watched) -> None:
    watched.ask(KEEPER)
    direction = "element => [getComputedStyle(element).unicodeBidi, element.getAttribute('dir')]"
    assert watched.page.eval_on_selector(".pc-answers blockquote", direction) == ["isolate", "auto"]


def test_a_quotation_is_copied_with_and_without_its_citation(watched: Watched, assistant: Assistant) -> None:
    best = assistant.ask(RECALL).answers[0]
    watched.ask(RECALL)
    buttons = watched.page.locator(".pc-answers [data-copy]")
    for button, copied in ((buttons.nth(0), best.answer), (buttons.nth(1), f"“{best.answer}” — ")):
        button.click()
        expect(button).to_have_text("Copied")
        assert str(watched.page.evaluate("navigator.clipboard.readText()")).startswith(copied)


@pytest.mark.parametrize(
    ("question", "words"),
    [("x" * 100_000, "100,000 characters"), ("   ", "There is no question"), (HOSTILE[:300], "")],
)
def test_odd_questions_are_answered_in_words(watched: Watched, question: str, words: str) -> None:
    page = watched.page
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    card = page.locator(".pc-none, .pc-error, .pc-response")
    expect(card).to_contain_text(words, timeout=120_000)
    assert "Traceback" not in page.inner_text("body")


def test_examples_are_answered_when_clicked(watched: Watched) -> None:
    example = watched.page.locator(".pc-examples button").first
    words = example.inner_text(timeout=120_000)
    example.click()
    expect(watched.page.locator(".pc-asked")).to_contain_text(words, timeout=60_000)
    expect(watched.page.get_by_label("Your question")).to_have_value(words)


@pytest.mark.parametrize("width", [320, 360, 1440])
def test_nothing_is_wider_than_the_window(watched: Watched, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    watched.ask(HARBOUR)
    watched.page.click("[data-show='answers/1/0']")
    watched.page.wait_for_selector(".pc-source")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_slash_goes_to_the_question(watched: Watched) -> None:
    watched.ask(RECALL)
    watched.page.locator("[data-show='answers/1/0']").focus()
    watched.page.keyboard.press("/")
    expect(watched.page.get_by_label("Your question")).to_be_focused()


def test_the_endpoint_gives_the_response_that_python_gives(address: str, assistant: Assistant) -> None:
    found = called(address, RECALL)
    expected = assistant.ask(RECALL).to_dict()
    found["timings_ms"] = expected["timings_ms"]
    assert found == expected


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


def test_only_the_endpoint_is_public(address: str) -> None:
    with urllib.request.urlopen(f"{address}gradio_api/info", timeout=60) as response:
        info = json.load(response)
    assert (list(info["named_endpoints"]), info["unnamed_endpoints"]) == (["/ask"], {})


def test_no_file_of_the_index_is_served(address: str, index: Path) -> None:
    for path in ("manifest.json", "v000001/documents.sqlite"):
        assert (index / path).is_file()
        assert status(f"{address}gradio_api/file={index / path}") in (403, 404)
    assert status(f"{address}pincite/../../pyproject.toml") == 404


def test_a_page_elsewhere_cannot_point_its_own_name_at_this_machine(address: str) -> None:
    assert status(address, {"host": "attacker.example"}) == 400


def test_a_port_in_use_is_said_with_its_remedy(address: str, index: Path) -> None:
    port = address.rstrip("/").rpartition(":")[2]
    command = [sys.executable, "-m", "rag.cli", "serve", "--index", str(index), "--port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1, port {port}" in ended.stderr
    assert "0 takes a free one" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_changed_document_is_answered_anew_and_never_marked_by_old_offsets(
    watched: Watched, assistant: Assistant, articles: Path
) -> None:
    # The last test: it changes the index.
    watched.ask(FERRY)
    changed = articles / HOSTILE_NAME
    changed.write_text("Timetable\n\nThe ferry of Marrowick leaves at dusk on each Monday.\n", encoding="utf-8")
    assert assistant.index.add(articles).updated == (HOSTILE_NAME,)
    watched.page.click("[data-show='answers/1/0']")
    expect(watched.page.locator("#pc-source .pc-error h2")).to_contain_text("The document has changed")
    assert watched.page.locator(".pc-here").count() == 0
    watched.ask(f" {FERRY}")
    expect(watched.page.locator("#pc-status")).to_contain_text("version 2, offline")
    watched.page.click("[data-show='answers/1/0']")
    expect(watched.page.locator("mark.pc-here")).to_have_text("The ferry of Marrowick leaves at dusk on each Monday.")


def status(url: str, headers: dict[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
