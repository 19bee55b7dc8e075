import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from rag.evaluation.reporting.compare import compare
from rag.evaluation.reporting.report import render_html, write_html
from rag.evaluation.reporting.terminal import render_comparison, render_terminal
from rag.evaluation.results import Evaluation, read_json, write_json
from rag.evaluation.run import evaluate

NASTY = "<script>alert(1)</script> & \"quoted\" 'text' <img src=x onerror=y>"


@pytest.fixture(scope="module")
def found(small_set: Path, other_set: Path, cache: Path) -> Evaluation:
    return evaluate(small_set, sample=12, other_field=other_set, cache=cache)


class Elements(HTMLParser):
    """Collects what a page holds, and checks that it closes what it opens."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_needs_nothing_from_elsewhere(found: Evaluation) -> None:
    page = Elements(render_html(found))
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    addresses = [
        value
        for _, attributes in page.tags
        for key, value in attributes.items()
        if key in ("src", "href", "xlink:href")
    ]
    assert all(value and value.startswith("#") for value in addresses)
    assert "url(http" not in render_html(found) and "@import" not in render_html(found)


def test_the_page_shows_every_figure_and_curve(found: Evaluation) -> None:
    page = Elements(render_html(found))
    text = " ".join(page.words)
    for measure in found.measures:
        assert measure.name in text
    assert sum(tag == "svg" for tag, _ in page.tags) == 4
    for title in ("Recall per stage", "Reliability", "Risk and coverage", "Latency"):
        assert title in text


def test_drawings_do_not_share_ids_and_take_the_ink_of_the_page(found: Evaluation) -> None:
    page = render_html(found)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', page))
    assert used <= set(ids)
    assert "currentColor" in page and "#010203" not in page


def test_failures_are_listed_with_question_gold_and_stage(found: Evaluation) -> None:
    words = " ".join(Elements(render_html(found)).words)
    for failure in found.failures:
        assert failure["question"] in words
        assert f"{failure['lost_at']}:" in words


def test_text_of_the_data_is_escaped(small_set: Path, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "nasty"
    folder.mkdir()
    for name in ("corpus.jsonl", "answers.jsonl"):
        (folder / name).write_bytes((small_set / name).read_bytes())
    rows = [json.loads(line) for line in (small_set / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    nasty = "".join(json.dumps({**row, "text": NASTY}) + "\n" for row in rows)
    (folder / "queries.jsonl").write_text(nasty, encoding="utf-8")
    found = evaluate(folder, stages=("answers",), cache=cache)
    page = Elements(render_html(found))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert NASTY in page.words


def test_a_saved_run_gives_the_same_page(found: Evaluation, tmp_path: Path) -> None:
    write_json(found, tmp_path / "run.json")
    again = read_json(tmp_path / "run.json")
    write_html(again, tmp_path / "run.html")
    assert (tmp_path / "run.html").read_text(encoding="utf-8") == render_html(found)


def test_a_comparison_stands_on_page_and_terminal(found: Evaluation, small_set: Path, cache: Path) -> None:
    comparison = compare(found, evaluate(small_set, sample=12, stages=("fused",), cache=cache))
    assert "<h2>Differences</h2>" in render_html(found, comparison)
    assert "fused" in shown(render_comparison(comparison))


def test_the_terminal_shows_every_figure_with_n(found: Evaluation) -> None:
    text = shown(render_terminal(found))
    for measure in found.measures:
        assert measure.name in text
    assert re.search(r"AUROC[^\n]*\b\d\.\d{3}\b[^\n]*\b\d+\b", text)


def shown(part: object) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(part)
    return captured.get()
