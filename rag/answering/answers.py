"""Makes answers of a reader's extractions: whole sentences around the words, confidence, citation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from rag.answering.citation import cite
from rag.answering.confidence import Calibration
from rag.answering.context import SentenceRun, context_of, continues, whole_sentences, widened
from rag.answering.relations.statements import Statement
from rag.core.citations import Citation
from rag.core.errors import IndexCorrupt
from rag.core.response import Answer, Remarks
from rag.core.settings import Settings
from rag.core.types import Chunk, Document, Extraction, Hit, Span
from rag.index.index import Index

NEIGHBOUR_PASSAGES = 2
"""Passages on each side in which the rest of a sentence is looked for."""


@dataclass(frozen=True)
class Candidate:
    """An extraction with the sentences around it, before it is worth a citation."""

    item: Extraction
    span: Span
    context: Span
    statement: Statement


class AnswerMaker:
    """Makes the answers to one question; looks each document, and the sentences around each passage, up once."""

    def __init__(self, index: Index, settings: Settings, calibration: Calibration) -> None:
        """Share one maker among all steps of one question."""
        self._index, self._neighbours, self._calibration = index, settings.context_sentences, calibration
        self.document = lru_cache(maxsize=None)(self._document)
        self._rows = lru_cache(maxsize=None)(index.store.rows_of)
        self._around = lru_cache(maxsize=None)(self._sentences_around)

    def candidate(self, item: Extraction) -> Candidate:
        """Return an extraction with its context and statement."""
        document = self.document(item.hit.chunk.span.document_id)
        run = self._around(document.id, item.hit.row)
        whole = item.answer_type == "sentence"
        span = context_of(document, run.spans, item.span, 0) if whole else item.span
        context = context_of(document, run.spans, span, self._neighbours)
        around = span if whole else context
        statement = Statement(document.slice(around), span.start - around.start, span.end - around.start)
        return Candidate(item, span, context, statement)

    def confidence(self, item: Extraction) -> float:
        """Return the calibrated probability, rounded to 4 digits."""
        return round(self._calibration.probability(item.features), 4)

    def citation(self, chunk: Chunk, span: Span) -> Citation:
        """Return the citation of a span, verified."""
        return cite(self.document(span.document_id), chunk, span, 1)

    def answer(self, candidate: Candidate, confidence: float, remarks: Remarks) -> Answer:
        """Return a candidate as an answer with its citation; `remarks` get what the source goes on with."""
        item, context = candidate.item, candidate.context
        document = self.document(context.document_id)
        goes_on = continues(document, self._around(document.id, item.hit.row), context)
        return Answer(
            rank=1,
            answer_type=item.answer_type,
            score=round(item.score, 6),
            confidence=confidence,
            context=document.slice(context),
            context_span=context,
            citation=self.citation(item.hit.chunk, candidate.span),
            remarks=replace(remarks, continues=goes_on),
            scores=_rounded({**item.hit.scores, "reader": item.score, "no_answer": item.no_answer}),
        )

    def passage(self, hit: Hit, within: tuple[int, int] | None = None) -> Answer:
        """Return a hit, or a range `within` it, as a quotation of type `passage`, which claims to answer nothing."""
        text = hit.chunk.text
        context = hit.chunk.locate(len(text) - len(text.lstrip()), len(text.rstrip()))
        citation = self.citation(hit.chunk, hit.chunk.locate(*within) if within else context)
        around = self.document(context.document_id).slice(context)
        return Answer(1, "passage", round(hit.score, 6), 0.0, around, context, citation, _rounded(hit.scores))

    def _document(self, document_id: str) -> Document:
        return stored_document(self._index, document_id)

    def _sentences_around(self, document_id: str, row: int) -> SentenceRun:
        rows = self._rows(document_id)
        position = rows.index(row)
        near = rows[max(0, position - NEIGHBOUR_PASSAGES) : position + NEIGHBOUR_PASSAGES + 1]
        return whole_sentences(self.document(document_id), self._index.store.chunks(near))


def widen(index: Index, answer: Answer, before: int, after: int) -> Answer:
    """Return the answer with a context of more sentences, as far as nothing masked and no heading lies between."""
    document = stored_document(index, answer.context_span.document_id)
    run = whole_sentences(document, index.chunks(document.id))
    context = widened(document, run.spans, answer.context_span, before, after)
    return replace(
        answer,
        context=document.slice(context),
        context_span=context,
        remarks=replace(answer.remarks, continues=continues(document, run, context)),
    )


def cited_documents(index: Index, answers: Iterable[Answer]) -> dict[str, Document]:
    """Return the documents that the answers cite, by id, read from the index again: proof trusts no earlier look."""
    citations = [citation for answer in answers for citation in (answer.citation, *answer.also_in)]
    ids = dict.fromkeys(citation.span.document_id for citation in citations)
    return {document_id: stored_document(index, document_id) for document_id in ids}


def context_span(chunk: Chunk, start: int, end: int, neighbours: int) -> Span:
    """Return the context of the range `start:end` of a chunk, as far as the chunk goes (`context.context_of`)."""
    alone = Document(chunk.span.document_id, chunk.text)
    sentences = [Span(alone.id, *pair) for pair in chunk.sentences]
    context = context_of(alone, sentences, Span(alone.id, start, end), neighbours)
    return chunk.locate(context.start, context.end)


def stored_document(index: Index, document_id: str) -> Document:
    """Return a document of the index. Raises IndexCorrupt if its store lacks it."""
    document = index.document(document_id)
    if document is None:
        raise IndexCorrupt(f"The document store lacks {document_id!r}.", "Build the index again.")
    return document


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {key: round(value, 6) for key, value in scores.items()}
