import asyncio
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from rag.adapters.langchain import PinciteRetriever
from rag.answering.assistant import Assistant
from rag.index.index import Index

RECALL = "Why did Armenia recall its ambassador to Israel?"
ABSURD = "What is the melting point of tungsten carbide in Kelvin?"


def test_a_chain_gets_the_citations_of_python(seeds_index: Index) -> None:
    assistant = Assistant(seeds_index)
    chain = PinciteRetriever(assistant=assistant, answers_only=True, top_k=2) | RunnableLambda(list)
    found = chain.invoke(RECALL)
    expected = assistant.ask(RECALL, 2).answers
    assert found and [document.page_content for document in found] == [answer.answer for answer in expected]
    for document, answer in zip(found, expected, strict=True):
        assert answer.citation.to_dict().items() <= document.metadata.items()
        stored = seeds_index.document(document.metadata["document_id"])
        offset = document.metadata["document_offset"]
        assert stored is not None and stored.text[offset["start"] : offset["end"]] == document.page_content
        assert document.id == f"{stored.id}:{offset['start']}-{offset['end']}"


def test_passages_are_those_of_a_search_and_no_answer_is_no_document(seeds_index: Index) -> None:
    assistant = Assistant(seeds_index)
    passages = PinciteRetriever(assistant=assistant, top_k=3).invoke("drones")
    assert [document.page_content for document in passages] == [
        answer.answer for answer in assistant.search("drones", 3)
    ]
    assert PinciteRetriever(assistant=assistant, answers_only=True).invoke(ABSURD) == []


def test_filters_reach_the_index(seeds_index: Index) -> None:
    (kept,) = [summary.id for summary in seeds_index.documents()][:1]
    retriever = PinciteRetriever(assistant=Assistant(seeds_index), top_k=10, filters={"id": kept})
    assert {document.metadata["document_id"] for document in retriever.invoke("Israel")} == {kept}


def test_options_of_one_question_override_those_of_the_retriever_and_unknown_ones_are_errors(
    seeds_index: Index,
) -> None:
    assistant = Assistant(seeds_index)
    retriever = PinciteRetriever(assistant=assistant, top_k=2)
    assert len(retriever.invoke("Israel", k=3)) == len(retriever.invoke("Israel", top_k=3)) == 3
    assert retriever.invoke(ABSURD, answers_only=True) == []
    kept = seeds_index.documents()[0].id
    assert {item.metadata["document_id"] for item in retriever.invoke("Israel", filters={"id": kept})} == {kept}
    with pytest.raises(TypeError, match="top"):
        retriever.invoke("Israel", top=3)
    unknown: dict[str, Any] = {"assistant": assistant, "topk": 3}
    with pytest.raises(ValueError, match="topk"):
        PinciteRetriever(**unknown)


def test_awaited_or_asked_twice_the_documents_have_the_same_ids_and_scores(seeds_index: Index) -> None:
    retriever = PinciteRetriever(assistant=Assistant(seeds_index), top_k=3)
    first, second = retriever.invoke("drones"), asyncio.run(retriever.ainvoke("drones"))
    assert first == second and len({document.id for document in first}) == 3
    assert len(asyncio.run(retriever.ainvoke("drones", k=1))) == 1
    scores = [document.metadata["score"] for document in first]
    assert scores == sorted(scores, reverse=True)
