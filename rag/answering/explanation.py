"""Explains a response: the candidates of each stage with ranks and scores, the dropped ones and why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag.answering.selection import Selection
from rag.core.response import Answer, Response
from rag.core.settings import Settings
from rag.core.types import Extraction, Hit, Span
from rag.index.index import Index
from rag.retrieval.candidates import Candidates, hits, said, to_read
from rag.retrieval.question_types import question_form, question_terms

LISTED = 10
"""Candidates listed of each stage."""


def explanation(
    index: Index,
    question: str,
    candidates: Candidates,
    extractions: Sequence[Extraction],
    selection: Selection,
    kept: Sequence[Answer],
    settings: Settings,
    threshold: float,
) -> dict[str, Any]:
    """Return the results of each stage for a question, as JSON values; scores rounded to 6 digits.

    `lexical`, `dense` and `fused` list chunks, `read` the extractions from them; `dropped` lists for each stage the
    items that went no further and why.
    """
    rankings = {"lexical": candidates.lexical, "dense": candidates.dense, "fused": candidates.fused}
    listed_hits = {stage: hits(index, ranking[:LISTED], candidates.scores) for stage, ranking in rankings.items()}
    return {
        "question": _question(index, question),
        **{
            stage: [_hit(rank, hit) for rank, hit in enumerate(listed, start=1)]
            for stage, listed in listed_hits.items()
        },
        "read": [_extraction(rank, item) for rank, item in enumerate(extractions[:LISTED], start=1)],
        "dropped": [
            *_not_read(listed_hits["fused"], to_read(index, candidates, settings, question)),
            *_not_answers(selection, kept, threshold),
        ],
        "threshold": threshold,
    }


def features_of(response: Response, answer: Answer) -> Mapping[str, float]:
    """Return the figures that the confidence of an answer was computed from, empty without an `explain` part."""
    for item in (response.explain or {}).get("read", ()):
        if is_of(item, answer):
            features: Mapping[str, float] = item.get("features", {})
            return features
    return {}


def is_of(item: Mapping[str, Any], answer: Answer) -> bool:
    """Tell whether an entry of `read` is of the passage and the words of an answer."""
    span = answer.citation.span
    inside = item.get("start", -1) < span.end and span.start < item.get("end", -1)
    return inside and str(item.get("chunk_id", "")).startswith(f"{span.document_id}:")


def _question(index: Index, question: str) -> dict[str, Any]:
    terms = question_terms(question, index.words)
    return {
        "form": question_form(question),
        "terms": [
            {"word": word, "stem": stem, "passages": count, "weight": round(weight, 6)}
            for word, stem, count, weight in zip(
                terms.written, terms.stems, terms.frequency, terms.weights, strict=True
            )
        ],
        "misspelt": {word: list(spellings) for word, spellings in index.words.corrections(question).items()},
    }


def _hit(rank: int, hit: Hit) -> dict[str, Any]:
    scores = {key: round(value, 6) for key, value in hit.scores.items()}
    return {"rank": rank, "chunk_id": hit.chunk.id, "score": round(hit.score, 6), "scores": scores}


def _extraction(rank: int, item: Extraction) -> dict[str, Any]:
    features: Mapping[str, float] = {key: round(value, 6) for key, value in item.features.items()}
    return {
        "rank": rank, "chunk_id": item.hit.chunk.id, "start": item.span.start, "end": item.span.end,
        "score": round(item.score, 6), "features": dict(features),
    }  # fmt: skip


def _not_read(fused: Sequence[Hit], read: Sequence[Hit]) -> Iterator[dict[str, Any]]:
    rows, read_sentences = {hit.row for hit in read}, {sentence for hit in read for sentence in said(hit)}
    for rank, hit in enumerate(fused, start=1):
        if hit.row not in rows:
            reason = (
                "repeats passages that were read"
                if said(hit) <= read_sentences
                else f"after the {len(read)} that were read"
            )
            yield {"stage": "fused", "rank": rank, "chunk_id": hit.chunk.id, "reason": reason}


def _not_answers(selection: Selection, kept: Sequence[Answer], threshold: float) -> Iterator[dict[str, Any]]:
    shown_spans = {answer.citation.span for answer in kept}
    for item in selection.dropped:
        if item.span not in shown_spans:
            yield _dropped(item.rank, item.span, item.reason)
    for item_answer in selection.answers:
        answer, rank = item_answer.answer, item_answer.extraction_rank
        if answer.citation.span not in shown_spans:
            reason = f"confidence {answer.confidence:.4f} is below the threshold {threshold:.4f}"
            yield _dropped(rank, answer.citation.span, reason)


def _dropped(rank: int, span: Span, reason: str) -> dict[str, Any]:
    offsets = {"document_id": span.document_id, "start": span.start, "end": span.end}
    return {"stage": "read", "rank": rank, **offsets, "reason": reason}
