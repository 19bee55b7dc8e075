"""Makes answers of what a reader took out: context, confidence, and the same statement elsewhere as one answer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag.citation import cite
from rag.confidence import Calibration
from rag.errors import IndexCorrupt
from rag.index import Index
from rag.response import Answer
from rag.settings import Settings
from rag.types import Chunk, Document, Extraction, Hit, Span


def to_answers(
    index: Index, extractions: Sequence[Extraction], settings: Settings, calibration: Calibration
) -> list[Answer]:
    """Return an answer for each of the best extractions, at most `top_k`; the same words elsewhere go to `also_in`.

    Confidence never rises down the list: a lower answer with a higher figure would deny the order it stands in.
    """
    by_quote: dict[str, Answer] = {}
    for item in extractions:
        quote = item.hit.chunk.text[item.start : item.end]
        if quote not in by_quote and len(by_quote) == settings.top_k:
            continue
        answer = _answer(index, item, settings, calibration)
        first = by_quote.setdefault(quote, answer)
        if first is not answer:
            by_quote[quote] = replace(first, also_in=(*first.also_in, answer.citation))
    answers, ceiling = [], 1.0
    for answer in by_quote.values():
        ceiling = min(ceiling, answer.confidence)
        answers.append(replace(answer, confidence=ceiling))
    return answers


def passage(index: Index, hit: Hit) -> Answer:
    """Return a hit as a quotation of type `passage`, which claims to answer nothing."""
    text = hit.chunk.text
    span = hit.chunk.locate(len(text) - len(text.lstrip()), len(text.rstrip()))
    citation = cite(_document(index, span.document_id), hit.chunk, span, 1)
    return Answer(1, "passage", round(hit.score, 6), 0.0, citation.quote, span, citation, _rounded(hit.scores))


def cited_documents(index: Index, answers: Sequence[Answer]) -> dict[str, Document]:
    """Return the documents that the answers cite, by id."""
    citations = [citation for answer in answers for citation in (answer.citation, *answer.also_in)]
    return {key: _document(index, key) for key in {citation.span.document_id for citation in citations}}


def context_span(chunk: Chunk, start: int, end: int, neighbours: int) -> Span:
    """Return the sentences around the range `start:end` of a chunk.

    An answer inside a sentence gets that sentence; an answer of whole sentences gets `neighbours` on each side, no
    further than its paragraph.
    """
    touched = [pair for pair in chunk.sentences if pair[0] < end and start < pair[1]]
    low = min([start, *(pair[0] for pair in touched)])
    high = max([end, *(pair[1] for pair in touched)])
    if (low, high) != (start, end):
        return chunk.locate(low, high)
    for before in [pair for pair in reversed(chunk.sentences) if pair[1] <= low][:neighbours]:
        if _paragraph_ends(chunk.text[before[1] : low]):
            break
        low = before[0]
    for after in [pair for pair in chunk.sentences if pair[0] >= high][:neighbours]:
        if _paragraph_ends(chunk.text[high : after[0]]):
            break
        high = after[1]
    return chunk.locate(low, high)


def _answer(index: Index, item: Extraction, settings: Settings, calibration: Calibration) -> Answer:
    chunk, span = item.hit.chunk, item.span
    document = _document(index, span.document_id)
    context = context_span(chunk, item.start, item.end, settings.context_sentences)
    return Answer(
        rank=1,
        answer_type=item.answer_type,
        score=round(item.score, 6),
        confidence=round(calibration.probability(item.features), 4),
        context=document.slice(context),
        context_span=context,
        citation=cite(document, chunk, span, 1),
        scores=_rounded({**item.hit.scores, "reader": item.score, "no_answer": item.no_answer}),
    )


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {key: round(value, 6) for key, value in scores.items()}


def _paragraph_ends(gap: str) -> bool:
    return len(gap.splitlines()) > 1 or bool(gap.strip())


def _document(index: Index, document_id: str) -> Document:
    document = index.document(document_id)
    if document is None:
        raise IndexCorrupt(f"The document store lacks {document_id!r}.", "Build the index again.")
    return document
