import json
from typing import get_args

import pytest

from rag.adapters.vertex import SKIP_REASONS, to_vertex_answer
from rag.answering.assistant import Assistant
from rag.core.response import NoAnswerReason
from rag.core.types import Document
from rag.index.index import Index

RECALL = "Why did Armenia recall its ambassador to Israel?"
ABSURD = "What is the melting point of tungsten carbide in Kelvin?"


@pytest.fixture(scope="module")
def ferries(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Return an index of two documents that hold the same statement, with letters of more than one byte."""
    line = "Die Fähre nach Märwick fährt täglich um zwölf Uhr über den Fluß."
    documents = [Document("a", f"{line} Danach ruht sie."), Document("b", f"Der Fahrplan. {line}")]
    return Index.build(documents, tmp_path_factory.mktemp("ferries") / "index")


def test_each_citation_cuts_its_quotation_out_of_the_text_by_bytes(seeds_index: Index, ferries: Index) -> None:
    several = 0
    for index, question in ((seeds_index, RECALL), (ferries, "Wann fährt die Fähre nach Märwick?")):
        response = Assistant(index).ask(question, min_confidence=0.0)
        given = to_vertex_answer(response)
        text = given["answerText"].encode()
        assert len(given["citations"]) == len(response.answers) > 0
        for citation, answer in zip(given["citations"], response.answers, strict=True):
            assert text[int(citation["startIndex"]) : int(citation["endIndex"])].decode() == answer.answer
            numbers = [int(source["referenceId"]) for source in citation["sources"]]
            several += len(numbers) > 1
            for number, cited in zip(numbers, (answer.citation, *answer.also_in), strict=True):
                chunk = given["references"][number]["chunkInfo"]
                place = chunk["documentMetadata"]["structData"]
                document = index.document(chunk["documentMetadata"]["document"])
                assert document is not None and document.text_sha256 == place["content_sha256"]
                assert document.text[place["document_start"] : place["document_end"]] == chunk["content"] == cited.quote
    assert several, "an answer that stands in two documents has two references"


def test_a_no_answer_has_a_reason_of_vertex(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask(ABSURD)
    given = to_vertex_answer(response)
    assert response.no_answer is not None and given["answerSkippedReasons"] == [SKIP_REASONS[response.no_answer.reason]]
    assert (given["answerText"], given["citations"], given["references"]) == ("", [], [])
    assert SKIP_REASONS.keys() == set(get_args(NoAnswerReason))


def test_the_library_of_google_reads_it(seeds_index: Index) -> None:
    engine = pytest.importorskip("google.cloud.discoveryengine_v1", reason="Google's library is not installed")
    for question in (RECALL, ABSURD):
        response = Assistant(seeds_index).ask(question)
        read = engine.Answer.from_json(json.dumps(to_vertex_answer(response)))
        assert read.answer_text == "\n".join(answer.answer for answer in response.answers)
        assert [item.chunk_info.document_metadata.document for item in read.references][: len(response.answers)] == [
            answer.citation.span.document_id for answer in response.answers
        ][: len(read.references)]
    assert [reason.name for reason in read.answer_skipped_reasons] == [SKIP_REASONS["low_confidence"]]
