"""Converts a response to the JSON of Azure's custom question answering."""

from typing import Any

from rag.core.response import Answer, Response

NO_ANSWER_ID = -1
"""The id of a no-answer in Azure's JSON."""


def to_azure_answers(response: Response) -> dict[str, Any]:
    """Return the body of `query-knowledgebases`: each quotation is the `answerSpan` of the sentences around it.

    `offset` counts code points of `answer`. Offsets in the document, its hash and address are texts in `metadata`.
    As in Azure, a no-answer is one answer with the id -1 and confidence 0.
    """
    refusal = response.no_answer
    if refusal is not None:
        none = {"questions": [], "answer": refusal.message, "confidenceScore": 0.0, "id": NO_ANSWER_ID}
        return {"answers": [{**none, "source": "", "metadata": {"reason": refusal.reason}}]}
    return {"answers": [_answer(answer) for answer in response.answers]}


def _answer(answer: Answer) -> dict[str, Any]:
    start, end = answer.context_offset
    return {
        "questions": [],
        "answer": answer.context,
        "confidenceScore": answer.confidence,
        "id": answer.rank,
        "source": answer.citation.source.title or answer.citation.span.document_id,
        "metadata": _metadata(answer),
        "dialog": {"isContextOnly": False, "prompts": []},
        "answerSpan": {
            "text": answer.answer,
            "confidenceScore": answer.confidence,
            "offset": start,
            "length": end - start,
        },
    }


def _metadata(answer: Answer) -> dict[str, str]:
    span, place = answer.citation.span, answer.citation.place
    values = {
        "document_id": span.document_id,
        "document_start": span.start,
        "document_end": span.end,
        "line_start": place.line_start,
        "page_number": place.page_number,
        "uri": answer.citation.source.uri,
        "content_sha256": answer.citation.content_sha256,
    }
    return {key: str(value) for key, value in values.items() if value is not None}
