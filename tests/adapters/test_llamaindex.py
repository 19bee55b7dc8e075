import asyncio

import pytest

from rag.answering.assistant import Assistant
from rag.index.index import Index

schema = pytest.importorskip("llama_index.core.schema", reason="the extra llamaindex is not installed")
from llama_index.core import Settings, llms, query_engine, response_synthesizers  # noqa: E402

from rag.adapters.llamaindex import PinciteRetriever  # noqa: E402

RECALL = "Why did Armenia recall its ambassador to Israel?"
ABSURD = "What is the melting point of tungsten carbide in Kelvin?"


def test_nodes_have_the_citations_of_python(seeds_index: Index) -> None:
    assistant = Assistant(seeds_index)
    found = PinciteRetriever(assistant, 2, answers_only=True).retrieve(RECALL)
    expected = assistant.ask(RECALL, 2).answers
    assert found and [item.get_content() for item in found] == [answer.answer for answer in expected]
    for item, answer in zip(found, expected, strict=True):
        node = item.node
        assert answer.citation.to_dict().items() <= node.metadata.items() and item.score == answer.score
        stored = seeds_index.document(node.ref_doc_id)
        assert stored is not None and stored.text[node.start_char_idx : node.end_char_idx] == node.text
        shown = node.get_content(metadata_mode=schema.MetadataMode.LLM)
        assert "line_start" in shown and "content_sha256" not in shown and node.text in shown


def test_passages_are_those_of_a_search_and_no_answer_is_no_node(seeds_index: Index) -> None:
    assistant = Assistant(seeds_index)
    found = PinciteRetriever(assistant, 3).retrieve("drones")
    assert [item.get_content() for item in found] == [answer.answer for answer in assistant.search("drones", 3)]
    assert PinciteRetriever(assistant, answers_only=True).retrieve(ABSURD) == []


def test_filters_reach_the_index(seeds_index: Index) -> None:
    kept = next(iter(seeds_index.documents())).id
    found = PinciteRetriever(Assistant(seeds_index), 10, {"id": kept}).retrieve("Israel")
    assert {item.node.ref_doc_id for item in found} == {kept}


def test_awaited_or_in_a_query_pipeline_of_llamaindex_the_nodes_are_the_same(seeds_index: Index) -> None:
    retriever = PinciteRetriever(Assistant(seeds_index), 3)
    first, second = retriever.retrieve("drones"), asyncio.run(retriever.aretrieve("drones"))
    assert [(item.node_id, item.score) for item in first] == [(item.node_id, item.score) for item in second]
    assert len({item.node_id for item in first}) == 3
    Settings.llm = llms.MockLLM()  # otherwise that of a service
    synthesizer = response_synthesizers.get_response_synthesizer(response_mode="no_text")
    answered = query_engine.RetrieverQueryEngine(retriever, response_synthesizer=synthesizer).query("drones")
    assert [item.node_id for item in answered.source_nodes] == [item.node_id for item in first]
