"""Converts a response to the answer of Vertex AI Search (Discovery Engine v1)."""

from typing import Any

from rag.core.citations import Citation
from rag.core.response import Answer, NoAnswerReason, Response

SKIP_REASONS: dict[NoAnswerReason, str] = {
    "empty_question": "NON_ANSWER_SEEKING_QUERY_IGNORED_V2",
    "needs_context": "NON_ANSWER_SEEKING_QUERY_IGNORED_V2",
    "empty_index": "NO_RELEVANT_CONTENT",
    "filtered_out": "NO_RELEVANT_CONTENT",
    "no_match": "NO_RELEVANT_CONTENT",
    "low_confidence": "LOW_GROUNDED_ANSWER",
}


def to_vertex_answer(response: Response) -> dict[str, Any]:
    """Return the `answer` object: one line for each quotation, with its references.

    As in Vertex, `startIndex` and `endIndex` are texts and count bytes of UTF-8 of `answerText`. Offsets in the
    document, in code points, and its hash are in `structData` of the reference. If the response is a no-answer, the
    text is empty and `answerSkippedReasons` holds the nearest of Vertex's reasons.
    """
    refusal = response.no_answer
    result: dict[str, Any] = {
        "state": "SUCCEEDED",
        "answerText": "\n".join(answer.answer for answer in response.answers),
        "citations": [],
        "references": [],
        "answerSkippedReasons": [] if refusal is None else [SKIP_REASONS[refusal.reason]],
    }
    start = 0
    for answer in response.answers:
        end, first = start + len(answer.answer.encode()), len(result["references"])
        result["references"] += [_reference(answer, citation) for citation in (answer.citation, *answer.also_in)]
        sources = [{"referenceId": str(number)} for number in range(first, len(result["references"]))]
        result["citations"].append({"startIndex": str(start), "endIndex": str(end), "sources": sources})
        start = end + 1
    return result


def _reference(answer: Answer, citation: Citation) -> dict[str, Any]:
    page = citation.place.page_number
    place = {
        "document_start": citation.span.start,
        "document_end": citation.span.end,
        "line_start": citation.place.line_start,
        "content_sha256": citation.content_sha256,
    }
    return {
        "chunkInfo": {
            "chunk": citation.chunk_id,
            "content": citation.quote,
            "relevanceScore": answer.confidence,
            "documentMetadata": {
                "document": citation.span.document_id,
                "uri": citation.source.uri or "",
                "title": citation.source.title or "",
                "pageIdentifier": "" if page is None else str(page),
                "structData": place,
            },
        }
    }
