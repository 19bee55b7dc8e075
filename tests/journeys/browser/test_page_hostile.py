import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from rag.answering.assistant import Assistant
from rag.core.protocols import Embedder
from rag.index.index import Index
from rag.server.page.html.source_view import answers_of
from tests.journeys.browser.served import served
from tests.journeys.browser.watching import watching

NUMBERS = [50, pytest.param(1_000, marks=pytest.mark.slow)]
NAMES = [
    f"{first}{middle}{last}"
    for middle in ("", "an", "ber", "den", "ing", "kel", "lo", "mar", "ren", "vel")
    for first in ("Al", "Bre", "Cor", "Dun", "Esk", "Fal", "Gor", "Hal", "Ker", "Lin")
    for last in ("burgh", "caster", "dale", "field", "garth", "holm", "ington", "mere", "thorpe", "wick")
]
PIECES = (
    *('<img src=x onerror="window.broken=1">', "<script>window.broken=1</script>", "</mark></blockquote>", "<!--"),
    *("<style>*{display:none}</style>", "{{value}}", "{{#each value}}", "${window.broken=1}", "&amp;", "&#13;", "`"),
    *("\u202e", "\u2066", "😀", "👩\u200d👧", "𝔄", "e\u0301", "שלום", '"', "'", "<b>", "\\u003c"),
)


def question(name: str) -> str:
    return f"How heavy is the bell of {name}?"


@pytest.fixture(scope="module", params=NUMBERS)
def names(request: pytest.FixtureRequest) -> list[str]:
    return NAMES[: request.param]


@pytest.fixture(scope="module")
def hostile(names: list[str], tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    """Return the folder of an index of generated documents; one is a line too long to be shown whole."""
    chance, folder = random.Random(11), tmp_path_factory.mktemp("hostile")
    rows = []
    for number, name in enumerate(names):
        before, inside, after = (" ".join(chance.choices(PIECES, k=chance.randint(1, 6))) for _ in range(3))
        bell = f"The bell of {name} is {number + 2} tons heavy {inside} as all say."
        text = f"A walk. {before}\r\n\r\n{bell}\r\n\r\n{after} End."
        if number == 0:
            text = text.replace("\r\n\r\n", " ") + f" {'Lorem <b>ipsum</b> dolor. ' * 9_700}"
        rows.append({"_id": f"{name} {before}", "title": f"{name} {inside}", "text": text})
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Index.build(corpus, folder / "index", embedder=embedder).close()
    return folder / "index"


@pytest.fixture(scope="module")
def hostile_address(browser: Browser, hostile: Path) -> Iterator[str]:
    with served(hostile, "--rate-limit", "1000000") as found:
        yield found


def test_the_mark_in_the_card_and_in_the_source_is_the_quote_in_every_document(
    browser: Browser, names: list[str], hostile: Path, hostile_address: str, embedder: Embedder
) -> None:
    assistant, seen_documents = Assistant(Index.open(hostile, embedder)), set()
    with watching(browser.new_context(reduced_motion="reduce"), hostile_address) as seen:
        seen.ready()
        for name in names:
            response = assistant.ask(question(name))
            groups = {name: answers_of(response, name) for name in ("answers", "possible", "closest")}
            group, best = next((name, answers[0]) for name, answers in groups.items() if answers)
            seen.ask(question(name))
            assert seen.dom_text("#pc-answers .pc-quote") == best.answer
            seen.page.eval_on_selector(f"[data-show='{group}/1/0']", "button => button.click()")
            seen.page.wait_for_selector("#pc-source section")
            assert seen.page.locator(".pc-here").count(), (name, seen.page.inner_text("#pc-source")[:200])
            assert seen.dom_text(".pc-here") == best.answer
            document = assistant.index.document(best.citation.span.document_id)
            assert document is not None and seen.dom_text(".pc-text") in document.text
            seen_documents.add(document.id)
            assert seen.page.locator(":is(#pc-answers, #pc-source) :is(img, script, style, link, b)").count() == 0
    # A question may be answered by another document; hardly any is.
    assert len(seen_documents) >= 0.9 * len(names)
