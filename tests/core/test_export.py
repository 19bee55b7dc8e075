"""A response for people and for other programs; text of documents stays text."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import InvalidInput
from rag.core.presentation.export import EXPORT_FORMS, export
from rag.core.protocols import Embedder
from rag.core.response import Response
from rag.core.text.plain_text import response_lines
from rag.core.types import Document
from rag.index.index import Index

HOSTILE = "The bridge [opened](http://x.example) in *1931* <img src=x> for 5 % & more_money {now}."


@pytest.fixture(scope="module")
def response(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Response:
    known = {"author": "A. Writer", "uri": "https://e.org/a", "published_at": "2021-05-04"}
    document = Document("a/b.txt", HOSTILE, "Bridges & Roads", metadata=known)
    copy = Document("copy", "It is told so. " + HOSTILE)
    index: Index = Index.build([document, copy], tmp_path_factory.mktemp("export") / "index", embedder=embedder)
    found = Assistant(index).ask("When was the bridge opened?", min_confidence=0.0, top_k=1)
    index.close()
    assert len(found.answers[0].also_in) == 1
    return found


DAY = date(2026, 11, 22)


def texts(response: Response) -> dict[str, str]:
    return {citation.span.document_id: citation.quote for answer in response.answers
            for citation in (answer.citation, *answer.also_in)}  # fmt: skip


def test_markdown_holds_quote_and_source_and_no_live_markup(response: Response) -> None:
    text = response.to_markdown()
    assert r"> The bridge \[opened\](http://x.example) in \***1931**\* \<img src=x\>" in text
    assert "*Bridges & Roads*, A. Writer, 2021-05-04, https://e.org/a, line 1" in text


def test_bibtex_escapes_what_has_a_meaning_there(response: Response) -> None:
    text = response.to_bibtex()
    assert "@misc{a-b-txt-1" in text
    assert r"title = {Bridges \& Roads}" in text
    assert r"for 5 \% \& more\_money \{now\}." in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_a_refusal_gives_its_reason(tmp_path: Path, seeds_index: Index) -> None:
    text = Assistant(seeds_index).ask("How do I bake sourdough bread?").to_markdown()
    assert "**Not answered.**" in text
    assert "In no document: bake, sourdough, bread" in text
    assert ">" not in text


def test_every_form_holds_quote_place_hash_and_the_day_it_was_read(response: Response) -> None:
    sha = {citation.content_sha256 for citation in (response.answers[0].citation, *response.answers[0].also_in)}
    assert len(sha) == 2
    for form in EXPORT_FORMS:
        text = export(response.to_dict(), form, DAY)
        assert all(one in text for one in sha), form
        assert "1931" in text, form
        assert form == "annotation" or all(key in text for key in ("&", "more")), "all but that hold the sentence"
        assert ("2026-11-22" in text or "2026,\n" in text) == (form != "json"), form
        assert export(response.to_dict(), form, DAY) == text
    with pytest.raises(InvalidInput, match="Known: json, markdown, evidence, bibtex, csl, annotation"):
        export(response.to_dict(), "pdf")


def test_evidence_is_the_response_with_the_day(response: Response) -> None:
    content = json.loads(export(response.to_dict(), "evidence", DAY))
    assert content == {"read_on": "2026-11-22", "response": json.loads(response.to_json())}


NAME = {"type": "object", "properties": {"literal": {"type": "string"}}, "additionalProperties": False}
CSL_DATE = {
    "type": "object",
    "properties": {
        "date-parts": {
            "type": "array", "minItems": 1, "maxItems": 2,
            "items": {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1, "maxItems": 3},
        },
        "literal": {"type": "string"},
    },
    "additionalProperties": False,
}  # fmt: skip
CSL = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "number"]}, "type": {"enum": ["webpage", "document"]},
            "title": {"type": "string"}, "author": {"type": "array", "items": NAME}, "publisher": {"type": "string"},
            "issued": CSL_DATE, "accessed": CSL_DATE, "URL": {"type": "string"}, "language": {"type": "string"},
            "page": {"type": ["string", "number"]}, "note": {"type": "string"}, "abstract": {"type": "string"},
            "custom": {"type": "object"},
        },
        "required": ["type", "id"],
        "additionalProperties": False,
    },
}  # fmt: skip
"""The properties of csl-data.json that are used here, as that schema has them."""


def test_csl_json_is_as_its_schema_says(response: Response) -> None:
    items: list[dict[str, Any]] = json.loads(export(response.to_dict(), "csl", DAY))
    jsonschema.validate(items, CSL)
    first = next(item for item in items if item["custom"]["document_id"] == "a/b.txt")
    assert first["issued"] == {"date-parts": [[2021, 5, 4]]}
    assert first["accessed"] == {"date-parts": [[2026, 11, 22]]}
    assert first["author"] == [{"literal": "A. Writer"}]
    assert {item["custom"]["document_id"]: item["note"] for item in items} == texts(response)
    assert len({item["id"] for item in items}) == len(items)


IRI = {"type": "string", "pattern": r"^[a-z][a-z0-9+.-]*:\S+$"}
ANNOTATIONS = {
    "type": "object",
    "properties": {
        "@context": {"type": "array", "prefixItems": [{"const": "http://www.w3.org/ns/anno.jsonld"}]},
        "id": IRI,
        "type": {"const": "AnnotationPage"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": IRI,
                    "type": {"const": "Annotation"},
                    "motivation": {"const": "highlighting"},
                    "created": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                    "body": {
                        "type": "object",
                        "properties": {"type": {"const": "TextualBody"}, "value": {"type": "string"}},
                        "required": ["type", "value"],
                    },
                    "target": {
                        "type": "object",
                        "properties": {
                            "source": {"type": "object", "properties": {"id": IRI}, "required": ["id"]},
                            "selector": {
                                "type": "array",
                                "prefixItems": [
                                    {"required": ["type", "exact", "prefix", "suffix"]},
                                    {"required": ["type", "start", "end"]},
                                ],
                                "minItems": 2,
                            },
                        },
                        "required": ["source", "selector"],
                    },
                },
                "required": ["id", "type", "target"],
            },
        },
    },
    "required": ["@context", "id", "type", "items"],
}
"""What the Web Annotation Data Model asks of a page, its annotations, their bodies, sources and selectors."""


def test_annotations_are_as_the_data_model_says(response: Response) -> None:
    page = json.loads(export(response.to_dict(), "annotation", DAY))
    jsonschema.validate(page, ANNOTATIONS)
    sources = [item["target"]["source"]["id"] for item in page["items"]]
    assert len({item["id"] for item in page["items"]}) == len(page["items"]) == 2
    assert "https://e.org/a" in sources
    # A text without an address is named by its hash, as RFC 6920 does it.
    name = base64.urlsafe_b64encode(hashlib.sha256(("It is told so. " + HOSTILE).encode()).digest()).decode()
    assert "ni:///sha-256;" + name.rstrip("=") in sources


def test_each_copy_has_an_entry_of_its_own(response: Response) -> None:
    entries = response.to_bibtex()
    keys = [line for line in entries.splitlines() if line.startswith("@misc{")]
    assert len(set(keys)) == len(keys) == 2
    assert "urldate = {" in entries


def test_a_refusal_has_nothing_to_cite(seeds_index: Index) -> None:
    refused = Assistant(seeds_index).ask("How do I bake sourdough bread?")
    assert json.loads(refused.to_csl_json()) == json.loads(refused.to_web_annotation())["items"] == []
    assert refused.to_bibtex() == ""


@pytest.mark.parametrize(
    ("known", "words", "pages"),
    [
        ({"page_number": 2}, "page 2", "2"),
        ({"part": "Sales", "row": 3}, "Sales, row 3", "Sales, row 3"),
        ({"row": 2}, "row 2", "row 2"),
        ({}, "line 1", "line 1"),
    ],
)
def test_a_place_is_in_the_units_of_its_source_in_every_face(
    response: Response, known: dict[str, Any], words: str, pages: str
) -> None:
    answer = response.answers[0]
    place = replace(answer.citation.place, **known)
    placed = replace(answer, citation=replace(answer.citation, place=place), also_in=())
    told = replace(response, answers=(placed,))
    assert f", {words} — " in told.to_markdown()
    assert f"pages = {{{pages}}}" in told.to_bibtex()
    assert json.loads(export(told.to_dict(), "csl", DAY))[0]["custom"]["place"] == words
    assert f", {words} ({answer.citation.span.document_id})" in "\n".join(response_lines(told))
