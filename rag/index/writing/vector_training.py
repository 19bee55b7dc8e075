"""Makes the 8-bit copies of many vectors, and measures what share of the nearest passages is found by them.

The share is measured against the comparison with every vector. No questions are known when an index is written, and
passages are no stand-in for them: of a million, the lists that held .997 of a passage's nearest held .93 of those of a
question of SQuAD and .90 of one of Natural Questions. So passages with noise are asked, at which .92 were found then.
Where less than the promise is found more is looked at; it is told where that is not enough.
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

PROMISE, SOUGHT, NEAREST, SAMPLED = 0.98, 0.99, 10, 300
"""Share of the ten nearest passages that must be found, that is sought, and passages with noise that are asked."""
NOISE = 3.0
"""Length of the noise beside a passage of length 1: with 1, 1.5 and 2 more was found than of any real questions."""
MOST_SCANNED = 400_000
"""8-bit copies that a question looks at, at most, before less than the promise is found: about 20 ms."""
FEWEST_PROBES_SHARE, STEP = 1 / 64, 1.4
CANDIDATES, MOST_CANDIDATES = 100, 1_600
LISTS_PER_ROOT, FEWEST_PER_LIST, POINTS_PER_LIST, ROUNDS = 4, 40, 40, 10
AT_ONCE = 8_192
EQUAL = 1e-5


def trained(kind: str, full: "Floats2d", rows: "Ints1d") -> tuple[Any, SearchFacts]:
    """Return a FAISS index of all vectors, made from nothing, and how it is searched, not measured yet.

    `full` is made by `as_figures`, `rows` are their rows.
    """
    faiss: Any = import_module("faiss")
    count, dimension = full.shape
    lists, quantizer = 1, faiss.ScalarQuantizer.QT_8bit
    if kind == "ivf":
        lists = max(1, min(round(LISTS_PER_ROOT * count**0.5), count // FEWEST_PER_LIST))
        coarse = faiss.IndexFlatIP(dimension)
        made = faiss.IndexIVFScalarQuantizer(coarse, dimension, lists, quantizer, faiss.METRIC_INNER_PRODUCT)
        made.cp.niter, made.cp.spherical = ROUNDS, True
        made.cp.min_points_per_centroid, made.cp.max_points_per_centroid = 1, POINTS_PER_LIST
    else:
        made = faiss.IndexScalarQuantizer(dimension, quantizer, faiss.METRIC_INNER_PRODUCT)
    points = max(AT_ONCE, lists * POINTS_PER_LIST)
    made.train(as_vectors(full[spread(count, points)]))
    _add(made, kind, full, rows, np.arange(count))
    return made, SearchFacts(kind, dimension, lists, 1, CANDIDATES, 0.0, 0, count)


def extended(
    file: Path, facts: SearchFacts, dropped: "Ints1d", full: "Floats2d", rows: "Ints1d"
) -> tuple[Any, SearchFacts]:
    """Return the lists of `file` without the rows that were dropped and with those of `rows` that it lacks."""
    faiss: Any = import_module("faiss")
    made = faiss.read_index(str(file), 0)
    if len(dropped):
        made.remove_ids(np.ascontiguousarray(dropped, np.int64))
    held = np.concatenate([_ids(made.invlists, number) for number in range(made.nlist)])
    _add(made, facts.kind, full, rows, np.flatnonzero(~np.isin(rows, held)))
    return made, replace(facts, candidates=CANDIDATES)


def tuned(fast: Any, full: "Floats2d", rows: "Ints1d", facts: SearchFacts) -> SearchFacts:
    """Return the least effort by which the share sought of the nearest is found, else the most there is, measured."""
    questions = noisy(as_vectors(full[spread(len(rows), SAMPLED)]))
    least = _least_scores(full, questions)
    tried = facts
    for probes, candidates in _efforts(facts, len(rows)):
        tried = replace(tried, probes=probes, candidates=candidates, sampled=len(questions))
        tried = replace(tried, recall=_found_share(QuantisedStore(fast, full, rows, tried), questions, least))
        if tried.recall >= SOUGHT:
            break
    return tried


def noisy(vectors: "Floats2d") -> "Floats2d":
    """Return unit rows: each vector with noise, the same each time."""
    noise = np.random.default_rng(0).normal(0, NOISE / vectors.shape[1] ** 0.5, vectors.shape)
    found = vectors + noise
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def spread(count: int, most: int) -> "Ints1d":
    """Return at most so many places below `count`, evenly spread, rising."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def save(fast: Any, path: Path) -> None:
    """Write a FAISS index piece by piece. Raises OSError where the disk refuses."""
    faiss: Any = import_module("faiss")
    refused: list[OSError] = []
    with path.open("wb") as stream:

        def put(piece: bytes) -> None:
            try:
                stream.write(piece)
            except OSError as error:
                refused.append(error)
                raise

        try:
            faiss.write_index(fast, faiss.PyCallbackIOWriter(put))
        except Exception as error:
            raise (refused[0] if refused else OSError(str(error))) from error


def _add(made: Any, kind: str, full: "Floats2d", rows: "Ints1d", places: "Ints1d") -> None:
    for start in range(0, len(places), AT_ONCE):
        block = places[start : start + AT_ONCE]
        vectors = as_vectors(full[block])
        if kind == "ivf":
            made.add_with_ids(vectors, np.ascontiguousarray(rows[block], np.int64))
        else:
            made.add(vectors)


def _ids(lists: Any, number: int) -> "Ints1d":
    faiss: Any = import_module("faiss")
    size = lists.list_size(number)
    return np.array(faiss.rev_swig_ptr(lists.get_ids(number), size)) if size else np.zeros(0, np.int64)


def _efforts(facts: SearchFacts, count: int) -> Iterator[tuple[int, int]]:
    """Yield probes and candidates, from the least effort to the most."""
    most = max(1, min(facts.lists, int(MOST_SCANNED * facts.lists / max(1, count))))
    probes = float(max(1, min(most, round(facts.lists * FEWEST_PROBES_SHARE))))
    while round(probes) < most:
        yield round(probes), facts.candidates
        probes *= STEP if probes * (STEP - 1) >= 1 else 2
    candidates = facts.candidates
    while candidates <= MOST_CANDIDATES:
        yield most, candidates
        candidates *= 2


def _least_scores(full: "Floats2d", questions: "Floats2d") -> "Floats2d":
    """Return for each question its product with the last of its nearest, by comparison with all."""
    faiss: Any = import_module("faiss")
    wanted = min(NEAREST, len(full))
    best = np.full((len(questions), wanted), -np.inf, np.float32)
    for start in range(0, len(full), AT_ONCE):
        block = as_vectors(full[start : start + AT_ONCE])
        scores, _ = faiss.knn(questions, block, min(wanted, len(block)), faiss.METRIC_INNER_PRODUCT)
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :wanted]
    return best[:, -1]


def _found_share(store: QuantisedStore, questions: "Floats2d", least: "Floats2d") -> float:
    """Return the share of the nearest that a search finds; of equals any will do."""
    wanted = min(NEAREST, len(store))
    found = 0
    for ranking, bound in zip(store.search(questions, wanted), least, strict=True):
        found += sum(score >= bound - EQUAL for _, score in ranking)
    return found / (wanted * len(questions))
