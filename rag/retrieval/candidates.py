"""Finds the candidate passages of a question: dense and lexical rankings, and the fused one."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.core.settings import NO_RERANKER, WITHOUT_MODEL, Settings
from rag.core.types import Hit
from rag.index.index import Index
from rag.index.storage.sentence_vectors import cosine
from rag.retrieval.default_questions import by_default
from rag.retrieval.editions import Editions, edition_names
from rag.retrieval.fusion import convex_mix
from rag.retrieval.identifiers import identifiers, missing_identifiers

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d, Ints1d, Ranking


RERANKED = 50
"""Fused passages that a reranker orders."""
MIRRORS = 3
"""Passages that are looked at for each that is read."""
MIN_READ_PASSAGES = 3
"""Passages that are read whatever they score."""
MAX_FUSED_GAP = 2.5
"""Fused score, in standard deviations of the candidates, by which a passage that is read may lie below the best one.
Over 177 own questions on manuals and 400 on encyclopedia articles no first answer came from below it, and a tenth to a
third of the text is not read."""
MAX_COSINE = 1.001
IDENTIFIED_ROWS = 50
"""Fused passages that are searched for the identifiers of a question."""
IDENTIFIER_GAIN = 1.0
"""Fused score that a passage gains if it holds all identifiers of the question: words alone do not tell `image_size`
from `size` beside `image`. Of 36 own questions with one the answer moved from places 6, 9, 9, 12, 22 to 0, 3, 4, 4, 6,
and down by one place for two."""


@dataclass(frozen=True)
class Candidates:
    """Three rankings of rows for one question, and the scores that every fused row got."""

    dense: "Ranking"
    lexical: "Ranking"
    fused: "Ranking"
    scores: Mapping[int, Mapping[str, float]]


def retrieve(
    index: Index,
    question: str,
    vector: "Floats1d",
    settings: Settings,
    without: Collection[str] = (),
    among: "Ints1d | None" = None,
) -> Candidates:
    """Return the candidates of a question; if `among` is given, of these rows alone.

    Rows of the documents `without` are treated as not in the index (BM25 still counts their words).
    """
    excluded = {row for document_id in without for row in index.store.rows_of(document_id)}
    depth = settings.candidates
    dense = _without_rows(index.vectors.search(vector[None, :], depth + len(excluded), among)[0], excluded, depth)
    lexical = _without_rows(index.words.search(by_default(question), depth + len(excluded), among), excluded, depth)
    rows = sorted({row for row, _ in (*dense, *lexical)})
    cosines = dict(zip(rows, cosine(index.vectors.get(np.array(rows, np.int64)), vector), strict=True))
    _require_unit_vectors(index, cosines.values())
    words = dict(lexical)
    # A row outside a full list scores at most what its last row does; outside a short one it shares no word.
    floor = lexical[-1][1] if len(lexical) == depth else 0.0
    bm25 = {row: words.get(row, floor) for row in rows}
    fused = convex_mix([cosines, bm25], [settings.dense_weight, 1.0 - settings.dense_weight])
    fused = _with_identifiers(index, question, fused)
    scores = {row: {"dense": cosines[row], "bm25": bm25[row], "fused": score} for row, score in fused}
    return Candidates(dense, lexical, fused, scores)


def _with_identifiers(index: Index, question: str, fused: "Ranking") -> "Ranking":
    """Return a fused ranking in which the passages that hold identifiers of the question gain."""
    asked = identifiers(question)
    if not asked:
        return fused
    gains: dict[int, float] = {}
    best = [row for row, _ in fused[:IDENTIFIED_ROWS]]
    for row, chunk in zip(best, index.store.chunks(best), strict=True):
        text = " ".join((chunk.span.document_id, chunk.title or "", *chunk.headings, chunk.text))
        gains[row] = IDENTIFIER_GAIN * (1 - len(missing_identifiers(asked, text)) / len(asked))
    gained = [(row, score + gains.get(row, 0.0)) for row, score in fused]
    return sorted(gained, key=lambda item: (-item[1], item[0]))


def hits(index: Index, ranking: "Ranking", scores: Mapping[int, Mapping[str, float]]) -> list[Hit]:
    """Return the chunks of a ranking as hits, in its order."""
    chunks = index.store.chunks([row for row, _ in ranking])
    return [
        Hit(row, chunk, score, dict(scores.get(row, {}))) for (row, score), chunk in zip(ranking, chunks, strict=True)
    ]


def reranked(index: Index, candidates: Candidates, score: "Callable[[Sequence[str]], Floats1d]") -> Candidates:
    """Return the candidates with their best `RERANKED` fused rows in the order of new scores, ties as they were."""
    best, rest = candidates.fused[:RERANKED], candidates.fused[RERANKED:]
    new_scores = score([chunk.text for chunk in index.store.chunks([row for row, _ in best])])
    order = sorted(range(len(best)), key=lambda i: -float(new_scores[i]))
    return replace(candidates, fused=[*(best[i] for i in order), *rest])


def to_read(index: Index, candidates: Candidates, settings: Settings, question: str) -> list[Hit]:
    """Return the best fused hits that say something new, in their order, at most `settings.read_passages`.

    A passage whose every sentence stands in better hits, but for case and white space, as in a mirror of an article,
    would only be read again in place of another. A passage of an earlier edition comes after all others, unless the
    question names a date or a version. A passage far below the best is not worth the time of the model.
    """
    passages: list[Hit] = []
    read_sentences: set[str] = set()
    best_hits = hits(index, candidates.fused[: settings.read_passages * MIRRORS], candidates.scores)
    for hit in latest_first(best_hits, Editions(index.document, question)):
        if len(passages) == settings.read_passages:
            break
        if len(passages) >= MIN_READ_PASSAGES and _is_far_below(hit, best_hits[0], settings):
            continue
        if not said(hit) <= read_sentences:
            passages.append(hit)
            read_sentences |= said(hit)
    return passages


def _is_far_below(hit: Hit, best: Hit, settings: Settings) -> bool:
    # A reranker has an order of its own, and without a model reading costs little.
    is_costly = settings.reranker == NO_RERANKER and settings.reader != WITHOUT_MODEL
    return is_costly and hit.score < best.score - MAX_FUSED_GAP


def latest_first(ranking: Sequence[Hit], editions: Editions) -> list[Hit]:
    """Return hits with those behind the others of which a later edition has a passage of mostly the same words."""
    of_name: dict[str, list[Hit]] = {}
    for hit in ranking:
        for name in edition_names(hit.chunk):
            of_name.setdefault(name, []).append(hit)
    words_of = cache(lambda row: frozenset(text_of[row].lower().split()))
    text_of = {hit.row: hit.chunk.text for hit in ranking}

    def is_superseded(hit: Hit) -> bool:
        own_id = hit.chunk.span.document_id
        others = {other.row: other for name in edition_names(hit.chunk) for other in of_name[name]}.values()
        return any(
            other.chunk.span.document_id != own_id
            and 2 * len(words_of(other.row) & words_of(hit.row)) >= len(words_of(hit.row))
            and editions.supersedes(other.chunk.span.document_id, own_id)
            for other in others
        )

    superseded = {hit.row for hit in ranking if is_superseded(hit)}
    return sorted(ranking, key=lambda hit: hit.row in superseded) if superseded else list(ranking)


def said(hit: Hit) -> set[str]:
    """Return the sentences of a hit as they are compared: in small letters, with single spaces."""
    text = hit.chunk.text
    return {" ".join(text[start:end].lower().split()) for start, end in hit.chunk.sentences or ((0, len(text)),)}


def _require_unit_vectors(index: Index, cosines: Iterable[float]) -> None:
    # A bit may flip after the file was checked: such a vector could take the first place from the right one.
    if not all(abs(value) <= MAX_COSINE for value in cosines):
        raise IndexCorrupt(f"A vector of {index.path} is not what was written.", "Run `rag check --repair`.")


def _without_rows(ranking: "Ranking", excluded: Collection[int], depth: int) -> "Ranking":
    return [item for item in ranking if item[0] not in excluded][:depth]
