"""Finds the candidate passages of a question: dense and lexical rankings, and the fused one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rag.dense import cosine
from rag.fusion import convex_mix
from rag.index import Index
from rag.settings import Settings
from rag.types import Hit

if TYPE_CHECKING:
    from rag.protocols import Floats1d, Ranking


@dataclass(frozen=True)
class Candidates:
    """Three rankings of rows for one question, and the scores that every fused row got."""

    dense: "Ranking"
    lexical: "Ranking"
    fused: "Ranking"
    scores: Mapping[int, Mapping[str, float]]


def retrieve(
    index: Index, question: str, vector: "Floats1d", settings: Settings, without: Collection[str] = ()
) -> Candidates:
    """Return the candidates of a question.

    Rows of the documents `without` are treated as not in the index (BM25 still counts their words).
    """
    excluded = {row for document_id in without for row in index.store.rows_of(document_id)}
    depth = settings.candidates
    dense = _kept(index.vectors.search(vector[None, :], depth + len(excluded))[0], excluded, depth)
    lexical = _kept(index.words.search(question, depth + len(excluded)), excluded, depth)
    rows = sorted({row for row, _ in (*dense, *lexical)})
    cosines = dict(zip(rows, cosine(index.vectors.get(np.array(rows, np.int64)), vector), strict=True))
    words = dict(lexical)
    # A row outside a full list scores at most what its last row does; outside a short one it shares no word.
    floor = lexical[-1][1] if len(lexical) == depth else 0.0
    bm25 = {row: words.get(row, floor) for row in rows}
    fused = convex_mix([cosines, bm25], [settings.dense_weight, 1.0 - settings.dense_weight])
    scores = {row: {"dense": cosines[row], "bm25": bm25[row], "fused": score} for row, score in fused}
    return Candidates(dense, lexical, fused, scores)


def hits(index: Index, ranking: "Ranking", scores: Mapping[int, Mapping[str, float]]) -> list[Hit]:
    """Return the chunks of a ranking as hits, in its order."""
    chunks = index.store.chunks([row for row, _ in ranking])
    return [
        Hit(row, chunk, score, dict(scores.get(row, {}))) for (row, score), chunk in zip(ranking, chunks, strict=True)
    ]


def _kept(ranking: "Ranking", excluded: Collection[int], depth: int) -> "Ranking":
    return [item for item in ranking if item[0] not in excluded][:depth]
