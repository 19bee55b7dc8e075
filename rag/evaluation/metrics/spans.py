"""Compares returned spans with gold spans: recall, precision, intersection over union, and the limit of a chunking.

Source: Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval", Chroma 2024. As in their own code, the
unit is the code point. If text is returned twice, it counts twice against precision and IoU.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rag.core.types import Span


class Coverage(NamedTuple):
    """Three fractions that say how well returned spans cover gold spans."""

    recall: float
    precision: float
    iou: float


def union(spans: Iterable[Span]) -> list[Span]:
    """Return disjoint spans that cover the same code points, in order of document and offset."""
    merged: list[Span] = []
    for span in sorted(spans):
        last = merged[-1] if merged else None
        if last is not None and last.document_id == span.document_id and span.start <= last.end:
            merged[-1] = Span(last.document_id, last.start, max(last.end, span.end))
        else:
            merged.append(span)
    return merged


def shared_length(left: Iterable[Span], right: Iterable[Span]) -> int:
    """Return the number of code points in both sides, each counted once."""
    others = union(right)
    return sum(
        min(span.end, other.end) - max(span.start, other.start)
        for span in union(left)
        for other in others
        if span.overlaps(other)
    )


def coverage(gold: Sequence[Span], returned: Sequence[Span]) -> Coverage:
    """Return recall, precision and IoU of `returned`; all 0 if nothing is returned.

    Gold 10..30, returned 0..20 and 15..25: 15 shared of 20 gold and of 30 returned (5 twice), 5 gold missed:
    recall 15/20, precision 15/30, IoU 15/35.
    """
    shared, gold_length, returned_length = shared_length(gold, returned), _length(union(gold)), _length(returned)
    if not gold_length or not returned_length:
        return Coverage(0.0, 0.0, 0.0)
    return Coverage(shared / gold_length, shared / returned_length, shared / (returned_length + gold_length - shared))


def best_coverage(reference_sets: Sequence[Sequence[Span]], returned: Sequence[Span]) -> Coverage:
    """Return the coverage of the best covered reference set (by IoU, then recall, then the first)."""
    return max((coverage(gold, returned) for gold in reference_sets), key=lambda item: (item.iou, item.recall))


def precision_omega(gold: Sequence[Span], chunks: Sequence[Span]) -> float:
    """Return the IoU of a perfect retrieval: of exactly those chunks that hold a part of the gold.

    `chunks` are all chunks of the gold's documents. Gold 10..30, chunks 0..20, 20..40, 40..60: the first two hold it,
    so 20/40.
    """
    holding = [chunk for chunk in chunks if any(chunk.overlaps(span) for span in gold)]
    shared = shared_length(gold, holding)
    return shared / _length(union([*holding, *gold])) if shared else 0.0


def _length(spans: Iterable[Span]) -> int:
    return sum(map(len, spans))
