from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import InvalidFilter, InvalidInput
from rag.core.types import Document, DocumentSummary
from rag.index.index import Index
from rag.server.page.choosing import (
    MAX_CHOSEN_DOCUMENTS,
    Choice,
    Offer,
    choice_of,
    chosen_documents,
    fitting_ids,
    offer,
    values_by_document,
)
from rag.server.page.html.documents.choice_views import MAX_LISTED_DOCUMENTS, choice_words, list_html, panel_html
from rag.server.shared_assistant import SharedAssistant
from tests.server.page.pages import Reading

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

HOSTILE = "<img src=x onerror=alert(1)>"


def summary(name: str, title: str | None = None) -> DocumentSummary:
    return DocumentSummary(name, title, None, 100, 1, name)


def test_documents_are_chosen_by_a_short_list_of_their_ids() -> None:
    assert chosen_documents(["a", "b"]) == ["a", "b"]
    for wrong in ("a", {"a": 1}, [1], [["a"]], ["x"] * (MAX_CHOSEN_DOCUMENTS + 1)):
        with pytest.raises(InvalidInput):
            chosen_documents(wrong)


def test_a_choice_is_the_filter_that_it_names() -> None:
    assert choice_of({}).filters() is None
    chosen = {"only": ["a"], "kind": ".pdf", "author": "Ann", "tag": "law", "since": "2024", "until": ""}
    assert choice_of(chosen).filters() == {
        "id": ["a"], "path": "*.pdf", "author": "Ann", "tags": "law", "published_at": {">=": "2024"},
    }  # fmt: skip
    wrong: list[Any] = [[], "a", {"kind": 1}, {"author": "x" * 1_000}, {"only": [1]}]
    for values in wrong:
        with pytest.raises(InvalidInput):
            choice_of(values)


def test_what_fits_and_what_can_be_chosen_comes_from_the_documents(tmp_path: Path, embedder: "Embedder") -> None:
    documents = [
        Document("a", "It rained.", source_path="/x/a.txt", metadata={"author": "Ann", "published_at": "2024-05-01"}),
        Document("b", "It snowed.", source_path="/x/b.pdf", metadata={"published_at": "2023", "tags": ["law"]}),
        Document("c", "It hailed.", source_path="/x/c.pdf"),
    ]
    built = Index.build(documents, tmp_path / "index", embedder=embedder)
    shared = SharedAssistant(lambda: Assistant(built))
    assert fitting_ids(shared, Choice()) == {"a", "b", "c"}
    assert fitting_ids(shared, Choice(kind=".pdf", until="2023")) == {"b"}
    assert fitting_ids(shared, Choice(only=("a", "c"), kind=".pdf")) == {"c"}
    assert offer(shared) == Offer((".pdf", ".txt"), ("Ann",), ("law",), True)
    assert values_by_document(shared, "published_at") == {"a": "2024-05-01", "b": "2023"}
    assert values_by_document(shared, "unknown") == {}
    with pytest.raises(InvalidFilter):
        fitting_ids(shared, Choice(since="spring"))


def test_the_line_says_which_documents_are_asked() -> None:
    documents = [summary("a", "Bells"), summary("b"), summary("c")]
    assert choice_words(documents, ["a", "b", "c"], Choice()) == "All 3 documents"
    assert choice_words(documents, ["a"], Choice(only=("a",))) == "Only Bells"
    assert choice_words(documents, ["a", "b"], Choice(only=("a", "b"))) == "2 of 3 documents"
    chosen = Choice(kind=".pdf", author="Ann", since="2024")
    assert choice_words(documents, ["b"], chosen) == "1 of 3 documents: .pdf, by Ann, since 2024"


def test_the_list_has_the_chosen_first_and_then_what_fits_the_words() -> None:
    documents = [summary("a", "Bells"), summary("b", HOSTILE), summary("c", "More bells"), summary("d", "Bells too")]
    found = Reading(list_html(documents, {"a", "b", "c"}, Choice(only=("d",)), "bells"))
    assert found.attribute("value") == ["d", "a", "c"]
    assert [attributes.get("checked") for tag, attributes, _ in found.elements if tag == "input"] == ["", None, None]
    assert "img" not in {tag for tag, _, _ in Reading(list_html(documents, {"b"}, Choice(), "")).elements}
    many = [summary(str(number)) for number in range(MAX_LISTED_DOCUMENTS + 3)]
    assert "3 more documents" in list_html(many, {one.id for one in many}, Choice(), "")
    assert "No document fits." in list_html(documents, set(), Choice(), "")


def test_only_fields_that_tell_documents_apart_are_offered() -> None:
    bare = Reading(panel_html(Offer(), Choice()))
    assert bare.attribute("data-choice") == ["query"]
    full = Reading(panel_html(Offer((".pdf", ".txt"), (HOSTILE,), ("law",), True), Choice(author="Gone", since="2024")))
    assert full.attribute("data-choice") == ["query", "kind", "author", "tag", "since", "until"]
    assert full.texts("option", lambda given: given.get("selected") is not None) == ["any", "Gone", "any"]
    assert "2024" in full.attribute("value")
