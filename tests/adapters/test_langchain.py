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
