"""A response for people and for other programs; text of documents stays text."""

from pathlib import Path

import pytest

from rag.assistant import Assistant
from rag.embedding import SentenceTransformerEmbedder
from rag.index import Index
from rag.response import Response
from rag.types import Document

HOSTILE = "The bridge [opened](http://x.example) in *1931* <img src=x> for 5 % & more_money {now}."


@pytest.fixture(scope="module")
def response(tmp_path_factory: pytest.TempPathFactory, embedder: SentenceTransformerEmbedder) -> Response:
    known = {"author": "A. Writer", "uri": "https://e.org/a", "published_at": "2021-05-04"}
    document = Document("a/b.txt", HOSTILE, "Bridges & Roads", metadata=known)
    index: Index = Index.build([document], tmp_path_factory.mktemp("export") / "index", embedder=embedder)
    found = Assistant(index).ask("When was the bridge opened?", min_confidence=0.0)
    index.close()
    return found


def test_markdown_holds_quote_and_source_and_no_live_markup(response: Response) -> None:
    text = response.to_markdown()
    assert r"> The bridge \[opened\](http://x.example) in \*1931\* \<img src=x\>" in text
    assert "*Bridges & Roads*, A. Writer, 2021-05-04, https://e.org/a, line 1" in text


def test_bibtex_escapes_what_has_a_meaning_there(response: Response) -> None:
    text = response.to_bibtex()
    assert text.startswith("@misc{a-b-txt-1,\n")
    assert r"title = {Bridges \& Roads}" in text
    assert r"for 5 \% \& more\_money \{now\}." in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_a_refusal_gives_its_reason(tmp_path: Path, seeds_index: Index) -> None:
    text = Assistant(seeds_index).ask("How do I bake sourdough bread?").to_markdown()
    assert "**Not answered.**" in text
    assert "In no document: bake, sourdough, bread" in text
    assert ">" not in text
