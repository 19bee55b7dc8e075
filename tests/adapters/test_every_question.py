"""Each adapter answers every question over the seeds through the library it is for, with the citations of Python."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from rag.answering.assistant import Assistant
from rag.core.response import Response
from rag.index.index import Index
from tests.seed_questions import needs_questions, texts

pytestmark = needs_questions


class Cited(NamedTuple):
    """What leads back to the text, as each of the libraries can hold it."""

    quote: str
    document_id: str
    start: int
    end: int


Adapter = Callable[[Response], list[Cited]]
"""Asks the question of a response again, or writes that response in another form; returns what is read of it."""


@pytest.fixture(scope="module")
def answered(seeds_index: Index) -> list[Response]:
    """Return what Python answers; citations have been verified against the stored text."""
    assistant = Assistant(seeds_index)
    return [assistant.ask(question) for question in texts()]


def first_citations(response: Response) -> list[Cited]:
    spans = [answer.citation.span for answer in response.answers]
    return [
        Cited(answer.answer, span.document_id, span.start, span.end)
        for answer, span in zip(response.answers, spans, strict=True)
    ]


def by_metadata(quote: str, metadata: dict[str, Any]) -> Cited:
    offset = metadata["document_offset"]
    return Cited(quote, metadata["document_id"], offset["start"], offset["end"])


def of_langchain(index: Index) -> Adapter:
    from rag.adapters.langchain import PinciteRetriever

    retriever = PinciteRetriever(assistant=Assistant(index), answers_only=True)
    return lambda response: [
        by_metadata(document.page_content, document.metadata) for document in retriever.invoke(response.question)
    ]


def of_haystack(index: Index) -> Adapter:
    haystack: Any = pytest.importorskip("haystack", reason="the extra haystack is not installed")
    from rag.adapters.haystack import PinciteRetriever

    pipeline = haystack.Pipeline()
    pipeline.add_component("pincite", PinciteRetriever(str(index.path), answers_only=True))

    def read(response: Response) -> list[Cited]:
        found = pipeline.run({"pincite": {"query": response.question}})["pincite"]["documents"]
        return [by_metadata(document.content, document.meta) for document in found]

    return read


def of_llamaindex(index: Index) -> Adapter:
    pytest.importorskip("llama_index.core", reason="the extra llamaindex is not installed")
    from rag.adapters.llamaindex import PinciteRetriever

    retriever = PinciteRetriever(Assistant(index), answers_only=True)

    def read(response: Response) -> list[Cited]:
        nodes = [item.node for item in retriever.retrieve(response.question)]
        return [Cited(node.text, node.ref_doc_id, node.start_char_idx, node.end_char_idx) for node in nodes]

    return read


def of_anthropic(index: Index) -> Adapter:
    from anthropic.types import TextBlock

    from rag.adapters.anthropic import to_anthropic_citations

    ids = [summary.id for summary in index.documents()]

    def read(response: Response) -> list[Cited]:
        found = []
        for block in to_anthropic_citations(response, ids):
            made = TextBlock.model_validate(block, strict=True)
            for place in (made.citations or [])[:1]:
                assert place.type == "char_location" and place.cited_text == made.text
                document = ids[place.document_index]
                found.append(Cited(made.text, document, place.start_char_index, place.end_char_index))
        return found

    return read


def of_azure(index: Index) -> Adapter:
    library = "azure.ai.language.questionanswering.models"
    models: Any = pytest.importorskip(library, reason="Azure's library is not installed")
    from rag.adapters.azure import NO_ANSWER_ID, to_azure_answers

    def read(response: Response) -> list[Cited]:
        found = []
        for item in models.AnswersResult.deserialize(to_azure_answers(response)).answers:
            if item.qna_id != NO_ANSWER_ID:
                span = (int(item.metadata[f"document_{at}"]) for at in ("start", "end"))
                found.append(Cited(item.short_answer.text, item.metadata["document_id"], *span))
        return found

    return read


def of_vertex(index: Index) -> Adapter:
    engine: Any = pytest.importorskip("google.cloud.discoveryengine_v1", reason="Google's library is not installed")
    from rag.adapters.vertex import to_vertex_answer

    def read(response: Response) -> list[Cited]:
        answer, found = engine.Answer.from_json(json.dumps(to_vertex_answer(response))), []
        for citation in answer.citations:
            quote = answer.answer_text.encode()[citation.start_index : citation.end_index].decode()
            chunk = answer.references[int(citation.sources[0].reference_id)].chunk_info
            place = chunk.document_metadata.struct_data
            assert chunk.content == quote
            span = (int(place[f"document_{at}"]) for at in ("start", "end"))
            found.append(Cited(quote, chunk.document_metadata.document, *span))
        return found

    return read


@pytest.mark.parametrize("adapter", [of_langchain, of_haystack, of_llamaindex, of_anthropic, of_azure, of_vertex])
def test_every_question_gets_the_citations_of_python(
    seeds_index: Index, answered: list[Response], adapter: Callable[[Index], Adapter]
) -> None:
    read, expected = adapter(seeds_index), [first_citations(response) for response in answered]
    assert len(expected) == 30 and sum(map(bool, expected)) >= 15 and [] in expected
    assert [read(response) for response in answered] == expected
