"""Records the pipeline's results for one question, and the stage that lost the right answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.answering.answers import context_span
from rag.answering.pipeline import Trace
from rag.core.citations import Citation
from rag.core.errors import EvaluationError
from rag.core.response import Answer, Response
from rag.core.settings import Settings
from rag.core.types import Extraction, Hit, Span
from rag.evaluation.datasets import Question
from rag.evaluation.metrics.ranking import by_best_passage
from rag.index.index import Index

Loss = Literal["retrieval", "fusion", "reading", "threshold", "not refused"]
RANKED_STAGES = ("lexical", "dense", "fused", "read")
LISTED_PASSAGES = 5

LOSSES: Mapping[Loss, str] = {
    "retrieval": "no passage with the gold span among the candidates of either ranking",
    "fusion": "a candidate, but not among the passages that were read",
    "reading": "read, but another sentence came first",
    "threshold": "the right sentence came first, but was withheld",
    "not refused": "the passage holds no answer, but one was given",
}


@dataclass(frozen=True)
class Quote:
    """An answer to be judged: its span, its text, and the span of its context."""

    span: Span
    text: str
    context: Span


@dataclass(frozen=True)
class Observation:
    """One question after the pipeline.

    `rankings` holds the first documents of each stage, `passages` the first five chunks. `extracted` are the best five
    answers before the threshold, `answered` those that a user gets. `cited` are all citations shown, as span and quote.
    `leaks` counts the answers that overlap a boilerplate mask.
    """

    question: Question
    rankings: Mapping[str, tuple[str, ...]]
    passages: Mapping[str, tuple[Span, ...]]
    extracted: tuple[Quote, ...]
    answered: tuple[Quote, ...]
    context_words: int
    confidence: float
    lost_at: Loss | None
    cited: tuple[tuple[Span, str], ...]
    leaks: int


def observe(question: Question, trace: Trace, index: Index, settings: Settings) -> Observation:
    """Return the observation of a trace from `index` under `settings`."""
    response, rankings = trace.response, _rankings(trace)
    extracted = tuple(
        quoted(extraction, index, settings.context_sentences) for extraction in trace.extractions[:LISTED_PASSAGES]
    )
    answered = tuple(map(_shown, response.answers[:LISTED_PASSAGES]))
    return Observation(
        question,
        rankings={stage: by_best_passage(hits) for stage, hits in rankings.items()},
        passages={stage: tuple(hit.chunk.span for hit in hits[:LISTED_PASSAGES]) for stage, hits in rankings.items()},
        extracted=extracted,
        answered=answered,
        context_words=len(response.answers[0].context.split()) if response.answers else 0,
        confidence=trace.confidence,
        lost_at=lost_at(question, trace, settings.read_passages, extracted, bool(answered)),
        cited=tuple((citation.span, citation.quote) for citation in _citations(response)),
        leaks=sum(_leaks(quote.span, index) for quote in answered),
    )


def is_right(quote: Quote, golds: Sequence[Span]) -> bool:
    """Return whether a gold span lies inside the answer's context, or the answer inside a gold span.

    The second case is for gold spans that are whole excerpts, longer than an answer.
    """
    return any(quote.context.contains(gold) or gold.contains(quote.span) for gold in golds)


def lost_at(
    question: Question, trace: Trace, read_passages: int, extracted: Sequence[Quote], answered: bool
) -> Loss | None:
    """Return the stage that lost the right answer, or None if it was not lost or the question has none."""
    golds = question.golds
    if not question.answerable:
        return "not refused" if question.impossible and answered else None
    if extracted and is_right(extracted[0], golds):
        return None if answered else "threshold"
    if not _holds((*trace.lexical, *trace.dense), golds):
        return "retrieval"
    return "reading" if _holds(trace.fused[:read_passages], golds) else "fusion"


def quoted(extraction: Extraction, index: Index, neighbours: int) -> Quote:
    """Return an extraction as an answer that could be shown; `neighbours` is the setting `context_sentences`.

    Its text is read from the document by span, as for a real answer. A wrong offset therefore shows in every measure.
    """
    chunk, span = extraction.hit.chunk, extraction.span
    document = index.document(span.document_id)
    if document is None:
        raise EvaluationError(f"The index lacks {span.document_id!r}.", "Remove its folder from the cache.")
    return Quote(span, document.slice(span), context_span(chunk, extraction.start, extraction.end, neighbours))


def _rankings(trace: Trace) -> dict[str, tuple[Hit, ...]]:
    """Return the hits of each stage. The read order is that of the best extractions, then the fused order."""
    read = (*(extraction.hit for extraction in trace.extractions), *trace.fused)
    once = {hit.chunk.id: hit for hit in read}
    return {"lexical": trace.lexical, "dense": trace.dense, "fused": trace.fused, "read": tuple(once.values())}


def _holds(hits: Sequence[Hit], golds: Sequence[Span]) -> bool:
    return any(hit.chunk.span.overlaps(gold) for hit in hits for gold in golds)


def _shown(answer: Answer) -> Quote:
    return Quote(answer.citation.span, answer.answer, answer.context_span)


def _citations(response: Response) -> list[Citation]:
    answers = response.answers if response.no_answer is None else response.no_answer.closest
    return [citation for answer in answers for citation in (answer.citation, *answer.also_in)]


def _leaks(span: Span, index: Index) -> bool:
    return any(span.overlaps(mask.span) for mask in index.masks(span.document_id))
