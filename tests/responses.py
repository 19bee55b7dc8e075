"""Makes responses over made-up documents, with real citations, for tests of what is shown of them."""

from rag.answering.citation import cite
from rag.core.response import Answer, IndexInfo, NoAnswer, Response
from rag.core.types import Chunk, Document, Span

INFO = IndexInfo(version=3, fingerprint="sha256:0", documents=1, chunks=1, embedding_model="all-MiniLM-L6-v2")


def answer(
    document: Document,
    start: int,
    end: int,
    rank: int = 1,
    confidence: float = 0.83,
    context: tuple[int, int] | None = None,
    headings: tuple[str, ...] = (),
    also_in: tuple[tuple[Document, int, int], ...] = (),
) -> Answer:
    """Return an answer that quotes `start:end`, inside `context` where it is given."""
    low, high = context or (start, end)
    return Answer(
        rank=rank,
        answer_type="sentence",
        score=1.0,
        confidence=confidence,
        context=document.text[low:high],
        context_span=Span(document.id, low, high),
        citation=cite(document, whole(document, headings), Span(document.id, start, end), rank),
        also_in=tuple(cite(other, whole(other), Span(other.id, a, b), 1) for other, a, b in also_in),
    )


def whole(document: Document, headings: tuple[str, ...] = ()) -> Chunk:
    """Return all of a document as one chunk."""
    return Chunk(Span(document.id, 0, len(document.text)), document.text, document.title, headings)


def answered(*answers: Answer, question: str = "Who?") -> Response:
    """Return a response with these answers."""
    return Response("r_1", question, answers, None, INFO)


def refused(refusal: NoAnswer, question: str = "Who?") -> Response:
    """Return a response with this no-answer."""
    return Response("r_2", question, (), refusal, INFO)
