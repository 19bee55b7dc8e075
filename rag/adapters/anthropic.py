"""Writes a response as the content blocks of the Messages API of Anthropic, with citations by character."""

from collections.abc import Sequence
from typing import Any

from rag.core.citations import Citation
from rag.core.response import Answer, Response


def to_anthropic_citations(response: Response, documents: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return a text block for each answer, with its copies among the citations.

    A no-answer becomes one block without citations. `document_index` is the position in `documents`, the ids in the
    order of your request. If you pass none, it follows the order of citation. Offsets start at 0, are half-open and
    count code points of the stored text. Raises ValueError if a cited document is not in `documents`.
    """
    if response.no_answer is not None:
        return [{"type": "text", "text": response.no_answer.message, "citations": None}]
    cited = [citation.span.document_id for answer in response.answers for citation in _citations(answer)]
    order = list(dict.fromkeys(cited) if documents is None else documents)
    return [_block(answer, order) for answer in response.answers]


def _block(answer: Answer, order: Sequence[str]) -> dict[str, Any]:
    located = [_location(citation, order.index(citation.span.document_id)) for citation in _citations(answer)]
    return {"type": "text", "text": answer.answer, "citations": located}


def _citations(answer: Answer) -> tuple[Citation, ...]:
    return answer.citation, *answer.also_in


def _location(citation: Citation, document: int) -> dict[str, Any]:
    return {
        "type": "char_location",
        "cited_text": citation.quote,
        "document_index": document,
        "document_title": citation.source.title,
        "start_char_index": citation.span.start,
        "end_char_index": citation.span.end,
        "file_id": None,
    }
