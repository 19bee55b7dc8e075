import asyncio
from pathlib import Path
from typing import Any

import pytest

from rag.answering.assistant import Assistant
from rag.index.index import Index

haystack = pytest.importorskip("haystack", reason="the extra haystack is not installed")
from rag.adapters.haystack import PinciteRetriever  # noqa: E402

RECALL = "Why did Armenia recall its ambassador to Israel?"
ABSURD = "What is the melting point of tungsten carbide in Kelvin?"


def pipeline(path: Path, **options: Any) -> Any:
    made = haystack.Pipeline()
    made.add_component("pincite", PinciteRetriever(str(path), **options))
    return made


def test_a_pipeline_gets_the_citations_of_python(seeds_index: Index) -> None:
    expected = Assistant(seeds_index).ask(RECALL, 2).answers
    made = pipeline(seeds_index.path, answers_only=True, top_k=2)
    # What a pipeline is saved as is enough to make it again.
    again = haystack.Pipeline.loads(made.dumps(), allowed_modules=["rag.adapters.haystack"])
    for each in (made, again):
        found = each.run({"pincite": {"query": RECALL}})["pincite"]["documents"]
        assert found and [document.content for document in found] == [answer.answer for answer in expected]
        for document, answer in zip(found, expected, strict=True):
            assert answer.citation.to_dict().items() <= document.meta.items()
            stored, offset = seeds_index.document(document.meta["document_id"]), document.meta["document_offset"]
            assert stored is not None and stored.text[offset["start"] : offset["end"]] == document.content


def test_passages_are_those_of_a_search_and_no_answer_is_no_document(seeds_index: Index) -> None:
    found = pipeline(seeds_index.path).run({"pincite": {"query": "drones", "top_k": 3}})["pincite"]["documents"]
    assert [document.content for document in found] == [
        answer.answer for answer in Assistant(seeds_index).search("drones", 3)
    ]
    none = pipeline(seeds_index.path, answers_only=True).run({"pincite": {"query": ABSURD}})
    assert none["pincite"]["documents"] == []


def test_filters_reach_the_index(seeds_index: Index) -> None:
    kept, other = [summary.id for summary in seeds_index.documents()]
    made = pipeline(seeds_index.path, top_k=10, filters={"id": kept})
    for given, expected in ({}, kept), ({"filters": {"id": other}}, other):
        found = made.run({"pincite": {"query": "Israel", **given}})["pincite"]["documents"]
        assert {document.meta["document_id"] for document in found} == {expected}


def test_a_pipeline_that_awaits_gets_the_same_documents(seeds_index: Index) -> None:
    asked = {"pincite": {"query": "drones", "top_k": 3}}
    expected = pipeline(seeds_index.path).run(asked)["pincite"]["documents"]
    found = asyncio.run(pipeline(seeds_index.path).run_async(asked))["pincite"]["documents"]
    assert found == expected and len({document.id for document in found}) == 3
    assert [document.score for document in found] == sorted((document.score for document in found), reverse=True)
