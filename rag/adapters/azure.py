"""Writes a response as Azure's custom question answering does, for programs that read that JSON."""

from typing import Any

from rag.core.response import Answer, Response

NO_ANSWER_ID = -1
"""What Azure gives an answer that is none."""


def to_azure_answers(response: Response) -> dict[str, Any]:
    """Return the body of `query-knowledgebases`: each quotation is the `answerSpan` of the sentences around it.

    `offset` counts code points of `answer`; the place in the document, its hash and address are in `metadata`, as text.
    A no-answer is one answer with the id -1 and confidence 0, as Azure has it.
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
    known = {
        "document_id": span.document_id,
        "document_start": span.start,
        "document_end": span.end,
        "line_start": place.line_start,
        "page_number": place.page_number,
        "uri": answer.citation.source.uri,
        "content_sha256": answer.citation.content_sha256,
    }
    return {key: str(value) for key, value in known.items() if value is not None}
