from dataclasses import replace

import pytest

from rag.adapters.azure import to_azure_answers
from rag.answering.assistant import Assistant
from rag.index.index import Index

RECALL = "Why did Armenia recall its ambassador to Israel?"
ABSURD = "What is the melting point of tungsten carbide in Kelvin?"


def test_each_quotation_is_the_span_of_its_context_and_leads_to_the_text(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask(RECALL)
    given = to_azure_answers(response)["answers"]
    assert [item["id"] for item in given] == [answer.rank for answer in response.answers]
    for item, answer in zip(given, response.answers, strict=True):
        span = item["answerSpan"]
        assert item["answer"][span["offset"] : span["offset"] + span["length"]] == span["text"] == answer.answer
        assert item["confidenceScore"] == span["confidenceScore"] == answer.confidence
        document = seeds_index.document(item["metadata"]["document_id"])
        start, end = (int(item["metadata"][f"document_{edge}"]) for edge in ("start", "end"))
        assert document is not None and document.text[start:end] == answer.answer
        assert item["metadata"]["content_sha256"] == document.text_sha256


def test_what_is_not_known_is_left_out(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask(RECALL)
    first = response.answers[0]
    bare = replace(first, citation=replace(first.citation, source=replace(first.citation.source, title=None, uri=None)))
    (item, *_) = to_azure_answers(replace(response, answers=(bare, *response.answers[1:])))["answers"]
    assert item["source"] == first.citation.span.document_id and "uri" not in item["metadata"]


def test_a_no_answer_has_the_id_of_none(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask(ABSURD)
    (item,) = to_azure_answers(response)["answers"]
    assert response.no_answer is not None and item["metadata"] == {"reason": response.no_answer.reason}
    assert (item["id"], item["confidenceScore"], item["answer"]) == (-1, 0.0, response.no_answer.message)
    assert "answerSpan" not in item


def test_the_library_of_azure_reads_it(seeds_index: Index) -> None:
    models = pytest.importorskip(
        "azure.ai.language.questionanswering.models", reason="Azure's library is not installed"
    )
    response = Assistant(seeds_index).ask(RECALL)
    read = models.AnswersResult.deserialize(to_azure_answers(response))
    assert [item.short_answer.text for item in read.answers] == [answer.answer for answer in response.answers]
    assert [item.confidence for item in read.answers] == [answer.confidence for answer in response.answers]
    assert read.answers[0].metadata["document_id"] == response.answers[0].citation.span.document_id
