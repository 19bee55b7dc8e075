"""Writes responses as a table of pandas, a row for each quotation."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rag.core.errors import ExtraNotInstalled

if TYPE_CHECKING:
    import pandas

    from rag.core.response import Answer, Response

COLUMNS = (
    "question", "status", "reason", "rank", "answer", "context", "confidence", "answer_type", "document_id", "title",
    "place", "start", "end", "content_sha256", "response_id",
)  # fmt: skip


def responses_to_dataframe(responses: "Iterable[Response]") -> "pandas.DataFrame":
    """Return a DataFrame with a row for each quotation; a response without an answer has one row.

    `start` and `end` are code points of the document. `reason` is that of the no-answer, None for answers. Raises
    ExtraNotInstalled if pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        remedy = "Install it: pip install pandas"
        raise ExtraNotInstalled("A table is made with pandas, which is not installed.", remedy) from None
    return pandas.DataFrame(list(_records(responses)), columns=list(COLUMNS))


def _records(responses: "Iterable[Response]") -> Iterator[dict[str, Any]]:
    for response in responses:
        facts = {"question": response.question, "status": response.status, "response_id": response.response_id}
        if response.no_answer is not None:
            yield {**facts, "reason": response.no_answer.reason}
        for answer in response.answers:
            yield {**facts, **_facts(answer)}


def _facts(answer: "Answer") -> dict[str, Any]:
    citation = answer.citation
    return {
        "rank": answer.rank,
        "answer": answer.answer,
        "context": answer.context,
        "confidence": answer.confidence,
        "answer_type": answer.answer_type,
        "document_id": citation.span.document_id,
        "title": citation.source.title,
        "place": citation.place.label(),
        "start": citation.span.start,
        "end": citation.span.end,
        "content_sha256": citation.content_sha256,
    }
