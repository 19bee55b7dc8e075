"""Builds the 8-bit copies of many vectors, and measures the share of the nearest passages that they find.

The share is measured against the comparison with every vector. There are no questions when an index is written, and
passages are no substitute. With a million passages, the lists that held .997 of the nearest of a passage held .93 of
those of a SQuAD question and .90 of those of a Natural Questions question. So passages with noise are searched, for
which the lists held .92. If the share is too low, a question searches more lists. A note says so if that is not
enough.
"""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.index.storage.quantised_vectors import QuantisedStore, SearchFacts, as_vectors

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d, Ints1d

MIN_RECALL, TARGET_RECALL, NEAREST, MAX_SAMPLED = 0.98, 0.99, 10, 300
"""The recall that must be reached, the one that tuning aims at, of how many nearest, over how many noisy passages."""
NOISE = 3.0
"""Length of the noise; a vector has length 1. With 1, 1.5 and 2 the recall was higher than for real questions."""
MAX_SCANNED_COPIES = 400_000
"""A question searches at most so many 8-bit copies (about 20 ms), even if the recall is then too low."""
MIN_PROBES_SHARE, STEP = 1 / 64, 1.4
CANDIDATES, MAX_CANDIDATES = 100, 1_600
LISTS_PER_ROOT, MIN_VECTORS_PER_LIST, MAX_TRAINING_POINTS_PER_LIST, ROUNDS = 4, 40, 40, 10
BATCH_VECTORS = 8_192
TOLERANCE = 1e-5


def trained(kind: str, full: "Floats2d", rows: "Ints1d") -> tuple[Any, SearchFacts]:
    """Build a FAISS index of all vectors. Return it with its search facts, without a measured recall.

    `full` comes from `as_figures`; `rows` are the rows of its vectors.
    """
    faiss: Any = import_module("faiss")
    count, dimension = full.shape
    lists, quantizer = 1, faiss.ScalarQuantizer.QT_8bit
    if kind == "ivf":
        lists = max(1, min(round(LISTS_PER_ROOT * count**0.5), count // MIN_VECTORS_PER_LIST))
        coarse = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFScalarQuantizer(coarse, dimension, lists, quantizer, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.spherical = ROUNDS, True
        index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, MAX_TRAINING_POINTS_PER_LIST
    else:
        index = faiss.IndexScalarQuantizer(dimension, quantizer, faiss.METRIC_INNER_PRODUCT)
    points = max(BATCH_VECTORS, lists * MAX_TRAINING_POINTS_PER_LIST)
    index.train(as_vectors(full[spread(count, points)]))
    _add(index, kind, full, rows, np.arange(count))
    return index, SearchFacts(kind, dimension, lists, 1, CANDIDATES, 0.0, 0, count)


def extended(
    file: Path, facts: SearchFacts, removed: "Ints1d", full: "Floats2d", rows: "Ints1d"
) -> tuple[Any, SearchFacts]:
    """Return the lists of `file` without the `removed` rows, and with those of `rows` that it lacks."""
    faiss: Any = import_module("faiss")
    index = faiss.read_index(str(file), 0)
    if len(removed):
        index.remove_ids(np.ascontiguousarray(removed, np.int64))
    present = np.concatenate([_ids(index.invlists, number) for number in range(index.nlist)])
    _add(index, facts.kind, full, rows, np.flatnonzero(~np.isin(rows, present)))
    return index, replace(facts, candidates=CANDIDATES)


def tuned(fast: Any, full: "Floats2d", rows: "Ints1d", facts: SearchFacts) -> SearchFacts:
    """Return the least effort that reaches the target recall, or the highest effort, with its measured recall."""
    questions = noisy(as_vectors(full[spread(len(rows), MAX_SAMPLED)]))
    least = _least_scores(full, questions)
    candidate = facts
    for probes, candidates in _efforts(facts, len(rows)):
        candidate = replace(candidate, probes=probes, candidates=candidates, sampled=len(questions))
        store = QuantisedStore(fast, full, rows, candidate)
        candidate = replace(candidate, recall=_recall(store, questions, least))
        if candidate.recall >= TARGET_RECALL:
            break
    return candidate


def noisy(vectors: "Floats2d") -> "Floats2d":
    """Return unit rows: each vector with noise, the same each time."""
    noise = np.random.default_rng(0).normal(0, NOISE / vectors.shape[1] ** 0.5, vectors.shape)
    noisy_vectors = vectors + noise
    return np.asarray(noisy_vectors / np.linalg.norm(noisy_vectors, axis=1, keepdims=True), np.float32)


def spread(count: int, most: int) -> "Ints1d":
    """Return at most `most` positions below `count`, evenly spread and rising."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def write_faiss(fast: Any, path: Path) -> None:
    """Write a FAISS index piece by piece. Raises OSError if the disk refuses."""
    faiss: Any = import_module("faiss")
    disk_errors: list[OSError] = []
    with path.open("wb") as stream:

        def put(piece: bytes) -> None:
            try:
                stream.write(piece)
            except OSError as error:
                disk_errors.append(error)
                raise

        try:
            faiss.write_index(fast, faiss.PyCallbackIOWriter(put))
        except Exception as error:
            raise (disk_errors[0] if disk_errors else OSError(str(error))) from error


def _add(index: Any, kind: str, full: "Floats2d", rows: "Ints1d", positions: "Ints1d") -> None:
    for start in range(0, len(positions), BATCH_VECTORS):
        block = positions[start : start + BATCH_VECTORS]
        vectors = as_vectors(full[block])
        if kind == "ivf":
            index.add_with_ids(vectors, np.ascontiguousarray(rows[block], np.int64))
        else:
            index.add(vectors)


def _ids(lists: Any, number: int) -> "Ints1d":
    faiss: Any = import_module("faiss")
    size = lists.list_size(number)
    return np.array(faiss.rev_swig_ptr(lists.get_ids(number), size)) if size else np.zeros(0, np.int64)


def _efforts(facts: SearchFacts, count: int) -> Iterator[tuple[int, int]]:
    """Yield probes and candidates, from the least effort to the most."""
    most = max(1, min(facts.lists, int(MAX_SCANNED_COPIES * facts.lists / max(1, count))))
    probes = float(max(1, min(most, round(facts.lists * MIN_PROBES_SHARE))))
    while round(probes) < most:
        yield round(probes), facts.candidates
        probes *= STEP if probes * (STEP - 1) >= 1 else 2
    candidates = facts.candidates
    while candidates <= MAX_CANDIDATES:
        yield most, candidates
        candidates *= 2


def _least_scores(full: "Floats2d", questions: "Floats2d") -> "Floats2d":
    """Return the product of each question with the last of its nearest vectors, by comparison with all vectors."""
    faiss: Any = import_module("faiss")
    count = min(NEAREST, len(full))
    best = np.full((len(questions), count), -np.inf, np.float32)
    for start in range(0, len(full), BATCH_VECTORS):
        block = as_vectors(full[start : start + BATCH_VECTORS])
        scores, _ = faiss.knn(questions, block, min(count, len(block)), faiss.METRIC_INNER_PRODUCT)
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :count]
    return best[:, -1]


def _recall(store: QuantisedStore, questions: "Floats2d", least: "Floats2d") -> float:
    """Return the share of the nearest vectors that a search finds. Vectors with equal products replace each other."""
    count = min(NEAREST, len(store))
    hits = 0
    for ranking, bound in zip(store.search(questions, count), least, strict=True):
        hits += sum(score >= bound - TOLERANCE for _, score in ranking)
    return hits / (count * len(questions))
